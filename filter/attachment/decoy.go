package attachment

import "strings"

// decoys are the extensions of files that people open without a second
// thought: what stands before the real one to be read instead of it.
var decoys = func() map[string]bool {
	m := map[string]bool{}
	for ext := range strings.FieldsSeq(`
		7z bz2 gz rar tar tgz xz zip
		aac avi m4a mkv mov mp3 mp4 mpeg mpg ogg wav wma wmv
		bmp gif heic jpeg jpg png svg tif tiff webp
		csv doc docm docx dot eml eps htm html ics log md msg odp ods odt pdf pps ppt pptm pptx ps rtf
		txt vcf xls xlsb xlsm xlsx xml`) {
		m[ext] = true
	}
	return m
}()
