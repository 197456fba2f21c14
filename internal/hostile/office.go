package hostile

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// A compoundFile is a stream of a compound file, its storages before slashes.
type compoundFile struct {
	path string
	data []byte
}

// A compoundNode is an entry of the directory.
type compoundNode struct {
	name        string
	kind        byte // 1 storage, 2 stream, 5 root
	right, down uint32
	last        int // child added last; 0: none
	start       uint32
	data        []byte
}

const (
	noNode     = 0xFFFFFFFF
	chainEnd   = 0xFFFFFFFE
	miniCutoff = 4096
)

// compoundNodes makes the directory: siblings hang on each other's right side.
func compoundNodes(files []compoundFile) []*compoundNode {
	nodes := []*compoundNode{{name: "Root Entry", kind: 5, right: noNode, down: noNode}}
	index := map[string]int{"": 0}
	var add func(path string, kind byte) int
	add = func(path string, kind byte) int {
		if i, ok := index[path]; ok {
			return i
		}
		folder, name := "", path
		if i := strings.LastIndex(path, "/"); i >= 0 {
			folder, name = path[:i], path[i+1:]
		}
		parent := nodes[add(folder, 1)]
		i := len(nodes)
		nodes = append(nodes, &compoundNode{name: name, kind: kind, right: noNode, down: noNode})
		if parent.last == 0 {
			parent.down = uint32(i)
		} else {
			nodes[parent.last].right = uint32(i)
		}
		parent.last, index[path] = i, i
		return i
	}
	for _, f := range files {
		nodes[add(f.path, 2)].data = f.data
	}
	return nodes
}

// sectors collects sectors of one size with their chains.
type sectors struct {
	size  int
	body  []byte
	table []uint32
}

// put adds content and returns where it begins.
func (s *sectors) put(b []byte) uint32 {
	if len(b) == 0 {
		return chainEnd
	}
	first := uint32(len(s.table))
	for len(b) > 0 {
		sector := make([]byte, s.size)
		b = b[copy(sector, b):]
		s.body = append(s.body, sector...)
		s.table = append(s.table, uint32(len(s.table)+1))
	}
	s.table[len(s.table)-1] = chainEnd
	return first
}

func (s *sectors) octets() (b []byte) {
	for _, v := range s.table {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// compoundOf is a compound file of these streams ([MS-CFB]).
func compoundOf(files ...compoundFile) []byte {
	nodes := compoundNodes(files)
	fat, mini := &sectors{size: 512}, &sectors{size: 64}
	for _, n := range nodes[1:] {
		switch {
		case n.kind != 2:
		case len(n.data) >= miniCutoff:
			n.start = fat.put(n.data)
		default:
			n.start = mini.put(n.data)
		}
	}
	nodes[0].data, nodes[0].start = mini.body, fat.put(mini.body)
	for len(mini.table)%128 != 0 {
		mini.table = append(mini.table, noNode)
	}
	miniAt, miniCount := fat.put(mini.octets()), len(mini.table)/128
	var directory []byte
	for _, n := range nodes {
		directory = append(directory, n.entry()...)
	}
	directoryAt := fat.put(directory)
	count := 1
	for (len(fat.table)+count+127)/128 > count {
		count++
	}
	first := len(fat.table)
	fat.table = append(fat.table, slices.Repeat([]uint32{0xFFFFFFFD}, count)...)
	for len(fat.table)%128 != 0 {
		fat.table = append(fat.table, noNode)
	}
	head := make([]byte, 512)
	copy(head, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	put16(0x18, 0x3E)(head)
	put16(0x1A, 3)(head)
	put16(0x1C, 0xFFFE)(head)
	put16(0x1E, 9)(head)
	put16(0x20, 6)(head)
	put32(0x2C, uint32(count))(head)
	put32(0x30, directoryAt)(head)
	put32(0x38, miniCutoff)(head)
	put32(0x3C, miniAt)(head)
	put32(0x40, uint32(miniCount))(head)
	put32(0x44, chainEnd)(head)
	for i := range 109 {
		v := uint32(noNode)
		if i < count {
			v = uint32(first + i)
		}
		put32(0x4C+4*i, v)(head)
	}
	return slices.Concat(head, fat.body, fat.octets())
}

// entry is the directory's entry.
func (n *compoundNode) entry() []byte {
	e := make([]byte, 128)
	copy(e, utf16le(n.name))
	put16(64, uint16(2*len(n.name)+2))(e)
	e[66], e[67] = n.kind, 1
	put32(68, noNode)(e)
	put32(72, n.right)(e)
	put32(76, n.down)(e)
	put32(116, n.start)(e)
	put32(120, uint32(len(n.data)))(e)
	return e
}

// vbaPack is a compressed container without any copies ([MS-OVBA] section 2.4.1).
func vbaPack(s string) []byte {
	out := []byte{1}
	for chunk := range slices.Chunk([]byte(s), 3000) {
		var packed []byte
		for piece := range slices.Chunk(chunk, 8) {
			packed = append(append(packed, 0), piece...)
		}
		out = append(append(out, le16(0xB000|(len(packed)-1))...), packed...)
	}
	return out
}

// macros are the streams of a macro project with one module.
func macros(prefix, source string) []compoundFile {
	var dir []byte
	record := func(id int, value string) {
		dir = slices.Concat(dir, le16(id), le32(len(value)), []byte(value))
	}
	record(0x01, "\x01\x00\x00\x00")
	record(0x0F, "\x01\x00")
	record(0x19, "Module1")
	record(0x1A, "Module1")
	record(0x31, "\x00\x00\x00\x00")
	record(0x21, "")
	record(0x2B, "")
	record(0x10, "")
	return []compoundFile{
		{prefix + "VBA/_VBA_PROJECT", []byte("\xCC\x61\xFF\xFF\x00\x00\x00")},
		{prefix + "VBA/dir", vbaPack(string(dir))},
		{prefix + "VBA/Module1", vbaPack("Attribute VB_Name = \"Module1\"\r\n" + source)},
		{prefix + "PROJECT", []byte("Module=Module1\r\n")},
	}
}

// Sources of macros.
const (
	macroPlain = "Sub Total()\r\n  x = 1\r\nEnd Sub\r\n"
	macroAuto  = "Sub AutoOpen()\r\n  Shell \"calc\"\r\nEnd Sub\r\n"
)

// Parts of OOXML.
const (
	contentTypes = `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>`
	wordDocument = `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">%</w:document>`
	relsDocument = `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%</Relationships>`
	relation     = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
)

// wordOf is a document with this body, and more parts.
func wordOf(body string, more ...zipEntry) []byte {
	return zipOf(append([]zipEntry{
		{name: "[Content_Types].xml", data: []byte(contentTypes), method: deflated},
		{name: "word/document.xml", data: []byte(strings.Replace(wordDocument, "%", body, 1)), method: deflated},
	}, more...)...)
}

// excelOf is a workbook with more parts.
func excelOf(more ...zipEntry) []byte {
	return zipOf(append([]zipEntry{
		{name: "[Content_Types].xml", data: []byte(contentTypes), method: deflated},
		{name: "xl/workbook.xml", data: []byte(`<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"></workbook>`), method: deflated},
	}, more...)...)
}

// related is a relationships part of one that leads outside.
func related(kind, target string) zipEntry {
	return zipEntry{name: "word/_rels/document.xml.rels", method: deflated,
		data: []byte(strings.Replace(relsDocument, "%", `<Relationship Id="r1" Type="`+relation+kind+`" Target="`+target+`" TargetMode="External"/>`, 1))}
}

// behindComment puts so long a comment in front of a part's first element that
// its beginning shows nothing else.
func behindComment(part zipEntry) zipEntry {
	part.data = []byte(strings.Replace(string(part.data), "?>", "?><!--"+strings.Repeat("x", 5000)+"-->", 1))
	return part
}

// oleNative is an OLE package ([MS-OLEDS] section 2.3.6 and what Windows makes of it).
func oleNative(name string, data []byte) []byte {
	body := slices.Concat(le16(2), []byte(name+"\x00c:\\"+name+"\x00"), le16(0), le16(3), le32(len(name)+4), []byte("c:\\"+name+"\x00"), le32(len(data)), data)
	return slices.Concat(le32(len(body)), body)
}

// ole1 is an OLE 1 object ([MS-OLEDS] section 2.2.5).
func ole1(class string, data []byte) []byte {
	return slices.Concat([]byte{1, 5, 0, 0, 2, 0, 0, 0}, le32(len(class)+1), []byte(class), []byte{0}, make([]byte, 8), le32(len(data)), data)
}

// biffSheet is a workbook stream with a sheet of Excel 4 macros ([MS-XLS]).
func biffSheet() []byte {
	record := func(id int, data []byte) []byte { return slices.Concat(le16(id), le16(len(data)), data) }
	bound := slices.Concat(le32(0), []byte{0, 1, 6, 0}, []byte("Macro1"))
	return pad(slices.Concat(record(0x809, append([]byte{0, 6, 5, 0}, make([]byte, 12)...)), record(0x85, bound), record(0x0A, nil)), 4096)
}

// macroCases are row 25.
func macroCases() []Case {
	word := []compoundFile{{"WordDocument", pad([]byte{0xEC, 0xA5, 0xC1, 0}, 4096)}}
	doc := func(source string) []byte { return compoundOf(append(word, macros("Macros/", source)...)...) }
	bin := func(source string) []byte { return compoundOf(macros("", source)...) }
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	auto := refused("office.autorun")
	return []Case{
		{25, "macro", file("a.doc", doc(macroPlain)), noted("office.macro")},
		{25, "auto-run macro", file("a.doc", doc(macroAuto)), auto},
		{25, "auto-run, other case", file("a.doc", doc("sub AUTO_OPEN\r\nEnd Sub\r\n")), auto},
		{25, "auto-run, Document_Open", file("a.doc", doc("Private Sub Document_Open()\r\nEnd Sub\r\n")), auto},
		{25, "auto-run, Workbook_Open", file("a.xls", compoundOf(append([]compoundFile{{"Workbook", biffSheet()}}, macros("_VBA_PROJECT_CUR/", "Sub Workbook_Open()\r\nEnd Sub\r\n")...)...)), auto},
		{25, "auto-run in .docm", file("a.docm", wordOf("", zipEntry{name: "word/vbaProject.bin", data: bin(macroAuto), method: deflated})), auto},
		{25, "macro renamed .docx", file("a.docx", wordOf("", zipEntry{name: "word/vbaProject.bin", data: bin(macroPlain), method: deflated})), noted("office.macro")},
		{25, "project under another name", file("a.docx", wordOf("", zipEntry{name: "word/media/image1.png", data: bin(macroAuto), method: deflated})), auto},
		{25, "auto-run .doc as .txt", file("a.txt", doc(macroAuto)), auto},
		{25, "auto-run .doc in zip", file("a.zip", zipOf(zipEntry{name: "a.doc", data: doc(macroAuto), method: deflated})), auto},
		{25, "Excel 4", file("a.xls", compoundOf(compoundFile{"Workbook", biffSheet()})), noted("office.macro")},
		{25, "Excel 4 in .xlsx", file("a.xlsx", excelOf(zipEntry{name: "xl/macrosheets/sheet1.xml", method: deflated,
			data: []byte(`<?xml version="1.0"?><xm:macrosheet xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"></xm:macrosheet>`)})), noted("office.macro")},
		{25, "flat document", file("a.xml", []byte(`<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage"><pkg:part pkg:name="/word/vbaProject.bin"><pkg:binaryData>`+lines64(string(bin(macroAuto)))+`</pkg:binaryData></pkg:part></pkg:package>`)), auto},
		{25, "flat document, comments in the base64", file("a.xml", []byte(`<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage"><pkg:part pkg:name="/word/vbaProject.bin"><pkg:binaryData>`+strings.ReplaceAll(lines64(string(bin(macroAuto))), "\n", " <!-- > --><?x y?>\t<![CDATA[ ]]>")+`</pkg:binaryData></pkg:part></pkg:package>`)), auto},
		{26, "flat OpenDocument", file("a.fodt", []byte(`<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:body><draw:object-ole><office:binary-data>`+lines64(EICAR())+`</office:binary-data></draw:object-ole></office:body></office:document>`)), found()},
		{25, "flat OpenDocument with a macro", file("a.fodt", []byte(`<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:scripts><office:script><ooo:libraries><ooo:library-embedded ooo:name="Standard"><ooo:module ooo:name="M">Sub AutoOpen</ooo:module></ooo:library-embedded></ooo:libraries></office:script></office:scripts></office:document>`)), noted("office.macro")},
		{25, "MHTML", file("a.doc", []byte("MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=m\r\n\r\n--m\r\nContent-Type: application/x-mso\r\nContent-Transfer-Encoding: base64\r\n\r\n"+crlf(lines64(string(doc(macroAuto))))+"--m--\r\n")), auto},
	}
}

// officeCases are row 26.
func officeCases() []Case {
	e := []byte(EICAR())
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	rtf := func(body string) []byte { return []byte(`{\rtf1\ansi ` + body + `}`) }
	object := func(b []byte) string { return `{\object\objemb{\*\objdata ` + hex.EncodeToString(b) + `}}` }
	native := compoundOf(compoundFile{"\x01Ole10Native", oleNative("e.dat", e)})
	const address = "http://canary.example/t.dotm"
	return []Case{
		{26, "external template", file("a.docx", wordOf("", related("attachedTemplate", address))), linked(address, "office.external")},
		{26, "external object", file("a.docx", wordOf("", related("oleObject", address))), linked(address, "office.external")},
		{26, "external frame", file("a.docx", wordOf("", related("frame", address))), linked(address, "office.external")},
		{26, "external template behind a comment", file("a.docx", wordOf("", behindComment(related("attachedTemplate", address)))), linked(address, "office.external")},
		{26, "DDE", file("a.docx", wordOf(`<w:p><w:r><w:instrText>DDEAUTO c:\\x</w:instrText></w:r></w:p>`)), noted("office.dde")},
		{26, "DDE in pieces", file("a.docx", wordOf(`<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>D</w:instrText></w:r><w:r><w:instrText>DE</w:instrText></w:r><w:r><w:instrText>AUTO x</w:instrText><w:fldChar w:fldCharType="end"/></w:r>`)), noted("office.dde")},
		{26, "OLE package", file("a.docx", wordOf("", zipEntry{name: "word/embeddings/oleObject1.bin", data: native, method: deflated})), found("office.object")},
		{26, "OLE package in .doc", file("a.doc", compoundOf(compoundFile{"WordDocument", pad([]byte{0xEC, 0xA5}, 4096)}, compoundFile{"ObjectPool/_1/\x01Ole10Native", oleNative("e.dat", e)})), found("office.object")},
		{26, "file among the parts", file("a.docx", wordOf("", zipEntry{name: "word/media/e.dat", data: e})), found()},
		{26, "RTF object", file("a.rtf", rtf(object(ole1("Word.Document.8", e)))), found("office.object")},
		{26, "RTF package", file("a.rtf", rtf(object(ole1("Package", oleNative("e.dat", e)[4:])))), found("office.object")},
		{26, "RTF as .doc", file("a.doc", rtf(object(ole1("Word.Document.8", e)))), found("office.object")},
		{26, "RTF, object in pieces", file("a.rtf", rtf(`{\object{\*\objdata `+strings.Join(strings.Split(hex.EncodeToString(ole1("x", e)), ""), "\n{\\par}")+`}}`)), foundOr("office.object")},
		{26, "RTF, half a header", file("a.doc", []byte(strings.Replace(string(rtf(object(ole1("x", e)))), `{\rtf1`, `{\rt`, 1))), foundOr("office.object")},
		{26, "RTF, blanks in front", file("a.doc", append([]byte("\r\n "), rtf(object(ole1("x", e)))...)), found("office.object")},
		{26, "equation", file("a.rtf", rtf(object(ole1("Equation.3", make([]byte, 100))))), noted("office.object")},
		{26, "message of Outlook", file("a.msg", compoundOf(
			compoundFile{"__properties_version1.0", make([]byte, 32)},
			compoundFile{"__attach_version1.0_#00000000/__substg1.0_37010102", e},
			compoundFile{"__attach_version1.0_#00000000/__substg1.0_3707001F", []byte(utf16le("e.dat"))},
		)), found()},
		{26, "stream of a compound file", file("a.dat", compoundOf(compoundFile{"CONTENTS", e})), found()},
	}
}
