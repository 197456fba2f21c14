package hostile

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// zipCases are what a zip holds without any lie.
func zipCases() []Case {
	e := []byte(EICAR())
	zip := func(entries ...zipEntry) []byte { return attached("a.zip", string(zipOf(entries...))) }
	return []Case{
		{22, "zip, stored", zip(zipEntry{name: "e.dat", data: e}), found()},
		{22, "zip, deflated", zip(zipEntry{name: "e.dat", data: e, method: deflated}), found()},
		{22, "zip, descriptor", zip(zipEntry{name: "e.dat", data: e, method: deflated, stream: true}), found()},
		{22, "zip, stored with descriptor", zip(zipEntry{name: "e.dat", data: e, stream: true}), found()},
		{22, "zip, bzip2", zip(zipEntry{name: "e.dat", data: e, packed: bzip2Of(e), method: bzip2ed}), found()},
		{22, "zip, xz", zip(zipEntry{name: "e.dat", data: e, packed: xzOf(e), method: xzed}), found()},
		{22, "zip, zstd", zip(zipEntry{name: "e.dat", data: e, packed: zstdOf(e), method: zstded}), found()},
		{22, "zip, in a folder's entry", zip(zipEntry{name: "a/", data: e}), found()},
		{22, "zip, cut", attached("a.zip", string(cutEnd(zipOf(zipEntry{name: "e.dat", data: e, method: deflated}), 30))), found()},
		{22, "zip, in zip in zip", zip(zipEntry{name: "b.zip", method: deflated, data: zipOf(zipEntry{name: "c.zip", data: zipOf(zipEntry{name: "e.dat", data: e})})}), found()},
		{22, "zip, text in front of it in the mail", mail("Content-Type: application/zip\n" + is64 + "\n" + lines64(string(zipOf(zipEntry{name: "e.dat", data: e, method: deflated})))), found()},
	}
}

func cutEnd(b []byte, n int) []byte { return b[:len(b)-n] }

// Places of fields in the headers (APPNOTE.TXT sections 4.3.7 and 4.3.12).
const (
	localFlags, centralFlags   = 6, 8
	localMethod, centralMethod = 8, 10
	localCRC, centralCRC       = 14, 16
	localPacked, centralPacked = 18, 20
	localSize, centralSize     = 22, 24
	centralOffset              = 42
)

// zipLieCases are rows 18 to 20: zips that two programs read differently.
func zipLieCases() []Case {
	e := []byte(EICAR())
	lie := found("zip.mismatch")
	one := func(change zipEntry) []byte {
		change.name, change.data = "e.dat", e
		return attached("a.zip", string(zipOf(change)))
	}
	file := func(f zipFile) []byte {
		if f.entries == nil {
			f.entries = []zipEntry{{name: "e.dat", data: e, method: deflated}}
		}
		return attached("a.zip", string(f.bytes()))
	}
	plain := zipOf(zipEntry{name: "e.dat", data: e, method: deflated})
	harmless := zipOf(zipEntry{name: "a.txt", data: []byte("harmless")})
	return []Case{
		{18, "name", one(zipEntry{centralName: "x.dat", method: deflated}), lie},
		{18, "size, local", one(zipEntry{method: deflated, local: put32(localSize, 3)}), lie},
		{18, "size, directory", one(zipEntry{method: deflated, central: put32(centralSize, 3)}), lie},
		{18, "size 0, directory", one(zipEntry{central: func(b []byte) { put32(centralSize, 0)(b); put32(centralPacked, 0)(b) }}), lie},
		{18, "size 0, local", one(zipEntry{local: func(b []byte) { put32(localSize, 0)(b); put32(localPacked, 0)(b) }}), lie},
		{18, "packed size, local", one(zipEntry{local: put32(localPacked, 3)}), lie},
		{18, "packed size, directory", one(zipEntry{method: deflated, central: put32(centralPacked, 9)}), lie},
		{18, "packed size too large", one(zipEntry{method: deflated, local: put32(localPacked, 1<<30), central: put32(centralPacked, 1<<30)}), found()},
		{18, "method, local lies", one(zipEntry{method: deflated, local: put16(localMethod, stored)}), lie},
		{18, "method, directory lies", one(zipEntry{method: deflated, central: put16(centralMethod, stored)}), lie},
		{18, "method unknown, local", one(zipEntry{method: deflated, local: put16(localMethod, 77)}), lie},
		{18, "method unknown, directory", one(zipEntry{method: deflated, central: put16(centralMethod, 77)}), lie},
		{18, "encrypted, local says", one(zipEntry{method: deflated, local: put16(localFlags, 1)}), lie},
		{18, "encrypted, directory says", one(zipEntry{method: deflated, central: put16(centralFlags, 1)}), lie},
		{18, "checksum, local", one(zipEntry{method: deflated, local: put32(localCRC, 1)}), lie},
		{18, "checksum, directory", one(zipEntry{method: deflated, central: put32(centralCRC, 1)}), lie},
		{18, "checksum, both", one(zipEntry{method: deflated, local: put32(localCRC, 1), central: put32(centralCRC, 1)}), found()},
		{18, "Unicode path", one(zipEntry{method: deflated, extra: unicodePath("e.dat", "x.dat")}), lie},
		{18, "descriptor, only the directory says", one(zipEntry{method: deflated, central: put16(centralFlags, 8)}), found()},

		{19, "only local", file(zipFile{entries: []zipEntry{{name: "a.txt", data: []byte("x")}, {name: "e.dat", data: e, method: deflated, noCentral: true}}}), lie},
		{19, "only local, first", file(zipFile{entries: []zipEntry{{name: "e.dat", data: e, method: deflated, noCentral: true}, {name: "a.txt", data: []byte("x")}}}), lie},
		{19, "only in the directory", attached("a.zip", string(onlyDirectory(e))), lie},
		{19, "no directory", attached("a.zip", string(localOnly(e))), found()},
		{19, "no local headers", file(zipFile{entries: []zipEntry{{name: "e.dat", data: e, method: deflated, local: put32(0, 0)}}}), foundOr("zip.mismatch", "archive.broken")},
		{19, "same name twice", file(zipFile{entries: []zipEntry{{name: "e.dat", data: []byte("x")}, {name: "e.dat", data: e, method: deflated}}}), lie},

		{20, "two end records", attached("a.zip", string(slices.Concat(harmless, plain))), lie},
		{20, "two zips, payload first", attached("a.zip", string(slices.Concat(plain, harmless))), lie},
		{20, "prefix", file(zipFile{prefix: bytes.Repeat([]byte("x"), 100)}), lie},
		{20, "prefix, offsets without it", file(zipFile{prefix: bytes.Repeat([]byte("x"), 100), shift: -100}), lie},
		{20, "long prefix", file(zipFile{prefix: bytes.Repeat([]byte("x"), 100_000), shift: -100_000}), found()},
		{20, "suffix", file(zipFile{suffix: bytes.Repeat([]byte("x"), 100)}), lie},
		{20, "end record in the comment", file(zipFile{comment: endRecord()}), lie},
		{20, "zip in the comment", attached("a.zip", string(zipFile{entries: []zipEntry{{name: "a.txt", data: []byte("x")}}, comment: plain}.bytes())), lie},
		{20, "comment longer than the file", file(zipFile{end: put16(20, 500)}), found()},
		{20, "zip64 lie", file(zipFile{beforeEnd: zip64End()}), lie},
		{20, "several disks", file(zipFile{end: put16(4, 1)}), lie},
		{20, "count", file(zipFile{end: func(b []byte) { put16(8, 0)(b); put16(10, 0)(b) }}), lie},
		{20, "gap between entries", file(zipFile{entries: []zipEntry{{name: "a.txt", data: []byte("x")}, {name: "e.dat", data: e, method: deflated, before: []byte("octets of nobody")}}}), lie},
		{20, "payload in the gap", file(zipFile{entries: []zipEntry{{name: "a.txt", data: []byte("x")}, {name: "b.txt", data: []byte("x"), before: plain[:len(plain)-22-46-5]}}}), lie},
	}
}

// localOnly is a zip without its directory.
func localOnly(data []byte) []byte {
	f := zipOf(zipEntry{name: "e.dat", data: data, method: deflated})
	return f[:bytes.Index(f, []byte("PK\x01\x02"))]
}

// onlyDirectory is a zip whose directory has an entry that lies inside
// another's content, and so is none for who reads on from the first.
func onlyDirectory(data []byte) []byte {
	const outer = "a.txt"
	return zipOf(
		zipEntry{name: outer, data: localOnly(data)},
		zipEntry{name: "e.dat", data: data, method: deflated, noLocal: true, central: put32(centralOffset, uint32(30+len(outer)))},
	)
}

// endRecord is that of an empty zip.
func endRecord() []byte { return append([]byte("PK\x05\x06"), make([]byte, 18)...) }

// zip64End is an end record of zip64 with its locator, of a zip without
// entries.
func zip64End() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64([]byte("PK\x06\x06"), 44)
	b = append(b, 45, 0, 45, 0)
	b = append(b, make([]byte, 40)...)
	b = append(append(b, "PK\x06\x07"...), make([]byte, 12)...)
	return le.AppendUint32(b, 1)
}
