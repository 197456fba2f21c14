package unpack

import "strings"

// ByExtension returns the type that a file name's extension stands for, "" if
// it stands for none of ours. The extension has no dot; case does not matter.
// It is for what Detect cannot see: Brotli has no mark, and that of ISO comes
// after the head.
func ByExtension(ext string) Type {
	if len(ext) > 16 {
		return ""
	}
	return extensions[strings.ToLower(ext)]
}

// Mismatch tells whether content of these types goes under the extension of
// another family, and so pretends to be what it is not. Unknown extensions and
// unknown types pretend nothing.
func Mismatch(ext string, types []Type) bool {
	claimed := ByExtension(ext)
	if claimed == "" || len(types) == 0 {
		return false
	}
	for _, t := range types {
		if t == TypeApple || t == TypeMacBinary { // they go by the name of what they hold
			return false
		}
		if t == claimed || t.Family() == claimed.Family() || within[claimed] == t {
			return false
		}
		// Text formats have weak marks, and almost every program reads text.
		if claimed.Family() == famText && t.Family() == famText {
			return false
		}
	}
	return true
}

// within is the general format of kinds whose head may not show the kind.
var within = map[Type]Type{
	TypeJar: TypeZip, TypeAPK: TypeZip, TypeDocx: TypeZip, TypeXlsx: TypeZip, TypePptx: TypeZip, TypeOOXML: TypeZip, TypeODF: TypeZip,
	TypeMsg: TypeOLE2, TypeMSI: TypeOLE2, TypeDisk: TypeISO, TypeSVG: TypeXML, TypeWord: TypeXML,
	// Old Excel and many web sites call a table in HTML or XML an .xls.
	TypeXls: TypeHTML, TypeDoc: TypeHTML,
}

// extensions is what common extensions stand for.
var extensions = func() map[string]Type {
	m := make(map[string]Type)
	for t, names := range map[Type]string{
		TypeZip: "zip zipx kmz xpi crx whl", TypeJar: "jar war ear", TypeAPK: "apk aab", TypeEPUB: "epub",
		TypeDocx: "docx docm dotx dotm", TypeXlsx: "xlsx xlsm xltx xltm xlsb xlam",
		TypePptx: "pptx pptm potx potm ppsx ppsm ppam", TypeOOXML: "vsdx vsdm",
		TypeODF:  "odt ods odp odg odf ott ots otp sxw sxc sxi",
		TypeGzip: "gz tgz", TypeZlib: "zz", TypeBzip2: "bz2 tbz tbz2", TypeZstd: "zst tzst", TypeLZMA: "lzma tlz",
		TypeXZ: "xz txz", TypeTar: "tar", TypeSevenZip: "7z", TypeRAR: "rar",
		TypeDoc: "doc dot", TypeXls: "xls xlt xla", TypePpt: "ppt pps pot", TypeMsg: "msg", TypeMSI: "msi msp mst",
		TypeOLE2: "vsd pub mpp", TypePDF: "pdf", TypeRTF: "rtf", TypeOneNote: "one onetoc2", TypeLNK: "lnk", TypeURL: "url",
		TypeCAB: "cab", TypeISO: "iso", TypeUDF: "udf", TypeVHD: "vhd", TypeVHDX: "vhdx", TypeVMDK: "vmdk", TypeVDI: "vdi",
		TypeQCOW: "qcow qcow2", TypeDisk: "img ima", TypeACE: "ace", TypeARJ: "arj", TypeLHA: "lha lzh", TypeLZ4: "lz4",
		TypeLzip: "lz", TypeLzop: "lzo", TypeCompact: "z taz", TypeBrotli: "br", TypeDMG: "dmg", TypeWIM: "wim esd swm",
		TypeCPIO: "cpio", TypeAR: "deb", TypeRPM: "rpm", TypeXAR: "xar pkg", TypeSquash: "squashfs snap", TypeZOO: "zoo",
		TypeStuffIt: "sit sitx", TypeALZ: "alz", TypeEGG: "egg", TypeDAA: "daa", TypeISZ: "isz",
		TypeExpand: "ex_ dl_", TypeZPAQ: "zpaq",
		TypePE: "exe dll scr cpl sys ocx drv efi pif xll", TypeDOS: "com", TypeELF: "elf so", TypeMachO: "dylib",
		TypeClass: "class", TypeDex: "dex", TypeWasm: "wasm", TypeScript: "sh bash pl py rb", TypeCHM: "chm", TypeHLP: "hlp",
		TypeReg: "reg", TypeSWF: "swf",
		TypeHTML: "html htm xhtml shtml hta", TypeXML: "xml xsl xslt rss wsf", TypeSVG: "svg", TypePS: "ps eps ai",
		TypeTNEF: "tnef", TypePGP: "pgp gpg asc", TypePlist: "webarchive plist webloc", TypePST: "pst ost", TypeMDB: "mdb accdb", TypeVCF: "vcf vcard", TypeICS: "ics ical icalendar ifb vcs", TypeDjVu: "djvu djv",
		TypePNG: "png", TypeJPEG: "jpg jpeg jpe jfif", TypeGIF: "gif", TypeBMP: "bmp dib", TypeTIFF: "tif tiff",
		TypeWebP: "webp", TypeICO: "ico cur", TypePSD: "psd", TypeWMF: "wmf", TypeEMF: "emf", TypeJP2: "jp2 j2k",
		TypeHEIF: "heic heif avif", TypeJXL: "jxl",
		TypeMP3: "mp3", TypeWAV: "wav", TypeOGG: "ogg oga opus ogv", TypeFLAC: "flac", TypeMIDI: "mid midi",
		TypeAIFF: "aif aiff", TypeAMR: "amr", TypeAU: "au snd", TypeAVI: "avi", TypeMP4: "mp4 m4a m4v mov 3gp",
		TypeMKV: "mkv webm", TypeMPEG: "mpg mpeg vob ts", TypeFLV: "flv", TypeASF: "asf wmv wma",
		TypeFonts: "ttf otf woff woff2 ttc",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = t
		}
	}
	m["txt"], m["csv"], m["log"], m["md"], m["json"] = TypeText, TypeText, TypeText, TypeText, TypeText
	return m
}()
