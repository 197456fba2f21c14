package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
)

// A zipEntry is one entry for zipped, with the lies that its headers tell.
type zipEntry struct {
	name    string
	content []byte
	method  uint16
	stream  bool // sizes in a descriptor
	noSig   bool // without signature
	wide    bool // of eight octets a size
	before  []byte
	after   []byte

	local     func(h []byte) // changes the local header
	central   func(h []byte) // changes the directory's
	noLocal   bool
	noCentral bool
	extra     []byte // of both headers
	cname     string // name in the directory
}

// A zipFile is entries and what is around them.
type zipFile struct {
	prefix  []byte
	entries []zipEntry
	suffix  []byte
	comment string
	end     func(b []byte) // changes the end record
	shift   int64          // added to all offsets of the directory
}

func deflatedOctets(content []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func (e *zipEntry) packed() []byte {
	if e.method == methodDeflate {
		return deflatedOctets(e.content)
	}
	return e.content
}

// bytes writes the file.
func (f zipFile) bytes() []byte {
	le := binary.LittleEndian
	out := bytes.Clone(f.prefix)
	var dir []byte
	count := 0
	for _, e := range f.entries {
		packed := e.packed()
		out = append(out, e.before...)
		off := int64(len(out)) + f.shift
		sizes := le.AppendUint32(nil, crc32.ChecksumIEEE(e.content))
		sizes = le.AppendUint32(le.AppendUint32(sizes, uint32(len(packed))), uint32(len(e.content)))
		flags := uint16(0)
		if e.stream {
			flags = flagDescriptor
		}
		head := le.AppendUint16([]byte(sigLocal), 20)
		head = le.AppendUint16(le.AppendUint16(head, flags), e.method)
		head = append(head, 0, 0, 0x21, 0)
		if e.stream {
			head = append(head, make([]byte, 12)...)
		} else {
			head = append(head, sizes...)
		}
		head = le.AppendUint16(le.AppendUint16(head, uint16(len(e.name))), uint16(len(e.extra)))
		head = append(append(head, e.name...), e.extra...)
		if e.local != nil {
			e.local(head)
		}
		if !e.noLocal {
			out = append(append(out, head...), packed...)
			if e.stream {
				if !e.noSig {
					out = append(out, sigDescriptor...)
				}
				out = append(out, sizes[:4]...)
				if e.wide {
					out = le.AppendUint64(le.AppendUint64(out, uint64(len(packed))), uint64(len(e.content)))
				} else {
					out = append(out, sizes[4:]...)
				}
			}
		}
		out = append(out, e.after...)
		if e.noCentral {
			continue
		}
		name := e.name
		if e.cname != "" {
			name = e.cname
		}
		c := append([]byte(sigCentral), 20, 0, 20, 0)
		c = le.AppendUint16(le.AppendUint16(c, flags), e.method)
		c = append(append(c, 0, 0, 0x21, 0), sizes...)
		c = le.AppendUint16(le.AppendUint16(c, uint16(len(name))), uint16(len(e.extra)))
		c = append(c, make([]byte, 10)...)
		c = le.AppendUint32(c, uint32(off))
		c = append(append(c, name...), e.extra...)
		if e.central != nil {
			e.central(c)
		}
		dir = append(dir, c...)
		count++
	}
	end := append([]byte(sigEnd), 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, uint16(count)), uint16(count))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(dir))), uint32(int64(len(out))+f.shift))
	end = append(le.AppendUint16(end, uint16(len(f.comment))), f.comment...)
	if f.end != nil {
		f.end(end)
	}
	return append(append(append(out, dir...), end...), f.suffix...)
}

// eicar stands for what has to be found.
var payload = []byte("this stands for something that must be found " + strings.Repeat("x", 100))

func put16(off int, v uint16) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[off:], v) }
}

func put32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

var harmless = zipEntry{name: "a.txt", content: []byte("nothing to see here"), method: methodDeflate}

func TestZipPlain(t *testing.T) {
	big := mixed(300_000)
	inside := zipFile{entries: []zipEntry{{name: "deep.txt", content: payload, stream: true}, harmless}}.bytes()
	for name, f := range map[string]zipFile{
		"deflate":           {entries: []zipEntry{harmless, {name: "b.bin", content: big, method: methodDeflate}}},
		"stored":            {entries: []zipEntry{harmless, {name: "b.bin", content: big}}},
		"folder":            {entries: []zipEntry{{name: "d/"}, {name: "d/b.bin", content: big}}},
		"empty file":        {entries: []zipEntry{{name: "e"}, {name: "f", stream: true}, {name: "g", method: 8, stream: true}}},
		"descriptor":        {entries: []zipEntry{{name: "b.bin", content: big, method: 8, stream: true}, harmless}},
		"no signature":      {entries: []zipEntry{{name: "b.bin", content: big, method: 8, stream: true, noSig: true}, harmless}},
		"wide":              {entries: []zipEntry{{name: "b.bin", content: big, method: 8, stream: true, wide: true}, harmless}},
		"wide, none":        {entries: []zipEntry{{name: "b.bin", content: big, method: 8, stream: true, wide: true, noSig: true}}},
		"stored stream":     {entries: []zipEntry{{name: "b.bin", content: big, stream: true}, harmless}},
		"stored, none":      {entries: []zipEntry{{name: "b.bin", content: big, stream: true, noSig: true}, harmless}},
		"stored, wide":      {entries: []zipEntry{{name: "b.bin", content: big, stream: true, wide: true}, harmless}},
		"stored, both":      {entries: []zipEntry{{name: "b.bin", content: big, stream: true, wide: true, noSig: true}, harmless}},
		"zip inside, sized": {entries: []zipEntry{{name: "b.zip", content: inside}, harmless}},
		"zip inside":        {entries: []zipEntry{{name: "b.zip", content: inside, stream: true}, harmless}},
		"zip inside, none":  {entries: []zipEntry{{name: "b.zip", content: inside, stream: true, noSig: true}, harmless}},
		"comment":           {entries: []zipEntry{harmless}, comment: "a comment"},
		"empty":             {},
		"code page":         {entries: []zipEntry{{name: "\x84\x94\x81.txt", content: big}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := readCuts(t, TypeZip, "", f.bytes())
			if len(r.notes) > 0 {
				t.Errorf("notes %v", r.notes)
			}
			i := 0
			for _, e := range f.entries {
				if strings.HasSuffix(e.name, "/") {
					continue
				}
				if i >= len(r.members) || r.members[i].size != int64(len(e.content)) || !r.finds(e.content) {
					t.Fatalf("entry %d not found:\n%s", i, r)
				}
				i++
			}
			if i != len(r.members) {
				t.Errorf("%d members:\n%s", len(r.members), r)
			}
		})
	}
}

// TestZipLies is cases 18 to 20 of hostile content: whatever the headers say
// differently, the payload is found, and that they differ is noted.
func TestZipLies(t *testing.T) {
	evil := func(change func(e *zipEntry)) zipFile {
		e := zipEntry{name: "evil.exe", content: payload, method: methodDeflate}
		change(&e)
		return zipFile{entries: []zipEntry{harmless, e, {name: "z.txt", content: []byte("the last one")}}}
	}
	around := func(change func(f *zipFile)) zipFile {
		f := evil(func(*zipEntry) {})
		change(&f)
		return f
	}
	unicode := func(name, other string) []byte {
		b := append([]byte{0x75, 0x70, byte(5 + len(other)), 0, 1}, make([]byte, 4)...)
		binary.LittleEndian.PutUint32(b[5:], crc32.ChecksumIEEE([]byte(name)))
		return append(b, other...)
	}
	packed := uint32(len(deflatedOctets(payload)))
	for name, c := range map[string]struct {
		f      zipFile
		detail string
		named  string
	}{
		"name":              {evil(func(e *zipEntry) { e.cname = "fine.txt" }), "name", "evil.exe"},
		"name, directory":   {evil(func(e *zipEntry) { e.name, e.cname = "fine.txt", "evil.exe" }), "name", "evil.exe"},
		"method, local":     {evil(func(e *zipEntry) { e.local = put16(8, methodStored) }), "method", ""},
		"method, directory": {evil(func(e *zipEntry) { e.central = put16(10, methodStored) }), "method", ""},
		"flag, local":       {evil(func(e *zipEntry) { e.local = put16(6, 1) }), "flag", ""},
		"flag, directory":   {evil(func(e *zipEntry) { e.central = put16(8, 1) }), "flag", ""},
		"flag, both":        {evil(func(e *zipEntry) { e.local, e.central = put16(6, 1), put16(8, 1) }), "flag", ""},
		"flag, both, stored": {evil(func(e *zipEntry) {
			e.method, e.local, e.central = methodStored, put16(6, 1), put16(8, 1)
		}), "flag", ""},
		"flag, both, descriptor": {evil(func(e *zipEntry) {
			e.stream, e.local, e.central = true, put16(6, 9), put16(8, 9)
		}), "flag", ""},
		"flag, strong only": {evil(func(e *zipEntry) { e.local, e.central = put16(6, 1<<6), put16(8, 1<<6) }), "flag", ""},
		"packed, local":     {evil(func(e *zipEntry) { e.local = put32(18, packed-20) }), "size", ""},
		"packed, zero":      {evil(func(e *zipEntry) { e.local = put32(18, 0) }), "size", ""},
		"packed, huge":      {evil(func(e *zipEntry) { e.local = put32(18, 1<<30) }), "size", ""},
		"packed, directory": {evil(func(e *zipEntry) { e.central = put32(20, packed-20) }), "size", ""},
		"size, local":       {evil(func(e *zipEntry) { e.local = put32(22, 3) }), "size", ""},
		"size, directory":   {evil(func(e *zipEntry) { e.central = put32(24, 3) }), "size", ""},
		"crc, directory":    {evil(func(e *zipEntry) { e.central = put32(16, 3) }), "crc", ""},
		"crc, local":        {evil(func(e *zipEntry) { e.local = put32(14, 3) }), "crc", ""},
		"only local":        {evil(func(e *zipEntry) { e.noCentral = true }), "entry", ""},
		"hidden by a size": {zipFile{entries: []zipEntry{
			{name: "cover", content: []byte("x"), local: func(h []byte) { put32(18, 2000)(h); put32(22, 2000)(h) }},
			{name: "evil.exe", content: payload}, harmless, {name: "long", content: noise(3000)}}}, "entry", "evil.exe"},
		"duplicate":     {evil(func(e *zipEntry) { e.name = "a.txt" }), "duplicate", ""},
		"unicode":       {evil(func(e *zipEntry) { e.name, e.extra = "a.bin", unicode("a.bin", "evil.exe") }), "unicode", "evil.exe"},
		"zero":          {evil(func(e *zipEntry) { e.name = "evil.exe\x00.txt" }), "name", ""},
		"zip64":         {evil(func(e *zipEntry) { e.extra = append([]byte{1, 0, 16, 0}, make([]byte, 16)...) }), "zip64", ""},
		"gap":           {evil(func(e *zipEntry) { e.before = []byte("some octets between") }), "gap", ""},
		"descriptor":    {evil(func(e *zipEntry) { e.stream, e.after = true, nil; e.local = put16(6, 0) }), "size", ""},
		"prefix":        {around(func(f *zipFile) { f.prefix = noise(1000) }), "prefix", ""},
		"prefix, moved": {around(func(f *zipFile) { f.prefix, f.shift = noise(1000), -1000 }), "offset", ""},
		"suffix":        {around(func(f *zipFile) { f.suffix = []byte("behind it") }), "suffix", ""},
		"two ends":      {around(func(f *zipFile) { f.suffix = zipFile{}.bytes() }), "end record", ""},
		"two zips": {zipFile{prefix: zipFile{entries: []zipEntry{harmless}}.bytes(),
			entries: []zipEntry{{name: "evil.exe", content: payload}}}, "end record", "evil.exe"},
		"end in comment": {around(func(f *zipFile) { f.comment = string(zipFile{}.bytes()) }), "comment", ""},
		"comment cut":    {around(func(f *zipFile) { f.end = put16(20, 100) }), "comment", ""},
		"count":          {around(func(f *zipFile) { f.end = put16(10, 1) }), "disks", ""},
		"both counts":    {around(func(f *zipFile) { f.end = func(b []byte) { put16(8, 1)(b); put16(10, 1)(b) } }), "end record", ""},
		"offset":         {around(func(f *zipFile) { f.end = put32(16, 5) }), "offset", ""},
		"disks":          {around(func(f *zipFile) { f.end = put16(4, 3) }), "disks", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := readCuts(t, TypeZip, "", c.f.bytes())
			if !r.finds(payload) {
				t.Errorf("payload not found:\n%s", r)
			}
			found := false
			for _, n := range r.notes {
				if n.Rule == RuleMismatch && n.Detail == c.detail {
					found = n.Class == Ambiguous
				}
			}
			if !found {
				t.Errorf("not noted:\n%s", r)
			}
			if c.named != "" && !strings.Contains(r.String(), c.named) {
				t.Errorf("name not told:\n%s", r)
			}
		})
	}
}

// TestZipOnlyDirectory hides a local header in the data of another entry.
func TestZipOnlyDirectory(t *testing.T) {
	hidden := zipFile{entries: []zipEntry{{name: "evil.exe", content: payload}}}.bytes()
	f := zipFile{entries: []zipEntry{
		{name: "cover.bin", content: append(noise(50), hidden...)},
		{name: "evil.exe", content: payload, noLocal: true, central: put32(42, 30+9+50)},
	}}
	r := readCuts(t, TypeZip, "", f.bytes())
	if !r.finds(payload) || !r.has(RuleMismatch) || len(r.members) != 2 {
		t.Errorf("not found:\n%s", r)
	}
	over := read(t, TypeZip, "", f.bytes(), 0, Limits{Held: 100})
	if !over.has(RuleUnsupported) || !over.has(RuleMismatch) {
		t.Errorf("over Held:\n%s", over)
	}
}

func TestZipAgainstStandardLibrary(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	content := mixed(100_000)
	for i, name := range []string{"one.txt", "ünï.txt", "dir/three"} {
		e, _ := w.CreateHeader(&zip.FileHeader{Name: name, Method: uint16(i % 2 * 8)})
		e.Write(content[:len(content)-i])
	}
	w.SetComment("comment")
	w.Close()
	r := readCuts(t, TypeZip, "", b.Bytes())
	if len(r.notes) > 0 {
		t.Errorf("notes %v", r.notes)
	}
	againstZip(t, b.Bytes(), r)
}

// againstZip wants all that the standard library finds.
func againstZip(t *testing.T, packed []byte, r *recorder) {
	zr, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return
	}
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(rc, 1<<20))
		if err == nil && len(content) > 0 && len(content) < 1<<20 && !r.finds(content) && len(r.members) > 0 {
			t.Errorf("missed %d octets of the standard library's:\n%s", len(content), r)
		}
	}
}

// What is read again ends with the time of the decoders, even if it is a
// stream that decodes to nothing.
func TestZipAgainInTime(t *testing.T) {
	b := NewBudget(Limits{}, nil, "")
	now := time.Unix(0, 0)
	b.now = func() time.Time { now = now.Add(time.Second); return now }
	b.spent = b.Limits.Time - 10*stepTime // which ten looks at the clock add
	k := &kept{}
	for block := range slices.Chunk(bytes.Repeat([]byte("\x00\x00\x00\xFF\xFF"), 400_000), blockSize) {
		k.add(b, block)
	}
	z := &zipReader{t: &teller{b: b, s: deaf{}, kept: k}}
	z.t.open(Member{})
	b.watch(true)
	var err error
	z.section(0, k.size, func(r *bufio.Reader) { _, err = unDeflate(z.t, r, crc32.NewIEEE()) })
	if n, _ := b.exhausted(); err != errStop || n.Rule != RuleTime {
		t.Errorf("%v, %v", err, n)
	}
}
