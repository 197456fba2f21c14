package hostile

import (
	"bytes"
	"compress/zlib"
	"fmt"
)

const pdfRoot = "<< /Type /Catalog /Pages << /Type /Pages /Kids [] /Count 0 >> >>"

// pdfOf is a PDF of these objects, the first its root, with more in the trailer.
func pdfOf(trailer string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, xref)
	return b.Bytes()
}

func zlibOf(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	must(w.Close())
	return b.String()
}

func pdfStream(entries, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", entries, len(data), data)
}

// pdfFile are the objects that attach a stream.
func pdfFile(stream string) []string {
	return []string{
		"<< /Type /Catalog /Names << /EmbeddedFiles << /Names [(e.dat) 2 0 R] >> >> >>",
		"<< /Type /Filespec /F (e.dat) /EF << /F 3 0 R >> >>",
		stream,
	}
}

// pdfWith is a PDF with a file attached.
func pdfWith(content string) []byte {
	return pdfOf("", pdfFile(pdfStream("/Type /EmbeddedFile /Filter /FlateDecode", zlibOf(content)))...)
}

// pdfCases are row 27.
func pdfCases() []Case {
	e := EICAR()
	file := func(b []byte) []byte { return attached("a.pdf", string(b)) }
	action := func(a string) []byte { return file(pdfOf("", "<< /Type /Catalog /OpenAction "+a+" >>")) }
	with := func(stream string) []byte { return file(pdfOf("", pdfFile(stream)...)) }
	object := "10 0 << /S /JavaScript /JS (app.alert\\(1\\)) >>"
	script := noted("pdf.script")
	attachedFile := found("pdf.file")
	return []Case{
		{27, "script", action("<< /S /JavaScript /JS (app.alert\\(1\\)) >>"), script},
		{27, "/J#53", action("<< /S /#4Aava#53cript /J#53 (app.alert(1)) >>"), script},
		{27, "script in an object stream", file(pdfOf("", pdfRoot, pdfStream("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", zlibOf(object)))), script},
		{27, "script behind an appended revision", file(append(pdfOf("", pdfRoot), pdfOf("", "<< /S /JavaScript /JS (x) >>")...)), script},
		{27, "launch", action("<< /S /Launch /F (cmd.exe) >>"), refused("pdf.launch")},
		{27, "launch, escaped", action("<< /S /La#75nch /Win << /F (cmd.exe) >> >>"), refused("pdf.launch")},
		{27, "launch in an object stream", file(pdfOf("", pdfRoot, pdfStream("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", zlibOf("10 0 << /S /Launch /F (x) >>")))), refused("pdf.launch")},
		{27, "address", action("<< /S /URI /URI (http://canary.example/\\170) >>"), linked("http://canary.example/x")},
		{27, "file", with(pdfStream("/Type /EmbeddedFile", e)), attachedFile},
		{27, "file, deflated", with(pdfStream("/Type /EmbeddedFile /Filter /FlateDecode", zlibOf(e))), attachedFile},
		{27, "file, two filters", with(pdfStream("/Filter [/ASCIIHexDecode /FlateDecode]", fmt.Sprintf("%x>", zlibOf(e)))), attachedFile},
		{27, "file, escaped filter", with(pdfStream("/Filter /Fl#61teDecode", zlibOf(e))), attachedFile},
		{27, "file, filter is an object", file(pdfOf("", append(pdfFile(pdfStream("/Filter 4 0 R", zlibOf(e))), "/FlateDecode")...)), attachedFile},
		{27, "file, filter is an object in an array", file(pdfOf("", append(pdfFile(pdfStream("/Filter [/AHx 4 0 R]", fmt.Sprintf("%x>", zlibOf(e)))), "/FlateDecode")...)), attachedFile},
		{27, "file, filters are an array that is an object", file(pdfOf("", append(pdfFile(pdfStream("/Filter 4 0 R", fmt.Sprintf("%x>", zlibOf(e)))), "[/ASCIIHexDecode /FlateDecode]")...)), attachedFile},
		{27, "file, filter is an object in two revisions", file(append(pdfOf("", append(pdfFile(pdfStream("/Filter 4 0 R", zlibOf(e))), "/FlateDecode")...), "4 0 obj\n/DCTDecode\nendobj\n"...)), attachedFile},
		{27, "launch in an object stream, filter is an object", file(pdfOf("", pdfRoot, pdfStream("/Type /ObjStm /N 1 /First 5 /Filter 3 0 R", zlibOf("10 0 << /S /Launch /F (x) >>")), "/FlateDecode")), refused("pdf.launch")},
		{27, "header of PostScript", file(bytes.Replace(pdfWith(e), []byte("%PDF-1.7"), []byte("%!PS-Adobe-3.0 PDF-1.7"), 1)), attachedFile},
		{27, "file, wrong length", with("<< /Filter /FlateDecode /Length 3 >>\nstream\n" + zlibOf(e) + "\nendstream"), attachedFile},
		{27, "file, no length", with("<< /Filter /FlateDecode >>\nstream\r\n" + zlibOf(e) + "\r\nendstream"), attachedFile},
		{27, "file, header 900 octets in", file(append(bytes.Repeat([]byte(" "), 900), pdfWith(e)...)), attachedFile},
		{27, "file, no table at the end", file(bytes.Split(pdfWith(e), []byte("xref"))[0]), attachedFile},
		{27, "zip attached", file(pdfWith(string(zipOf(zipEntry{name: "e.dat", data: []byte(e), method: deflated})))), attachedFile},
	}
}
