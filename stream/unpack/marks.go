package unpack

import (
	"bytes"
	"encoding/binary"
)

// startMarks is the table of marks at the start of content. Where a mark is
// short, a check looks at more.
var startMarks = []mark{
	{octets: sigLocal, kind: func(h []byte) []Type { return []Type{zipKind(h)} }},
	{octets: sigEnd, t: TypeZip},
	{octets: sigDescriptor, t: TypeZip},             // a volume
	{octets: "PK00PK", t: TypeZip, check: isBinary}, // one that turned out alone
	{octets: "\x1F\x8B\x08", t: TypeGzip},
	{octets: "BZh", t: TypeBzip2, check: isBzip2},
	{octets: "\x28\xB5\x2F\xFD", t: TypeZstd},
	{octets: xzMagic, t: TypeXZ},
	{octets: "\x5D\x00\x00", t: TypeLZMA, check: isLZMA},
	{octets: "\x5D\xFF\xFF\xFF\xFF", t: TypeLZMA, check: isLZMA},
	{octets: sevenMagic, t: TypeSevenZip},
	{octets: rarMagic, t: TypeRAR},
	{octets: "RE\x7E\x5E", t: TypeRAR}, // 1.4
	{octets: ole2Magic, kind: func(h []byte) []Type { return []Type{oleKind(h)} }},
	{octets: pdfMagic, t: TypePDF},
	{octets: activeMimeMark, t: TypeActiveMime},
	{octets: plistMark, t: TypePlist, check: isBinary},
	{octets: appleSingleMark, t: TypeApple},
	{octets: appleDoubleMark, t: TypeApple},
	{octets: "\x00", t: TypeMacBinary, check: isMacBinary},
	{octets: "%!PS", kind: psKind},
	{octets: "\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3", t: TypeOneNote},
	{octets: "\xA1\x2F\xFF\x43\xD9\xEF\x76\x4C\x9E\xE2\x10\xEA\x57\x22\x76\x5F", t: TypeOneNote},
	{octets: "\x4C\x00\x00\x00\x01\x14\x02\x00", t: TypeLNK},
	{octets: "\x78\x9F\x3E\x22", t: TypeTNEF},
	{octets: "!BDN", t: TypePST, check: isBinary},
	{octets: "\x00\x01\x00\x00Standard ", t: TypeMDB},
	{octets: "AT&TFORM", t: TypeDjVu, check: isBinary},

	{octets: cabMagic, t: TypeCAB},
	{octets: "conectix", t: TypeVHD, check: isBinary},
	{octets: "vhdxfile", t: TypeVHDX, check: isBinary},
	{octets: "KDMV", t: TypeVMDK, check: isBinary},
	{octets: "# Disk DescriptorFile", t: TypeVMDK},
	{octets: "QFI\xFB", t: TypeQCOW},
	{octets: "MSWIM\x00\x00\x00", t: TypeWIM},
	{octets: "encrcdsa", t: TypeDMG, check: isBinary},
	{octets: "cdsaencr", t: TypeDMG, check: isBinary},
	{octets: "koly\x00\x00\x00\x04", t: TypeDMG},
	{octets: "hsqs", t: TypeSquash, check: isBinary},
	{octets: "sqsh", t: TypeSquash, check: isBinary},
	{octets: "\x60\xEA", t: TypeARJ, check: isARJ},
	{octets: "\x04\x22\x4D\x18", t: TypeLZ4},
	{octets: "\x02\x21\x4C\x18", t: TypeLZ4},
	{octets: "LZIP", t: TypeLzip, check: isBinary},
	{octets: "\x89LZO\x00\x0D\x0A\x1A\x0A", t: TypeLzop},
	{octets: "\x1F\x9D", t: TypeCompact},
	{octets: "\x1F\xA0", t: TypeCompact},
	{octets: "070701", t: TypeCPIO, check: isCPIO},
	{octets: "070702", t: TypeCPIO, check: isCPIO},
	{octets: "070707", t: TypeCPIO, check: isCPIO},
	{octets: "!<arch>\n", t: TypeAR},
	{octets: "\xED\xAB\xEE\xDB", t: TypeRPM},
	{octets: "xar!", t: TypeXAR, check: isBinary},
	{octets: "SIT!", t: TypeStuffIt, check: isBinary},
	{octets: "StuffIt ", t: TypeStuffIt, check: isBinary},
	{octets: "ALZ\x01", t: TypeALZ},
	{octets: "EGGA\x00\x01", t: TypeEGG},
	{octets: "DAA\x00\x00\x00\x00\x00", t: TypeDAA},
	{octets: "IsZ!", t: TypeISZ, check: isBinary},
	{octets: "SZDD\x88\xF0\x27\x33", t: TypeExpand},
	{octets: "KWAJ\x88\xF0\x27\xD1", t: TypeExpand},
	{octets: "ArC\x01", t: TypeFreeArc},
	{octets: "7kSt\xA0\x31\x83\xD3", t: TypeZPAQ},
	{octets: "zPQ\x01", t: TypeZPAQ},
	{octets: "zPQ\x02", t: TypeZPAQ},

	{octets: "MZ", kind: mzKind},
	{octets: "ZM", kind: mzKind}, // DOS takes both
	{octets: "\x7FELF", t: TypeELF},
	{octets: "\xFE\xED\xFA\xCE", t: TypeMachO},
	{octets: "\xFE\xED\xFA\xCF", t: TypeMachO},
	{octets: "\xCE\xFA\xED\xFE", t: TypeMachO},
	{octets: "\xCF\xFA\xED\xFE", t: TypeMachO},
	{octets: "\xCA\xFE\xBA\xBE", kind: cafeKind},
	{octets: "\xCA\xFE\xBA\xBF", t: TypeMachO},
	{octets: "dex\n", t: TypeDex},
	{octets: "\x00asm", t: TypeWasm},
	{octets: "#!", t: TypeScript, check: func(h []byte) bool { return !at(h, 0, "#!AMR") }},
	{octets: "ITSF", t: TypeCHM, check: isBinary},
	{octets: "?_\x03\x00", t: TypeHLP},
	{octets: "FWS", t: TypeSWF, check: isSWF},
	{octets: "CWS", t: TypeSWF, check: isSWF},
	{octets: "ZWS", t: TypeSWF, check: isSWF},

	{octets: "\x89PNG\x0D\x0A\x1A\x0A", t: TypePNG},
	{octets: "\xFF\xD8\xFF", t: TypeJPEG},
	{octets: "GIF87a", t: TypeGIF},
	{octets: "GIF89a", t: TypeGIF},
	{octets: "BM", t: TypeBMP, check: isBMP},
	{octets: "II*\x00", t: TypeTIFF},
	{octets: "MM\x00*", t: TypeTIFF},
	{octets: "RIFF", kind: riffKind},
	{octets: "\x00\x00\x01\x00", t: TypeICO, check: isICO},
	{octets: "\x00\x00\x02\x00", t: TypeICO, check: isICO},
	{octets: "8BPS", t: TypePSD, check: isBinary},
	{octets: "\xD7\xCD\xC6\x9A", t: TypeWMF},
	{octets: "\x01\x00\x00\x00", t: TypeEMF, check: func(h []byte) bool { return at(h, 40, " EMF") }},
	{octets: "\x00\x00\x00\x0CjP  ", t: TypeJP2},
	{octets: "\xFF\x4F\xFF\x51", t: TypeJP2},
	{octets: "\x00\x00\x00\x0CJXL ", t: TypeJXL},

	{octets: "ID3", t: TypeMP3, check: func(h []byte) bool { return len(h) > 3 && h[3] < 8 }},
	{octets: "\xFF\xFB", t: TypeMP3},
	{octets: "\xFF\xFA", t: TypeMP3},
	{octets: "\xFF\xF3", t: TypeMP3},
	{octets: "\xFF\xF2", t: TypeMP3},
	{octets: "OggS", t: TypeOGG, check: isBinary},
	{octets: "fLaC", t: TypeFLAC, check: isBinary},
	{octets: "MThd", t: TypeMIDI, check: isBinary},
	{octets: "FORM", t: TypeAIFF, check: func(h []byte) bool { return at(h, 8, "AIF") }},
	{octets: "#!AMR", t: TypeAMR},
	{octets: ".snd", t: TypeAU, check: isBinary},
	{octets: "\x1A\x45\xDF\xA3", t: TypeMKV},
	{octets: "\x00\x00\x01\xBA", t: TypeMPEG},
	{octets: "\x00\x00\x01\xB3", t: TypeMPEG},
	{octets: "FLV\x01", t: TypeFLV},
	{octets: "\x30\x26\xB2\x75\x8E\x66\xCF\x11", t: TypeASF},

	{octets: "\x00\x01\x00\x00\x00", t: TypeFonts, check: func(h []byte) bool { return len(h) > 5 && h[5] < 64 && h[5] > 0 }},
	{octets: "OTTO", t: TypeFonts, check: isBinary},
	{octets: "ttcf", t: TypeFonts, check: isBinary},
	{octets: "wOFF", t: TypeFonts, check: isBinary},
	{octets: "wOF2", t: TypeFonts, check: isBinary},
}

// psKind tells PostScript from PDF, whose readers take its mark in a line of
// PostScript's too (ISO 32000-1 annex H.3.4.1).
func psKind(h []byte) []Type {
	line, _, _ := bytes.Cut(h[:min(len(h), markRange)], []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte("\r"))
	if bytes.HasPrefix(line, []byte("%!PS-Adobe-")) && bytes.Contains(line, []byte(" PDF-")) {
		return []Type{TypePDF}
	}
	return []Type{TypePS}
}

// isBzip2 looks at the level and at the first block's or the end's mark, so
// that a line of text is none.
func isBzip2(h []byte) bool {
	return len(h) >= 4 && h[3] >= '1' && h[3] <= '9' &&
		(len(h) < 10 || at(h, 4, "1AY&SY") || at(h, 4, "\x17\x72\x45\x38\x50\x90"))
}

// isLZMA looks for a size of the dictionary as encoders write it, 2^n or
// 2^n + 2^(n-1), and a size that is unknown or below 256 GiB.
func isLZMA(h []byte) bool {
	if len(h) < 13 {
		return false
	}
	dict := binary.LittleEndian.Uint32(h[1:])
	size := binary.LittleEndian.Uint64(h[5:])
	low := dict & -dict
	power := dict == low || dict == low+low<<1 || dict == 1<<32-1
	return power && dict >= 1<<12 && (size == 1<<64-1 || size < 1<<38)
}

// isARJ looks at the length of the main header, and of its fixed part.
func isARJ(h []byte) bool {
	if len(h) < 11 {
		return false
	}
	n := int(binary.LittleEndian.Uint16(h[2:]))
	return n >= 30 && n <= 2600 && h[4] >= 30 && h[10] == 2
}

// isCPIO wants octal or hexadecimal digits behind the mark.
func isCPIO(h []byte) bool {
	if len(h) < 26 {
		return false
	}
	for _, c := range h[6:26] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

func isSWF(h []byte) bool { return len(h) >= 8 && h[3] > 0 && h[3] < 64 && isBinary(h) }

// isBinary tells whether there is an octet that text has not. What begins with
// a word is a text that does, unless it goes on as no text can: these formats
// all have numbers near their beginning.
func isBinary(h []byte) bool {
	for _, c := range h {
		if c < ' ' && (c < '\b' || c > '\r') && c != 0x1B {
			return true
		}
	}
	return false
}

// isBMP looks at the reserved words and the size of the information header.
func isBMP(h []byte) bool {
	if len(h) < 18 || binary.LittleEndian.Uint32(h[6:]) != 0 {
		return false
	}
	n := binary.LittleEndian.Uint32(h[14:])
	return n == 12 || n >= 16 && n <= 124
}

// isICO looks at the count and the first entry's reserved octet.
func isICO(h []byte) bool {
	return len(h) >= 22 && h[4] > 0 && h[5] == 0 && h[9] == 0
}

// isTar looks for the mark of POSIX and GNU, or for a right checksum in the
// format before them.
func isTar(h []byte) bool {
	if len(h) < 262 {
		return false
	}
	if string(h[257:262]) == "ustar" {
		return true
	}
	if len(h) < tarBlock || h[0] == 0 || h[154] != 0 && h[154] != ' ' && h[155] != ' ' {
		return false
	}
	want, digits := int64(0), 0
	for _, c := range h[148:156] {
		switch {
		case c >= '0' && c <= '7':
			want, digits = want<<3|int64(c-'0'), digits+1
		case c != ' ' && c != 0:
			return false
		}
	}
	if digits < 4 {
		return false
	}
	sum, _ := tarSums(h)
	return sum == want
}

// isBoot tells whether a sector with the boot mark begins with code.
func isBoot(h []byte) bool {
	switch h[0] {
	case 0xEB, 0xE9, 0xFA, 0x33, 0x31, 0xFC, 0xEA:
		return true
	}
	// No code, but a partition table that says it may be booted or not.
	return h[0] == 0 && h[446]&0x7F == 0 && h[450] != 0
}

// zipKind tells the kind of a zip by its first members. Its head may be cut.
func zipKind(h []byte) Type {
	if len(h) < 30 {
		return TypeZip
	}
	name := h[30:]
	if n := int(binary.LittleEndian.Uint16(h[26:])); n < len(name) {
		name = name[:n]
	}
	h = h[:min(len(h), HeadSize)]
	switch s := string(name); {
	case s == "mimetype":
		content := h[30+len(name):]
		switch {
		case bytes.HasPrefix(content, []byte("application/epub")):
			return TypeEPUB
		case bytes.HasPrefix(content, []byte("application/vnd.")):
			return TypeODF
		}
	case s == "AndroidManifest.xml", s == "classes.dex":
		return TypeAPK
	case bytes.HasPrefix(name, []byte("META-INF/")):
		if bytes.Contains(h, []byte("AndroidManifest.xml")) || bytes.Contains(h, []byte("META-INF/com/android")) {
			return TypeAPK
		}
		return TypeJar
	case s == "[Content_Types].xml", s == "_rels/.rels", bytes.HasPrefix(name, []byte("docProps/")),
		bytes.HasPrefix(name, []byte("word/")), bytes.HasPrefix(name, []byte("xl/")), bytes.HasPrefix(name, []byte("ppt/")):
		return officeKind(h)
	}
	return TypeZip
}

// officeKind looks for the folder of the first local headers.
func officeKind(h []byte) Type {
	switch {
	case bytes.Contains(h, []byte("word/")):
		return TypeDocx
	case bytes.Contains(h, []byte("xl/")):
		return TypeXlsx
	case bytes.Contains(h, []byte("ppt/")):
		return TypePptx
	}
	return TypeOOXML
}

// mzKind tells PE from what came before it.
func mzKind(h []byte) []Type {
	if len(h) < 64 {
		if bytes.IndexByte(h, 0) >= 0 {
			return []Type{TypeDOS}
		}
		return nil // a short text that begins so
	}
	// The offset of the newer header (PE specification, section MS-DOS stub).
	off := binary.LittleEndian.Uint32(h[60:])
	switch {
	case off < 1<<16 && at(h, int(off), "PE\x00\x00"):
		return []Type{TypePE}
	case bytes.IndexByte(h[:64], 0) < 0:
		return nil
	case int64(off) >= int64(len(h)) && off < 1<<28:
		return []Type{TypePE} // behind the head: nobody but Windows uses it
	}
	return []Type{TypeDOS}
}

// cafeKind tells the two users of one mark apart: a Java class has a version
// from 45 on where a fat Mach-O has a small count.
func cafeKind(h []byte) []Type {
	if len(h) >= 8 && binary.BigEndian.Uint32(h[4:]) < 43 {
		return []Type{TypeMachO}
	}
	return []Type{TypeClass}
}

func riffKind(h []byte) []Type {
	switch {
	case at(h, 8, "WEBP"):
		return []Type{TypeWebP}
	case at(h, 8, "WAVE"):
		return []Type{TypeWAV}
	case at(h, 8, "AVI "):
		return []Type{TypeAVI}
	}
	return nil
}

// brand tells pictures from films (ISO 14496-12 section 4.3).
func brand(h []byte) Type {
	for _, s := range []string{"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1", "avif", "avis"} {
		if at(h, 8, s) {
			return TypeHEIF
		}
	}
	return TypeMP4
}

// oleKind looks into the first sector of the directory, if the head has it
// (MS-CFB section 2.6): at the class of the root, and at the first names.
func oleKind(h []byte) Type {
	if len(h) < 512 {
		return TypeOLE2
	}
	shift := binary.LittleEndian.Uint16(h[30:])
	sector := binary.LittleEndian.Uint32(h[48:])
	if shift != 9 && shift != 12 || sector > HeadSize>>9 {
		return TypeOLE2
	}
	dir := (int(sector) + 1) << shift
	if dir+128 > len(h) {
		return TypeOLE2
	}
	h = h[dir:min(len(h), dir+1<<shift)]
	// {000C1084-0000-0000-C000-000000000046} and, for patches and transforms,
	// 86 and 82.
	if at(h, 81, "\x10\x0C\x00\x00\x00\x00\x00\xC0\x00\x00\x00\x00\x00\x00\x46") {
		switch h[80] {
		case 0x84, 0x86, 0x82:
			return TypeMSI
		}
	}
	for ; len(h) >= 128; h = h[128:] {
		switch name := oleName(h); {
		case name == "WordDocument":
			return TypeDoc
		case name == "Workbook", name == "Book":
			return TypeXls
		case name == "PowerPoint Document":
			return TypePpt
		case name == "__properties_version1.0", len(name) > 12 && name[:12] == "__substg1.0_":
			return TypeMsg
		}
	}
	return TypeOLE2
}

// oleName returns the ASCII name of a directory entry, "" for others.
func oleName(entry []byte) string {
	n := int(binary.LittleEndian.Uint16(entry[64:]))/2 - 1
	if n < 1 || n > 31 {
		return ""
	}
	var name [31]byte
	for i := range n {
		if entry[2*i+1] != 0 {
			return ""
		}
		name[i] = entry[2*i]
	}
	return string(name[:n])
}
