package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// nameCases are row 16: names that hide what a file is.
func nameCases() []Case {
	const script = "var a = 1\n" // nothing but the name tells what it is
	banned := refused("attachment.banned")
	part := func(fields string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, fields+"\n"+script))
	}
	const octets = "Content-Type: application/octet-stream\n"
	file := func(value string) []byte {
		return part(octets + "Content-Disposition: attachment; filename=" + value + "\n")
	}
	cases := []Case{
		{16, "plain", file("run.js"), banned},
		{16, "quoted", file(`"run.js"`), banned},
		{16, "upper case", file("RUN.JS"), banned},
		{16, "right-to-left", file("\"invoice\xe2\x80\xaetxt.js\""), refused("name.rtl")},
		{16, "right-to-left hides", file("\"runsj\xe2\x80\xae.txt\""), refused("name.rtl")},
		{16, "right-to-left, encoded word", file(`"=?utf-8?Q?runsj=E2=80=AE.txt?="`), refused("name.rtl")},
		{16, "isolate", file("\"run\xe2\x81\xa6.txt\""), refused("name.rtl")},
		{16, "NUL", file("\"run.js\x00.txt\""), banned},
		{16, "NUL, second half", file("\"run.txt\x00.js\""), banned},
		{16, "double", file(`"invoice.pdf.js"`), refused("attachment.banned", "name.double")},
		{16, "blanks", file(`"invoice.pdf                 .js"`), refused("attachment.banned", "name.double")},
		{16, "trailing dot", file("run.js."), banned},
		{16, "trailing blanks and dots", file(`"run.js . . "`), banned},
		{16, "full-width dot", file("\"run\xef\xbc\x8ejs\""), banned},
		{16, "ideographic full stop", file("\"run\xe3\x80\x82js\""), banned},
		{16, "one-dot leader", file("\"run\xe2\x80\xa4js\""), banned},
		{16, "full-width letters", file("\"run.\xef\xbd\x8a\xef\xbd\x93\""), banned},
		{16, "zero-width", file("\"run.j\xe2\x80\x8bs\""), banned},
		{16, "soft hyphen", file("\"run.j\xc2\xads\""), banned},
		{16, "stream", file("run.js::$DATA"), banned},
		{16, "class", file(`"run.{00000000-0000-0000-0000-000000000000}"`), noted("name.trick")},
		{16, "path", file(`"..\\..\\run.js"`), banned},
		{16, "encoded word", file(`"=?utf-8?B?` + b64("run.js") + `?="`), banned},
		{16, "encoded words, halves", file(`"=?utf-8?Q?run.?= =?utf-8?Q?js?="`), banned},
		{16, "encoded words, inside a character", file("\"=?utf-8?B?" + b64("run\xef\xbc") + "?= =?utf-8?B?" + b64("\x8ejs") + "?=\""), banned},
		{16, "encoded word, unquoted", file("=?utf-8?Q?run=2Ejs?="), banned},
		{16, "encoded word, blanks inside", file(`"=?utf-8?Q?run .js?="`), banned},
		{16, "encoded word, unknown charset", file(`"=?x-canary?Q?run=2Ejs?="`), banned},
		{16, "percent", file("run%2Ejs"), banned},
		{16, "without quotes, blanks", file("my run.js"), banned},
		{16, "comment", file("run.txt (x).js"), foundName()},
		{16, "escape", file(`"run\.js"`), banned},
		{16, "folded", file("\"run\n .js\""), banned},
		{16, "UTF-16 word", file(`"=?utf-16be?B?` + b64(utf16be("run.js")) + `?="`), banned},
		{16, "UTF-7 word", file(`"=?utf-7?Q?run+AC4-js?="`), banned},
	}
	for _, in := range [][2]string{
		{"filename*", "Content-Disposition: attachment; filename*=utf-8''run%2Ejs"},
		{"filename*, no quotes", "Content-Disposition: attachment; filename*=run%2Ejs"},
		{"filename*0", "Content-Disposition: attachment; filename*0=run; filename*1=.js"},
		{"filename*1 first", "Content-Disposition: attachment; filename*1=js; filename*0=run."},
		{"filename*0*", "Content-Disposition: attachment; filename*0*=utf-8''run%2E; filename*1=js"},
		{"filename*1 alone", "Content-Disposition: attachment; filename*1=run.js"},
		{"filename beside", "Content-Disposition: attachment; filename=run.txt; filename*=utf-8''run.js"},
		{"filename* beside", "Content-Disposition: attachment; filename*=utf-8''run.txt; filename=run.js"},
		{"filename twice", "Content-Disposition: attachment; filename=run.txt; filename=run.js"},
		{"filename twice, swap", "Content-Disposition: attachment; filename=run.js; filename=run.txt"},
		{"name beside filename", "Content-Disposition: attachment; filename=run.txt\nContent-Type: text/plain; name=run.js"},
		{"inline", "Content-Disposition: inline; filename=run.js"},
		{"no type", "Content-Disposition: ; filename=run.js"},
		{"no disposition type", "Content-Disposition: filename=run.js"},
		{"upper-case parameter", "Content-Disposition: attachment; FILENAME=run.js"},
		{"blanks around", "Content-Disposition: attachment; filename = run.js"},
	} {
		cases = append(cases, Case{16, "in " + in[0], part(in[1] + "\n"), banned})
	}
	for _, field := range []string{"name=run.js", "name*=utf-8''run.js", "name*0=run.; name*1=js"} {
		cases = append(cases, Case{16, "in Content-Type " + field, part("Content-Type: application/octet-stream; " + field + "\n"), banned})
	}
	return append(cases,
		Case{16, "in zip", attached("a.zip", string(zipOf(zipEntry{name: "a/run.js\x00.txt", data: []byte(script)}))), banned},
		Case{16, "in zip, second in the directory", attached("a.zip", string(zipOf(zipEntry{name: "run.txt", centralName: "run.jse", data: []byte(script)}))), banned},
		Case{16, "in zip, Unicode path", attached("a.zip", string(zipOf(zipEntry{name: "run.txt", data: []byte(script), extra: unicodePath("run.txt", "run.js")}))), banned},
		Case{16, "in tar", attached("a.tar", string(tarOf(tarEntry{name: "run.js", data: []byte(script)}))), banned},
		Case{16, "gzip's own", attached("a.gz", string(gzipOf("run.js", []byte(script)))), banned},
		Case{16, "gzip's by its file", attached("run.js.gz", string(gzipOf("", []byte(script)))), banned},
	)
}

// foundName wants the name refused or the doubt noted.
func foundName() Want { return Want{Or: []string{"attachment.banned", "mime.param"}} }

// program is what a Windows executable begins with: DOS header, PE header, and
// nothing that could run.
func program() []byte {
	b := make([]byte, 1024)
	copy(b, "MZ\x90\x00\x03")
	binary.LittleEndian.PutUint32(b[0x3C:], 0x80)
	copy(b[0x4E:], "This program cannot be run in DOS mode.\r\r\n$")
	copy(b[0x80:], "PE\x00\x00\x4c\x01\x01\x00")
	binary.LittleEndian.PutUint16(b[0x80+20:], 0xE0)
	binary.LittleEndian.PutUint16(b[0x80+22:], 0x0102)
	binary.LittleEndian.PutUint16(b[0x80+24:], 0x010B)
	copy(b[0x80+24+0xE0:], ".text\x00\x00\x00")
	return b
}

// typeCases are row 17: a program under other names.
func typeCases() []Case {
	exe := program()
	elf := append([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00\x01\x00\x00\x00"), make([]byte, 200)...)
	part := func(typ, name string, content []byte) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, fmt.Sprintf("Content-Type: %s; name=%q\n%s\n%s", typ, name, is64, lines64(string(content)))))
	}
	banned := refused("attachment.banned")
	nested := zipOf(zipEntry{name: "b.zip", data: zipOf(zipEntry{name: "readme.txt", data: exe, method: deflated})})
	return []Case{
		{17, "as .txt", part("text/plain", "a.txt", exe), banned},
		{17, "as .pdf", part("application/pdf", "a.pdf", exe), banned},
		{17, "as image/png", part("image/png", "a.png", exe), banned},
		{17, "without a name", mail("Content-Type: text/html\n" + is64 + "\n" + lines64(string(exe))), banned},
		{17, "ELF", part("image/jpeg", "a.jpg", elf), banned},
		{17, "in zip in zip", attached("a.zip", string(nested)), banned},
		{17, "in zip in zip, as text", part("text/plain", "a.txt", nested), banned},
		{17, "in tar.gz", attached("a.tgz", string(gzipOf("", tarOf(tarEntry{name: "a.txt", data: exe})))), banned},
		{17, "declared only", part("application/x-msdownload", "a.txt", []byte("text")), banned},
		{17, "shebang", part("application/octet-stream", "a.txt", []byte("#!/bin/sh\nls\n")), banned},
		{17, "in TNEF", part("application/ms-tnef", "winmail.dat", tnefFile("a.txt", exe)), banned},
		{17, "uuencoded", mail("\nbegin 644 a.txt\n" + uuLines(string(exe)) + "`\nend\n"), banned},
		{17, "installer, directory late", attached("a.dat", string(installer())), banned},
		{17, "second reading", inside2("Content-Type: text/plain\n"+mixed("boundary=b"), file("a.txt", string(exe))), banned},
	}
}

// installer is a compound file of Windows Installer's class, its directory behind
// 8 KiB of content.
func installer() []byte {
	b := compoundOf(compoundFile{"x", make([]byte, 8192)})
	root := bytes.Index(b, []byte(utf16le("Root Entry")))
	copy(b[root+80:], "\x84\x10\x0C\x00\x00\x00\x00\x00\xC0\x00\x00\x00\x00\x00\x00\x46")
	return b
}

// inside2 is a multipart of this part.
func inside2(fields, part string) []byte { return mail(fields + "\n" + between("b", text, part)) }
