package unpack

// A Type is what content really is, by its own octets: "zip", "pe", "pdf".
// The empty Type is unknown.
type Type string

// The types. Where a general format has kinds, Detect returns the kind if the
// head shows it, else the general one: Docx or Zip, MSI or OLE2.
const (
	// Containers that are taken apart.
	TypeZip        Type = "zip"
	TypeJar        Type = "jar"
	TypeAPK        Type = "apk"
	TypeDocx       Type = "docx" // also templates and those with macros
	TypeXlsx       Type = "xlsx"
	TypePptx       Type = "pptx"
	TypeOOXML      Type = "ooxml" // which of them is not known
	TypeODF        Type = "odf"
	TypeEPUB       Type = "epub"
	TypeGzip       Type = "gzip"
	TypeZlib       Type = "zlib" // never detected: too weak a mark
	TypeBzip2      Type = "bzip2"
	TypeZstd       Type = "zstd"
	TypeLZMA       Type = "lzma"
	TypeXZ         Type = "xz"
	TypeTar        Type = "tar"
	TypeSevenZip   Type = "7z"
	TypeRAR        Type = "rar"
	TypeOLE2       Type = "ole2"
	TypeDoc        Type = "doc"
	TypeXls        Type = "xls"
	TypePpt        Type = "ppt"
	TypeMsg        Type = "msg"
	TypeMSI        Type = "msi"
	TypeRels       Type = "rels" // relationships of OOXML
	TypePart       Type = "part" // another XML part of OOXML
	TypePDF        Type = "pdf"
	TypeRTF        Type = "rtf"
	TypeOneNote    Type = "onenote"
	TypeLNK        Type = "lnk"
	TypeURL        Type = "url"        // internet shortcut
	TypeActiveMime Type = "activemime" // macros of a document saved as a web page
	TypeApple      Type = "applefile"  // AppleSingle, AppleDouble
	TypeMacBinary  Type = "macbinary"
	TypePlist      Type = "plist" // binary property list, web archive
	TypePGP        Type = "pgp"   // OpenPGP; by its octets only in armour

	// Containers nothing looks into. Of some the names are told.
	TypeCAB     Type = "cab"
	TypeISO     Type = "iso"
	TypeUDF     Type = "udf"
	TypeVHD     Type = "vhd"
	TypeVHDX    Type = "vhdx"
	TypeVMDK    Type = "vmdk"
	TypeVDI     Type = "vdi"
	TypeQCOW    Type = "qcow"
	TypeDisk    Type = "disk" // with a boot sector
	TypeACE     Type = "ace"
	TypeARJ     Type = "arj"
	TypeLHA     Type = "lha"
	TypeLZ4     Type = "lz4"
	TypeLzip    Type = "lzip"
	TypeLzop    Type = "lzop"
	TypeCompact Type = "compress" // of Unix: .Z
	TypeBrotli  Type = "brotli"   // has no mark: by name only
	TypeDMG     Type = "dmg"
	TypeWIM     Type = "wim"
	TypeCPIO    Type = "cpio"
	TypeAR      Type = "ar" // also deb
	TypeRPM     Type = "rpm"
	TypeXAR     Type = "xar"
	TypeSquash  Type = "squashfs"
	TypeZOO     Type = "zoo"
	TypeStuffIt Type = "stuffit"
	TypeALZ     Type = "alz"
	TypeEGG     Type = "egg"
	TypeDAA     Type = "daa"    // disc image of PowerISO
	TypeISZ     Type = "isz"    // the same of UltraISO
	TypeExpand  Type = "expand" // SZDD and KWAJ: compress.exe of Windows, file.ex_
	TypeFreeArc Type = "freearc"
	TypeZPAQ    Type = "zpaq"

	// Programs.
	TypePE     Type = "pe"
	TypeDOS    Type = "dos" // MZ without anything newer; NE and LE
	TypeELF    Type = "elf"
	TypeMachO  Type = "macho"
	TypeClass  Type = "class" // Java
	TypeDex    Type = "dex"
	TypeWasm   Type = "wasm"
	TypeScript Type = "script" // #!
	TypeCHM    Type = "chm"
	TypeHLP    Type = "hlp"
	TypeReg    Type = "reg"
	TypeSWF    Type = "swf"

	// Documents and mail.
	TypeText Type = "text" // by name only: text has no mark
	TypeHTML Type = "html"
	TypeXML  Type = "xml"
	TypeSVG  Type = "svg"
	TypeWord Type = "wordml" // a document as one XML file: Word 2003, flat OPC, flat OpenDocument
	TypePS   Type = "postscript"
	TypeTNEF Type = "tnef"
	TypePST  Type = "pst"
	TypeMDB  Type = "mdb"
	TypeVCF  Type = "vcard"
	TypeICS  Type = "icalendar"
	TypeDjVu Type = "djvu"

	// Pictures.
	TypePNG  Type = "png"
	TypeJPEG Type = "jpeg"
	TypeGIF  Type = "gif"
	TypeBMP  Type = "bmp"
	TypeTIFF Type = "tiff"
	TypeWebP Type = "webp"
	TypeICO  Type = "ico"
	TypePSD  Type = "psd"
	TypeWMF  Type = "wmf"
	TypeEMF  Type = "emf"
	TypeJP2  Type = "jp2"
	TypeHEIF Type = "heif"
	TypeJXL  Type = "jxl"

	// Sound and film.
	TypeMP3   Type = "mp3"
	TypeWAV   Type = "wav"
	TypeOGG   Type = "ogg"
	TypeFLAC  Type = "flac"
	TypeMIDI  Type = "midi"
	TypeAIFF  Type = "aiff"
	TypeAMR   Type = "amr"
	TypeAU    Type = "au"
	TypeAVI   Type = "avi"
	TypeMP4   Type = "mp4"
	TypeMKV   Type = "matroska"
	TypeMPEG  Type = "mpeg"
	TypeFLV   Type = "flv"
	TypeASF   Type = "asf"
	TypeFonts Type = "font"
)

// A trait is what is said of a type.
type trait uint8

const (
	opened trait = 1 << iota
	closed
	runs
)

// A kind is what is known of a Type.
type kind struct {
	family string
	traits trait
}

// Families, between which a name and a type should not differ. Types that
// programs save under each other's names share one: Word writes RTF and OOXML
// to .doc.
const (
	famArchive = "archive"
	famOffice  = "office"
	famPDF     = "pdf"
	famProgram = "program"
	famDisk    = "disk"
	famText    = "text"
	famImage   = "image"
	famMedia   = "media"
	famMail    = "mail"
	famFont    = "font"
	famData    = "data"
)

// kinds is all types. Open has a case for each that is opened.
var kinds = map[Type]kind{
	TypeZip: {famArchive, opened}, TypeGzip: {famArchive, opened}, TypeZlib: {famArchive, opened},
	TypeBzip2: {famArchive, opened}, TypeZstd: {famArchive, opened}, TypeLZMA: {famArchive, opened},
	TypeXZ: {famArchive, opened}, TypeTar: {famArchive, opened}, TypeSevenZip: {famArchive, opened},
	TypeRAR: {famArchive, opened}, TypeEPUB: {famArchive, opened},
	TypeJar: {famProgram, opened | runs}, TypeAPK: {famProgram, opened | runs},
	TypeDocx: {famOffice, opened}, TypeXlsx: {famOffice, opened}, TypePptx: {famOffice, opened},
	TypeOOXML: {famOffice, opened}, TypeODF: {famOffice, opened},
	TypeOLE2: {famOffice, opened}, TypeDoc: {famOffice, opened}, TypeXls: {famOffice, opened},
	TypePpt: {famOffice, opened}, TypeMsg: {famMail, opened}, TypeMSI: {famProgram, opened | runs},
	TypeRTF: {famOffice, opened}, TypeOneNote: {famOffice, opened}, TypeRels: {famText, opened}, TypePart: {famText, opened},
	TypePDF: {famPDF, opened}, TypeActiveMime: {famOffice, opened},
	TypePGP: {famText, opened}, TypePlist: {famText, opened},
	TypeApple: {famArchive, opened}, TypeMacBinary: {famArchive, opened},
	TypeLNK: {famProgram, opened | runs}, TypeURL: {famText, opened | runs},

	TypeCAB: {famArchive, opened | closed}, TypeACE: {famArchive, opened | closed},
	TypeARJ: {famArchive, opened | closed}, TypeLHA: {famArchive, opened | closed},
	TypeLZ4: {famArchive, opened | closed}, TypeLzip: {famArchive, opened | closed},
	TypeLzop: {famArchive, opened | closed}, TypeCompact: {famArchive, opened | closed},
	TypeBrotli: {famArchive, opened | closed}, TypeCPIO: {famArchive, opened | closed},
	TypeAR: {famArchive, opened | closed}, TypeRPM: {famArchive, opened | closed},
	TypeXAR: {famArchive, opened | closed}, TypeZOO: {famArchive, opened | closed},
	TypeStuffIt: {famArchive, opened | closed},
	TypeALZ:     {famArchive, opened | closed}, TypeEGG: {famArchive, opened | closed},
	TypeExpand: {famArchive, opened | closed}, TypeFreeArc: {famArchive, opened | closed},
	TypeZPAQ: {famArchive, opened | closed},
	TypeDAA:  {famDisk, opened | closed}, TypeISZ: {famDisk, opened | closed},
	TypeISO: {famDisk, opened | closed}, TypeUDF: {famDisk, opened | closed},
	TypeVHD: {famDisk, opened | closed}, TypeVHDX: {famDisk, opened | closed},
	TypeVMDK: {famDisk, opened | closed}, TypeVDI: {famDisk, opened | closed},
	TypeQCOW: {famDisk, opened | closed}, TypeDisk: {famDisk, opened | closed},
	TypeDMG: {famDisk, opened | closed}, TypeWIM: {famDisk, opened | closed},
	TypeSquash: {famDisk, opened | closed},

	TypePE: {famProgram, runs}, TypeDOS: {famProgram, runs}, TypeELF: {famProgram, runs},
	TypeMachO: {famProgram, runs}, TypeClass: {famProgram, runs}, TypeDex: {famProgram, runs},
	TypeWasm: {famProgram, runs}, TypeScript: {famProgram, runs}, TypeCHM: {famProgram, runs},
	TypeHLP: {famProgram, runs}, TypeReg: {famText, runs}, TypeSWF: {famMedia, runs},

	TypeText: {famText, 0}, TypeHTML: {famText, 0}, TypeXML: {famText, 0}, TypeSVG: {famImage, 0}, TypeWord: {famOffice, opened},
	TypePS: {famPDF, 0}, TypeTNEF: {famMail, 0}, TypePST: {famMail, 0}, TypeMDB: {famData, 0},
	TypeVCF: {famText, opened}, TypeICS: {famText, opened}, TypeDjVu: {famImage, 0},

	TypePNG: {famImage, 0}, TypeJPEG: {famImage, 0}, TypeGIF: {famImage, 0}, TypeBMP: {famImage, 0},
	TypeTIFF: {famImage, 0}, TypeWebP: {famImage, 0}, TypeICO: {famImage, 0}, TypePSD: {famImage, 0},
	TypeWMF: {famImage, 0}, TypeEMF: {famImage, 0}, TypeJP2: {famImage, 0}, TypeHEIF: {famImage, 0},
	TypeJXL: {famImage, 0},

	TypeMP3: {famMedia, 0}, TypeWAV: {famMedia, 0}, TypeOGG: {famMedia, 0}, TypeFLAC: {famMedia, 0},
	TypeMIDI: {famMedia, 0}, TypeAIFF: {famMedia, 0}, TypeAMR: {famMedia, 0}, TypeAU: {famMedia, 0},
	TypeAVI: {famMedia, 0}, TypeMP4: {famMedia, 0}, TypeMKV: {famMedia, 0}, TypeMPEG: {famMedia, 0},
	TypeFLV: {famMedia, 0}, TypeASF: {famMedia, 0}, TypeFonts: {famFont, 0},
}

// Container tells whether Open has a Reader for it. That of an Unsupported
// type only tells so.
func (t Type) Container() bool { return kinds[t].traits&opened != 0 }

// Unsupported tells whether it holds something that nothing looks at.
func (t Type) Unsupported() bool { return kinds[t].traits&closed != 0 }

// Executable tells whether some system runs it, by itself or with what is
// commonly installed.
func (t Type) Executable() bool { return kinds[t].traits&runs != 0 }

// isZip tells whether it is a zip, whatever else.
func (t Type) isZip() bool {
	switch t {
	case TypeZip, TypeJar, TypeAPK, TypeDocx, TypeXlsx, TypePptx, TypeOOXML, TypeODF, TypeEPUB:
		return true
	}
	return false
}

// Family is the group of types that go under each other's names without
// anyone meaning harm; "" if t is unknown.
func (t Type) Family() string { return kinds[t].family }
