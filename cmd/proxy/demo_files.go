package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"

	"sluice/filter/literal"
)

// bombSize is what the demo's zip bomb unpacks to: 48 MiB, of 48 kB. A message
// may unpack to 32 MiB whatever the ratio is.
const bombSize = 48 << 20

// A zipMember is one file of a demoZip.
type zipMember struct {
	name    string
	content io.Reader
}

func textFile(name, s string) zipMember { return zipMember{name, strings.NewReader(s)} }

// demoZip makes an archive.
func demoZip(members ...zipMember) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err == nil {
			_, err = io.Copy(f, m.content)
		}
		if err != nil {
			panic(err) // memory does not fail
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func zipWithEICAR() []byte { return demoZip(textFile("docs/invoice.txt", literal.EICAR())) }

func zipBomb() []byte {
	return demoZip(zipMember{"zeros.bin", io.LimitReader(zeros{}, bombSize)})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// macroWorkbook is an Excel workbook with a macro sheet that runs when it is
// opened (ECMA-376 part 1, section 18.2.5; [MS-OFFMACRO2] section 2.2.1).
func macroWorkbook() []byte {
	const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	return demoZip(
		textFile("[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">`+
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/>`+
			`<Override PartName="/xl/macrosheets/sheet1.xml" ContentType="application/vnd.ms-excel.macrosheet+xml"/></Types>`),
		textFile("_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" `+
			`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`),
		textFile("xl/workbook.xml", `<workbook `+main+`><definedNames><definedName name="_xlnm.Auto_Open">Macro1!$A$1</definedName></definedNames></workbook>`),
		textFile("xl/macrosheets/sheet1.xml", `<macrosheet `+main+`><sheetData><row r="1"><c r="A1"><f>ALERT("Hello")</f></c></row></sheetData></macrosheet>`),
	)
}

// attaching is the header's end and body of a mail with one file.
func attaching(name string, content []byte) string {
	return "Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\n\r\nSee the file.\r\n--part\r\n" + filePart(name, content) + "--part--\r\n"
}

// filePart is a part that is one file.
func filePart(name string, content []byte) string {
	var b strings.Builder
	b.WriteString("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(content)), 76) {
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.String()
}

// hiddenProgram is a body whose header says twice what it is. Programs that take
// the first see a text, those that take the last a file to run.
func hiddenProgram() string {
	return "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n" +
		"--part\r\n" + filePart("photo.jpg.exe", append([]byte("MZ"), make([]byte, 62)...)) + "--part--\r\n"
}
