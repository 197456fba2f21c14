package unpack

import (
	"bytes"
	"testing"
)

var plainText = bytes.Repeat([]byte("Dear reader, this is quite an ordinary line of text.\r\n"), 100)
var plainHTML = append([]byte("<!DOCTYPE html>\r\n<html><head><style>p { color: #123; width: 100% }</style></head>"),
	bytes.Repeat([]byte("<p class=\"x\">An ordinary paragraph &amp; more</p>\r\n"), 100)...)

func BenchmarkDetect(b *testing.B) {
	for name, head := range map[string][]byte{"text": plainText[:HeadSize], "html": plainHTML[:HeadSize]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Detect(head)
			}
		})
	}
}

func TestDetectPlainAllocatesNothing(t *testing.T) {
	for _, head := range [][]byte{plainText[:HeadSize], plainHTML[:HeadSize]} {
		if n := testing.AllocsPerRun(100, func() { Detect(head) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// ole is the start of a compound file with one sector of directory.
func ole(class string, names ...string) []byte {
	b := make([]byte, 1024)
	copy(b, ole2Magic)
	b[30] = 9
	for i, name := range append([]string{"Root Entry"}, names...) {
		e := b[512+128*i:]
		for j, c := range []byte(name) {
			e[2*j] = c
		}
		e[64] = byte(2*len(name) + 2)
	}
	copy(b[512+80:], class)
	return b
}

func localHeader(name, content string) []byte {
	return zipFile{entries: []zipEntry{{name: name, content: []byte(content)}, {name: "word/document.xml"}}}.bytes()
}

func utf16text(s string) []byte {
	b := []byte{0xFF, 0xFE}
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

// exe is the start of a program with its newer header at 128.
func exe(newer string) []byte {
	b := make([]byte, 512)
	copy(b, "MZ\x90\x00")
	b[60] = 128
	copy(b[128:], newer)
	return b
}

func TestDetect(t *testing.T) {
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 300)...)
	zipped := zipFile{entries: []zipEntry{{name: "x.bin", content: payload}}}.bytes()
	pdf := []byte("%PDF-1.4\nrest")
	at := func(off int, mark string) []byte { return append(make([]byte, off), mark...) }
	for name, c := range map[string]struct {
		head []byte
		want []Type
	}{
		"nothing":           {nil, nil},
		"one":               {[]byte("x"), nil},
		"text":              {plainText, nil},
		"text in UTF-16":    {utf16text("Dear reader, this is text"), nil},
		"text MZ":           {[]byte("MZ is how programs begin, says this long text which is none of them, as anyone sees"), nil},
		"text BM":           {[]byte("BM is how pictures begin"), nil},
		"text BZh":          {[]byte("BZh is how it begins"), nil},
		"html":              {plainHTML, []Type{TypeHTML}},
		"html, mark":        {[]byte("\xEF\xBB\xBF \r\n<HtMl >"), []Type{TypeHTML}},
		"html, comment":     {[]byte("<!-- a > b --><body>"), []Type{TypeHTML}},
		"html, UTF-16":      {utf16text("<script>x</script>"), []Type{TypeHTML}},
		"xhtml":             {[]byte("<?xml version='1.0'?><!DOCTYPE html PUBLIC ''><html>"), []Type{TypeHTML}},
		"no html":           {[]byte("<addr@example.org> wrote"), nil},
		"xml":               {[]byte("<?xml version='1.0'?><x/>"), []Type{TypeXML}},
		"svg":               {[]byte("<?xml version='1.0'?>\n<!-- made --><!DOCTYPE svg PUBLIC ''><svg>"), []Type{TypeSVG}},
		"rels":              {[]byte(`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`), []Type{TypeRels}},
		"rels, prefix":      {[]byte(`<?xml version="1.0"?><r:Relationships xmlns:r="http://schemas.openxmlformats.org/package/2006/relationships">`), []Type{TypeRels}},
		"flat OpenDocument": {[]byte(`<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0">`), []Type{TypeWord}},
		"Word XML":          {[]byte(`<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:x>`), []Type{TypeWord}},
		"PE":                {exe("PE\x00\x00"), []Type{TypePE}},
		"NE":                {exe("NE"), []Type{TypeDOS}},
		"PE later":          {append([]byte("MZ"), append(make([]byte, 58), 0, 1, 1, 0)...), []Type{TypePE}},
		"class":             {[]byte("\xCA\xFE\xBA\xBE\x00\x00\x00\x34"), []Type{TypeClass}},
		"fat Mach-O":        {[]byte("\xCA\xFE\xBA\xBE\x00\x00\x00\x02"), []Type{TypeMachO}},
		"script":            {[]byte("#!/bin/sh\n"), []Type{TypeScript}},
		"zip":               {zipped, []Type{TypeZip}},
		"zip, none inside":  {zipFile{}.bytes(), []Type{TypeZip}},
		"docx":              {localHeader("[Content_Types].xml", "<x/>"), []Type{TypeDocx}},
		"jar":               {localHeader("META-INF/MANIFEST.MF", "x"), []Type{TypeJar}},
		"odf":               {localHeader("mimetype", "application/vnd.oasis.opendocument.text"), []Type{TypeODF}},
		"epub":              {localHeader("mimetype", "application/epub+zip"), []Type{TypeEPUB}},
		"zip behind PNG":    {append(png, zipped...), []Type{TypePNG, TypeZip}},
		"zip behind PE":     {append(exe("PE\x00\x00"), zipped...), []Type{TypePE, TypeZip}},
		"PDF behind HTML":   {append([]byte("<html><!--"), pdf...), []Type{TypeHTML, TypePDF}},
		"PDF behind text":   {append([]byte("some text "), pdf...), []Type{TypePDF}},
		"PDF far":           {append(bytes.Repeat([]byte("x"), 1024), pdf...), nil},
		"PDF in a zip":      {zipFile{entries: []zipEntry{{name: "x.pdf", content: pdf}}}.bytes(), []Type{TypeZip}},
		"PDF beside":        {zipFile{entries: []zipEntry{{name: "x.pdf", content: append([]byte("x"), pdf...)}}}.bytes(), []Type{TypeZip, TypePDF}},
		"zip in a tar":      {tarred(t, map[string][]byte{"x.zip": zipped}, "x.zip"), []Type{TypeTar}},
		"old tar":           {oldTar(t), []Type{TypeTar}},
		"RAR behind text":   {[]byte("stub Rar!\x1A\x07\x01\x00"), []Type{TypeRAR}},
		"CAB behind text":   {[]byte("stub MSCF\x00\x00\x00\x00"), []Type{TypeCAB}},
		"7z behind text":    {[]byte("stub 7z\xBC\xAF\x27\x1C"), []Type{TypeSevenZip}},
		"RTF":               {[]byte("  {\\rt1 x"), []Type{TypeRTF}},
		"RTF behind text":   {[]byte("x {\\rtf1 x"), []Type{TypeRTF}},
		"OLE2":              {ole(""), []Type{TypeOLE2}},
		"doc":               {ole("", "WordDocument"), []Type{TypeDoc}},
		"xls":               {ole("", "x", "Workbook"), []Type{TypeXls}},
		"msg":               {ole("", "__substg1.0_1000001F"), []Type{TypeMsg}},
		"msi":               {ole("\x84\x10\x0C\x00\x00\x00\x00\x00\xC0\x00\x00\x00\x00\x00\x00\x46"), []Type{TypeMSI}},
		"lnk":               {[]byte("\x4C\x00\x00\x00\x01\x14\x02\x00"), []Type{TypeLNK}},
		"url":               {[]byte("[{000214A0-0000}]\r\nProp3=19,2\r\n[InternetShortcut]\r\n"), []Type{TypeURL}},
		"reg":               {utf16text("Windows Registry Editor Version 5.00"), []Type{TypeReg}},
		"ACE":               {at(7, "**ACE**"), []Type{TypeACE}},
		"LHA":               {[]byte("\x20\x11-lh5-xxxx"), []Type{TypeLHA}},
		"ARJ":               {[]byte("\x60\xEA\x28\x00\x22\x0B\x01\x00\x10\x00\x02"), []Type{TypeARJ}},
		"boot sector":       {append(append([]byte("\xEB\x3C\x90"), make([]byte, 507)...), 0x55, 0xAA), []Type{TypeDisk}},
		"mp4":               {[]byte("\x00\x00\x00\x18ftypmp42"), []Type{TypeMP4}},
		"heic":              {[]byte("\x00\x00\x00\x18ftypheic"), []Type{TypeHEIF}},
		"zstd, skippable":   {[]byte("\x55\x2A\x4D\x18\x00\x00\x00\x00"), []Type{TypeZstd}},
		"calendar":          {[]byte("BEGIN:VCALENDAR\r\n"), []Type{TypeICS}},
		"GIF with a script": {[]byte("GIF89a/*<script>"), []Type{TypeGIF}},
	} {
		got := Detect(c.head[:min(len(c.head), HeadSize)])
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

func oldTar(t *testing.T) []byte {
	b := tarred(t, map[string][]byte{"x": []byte("y")}, "x")
	clear(b[257:265])
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	for i := range 6 {
		b[148+i] = '0' + byte(sum>>(15-3*i)&7)
	}
	b[154] = 0
	return b
}

// TestMarks wants each mark of the table found by itself, or refused by its
// check, and no type without a family.
func TestMarks(t *testing.T) {
	for _, m := range startMarks {
		if m.check != nil || m.kind != nil {
			continue
		}
		if got := Detect([]byte(m.octets)); len(got) == 0 || got[0] != m.t {
			t.Errorf("%q: %v", m.octets, got)
		}
	}
	for typ := range kinds {
		if typ.Family() == "" {
			t.Errorf("%s has no family", typ)
		}
		if typ.Container() != (Open(typ, "", NewBudget(Limits{}, nil, ""), &recorder{}) != nil) {
			t.Errorf("%s: Container and Open differ", typ)
		}
	}
}

func TestMismatch(t *testing.T) {
	for _, c := range []struct {
		ext   string
		types []Type
		want  bool
	}{
		{"pdf", []Type{TypePDF}, false},
		{"pdf", []Type{TypePE}, true},
		{"PDF", []Type{TypeZip}, true},
		{"pdf", nil, false},
		{"unknown", []Type{TypePE}, false},
		{"doc", []Type{TypeRTF}, false},
		{"doc", []Type{TypeDocx}, false},
		{"docx", []Type{TypeZip}, false},
		{"docx", []Type{TypeOLE2}, false}, // an encrypted one
		{"xls", []Type{TypeHTML}, false},
		{"jar", []Type{TypeZip}, false},
		{"txt", []Type{TypePE}, true},
		{"txt", []Type{TypeHTML}, false},
		{"jpg", []Type{TypePNG}, false},
		{"jpg", []Type{TypeHTML}, true},
		{"msi", []Type{TypeOLE2}, false},
		{"exe", []Type{TypePE, TypeZip}, false},
	} {
		if got := Mismatch(c.ext, c.types); got != c.want {
			t.Errorf("%s %v: %v", c.ext, c.types, got)
		}
	}
}

// polyglot tells whether types are of content that is several things at once.
// Kinds of text are no such case.
func polyglot(types []Type) bool {
	for _, t := range types[min(1, len(types)):] {
		if t.Family() != famText || types[0].Family() != famText {
			return true
		}
	}
	return false
}

// Text that begins with a word which is the mark of a format is text.
func TestMarksInText(t *testing.T) {
	for _, word := range []string{"CWS 2026", "FWS 1", "LZIP", "SIT!", "StuffIt ", "xar!", "ITSF", "KDMV", "OTTO", "conectix", "PK00PK"} {
		if got := Detect([]byte(word + " is how this letter begins.\r\nIt goes on as text does.\r\n")); got != nil {
			t.Errorf("%q: %v", word, got)
		}
	}
}
