package hostile

import (
	"bytes"
	"fmt"
	"slices"
)

// polyglotCases are row 21: files of two kinds.
func polyglotCases() []Case {
	e := []byte(EICAR())
	zip := zipOf(zipEntry{name: "e.dat", data: e, method: deflated})
	pdf := pdfWith(EICAR())
	rar := rar5Of("e.dat", e, 0, nil)
	seven := sevenStored("e.dat", e)
	after := func(name string, head, tail []byte) []byte {
		return attached(name, string(slices.Concat(head, tail)))
	}
	page := []byte("<html><body>hello</body></html>\n")
	return []Case{
		{21, "zip behind PE", after("a.dat", program(), zip), found("attachment.banned")},
		{21, "RAR behind PE", after("a.dat", program(), rar), found("attachment.banned")},
		{21, "7z behind PE", after("a.dat", program(), seven), found("attachment.banned")},
		{21, "CAB behind PE", after("a.dat", program(), cabOf("e.dat", e)), refused("attachment.banned")},
		{21, "zip behind PNG", after("a.png", pngOf(), zip), found()},
		{21, "zip behind JPEG", after("a.jpg", jpegOf(), zip), found()},
		{21, "zip far behind", after("a.jpg", bytes.Repeat(jpegOf(), 100), zip), found()},
		{21, "zip behind PDF", after("a.pdf", pdfWith("harmless"), zip), found()},
		{21, "zip behind HTML", after("a.html", page, zip), found()},
		{21, "zip behind text", after("a.txt", []byte("hello\n"), zip), found()},
		{21, "RAR behind text", after("a.txt", []byte("hello\n"), rar), found()},
		{21, "7z behind text", after("a.txt", []byte("hello\n"), seven), found()},
		{21, "PDF behind HTML", after("a.html", page, pdf), found()},
		{21, "PDF behind 1,000 octets", after("a.dat", bytes.Repeat([]byte("x"), 1000), pdf), found()},
		{21, "PDF in zip's first octets", attached("a.pdf", string(zipOf(zipEntry{name: "a.pdf", data: pdf}))), found()},
		{21, "OLE2 behind text", after("a.doc", []byte("x\n"), compoundOf(compoundFile{"e.dat", pad(e, 4096)})), Want{Or: []string{"type.polyglot", "archive.broken"}}},
		{21, "tar that is zip", attached("a.tar", string(tarAndZip(zip))), found()},
		{21, "gzip behind text", after("a.gz", []byte("x\n"), gzipOf("", e)), Want{}},
	}
}

func pad(b []byte, n int) []byte { return append(bytes.Clone(b), make([]byte, n-len(b))...) }

// tarAndZip is a tar whose only member's content ends as a zip.
func tarAndZip(zip []byte) []byte {
	return slices.Concat(tarOf(tarEntry{"a.txt", []byte("harmless")}), zip)
}

// tarHeader is a header with its content, whose user number is none: libraries
// refuse it, programs do not.
func tarHeader(name string, kind byte, content string) []byte {
	return tarBlocks(name, kind, content, "zzzzzzz")
}

// tarPlain is one that has nothing wrong.
func tarPlain(name string, kind byte, content string) []byte {
	return tarBlocks(name, kind, content, "0000000")
}

func tarBlocks(name string, kind byte, content, user string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x00"+user+"\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", len(content)))
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return pad(append(h, content...), 512+(len(content)+511)/512*512)
}

// randomised sets the bit of a bzip2's first block that says so. Programs read
// such blocks, though none has written any since 1997.
func randomised(b []byte) []byte {
	b = bytes.Clone(b)
	b[14] |= 0x80 // behind the marks of the stream and the block, and a checksum
	return b
}

// archiveCases are row 22.
func archiveCases() []Case {
	e := []byte(EICAR())
	tar := tarOf(tarEntry{"e.dat", e})
	half := len(e) / 2
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	return []Case{
		{22, "tar", file("a.tar", tar), found()},
		{22, "tar.gz", file("a.tgz", gzipOf("a.tar", tar)), found()},
		{22, "tar.bz2", file("a.tbz", bzip2Of(tar)), found()},
		{22, "tar.xz", file("a.txz", xzOf(tar)), found()},
		{22, "tar.zst", file("a.tar.zst", zstdOf(tar)), found()},
		{22, "tar.lzma", file("a.tar.lzma", lzmaOf(tar)), found()},
		{22, "tar, two behind each other", file("a.tar", slices.Concat(tarOf(tarEntry{"a.txt", []byte("x")}), tar)), found()},
		{22, "tar, wrong checksum", file("a.tar", slices.Concat(tarOf(tarEntry{"a.txt", []byte("x")})[:1024], change1(tar, 148))), foundOr("archive.broken")},
		{22, "tar, bad extended header", file("a.tar", slices.Concat(tarHeader("x", 'x', "99 mtime=never\n15 path=run.js\n"), tarOf(tarEntry{"a.txt", []byte("var a = 1")}))), refused("attachment.banned")},
		{22, "tar, extended header of Solaris", file("a.tar", slices.Concat(tarPlain("x", 'X', "15 path=run.js\n"), tarOf(tarEntry{"a.txt", []byte("var a = 1")}))), refused("attachment.banned")},
		{22, "tar, bad number", file("a.tar", tarHeader("e.dat", '0', EICAR())), found()},
		{22, "bzip2, randomised block", file("e.bz2", randomised(bzip2Of(e))), refused("archive.unread")},
		{22, "7z, start header of zeros", file("a.7z", slices.Concat([]byte("7z\xBC\xAF\x27\x1C\x00\x04"), make([]byte, 24), sevenStored("e.dat", e)[32:])), refused("archive.unread")},
		{22, "gzip", file("e.gz", gzipOf("e.dat", e)), found()},
		{22, "gzip, two members", file("e.gz", slices.Concat(gzipOf("", e[:half]), gzipOf("", e[half:]))), found()},
		{22, "gzip, octets behind", file("e.gz", append(gzipOf("", e), "behind"...)), found()},
		{22, "gzip, cut", file("e.gz", cutEnd(gzipOf("", e), 8)), found()},
		{22, "gzip, wrong checksum", file("e.gz", change1(gzipOf("", e), -6)), found()},
		{22, "gzip as text", mail("Content-Type: text/plain\n" + is64 + "\n" + lines64(string(gzipOf("", e)))), found()},
		{22, "bzip2", file("e.bz2", bzip2Of(e)), found()},
		{22, "bzip2, two streams", file("e.bz2", slices.Concat(bzip2Of(e[:half]), bzip2Of(e[half:]))), found()},
		{22, "xz", file("e.xz", xzOf(e)), found()},
		{22, "xz, two streams and padding", file("e.xz", slices.Concat(xzOf(e[:half]), make([]byte, 8), xzOf(e[half:]))), found()},
		{22, "zstd", file("e.zst", zstdOf(e)), found()},
		{22, "zstd, frames and skippable ones", file("e.zst", slices.Concat([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip"), zstdOf(e[:half]), []byte("\x5f\x2a\x4d\x18\x00\x00\x00\x00"), zstdOf(e[half:]))), found()},
		{22, "lzma", file("e.lzma", lzmaOf(e)), found()},
		{22, "7z, stored", file("a.7z", sevenStored("e.dat", e)), found()},
		{22, "7z, LZMA", file("a.7z", sevenLZMA("e.dat", e, 1<<20)), found()},
		{22, "7z, octets behind", file("a.7z", append(sevenStored("e.dat", e), "behind"...)), found()},
		{22, "RAR 5", file("a.rar", rar5Of("e.dat", e, 0, nil)), found()},
		{22, "RAR 3", file("a.rar", rar3Of("e.dat", e, 0x30, 0)), found()},
		{22, "RAR 5 by octets", file("a.dat", rar5Of("e.dat", e, 0, nil)), found()},
		{22, "RAR 5, stream of a file", file("a.rar", rar5Streams(rar5Stream(":x.dat", e))), found()},
		{22, "RAR 5, stream of a file that leads elsewhere", file("a.rar", rar5Streams(rar5Stream(`:..\..\run.js`, []byte("var a")))), refused("attachment.banned")},
		{22, "mixed", file("a.zip", zipOf(zipEntry{name: "b.7z", data: sevenStored("c.tar.gz", gzipOf("", tarOf(tarEntry{"d.xz", xzOf(bzip2Of(e))})))})), found()},
		{22, "eight deep", file("a.gz", layers(7, e)), found()},
		{22, "nine deep", file("a.gz", layers(9, e)), Want{Refused: true, Or: []string{"limit.depth"}}},
		{22, "banned name in RAR", file("a.rar", rar5Of("run.js", []byte("var a"), 0, nil)), refused("attachment.banned")},
		{22, "banned name in 7z", file("a.7z", sevenStored("run.js", []byte("var a"))), refused("attachment.banned")},
	}
}

// change1 changes one octet; a negative place counts from the end.
func change1(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[(at+len(b))%len(b)] ^= 0x55
	return b
}

// layers packs data n times.
func layers(n int, data []byte) []byte {
	for range n {
		data = gzipOf("", data)
	}
	return data
}

// closedCases are row 23: what cannot be looked into.
func closedCases() []Case {
	e := []byte(EICAR())
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	return []Case{
		{23, "CAB", file("a.dat", cabOf("e.dat", e)), refused("unpack.unsupported")},
		{23, "CAB by name", file("a.cab", []byte("not even one")), refused("attachment.banned")},
		{23, "CAB in zip", file("a.zip", zipOf(zipEntry{name: "a.dat", data: cabOf("e.dat", e)})), refused("unpack.unsupported")},
		{23, "ISO", file("a.iso", isoOf("E.DAT", e)), refused("attachment.banned")},
		{23, "ISO under another name", file("a.dat", isoOf("E.DAT", e)), refused()},
		{23, "ISO in zip under another name", file("a.zip", zipOf(zipEntry{name: "a.dat", data: isoOf("E.DAT", e), method: deflated})), refused()},
		{23, "ACE", file("a.dat", aceOf()), refused("unpack.unsupported")},
		{23, "LHA", file("a.dat", lhaOf("e.dat", e)), refused("unpack.unsupported")},
		{23, "ARJ", file("a.dat", arjOf()), refused("unpack.unsupported")},
		{23, "LZ4", file("a.dat", lz4Of(e)), refused("unpack.unsupported")},
		{23, "ALZ", file("a.dat", slices.Concat([]byte("ALZ\x01\x0A\x00\x00\x00BLZ\x01"), e)), refused("unpack.unsupported")},
		{23, "EGG", file("a.dat", slices.Concat([]byte("EGGA\x00\x01\x01\x02\x03\x04\x00\x00\x00\x00\x22\x82\xE2\x08"), e)), refused("unpack.unsupported")},
		{23, "DAA", file("a.dat", slices.Concat([]byte("DAA\x00\x00\x00\x00\x00"), make([]byte, 8), e)), refused("unpack.unsupported")},
		{23, "ISZ", file("a.dat", slices.Concat([]byte("IsZ!\x40\x01\x00"), e)), refused("unpack.unsupported")},
		{23, "file.ex_", file("e.da_", slices.Concat([]byte("SZDD\x88\xF0\x27\x33At"), le32(len(e)), e)), refused("unpack.unsupported")},
		{23, "FreeArc", file("a.dat", slices.Concat([]byte("ArC\x01\x00"), e)), refused("unpack.unsupported")},
		{23, "ZPAQ", file("a.dat", slices.Concat([]byte("7kSt\xA0\x31\x83\xD3\x8C\xB2\x28\xB0\xD3zPQ\x01"), e)), refused("unpack.unsupported")},
		{23, "zip, unknown method", file("a.zip", zipOf(zipEntry{name: "e.dat", data: e, method: 77})), refused("unpack.method")},
		{23, "zip, deflate64", file("a.zip", zipOf(zipEntry{name: "e.dat", data: e, packed: deflate(e), method: 9})), refused("unpack.method")},
		{23, "7z, unknown method", file("a.7z", sevenZip("e.dat", e, e, []byte{3, 4, 0xF7, 0x77})), refused("unpack.method")},
		{23, "7z, PPMd", file("a.7z", sevenZip("e.dat", e, e, []byte{0x23, 3, 4, 1, 5, 6, 0, 0, 0, 1})), refused()},
		{23, "split zip", file("a.zip.001", zipOf(zipEntry{name: "e.dat", data: e})), refused("archive.volume")},
		{23, "split RAR", file("a.part1.rar", rar5Of("e.dat", e, 0, nil)), refused("archive.volume")},
		{23, "RAR volume by its flag", file("a.rar", rar5Volume(e)), refused()},
	}
}

// rar5Volume is the first of several volumes.
func rar5Volume(data []byte) []byte {
	b := rar5Of("e.dat", data, 0, nil)
	return slices.Concat([]byte(rar5Mark), rar5Block([]byte{1, 0, 1}, nil), b[len(rar5Mark)+len(rar5Block([]byte{1, 0, 0}, nil)):])
}

// encryptedCases are row 24.
func encryptedCases() []Case {
	data := []byte("octets that are none")
	file := func(name string, b []byte) []byte { return attached(name, string(b)) }
	marked := func(rules ...string) Want { return Want{Marked: true, Rules: rules} }
	archive, hidden := marked("encrypted.archive"), refused("encrypted.names")
	return []Case{
		{24, "zip", file("a.zip", zipOf(zipEntry{name: "e.dat", data: data, flags: 1})), archive},
		{24, "zip, AES", file("a.zip", zipOf(zipEntry{name: "e.dat", data: data, flags: 1, method: aesMethod, extra: []byte("\x01\x99\x07\x00\x02\x00AE\x03\x08\x00")})), archive},
		{24, "zip, strong", file("a.zip", zipOf(zipEntry{name: "e.dat", data: data, flags: 0x41})), archive},
		{24, "zip, strong without encryption", file("a.zip", zipOf(zipEntry{name: "e.dat", data: []byte(EICAR()), flags: 0x40})), found("zip.mismatch")},
		{24, "zip, only called encrypted", file("a.zip", zipOf(zipEntry{name: "e.dat", data: []byte(EICAR()), flags: 1, method: deflated})), found("zip.mismatch")},
		{24, "zip, banned name", file("a.zip", zipOf(zipEntry{name: "run.js", data: data, flags: 1})), refused("encrypted.archive", "attachment.banned")},
		{24, "zip in zip", file("a.zip", zipOf(zipEntry{name: "b.zip", data: zipOf(zipEntry{name: "e.dat", data: data, flags: 1})})), archive},
		{24, "RAR 5", file("a.rar", rar5Of("e.dat", data, 0, rar5Encryption())), archive},
		{24, "RAR 5, names", file("a.rar", rar5Hidden()), hidden},
		{24, "RAR 3", file("a.rar", rar3Of("e.dat", data, 0x30, 4)), archive},
		{24, "RAR 3, names", file("a.rar", rar3Hidden()), hidden},
		{24, "RAR 5, banned name", file("a.rar", rar5Of("run.js", data, 0, rar5Encryption())), refused("encrypted.archive", "attachment.banned")},
		{24, "7z", file("a.7z", sevenEncrypted("e.dat")), archive},
		{24, "7z, names", file("a.7z", sevenHidden()), hidden},
		{24, "PDF", file("a.pdf", pdfOf("/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -1 /O <"+zeros64+"> /U <"+zeros64+"> >> /ID [<00><00>]", pdfRoot)), marked("encrypted.document")},
		{24, "PDF, foreign handler", file("a.pdf", pdfOf("/Encrypt << /Filter /Canary /V 5 >>", pdfRoot)), marked("encrypted.document")},
		{24, "Office", file("a.docx", compoundOf(compoundFile{"EncryptionInfo", pad([]byte{4, 0, 4, 0, 0x40}, 4096)}, compoundFile{"EncryptedPackage", make([]byte, 8192)})), marked("encrypted.document")},
		{24, "OpenDocument", file("a.odt", zipOf(zipEntry{name: "mimetype", data: []byte("application/vnd.oasis.opendocument.text")},
			zipEntry{name: "META-INF/manifest.xml", method: deflated, data: []byte(`<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>`)},
			zipEntry{name: "content.xml", data: noise(400)})), marked("encrypted.document")},
	}
}

const zeros64 = "0000000000000000000000000000000000000000000000000000000000000000"
