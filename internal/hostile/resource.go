package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
)

// Resources returns mail that means to exhaust who scans it. What it wants is
// that some limit is told, and it is under test in how much memory; nothing
// has to be found.
func Resources() []Case {
	return slices.Concat(bombCases(), askingCases(), longCases(), lyingCases())
}

// zeros is what packs best: a multiple of 255, as bzip2Of likes it.
func zeros(n int) []byte { return make([]byte, n/255*255) }

// bombCases are small files that become large.
func bombCases() []Case {
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	nested := zipOf(zipEntry{name: "0", data: zeros(16 << 20), method: deflated})
	for range 5 {
		var entries []zipEntry
		for i := range 16 {
			entries = append(entries, zipEntry{name: fmt.Sprint(i, ".zip"), data: nested, method: deflated})
		}
		nested = zipOf(entries...)
	}
	over := Want{Refused: true, Or: []string{"archive.bomb", "limit.output", "limit.entries", "limit.depth", "limit.time"}}
	kernel := zeros(4 << 20)
	ten := func(pack func([]byte) []byte) []byte {
		b := zeros(8 << 20)
		for range 10 {
			b = pack(b)
		}
		return b
	}
	return []Case{
		{1, "nested zip bomb", file("a.zip", nested), over},
		{1, "overlapping zip bomb", file("a.zip", overlapping(kernel, 1000)), Want{Or: append(slices.Clone(over.Or), "zip.mismatch")}},
		{1, "quoting zip bomb", file("a.zip", quoting(zeros(1<<20), 300)), over},
		{1, "gzip of zeros", file("a.gz", gzipOf("", zeros(48<<20))), over},
		{1, "bzip2 of zeros", file("a.bz2", bzip2Of(zeros(48<<20))), over},
		{1, "xz of zeros", file("a.xz", xzOf(zeros(48<<20))), over},
		{1, "zstd of zeros", file("a.zst", zstdOf(zeros(48<<20))), over},
		{1, "ten layers of gzip", file("a.gz", ten(func(b []byte) []byte { return gzipOf("", b) })), over},
		{1, "ten layers of bzip2", file("a.bz2", ten(bzip2Of)), over},
		{1, "ten layers of xz", file("a.xz", ten(xzOf)), over},
		{1, "ten layers of zstd", file("a.zst", ten(zstdOf)), over},
		{1, "20,000 entries", file("a.zip", manyEntries(20_000)), over},
		{1, "deflated in PDF", file("a.pdf", pdfWith(string(zeros(48<<20)))), over},
		{1, "compressed RTF in TNEF", mail("Content-Type: application/ms-tnef\n" + is64 + "\n" + lines64(string(tnefFile("a.gz", gzipOf("", zeros(48<<20)))))), over},
	}
}

// manyEntries is a zip of empty files.
func manyEntries(n int) []byte {
	entries := make([]zipEntry, n)
	for i := range entries {
		entries[i].name = fmt.Sprint(i)
	}
	return zipOf(entries...)
}

// overlapping is a zip whose entries all have the same octets.
func overlapping(kernel []byte, n int) []byte {
	entries := []zipEntry{{name: "0", data: kernel, packed: deflate(kernel), method: deflated}}
	for range n {
		e := entries[0]
		e.noLocal, e.central = true, put32(centralOffset, 0)
		entries = append(entries, e)
	}
	return zipOf(entries...)
}

// quoting is the zip bomb of bamsoftware.com/hacks/zipbomb: each entry quotes
// the local header of the next as a stored block, and all end in one kernel.
func quoting(kernel []byte, n int) []byte {
	le := binary.LittleEndian
	type entry struct {
		head         []byte
		packed, size int
	}
	body := deflate(kernel)
	content := bytes.Clone(kernel)
	packed := len(body)
	sum := crc32.ChecksumIEEE(content)
	entries := make([]entry, n)
	for i := n - 1; i >= 0; i-- {
		head := append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00"), le.AppendUint32(nil, sum)...)
		head = le.AppendUint32(le.AppendUint32(head, uint32(packed)), uint32(len(content)))
		head = append(append(head, 4, 0, 0, 0), fmt.Sprintf("%04d", i%10000)...)
		entries[i] = entry{head, packed, len(content)}
		packed += 5 + len(head)
		if i > 0 { // what the one before it holds: this header and all behind it
			content = slices.Concat(head, content)
			sum = crc32.ChecksumIEEE(content)
		}
	}
	var out, directory []byte
	for i, e := range entries {
		offset := len(out)
		out = append(out, e.head...)
		if i+1 < n {
			size := uint16(len(entries[i+1].head))
			out = le.AppendUint16(le.AppendUint16(append(out, 0), size), ^size)
		}
		directory = append(append(directory, "PK\x01\x02\x14\x00"...), e.head[4:30]...)
		directory = le.AppendUint32(append(directory, make([]byte, 10)...), uint32(offset))
		directory = append(directory, e.head[30:]...)
	}
	out = append(out, body...)
	end := le.AppendUint16(le.AppendUint16([]byte("PK\x05\x06\x00\x00\x00\x00"), uint16(n)), uint16(n))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(directory))), uint32(len(out)))
	return slices.Concat(out, directory, end, []byte{0, 0})
}

// askingCases are headers that ask for memory: 4 GiB, or 256 MB.
func askingCases() []Case {
	e := []byte(EICAR())
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	shut := Want{Refused: true}
	alone := lzmaOf(e)
	put32(1, 1<<32-1)(alone)
	boxed := xzOf(e)
	boxed[16] = 40 // 4 GiB - 1 (The .xz File Format section 5.3.1)
	size := 4 * (int(boxed[12]) + 1)
	put32(12+size-4, crc32.ChecksumIEEE(boxed[12:12+size-4]))(boxed)
	frame := slices.Concat([]byte{0x28, 0xB5, 0x2F, 0xFD, 0, 22 << 3}, le32(1 | len(e)<<3)[:3], e)
	ppmd := slices.Concat([]byte{0xFF, 0xFF, 2}, noise(60))
	return []Case{
		{2, "xz of 4 GiB", file("a.xz", boxed), shut},
		{2, "lzma of 4 GiB", file("a.lzma", alone), shut},
		{2, "zstd of 4 GiB", file("a.zst", frame), shut},
		{2, "7z of 4 GiB", file("a.7z", sevenLZMA("e.dat", e, 1<<32-1)), shut},
		{2, "RAR 5 of 4 GiB", file("a.rar", rar5Of("e.dat", noise(60), 15<<10|1<<7, nil)), Want{Or: []string{"limit.dictionary", "unpack.unsupported", "archive.unread"}}},
		{2, "RAR 3, PPMd of 256 MB", file("a.rar", rar3Of("e.dat", ppmd, 0x33, 0)), Want{Or: []string{"limit.dictionary", "unpack.unsupported", "unpack.method", "archive.unread"}}},
		{2, "zip, member of 4 GiB", file("a.zip", zipOf(zipEntry{name: "e.dat", data: e, method: deflated, local: put32(localSize, 1<<32-2), central: put32(centralSize, 1<<32-2)})), Want{Or: []string{"zip.mismatch", "archive.broken"}}},
		{2, "tar, member of 8 GiB", file("a.tar", tarLie(e)), Want{Or: []string{"archive.broken", "limit.output"}}},
		{2, "compound file, stream of 4 GiB", file("a.doc", longStream()), Want{Or: []string{"archive.broken"}}},
		{2, "DER of 2 GiB", mail("Content-Type: application/pkcs7-mime\n" + is64 + "\n" + lines64("\x30\x84\x7f\xff\xff\xff"+oidSigned+"\xa0\x84\x7f\xff\xff\xf0")), Want{Or: []string{"mime.smime"}}},
	}
}

// tarLie declares a member of 8 GiB less one octet.
func tarLie(data []byte) []byte {
	b := tarOf(tarEntry{"e.dat", data})
	copy(b[124:], "77777777777")
	return tarSum(b)
}

// tarSum sets the checksum of the first header.
func tarSum(b []byte) []byte {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00", sum))
	return b
}

// longStream is a compound file whose stream says that it is of 4 GiB.
func longStream() []byte {
	b := compoundOf(compoundFile{"WordDocument", make([]byte, 8192)})
	name := bytes.Index(b, []byte(utf16le("WordDocument")))
	put32(name+120, 1<<32-1)(b)
	return b
}

// longCases have more of something than anyone needs.
func longCases() []Case {
	b := mixed("boundary=b") + "\n"
	limited := func(rules ...string) Want { return Want{Or: rules} }
	html := func(body string) []byte { return mail("Content-Type: text/html\n\n" + body) }
	broken := func(s string, n int) string { return strings.Repeat(strings.Repeat(s, n)+"\n", 1_000_000/n) }
	var links strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&links, "<a href=\"http://h%d.example/\">x</a>\n", i)
	}
	return []Case{
		{3, "100,000 parts", mail(b + strings.Repeat("--b\n\nx\n", 100_000)), limited("limit.parts")},
		{3, "100,000 parts in uuencode", mail("\n" + strings.Repeat("begin 644 x\n#,3(S\n`\nend\n", 100_000)), limited("limit.parts")},
		{3, "header of 16 MB", mail(strings.Repeat("X-A: "+strings.Repeat("b", 900)+"\n", 18_000)), limited("limit.header")},
		{3, "one field of 16 MB", mail("X-A: b\n" + strings.Repeat(" "+strings.Repeat("b", 900)+"\n", 18_000)), limited("limit.header")},
		{3, "1,000,000 parameters", mail("Content-Type: text/plain" + strings.Repeat("; a=b\n ", 1_000_000) + "\n\n"), limited("limit.header")},
		{3, "1,000,000 comments", mail("Content-Type: text/plain " + broken("(", 900) + "\n\n"), limited("limit.header", "mime.field", "mime.type")},
		{3, "1,000,000 comments, folded", mail("Content-Type: text/plain " + strings.Repeat(strings.Repeat("(", 900)+"\n ", 1100) + "\n\n"), limited("limit.header")},
		{3, "1,000,000 tags", html(broken("<b>", 300)), Want{}},
		{3, "1,000,000 attributes", html("<a " + broken("a=b ", 200) + ">"), Want{}},
		{3, "1,000,000 open brackets", html(broken("<", 900)), Want{}},
		{3, "1,000,000 entities", html(broken("&#x41", 150)), Want{}},
		{3, "100,000 links", html(links.String()), limited("limit.links")},
		{3, "100,000 links in text", mail("\n" + strings.ReplaceAll(links.String(), "<a href=", " ")), limited("limit.links")},
		{3, "addresses without end", mail("\n" + broken("http://", 100)), Want{}},
		{3, "at signs and dots", mail("\n" + broken("a.@", 300)), Want{}},
		{3, "encoded words", mail("X-A: " + strings.Repeat("=?a?q?", 150) + "\nSubject: " + strings.Repeat(strings.Repeat("=?a?q?", 150)+"\n ", 100) + "\n\n"), Want{}},
		{3, "data: in data:", html(dataLayers(40)), Want{}},
		{3, "40 multiparts", mail(deepMultiparts(40)), limited("limit.depth")},
		{3, "1,000 messages", mail(strings.Repeat("Content-Type: message/rfc822\n\n", 1000)), limited("limit.depth")},
		{3, "64 readings, again and again", mail(strings.Repeat("Content-Type: multipart/mixed; boundary=a; boundary=b; boundary=c\n", 8) + "\n" + strings.Repeat("--a\n\n--b\n\n--c\n\n", 20_000)), limited("mime.views", "limit.parts")},
	}
}

// dataLayers is an address in an address, n deep.
func dataLayers(n int) string {
	page := "x"
	for range n {
		page = `<iframe src="data:text/html;base64,` + b64(page) + `">`
		if len(page) > 4<<20 {
			break
		}
	}
	return chunkedTag(page)
}

// chunkedTag breaks lines where a tag may have them.
func chunkedTag(s string) string { return strings.TrimSuffix(chunked(s, 900), "\n") + "\n" }

func deepMultiparts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s\n--b%d.\n", mixed(fmt.Sprintf("boundary=b%d.", i)), i)
	}
	return b.String() + eicarPart()
}

// lyingCases are structures that lead in a circle or nowhere.
func lyingCases() []Case {
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	broken := Want{Or: []string{"archive.broken"}}
	cycle := compoundOf(compoundFile{"CONTENTS", make([]byte, 8192)})
	put32(len(cycle)-512+4, 1)(cycle) // the table's second entry leads to itself
	tree := compoundOf(compoundFile{"a", []byte("x")}, compoundFile{"b", []byte("y")})
	name := bytes.Index(tree, []byte(utf16le("b")+"\x00\x00"))
	put32(name+72, 1)(tree) // b's right neighbour is a, whose is b
	sparse := tarOf(tarEntry{"e.dat", []byte("x")})
	sparse[156] = 'S'
	copy(sparse[257:], "ustar  \x00")
	for i := range 4 {
		copy(sparse[386+24*i:], "77777777777\x0077777777777\x00")
	}
	copy(sparse[483:], "77777777777\x00")
	return []Case{
		{4, "compound file, chain in a circle", file("a.dat", cycle), broken},
		{4, "compound file, tree in a circle", file("a.doc", tree), broken},
		{4, "PDF, references in a circle", file("a.pdf", pdfOf("", "<< /Type /Catalog /Names 2 0 R /Pages 1 0 R >>", "<< /Kids [2 0 R 1 0 R] /EF 2 0 R /JS 2 0 R /Length 2 0 R >>", "<< /Length 3 0 R /Filter 3 0 R >>\nstream\nx\nendstream")), Want{}},
		{4, "PDF, object streams in a circle", file("a.pdf", pdfOf("", pdfRoot, pdfStream("/Type /ObjStm /Extends 2 0 R /N 1000000 /First 5", "10 0 << /Extends 2 0 R >>"))), Want{}},
		{4, "TNEF of 4 GiB", mail("Content-Type: application/ms-tnef\n" + is64 + "\n" + lines64("\x78\x9f\x3e\x22\x01\x00\x02\x0f\x80\x06\x00\xff\xff\xff\xff"+EICAR())), Want{Or: []string{"mime.tnef"}}},
		{4, "tar, sparse", file("a.tar", tarSum(sparse)), Want{Or: []string{"archive.broken", "unpack.unsupported", "limit.output"}}},
		{4, "7z, a million files", file("a.7z", sevenMany()), Want{Or: []string{"archive.unread", "limit.entries", "unpack.unsupported", "limit.memory"}}},
	}
}

// sevenMany declares more files than its header could name.
func sevenMany() []byte {
	return sevenFrame(nil, []byte{1, 5, 0xF0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0})
}
