package unpack

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"unicode/utf16"
)

// sevenCopy is a coder that stores.
const sevenCopy = "\x01\x01\x00"

// makeSeven writes a 7z archive of one folder with one coder, as it stands in
// the directory, and of files given as name and content.
func makeSeven(coder string, files ...string) []byte {
	var content, names []byte
	var sizes []uint64
	for i := 0; i < len(files); i += 2 {
		for _, c := range utf16.Encode([]rune(files[i] + "\x00")) {
			names = binary.LittleEndian.AppendUint16(names, c)
		}
		content = append(content, files[i+1]...)
		sizes = append(sizes, uint64(len(files[i+1])))
	}
	dir := []byte{sevenHeader, sevenStreams, sevenPack, 0, 1, sevenSize}
	dir = appendNumber(dir, uint64(len(content)))
	dir = append(dir, sevenEnd, sevenUnpack, sevenFolderID, 1, 0)
	dir = append(append(dir, coder...), sevenUnpackSize)
	dir = appendNumber(dir, uint64(len(content)))
	dir = append(dir, sevenEnd, sevenSub, sevenSubCount, byte(len(sizes)), sevenSize)
	for _, n := range sizes[:len(sizes)-1] {
		dir = appendNumber(dir, n)
	}
	dir = append(dir, sevenEnd, sevenEnd, sevenFiles, byte(len(sizes)), sevenName)
	dir = append(appendNumber(dir, uint64(len(names)+1)), 0)
	dir = append(append(dir, names...), sevenEnd, sevenEnd)
	return sevenWith(content, dir)
}

// sevenWith puts a start header before packed streams and a directory.
func sevenWith(content, dir []byte) []byte {
	tail := binary.LittleEndian.AppendUint64(nil, uint64(len(content)))
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(dir)))
	tail = binary.LittleEndian.AppendUint32(tail, crc32.ChecksumIEEE(dir))
	out := append([]byte(sevenMagic), 0, 4)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(tail))
	return append(append(append(out, tail...), content...), dir...)
}

func TestSevenZip(t *testing.T) {
	tests := []struct {
		name  string
		data  []byte
		rules string
		want  string // content of the first member; "-": none
	}{
		{"stored", makeSeven(sevenCopy, "a.exe", "MZ payload", "b", "second"), "", "MZ payload"},
		{"behind others", append(bigStream(99), makeSeven(sevenCopy, "a.exe", "MZ payload", "b", "second")...), "", "MZ payload"},
		{"encrypted", makeSeven("\x01\x24\x06\xF1\x07\x01\x01\x3F", "a.exe", "MZ payload"), "encrypted.archive", "-"},
		{"ppmd", makeSeven("\x01\x23\x03\x04\x01\x05\x06\x00\x00\x00\xFF", "a.exe", "MZ payload"), "unpack.method", "-"},
		{"brotli", makeSeven("\x01\x04\x04\xF7\x11\x02", "a.exe", "MZ payload"), "unpack.method", "-"},
		{"unknown", makeSeven("\x01\x04\x04\x01\x09\x77", "a.exe", "MZ payload"), "unpack.method", "-"},
		// 4 GiB of dictionary, for content that says it is as large.
		{"lzma", sevenBig("\x01\x23\x03\x01\x01\x05\x5D\xFF\xFF\xFF\xFF"), "limit.dictionary", "-"},
		{"lzma2", sevenBig("\x01\x21\x21\x01\x28"), "limit.dictionary", "-"},
		{"directory that asks for 4 GiB", sevenWith(nil, []byte{sevenHeader, sevenStreams, sevenPack, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, sevenCRC, 1}), "archive.unread:directory", "-"},
		{"files that are none", sevenWith(nil, []byte{sevenHeader, sevenFiles, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, sevenName, 1, 0}), "archive.unread:directory", "-"},
		{"hidden names", sevenWith([]byte("secret"), []byte{sevenPacked, sevenPack, 0, 1, sevenSize, 6, 0, sevenUnpack, sevenFolderID, 1, 0,
			1, 0x24, 0x06, 0xF1, 0x07, 0x01, 1, 0x3F, sevenUnpackSize, 6, 0, 0}), "encrypted.names", "-"},
		{"no directory", sevenWith(nil, nil), "", "-"},
		{"cut", makeSeven(sevenCopy, "a.exe", "MZ payload")[:40], "archive.unread:end", "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tellAll(t, opener(TypeSevenZip), tt.data, 0)
			if got := strings.Join(s.rules(), " "); got != tt.rules {
				t.Errorf("rules %q, want %q", got, tt.rules)
			}
			got := "-"
			if len(s.members) > 0 && !s.members[0].Encrypted {
				got = string(s.members[0].data)
			}
			if got != tt.want {
				t.Errorf("content %q, want %q", got, tt.want)
			}
			if strings.Contains(tt.rules, "method") || tt.rules == RuleEncrypted {
				if s.find("a.exe") == nil {
					t.Error("the name was not told")
				}
			}
			sameCuts(t, opener(TypeSevenZip), tt.data)
		})
	}
	hurt(t, opener(TypeSevenZip), makeSeven(sevenCopy, "a.exe", "MZ payload", "b", "second"))
	if s := tellAll(t, func(b *Budget, s Sink) Reader { return Open(TypeSevenZip, "x.7z.001", b, s) }, makeSeven(sevenCopy, "a", "b")[:40], 0); !s.has(RuleSplit) {
		t.Errorf("first volume: %v", s.rules())
	}
}

// sevenBig is an archive whose content says it is huge.
func sevenBig(coder string) []byte {
	dir := []byte{sevenHeader, sevenStreams, sevenPack, 0, 1, sevenSize, 4, 0, sevenUnpack, sevenFolderID, 1, 0}
	dir = append(append(dir, coder...), sevenUnpackSize)
	dir = appendNumber(dir, 1<<40)
	dir = append(dir, 0, 0, sevenFiles, 1, sevenName, 5, 0, 'a', 0, 0, 0, 0, 0)
	return sevenWith([]byte("data"), dir)
}

func FuzzSevenZip(f *testing.F) {
	f.Add(makeSeven(sevenCopy, "a.exe", "MZ payload", "b", "second")[sevenStart:])
	f.Add([]byte{sevenHeader, sevenFiles, 1, sevenName, 5, 0, 'a', 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksums would hide everything behind them: they are made right.
		n := len(data) / 2
		s := tellAll(t, opener(TypeSevenZip), sevenWith(data[:n], data[n:]), 0)
		if s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
	})
}

// A rarFile is a file of a RAR archive that a test makes.
type rarFile struct {
	name   string
	data   string
	method int // 0: stored
	flags  int // of RAR 4; of RAR 5: bit 0 encrypted
	window int // of RAR 5: the bits in the method
	size   int // unpacked, if it is not len(data)
}

func rar4Block(kind byte, flags int, body string) []byte {
	b := []byte{kind, byte(flags), byte(flags >> 8)}
	b = binary.LittleEndian.AppendUint16(b, uint16(7+len(body)))
	b = append(b, body...)
	return append(binary.LittleEndian.AppendUint16(nil, uint16(crc32.ChecksumIEEE(b))), b...)
}

func makeRAR4(files ...rarFile) []byte { return makeRAR4With(0, files...) }

func makeRAR4With(flags int, files ...rarFile) []byte {
	out := append([]byte(rar4Magic), rar4Block(0x73, flags, "\x00\x00\x00\x00\x00\x00")...)
	for _, f := range files {
		size := f.size
		if size == 0 {
			size = len(f.data)
		}
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(f.data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(size))
		b = append(b, 2)
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(f.data)))
		b = append(b, 0, 0, 0, 0, 29, byte(0x30+f.method))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(f.name)))
		b = append(append(b, 0, 0, 0, 0), f.name...)
		out = append(append(out, rar4Block(0x74, 0x8000|f.flags, string(b))...), f.data...)
	}
	return append(out, rar4Block(0x7B, 0x4000, "")...)
}

func rar5Block(fields []byte) []byte {
	b := append(binary.AppendUvarint(nil, uint64(len(fields))), fields...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)), b...)
}

func makeRAR5(files ...rarFile) []byte { return makeRAR5With(0, files...) }

func makeRAR5With(flags byte, files ...rarFile) []byte {
	out := append([]byte(rar5Magic), rar5Block([]byte{1, 0, flags})...)
	for _, f := range files {
		var extra []byte
		if f.flags&1 != 0 {
			extra = append([]byte{36, 1, 0, 0, 15}, make([]byte, 32)...)
		}
		size := f.size
		if size == 0 {
			size = len(f.data)
		}
		b := []byte{2, 3}
		b = binary.AppendUvarint(b, uint64(len(extra)))
		b = binary.AppendUvarint(b, uint64(len(f.data)))
		b = binary.AppendUvarint(b, 4)
		b = binary.AppendUvarint(b, uint64(size))
		b = append(b, 0)
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(f.data)))
		b = binary.AppendUvarint(b, uint64(f.method<<7|f.window<<10))
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(len(f.name)))
		b = append(append(b, f.name...), extra...)
		out = append(append(out, rar5Block(b)...), f.data...)
	}
	return append(out, rar5Block([]byte{5, 0, 0})...)
}

func TestRAR(t *testing.T) {
	file := rarFile{name: "a.exe", data: "MZ payload"}
	ppmd := rarFile{name: "a.exe", data: "\xA0\xFF\x02\x00\x00\x00\x00", method: 3, size: 100}
	tests := []struct {
		name  string
		data  []byte
		rules string
		want  string // content of the first member; "-": it cannot be read
	}{
		{"4 stored", makeRAR4(file), "", "MZ payload"},
		{"5 stored", makeRAR5(file), "", "MZ payload"},
		{"behind others", append([]byte("MZ"+rar4Magic+"no"), makeRAR5(file)...), "", "MZ payload"},
		{"4 encrypted", makeRAR4(rarFile{name: "a.exe", data: "xx", flags: 4}), "encrypted.archive", "-"},
		{"5 encrypted", makeRAR5(rarFile{name: "a.exe", data: "xx", flags: 1}), "encrypted.archive", "-"},
		{"4 hidden names", makeRAR4With(0x80, file), "encrypted.names", ""},
		{"5 hidden names", append([]byte(rar5Magic), rar5Block(append([]byte{4, 0, 0, 0, 15}, make([]byte, 16)...))...), "encrypted.names", ""},
		{"4 volume", makeRAR4With(1, file), "archive.split", "MZ payload"},
		{"5 volume", makeRAR5With(1, file), "archive.split", "MZ payload"},
		{"4 goes on", makeRAR4(rarFile{name: "a.exe", data: "MZ payload", flags: 2}), "archive.split", "MZ payload"},
		// PPMd with 256 MiB.
		{"4 PPMd", makeRAR4(ppmd), "unpack.unsupported", "-"},
		{"4 PPMd in a later block", makeRAR4(rarFile{name: "a.exe", data: rarBlocks("\xA0\xFF\x02"), method: 3, size: 100}), "unpack.unsupported", "-"},
		{"4 two blocks", makeRAR4(rarFile{name: "a.exe", data: rarBlocks(""), method: 3, size: 100}), "archive.unread:content", ""},
		{"5 dictionary", makeRAR5(rarFile{name: "a.exe", data: "xx", method: 3, window: 15, size: 1 << 31}), "limit.dictionary", "-"},
		{"5 rubbish", makeRAR5(rarFile{name: "a.exe", data: "rubbish", method: 3, size: 100}), "archive.unread:content", ""},
		{"cut", makeRAR5(file)[:len(makeRAR5(file))-12], "archive.broken:data archive.broken:block", "MZ pay"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tellAll(t, opener(TypeRAR), tt.data, 0)
			if got := strings.Join(s.rules(), " "); got != tt.rules {
				t.Errorf("rules %q, want %q", got, tt.rules)
			}
			got := ""
			if len(s.members) > 0 {
				if got = string(s.members[0].data); s.members[0].Encrypted {
					got = "-"
				}
				if s.members[0].Names[0] != "a.exe" {
					t.Errorf("names %q", s.members[0].Names)
				}
			}
			if got != tt.want {
				t.Errorf("content %q, want %q", got, tt.want)
			}
			sameCuts(t, opener(TypeRAR), tt.data)
		})
	}
	hurt(t, opener(TypeRAR), makeRAR4(file, file))
	hurt(t, opener(TypeRAR), makeRAR5(file, file))
}

// rarBlocks writes an LZSS block of RAR 3 that ends at once, and what follows.
func rarBlocks(next string) string {
	var out []byte
	var bits, have uint
	put := func(v, n uint) {
		bits, have = bits<<n|v, have+n
		for ; have >= 8; have -= 8 {
			out = append(out, byte(bits>>(have-8)))
		}
	}
	put(0, 1)           // LZSS
	put(0, 1)           // new tables
	for i := range 20 { // code lengths of code lengths: 1 and 19 have one bit
		if i == 1 || i == 19 {
			put(1, 4)
		} else {
			put(0, 4)
		}
	}
	zeros := func(n uint) { // symbol 19: 11 to 138 zeros
		for ; n > 0; n -= min(n, 138) {
			if n > 138 && n < 149 {
				put(1, 1)
				put(0, 7)
				n -= 11
			}
			k := min(n, 138)
			put(1, 1)
			put(k-11, 7)
			if k == n {
				break
			}
		}
	}
	zeros(256)
	put(0, 1) // symbol 256, the end of a block, has a code of one bit
	zeros(rarMain + rarOffset + rarLow + rarLength - 257)
	put(0, 1) // symbol 256
	put(1, 1) // another block follows
	for have%8 != 0 {
		put(0, 1)
	}
	return string(out) + next
}

func TestRARUnicode(t *testing.T) {
	// Three characters as they are, one with the common high octet.
	plain := "abc?"
	packed := "\x04\x01\x61\x62\x63\x30"
	s := tellAll(t, opener(TypeRAR), makeRAR4(rarFile{name: plain + "\x00" + packed, data: "x", flags: 0x200}), 0)
	if want := []string{"abc\u0430", "abc?"}; fmt.Sprint(s.members[0].Names) != fmt.Sprint(want) {
		t.Errorf("names %q", s.members[0].Names)
	}
}

func FuzzRar(f *testing.F) {
	f.Add(makeRAR4(rarFile{name: "a", data: "b"}, rarFile{name: "c", data: rarBlocks("x"), method: 3}))
	f.Add(makeRAR5(rarFile{name: "a", data: "b"}, rarFile{name: "c", data: "ddd", method: 3}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := tellAll(t, opener(TypeRAR), data, 0); s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
		var w rarWalk
		w.usesPPM(data, true)
		w.usesPPM(data, false)
	})
}

// A mark that no archive follows, behind the beginning, opens in no program.
func TestMarkWithoutArchive(t *testing.T) {
	for typ, mark := range map[Type]string{TypeRAR: rar4Magic, TypeSevenZip: sevenMagic} {
		text := "about archives: they begin with " + mark + strings.Repeat(" text", 100)
		if s := tellAll(t, opener(typ), []byte(text), 0); s.has(RuleUnread) || !s.has(RuleBroken) {
			t.Errorf("%s behind text: %v", typ, s.notes)
		}
		if s := tellAll(t, opener(typ), []byte(mark+text), 0); !s.has(RuleUnread) {
			t.Errorf("%s at the beginning: %v", typ, s.notes)
		}
	}
}
