package unpack

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ulikunitz/xz"

	"sluice/internal/smtptest"
)

// samples is one small file of each format.
func samples(t testing.TB) map[Type][]byte {
	content := mixed(3000)
	z := zipFile{comment: "comment", entries: []zipEntry{
		harmless, {name: "d/"}, {name: "s", content: content}, {name: "x", content: content, stream: true},
		{name: "y", content: content, method: 8, stream: true}, {name: "z", content: payload, method: 8, stream: true, noSig: true, wide: true},
	}}
	return map[Type][]byte{
		TypeZip:        z.bytes(),
		TypeGzip:       gzipped("name", content),
		TypeZlib:       zlibbedOctets(content),
		TypeBzip2:      append(bytes.Clone(bzipped), bzipped...),
		TypeXZ:         xzed(t, content, xz.SHA256),
		TypeLZMA:       lzmaed(t, content, -1),
		TypeZstd:       zstdStream(t, content),
		TypeTar:        tarred(t, map[string][]byte{"a": payload, "b": content}, "d/", "a", "b"),
		TypeActiveMime: activeMimed(content, activeMimeSize),
		TypeICS:        []byte("BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64:" + base64.StdEncoding.EncodeToString(content) + "\r\nEND:VCALENDAR"),
		TypeApple:      appleFile(appleSingleMark, appleFork{appleName, []byte("a")}, appleFork{appleData, content}, appleFork{appleResource, payload}),
		TypeMacBinary:  macBinary("a", content, make([]byte, macBinaryHeader)), // nothing is padded behind it
	}
}

// TestTruncated cuts a file of each format at every octet.
func TestTruncated(t *testing.T) {
	step := 1
	if smtptest.Race {
		step = 13
	}
	for typ, packed := range samples(t) {
		for n := 0; n < len(packed); n += step {
			if r := read(t, typ, "", packed[:n], 0, Limits{}); len(r.notes) == 0 && !mayEnd(typ, n) {
				t.Errorf("%s: nothing noted at %d of %d:\n%s", typ, n, len(packed), r)
			}
		}
	}
}

// mayEnd tells where a format is whole before its end: between two streams,
// and a tar before the blocks of zeros behind it.
func mayEnd(typ Type, n int) bool {
	return n == 0 || typ == TypeBzip2 && n == len(bzipped) || typ == TypeTar ||
		typ == TypeICS // lines have no end that could be missing
}

// TestFlipped flips random bits in a file of each format. What is found does
// not depend on the cutting.
func TestFlipped(t *testing.T) {
	rounds := smtptest.Rounds(100) // fuzzing does more
	random := rand.New(rand.NewPCG(1, 2))
	for typ, packed := range samples(t) {
		for range rounds {
			flipped := bytes.Clone(packed)
			for range 1 + random.IntN(3) {
				flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(8)
			}
			whole := read(t, typ, "", flipped, 0, Limits{})
			if cut := read(t, typ, "", flipped, 1+random.IntN(100), Limits{}); cut.String() != whole.String() {
				t.Fatalf("%s: cut:\n%s\nwhole:\n%s", typ, cut, whole)
			}
		}
	}
}

// TestMemoryFlat counts what hostile headers make us allocate.
func TestMemoryFlat(t *testing.T) {
	x := xzed(t, []byte("small"), xz.CRC32)
	i := bytes.Index(x[12:], []byte{0x21, 1}) + 12 + 2
	x[i] = 28 // 64 MiB, as xz -9
	size := (int(x[12]) + 1) * 4
	binary.LittleEndian.PutUint32(x[12+size-4:], crc32.ChecksumIEEE(x[12:12+size-4]))
	l := lzmaed(t, []byte("small"), -1)
	copy(l[1:5], "\x00\x00\x00\x04")
	for name, c := range map[string]struct {
		t      Type
		packed []byte
	}{"xz": {TypeXZ, x}, "lzma": {TypeLZMA, l}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := read(t, c.t, "", c.packed, 0, Limits{})
		runtime.ReadMemStats(&after)
		if !r.finds([]byte("small")) {
			t.Errorf("%s:\n%s", name, r)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s of %d octets allocated %d", name, len(c.packed), n)
		}
	}
}

// overlapped is a bomb of entries that all point to the same data.
func overlapped(kernel []byte, n int) []byte {
	packed := deflatedOctets(kernel)
	f := zipFile{entries: []zipEntry{{name: "0", method: 77, content: packed}}}
	header := func(sizes int) func([]byte) {
		return func(b []byte) {
			put16(sizes-10, 8)(b)
			put32(sizes-4, crc32.ChecksumIEEE(kernel))(b)
			put32(sizes, uint32(len(packed)))(b)
			put32(sizes+4, uint32(len(kernel)))(b)
		}
	}
	f.entries[0].local, f.entries[0].central = header(18), header(20)
	for range n {
		f.entries = append(f.entries, zipEntry{name: "n", noLocal: true, method: 77,
			central: func(b []byte) { header(20)(b); put32(42, 0)(b) }})
	}
	return f.bytes()
}

// quoted is a bomb of the kind of bamsoftware.com/hacks/zipbomb: each entry's
// data begins with stored deflate blocks that quote the local headers behind
// it, and ends with the kernel that all share.
func quotedBomb(kernel []byte, n int) []byte {
	body := deflatedOctets(kernel)
	content := kernel
	packed := body
	le := binary.LittleEndian
	type entry struct {
		head   []byte
		packed int
		size   int
		sum    uint32
	}
	var entries []entry
	for i := range n {
		name := []byte{'a' + byte(i%26), 'a' + byte(i/26%26)}
		h := append([]byte(sigLocal), 20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0)
		sum := crc32.ChecksumIEEE(content)
		h = le.AppendUint32(le.AppendUint32(le.AppendUint32(h, sum), uint32(len(packed))), uint32(len(content)))
		h = append(append(h, 2, 0, 0, 0), name...)
		entries = append(entries, entry{h, len(packed), len(content), sum})
		quote := append([]byte{0}, byte(len(h)), 0, ^byte(len(h)), 0xFF)
		packed = append(append(bytes.Clone(quote), h...), packed...)
		content = append(bytes.Clone(h), content...)
	}
	var out, dir []byte
	for i := n - 1; i >= 0; i-- {
		e := entries[i]
		off := len(out)
		out = append(out, e.head...)
		if i > 0 {
			out = append(out, 0, byte(len(e.head)), 0, ^byte(len(e.head)), 0xFF)
		}
		c := append([]byte(sigCentral), 20, 0)
		c = append(c, e.head[4:30]...)
		c = append(c, make([]byte, 10)...)
		c = append(le.AppendUint32(c, uint32(off)), e.head[30:]...)
		dir = append(dir, c...)
	}
	out = append(out, body...)
	end := append([]byte(sigEnd), 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, uint16(n)), uint16(n))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(dir))), uint32(len(out)))
	return append(append(out, dir...), append(end, 0, 0)...)
}

func TestZipBombs(t *testing.T) {
	for name, packed := range map[string][]byte{
		"overlapping": overlapped(make([]byte, 1<<20), 1000),
		"quoted":      quotedBomb(make([]byte, 1<<20), 250),
	} {
		r := readCuts(t, TypeZip, "", packed)
		if !r.has(RuleBomb) || !r.has(RuleMismatch) {
			t.Errorf("%s:\n%.2000s", name, r)
		}
	}
}

// TestLayers packs 10 MB of zeros ten times with each packer.
func TestLayers(t *testing.T) {
	for name, pack := range map[string]func([]byte) []byte{
		"xz":   func(b []byte) []byte { return xzed(t, b, xz.CRC32) },
		"zstd": func(b []byte) []byte { return zstded(t, b) },
		"lzma": func(b []byte) []byte { return lzmaed(t, b, -1) },
		"zip": func(b []byte) []byte {
			return zipFile{entries: []zipEntry{{name: "f", content: b, method: 8}}}.bytes()
		},
		"tar": func(b []byte) []byte { return gzipped("", tarred(t, map[string][]byte{"f": b}, "f")) },
	} {
		packed := make([]byte, 1<<20)
		for range 10 {
			packed = pack(packed)
		}
		types := Detect(packed)
		if r := read(t, types[0], "", packed, 0, Limits{}); !r.has(RuleDepth) {
			t.Errorf("%s: no limit stopped it:\n%s", name, r)
		}
	}
}

// TestRecursion opens a zip that holds itself: as deep as the limit, no more.
func TestRecursion(t *testing.T) {
	b := NewBudget(Limits{}, nil, "")
	one := zipFile{entries: []zipEntry{{name: "self.zip", content: []byte("stands for itself")}}}.bytes()
	var depth int
	var open func()
	open = func() {
		if !b.Enter() {
			return
		}
		depth++
		rec := &recorder{b: b, t: t}
		r := Open(TypeZip, "", b, rec)
		r.Write(one)
		open()
		r.Close(true)
		b.Leave()
	}
	open()
	if depth != 8 {
		t.Errorf("%d deep", depth)
	}
}

func TestManyEntries(t *testing.T) {
	var f zipFile
	for range 11_000 {
		f.entries = append(f.entries, zipEntry{name: "e"})
	}
	many := f.bytes()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for range 11_000 {
		w.WriteHeader(&tar.Header{Name: "e"})
	}
	w.Close()
	for typ, packed := range map[Type][]byte{TypeZip: many, TypeTar: b.Bytes()} {
		r := readCuts(t, typ, "", packed)
		if !r.has(RuleEntries) || len(r.members) > 10_000 {
			t.Errorf("%s: %d members, notes %v", typ, len(r.members), r.notes)
		}
	}
}

// TestShared has files whose members are the same octets again and again.
func TestShared(t *testing.T) {
	large := bigStream(4 << 20)
	var files []cfbFile
	for i := range 500 {
		files = append(files, cfbFile{path: fmt.Sprint(i), data: []byte{1}})
	}
	ole := makeCFB(append(files, cfbFile{path: "WordDocument", data: large})...)
	named := bytes.Index(ole, []byte(wide("WordDocument")))
	for e := ole[512*(le32(ole, 0x30)+1):]; len(e) >= cfbEntry && e[66] != 0; e = e[cfbEntry:] {
		if e[66] == cfbStream {
			copy(e[116:124], ole[named+116:])
		}
	}
	var pdf bytes.Buffer
	pdf.WriteString("%PDF-1.7\n")
	for i := range 500 {
		fmt.Fprintf(&pdf, "%d 0 obj << /Type /EmbeddedFile >> stream\n", i+1)
	}
	pdf.Write(large)
	pdf.WriteString("\nendstream\nendobj\n")
	for typ, b := range map[Type][]byte{TypeDoc: ole, TypePDF: pdf.Bytes()} {
		if r := read(t, typ, "", b, 0, Limits{}); !r.has(RuleBomb) {
			t.Errorf("%s: %v, %d members", typ, r.notes, len(r.members))
		}
	}
}

// TestManyRARs has more broken files than decoders are made for.
func TestManyRARs(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	broken := makeRAR5(slices.Repeat([]rarFile{{name: "a", data: "no such data", method: 1}}, 10)...)
	for range 500 {
		w.WriteHeader(&tar.Header{Name: "e.rar", Size: int64(len(broken))})
		w.Write(broken)
	}
	w.Close()
	if r := read(t, TypeTar, "", b.Bytes(), 0, Limits{}); !r.has(RuleEntries) {
		t.Errorf("%v, %d members", r.notes, len(r.members))
	}
}
