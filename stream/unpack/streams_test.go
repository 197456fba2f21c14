package unpack

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"sluice/internal/smtptest"
)

func zstded(t testing.TB, content []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(content, nil)
}

// zstdStream packs without the size in the header.
func zstdStream(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content[:len(content)/2])
	w.Flush()
	w.Write(content[len(content)/2:])
	w.Close()
	return b.Bytes()
}

func xzed(t testing.TB, content []byte, check byte) []byte {
	var b bytes.Buffer
	w, err := xz.WriterConfig{CheckSum: check, BlockSize: 100_000, DictCap: 1 << 16}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func lzmaed(t testing.TB, content []byte, size int64) []byte {
	var b bytes.Buffer
	w, err := lzma.WriterConfig{Size: size, SizeInHeader: size >= 0, EOSMarker: size < 0, DictCap: 1 << 16}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func zlibbedOctets(content []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// bzipped is "hello world" and a line end as bzip2: the standard library has
// no writer.
var bzipped = []byte("BZh91AY&SYN\xec\xe86\x00\x00\x02Q\x80\x00\x10@\x00\x06D\x90\x80 \x001\x06LA\x01\xa7\xa9\xa5\x80\xbb\x941\xf8\xbb\x92)\xc2\x84\x82wgA\xb0")

func tarred(t testing.TB, files map[string][]byte, order ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range order {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	w.Close()
	return b.Bytes()
}

func TestStreams(t *testing.T) {
	content := mixed(smtptest.Rounds(250_000))
	twice := append(bytes.Clone(content), content...)
	skippable := append([]byte("\x53\x2A\x4D\x18\x05\x00\x00\x00"), "12345"...)
	hello := []byte("hello world\n")
	join := func(p ...[]byte) []byte { return bytes.Join(p, nil) }
	z, x := zstded(t, content), xzed(t, content, xz.CRC64)
	for name, c := range map[string]struct {
		t      Type
		packed []byte
		want   []byte
		note   string
	}{
		"zlib":           {TypeZlib, zlibbedOctets(content), content, ""},
		"zlib cut":       {TypeZlib, zlibbedOctets(content)[:300], nil, "data"},
		"bzip2":          {TypeBzip2, bzipped, hello, ""},
		"bzip2 twice":    {TypeBzip2, join(bzipped, bzipped), join(hello, hello), ""},
		"bzip2 trailing": {TypeBzip2, join(bzipped, []byte("more")), hello, "data"},
		"zstd":           {TypeZstd, z, content, ""},
		"zstd stream":    {TypeZstd, zstdStream(t, content), content, ""},
		"zstd twice":     {TypeZstd, join(z, skippable, z), twice, ""},
		"zstd skip":      {TypeZstd, join(skippable, z, skippable), content, ""},
		"zstd trailing":  {TypeZstd, join(z, []byte("something")), content, "data"},
		"zstd cut":       {TypeZstd, z[:len(z)-1], nil, "data"},
		"xz":             {TypeXZ, x, content, ""},
		"xz sha256":      {TypeXZ, xzed(t, content, xz.SHA256), content, ""},
		"xz crc32":       {TypeXZ, xzed(t, content, xz.CRC32), content, ""},
		"xz twice":       {TypeXZ, join(x, make([]byte, 8), xzed(t, content, xz.None), make([]byte, 4)), twice, ""},
		"xz trailing":    {TypeXZ, join(x, []byte("more")), content, "data"},
		"xz cut":         {TypeXZ, x[:len(x)-1], content, "data"},
		"lzma":           {TypeLZMA, lzmaed(t, content, int64(len(content))), content, ""},
		"lzma end mark":  {TypeLZMA, lzmaed(t, content, -1), content, ""},
		"lzma short":     {TypeLZMA, []byte("]\x00\x00"), nil, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			r := readCuts(t, c.t, "a", c.packed)
			if c.want != nil && !r.finds(c.want) {
				t.Errorf("content not found:\n%s", r)
			}
			if c.note == "" && len(r.notes) > 0 || c.note != "" && (len(r.notes) != 1 || r.notes[0] != Note{RuleBroken, Middle, c.note}) {
				t.Errorf("notes %v", r.notes)
			}
			if c.t != TypeZlib && len(c.packed) > 13 && (len(Detect(c.packed)) == 0 || Detect(c.packed)[0] != c.t) {
				t.Errorf("detected as %v", Detect(c.packed))
			}
		})
	}
}

// TestInZip packs each method that zip can have.
func TestInZip(t *testing.T) {
	content := mixed(100_000)
	l := lzmaed(t, content, -1)
	l = append([]byte{9, 4, 5, 0}, append(bytes.Clone(l[:5]), l[13:]...)...)
	for method, packed := range map[uint16][]byte{
		methodXZ: xzed(t, content, xz.CRC32), methodZstd: zstded(t, content), methodLZMA: l,
	} {
		for _, stream := range []bool{false, true} {
			e := zipEntry{name: "x", method: 77, content: content, stream: stream}
			f := rawZip(e, method, packed)
			r := readCuts(t, TypeZip, "", f)
			if !r.finds(content) || len(r.notes) > 0 {
				t.Errorf("method %d, stream %v:\n%s", method, stream, r)
			}
		}
	}
}

// rawZip is a zip of one entry with data packed already, and another behind.
func rawZip(e zipEntry, method uint16, packed []byte) []byte {
	size, sum := uint32(len(e.content)), crc32.ChecksumIEEE(e.content)
	e.content, e.method = packed, method
	flags := uint16(0)
	if method == methodLZMA {
		flags = flagLZMAEnd
	}
	if e.stream {
		flags |= flagDescriptor
		e.noSig, e.stream = true, false
		e.after = binary.LittleEndian.AppendUint32([]byte(sigDescriptor), sum)
		e.after = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(e.after, uint32(len(packed))), size)
		e.local = func(b []byte) { put16(6, flags)(b); put32(14, 0)(b); put32(18, 0)(b); put32(22, 0)(b) }
	} else {
		e.local = func(b []byte) { put16(6, flags)(b); put32(14, sum)(b); put32(22, size)(b) }
	}
	e.central = func(b []byte) { put16(8, flags)(b); put32(16, sum)(b); put32(24, size)(b) }
	return zipFile{entries: []zipEntry{e, harmless}}.bytes()
}

func TestUnreadableInZip(t *testing.T) {
	for name, c := range map[string]struct {
		method, flags uint16
		want          Note
	}{
		"deflate64": {9, 0, Note{RuleMethod, Unsupported, "deflate64"}},
		"ppmd":      {98, 0, Note{RuleMethod, Unsupported, "ppmd"}},
		"unknown":   {1234, 0, Note{RuleMethod, Unsupported, "unknown"}},
		"encrypted": {8, 1, Note{RuleEncrypted, Middle, ""}},
		"AES":       {99, 1, Note{RuleEncrypted, Middle, ""}},
		"streamed":  {8, 1 | flagDescriptor, Note{RuleEncrypted, Middle, ""}},
	} {
		e := zipEntry{name: "evil.exe", content: noise(70_000), method: c.method, stream: c.flags&flagDescriptor != 0,
			local: put16(6, c.flags), central: put16(8, c.flags)}
		if c.flags&flagEncrypted != 0 { // the checksum is of other content than stands there
			e.local = func(b []byte) { put16(6, c.flags)(b); put32(14, 7)(b) }
			e.central = func(b []byte) { put16(8, c.flags)(b); put32(16, 7)(b) }
		}
		if e.stream { // the generator packs 8, which changes the size only
			e.method = 0
		}
		r := readCuts(t, TypeZip, "", zipFile{entries: []zipEntry{e, harmless}}.bytes())
		if len(r.notes) != 1 || r.notes[0] != c.want || len(r.members) != 2 ||
			!r.members[0].Encrypted || r.members[0].size != 0 || r.members[0].names != "evil.exe" {
			t.Errorf("%s:\n%s", name, r)
		}
	}
}

func TestTar(t *testing.T) {
	long := strings.Repeat("d/", 120) + "name.txt"
	files := map[string][]byte{"a.txt": payload, long: mixed(100_000), "empty": nil}
	one := tarred(t, files, "d/", "a.txt", long, "empty")
	r := readCuts(t, TypeTar, "", one)
	if len(r.notes) > 0 || len(r.members) != 3 || !r.finds(payload) || !r.finds(files[long]) || r.members[1].names != long {
		t.Errorf("plain:\n%s", r)
	}
	second := tarred(t, map[string][]byte{"evil": payload}, "evil")
	r = readCuts(t, TypeTar, "", append(tarred(t, nil, "x"), second...))
	if len(r.notes) > 0 || !r.finds(payload) {
		t.Errorf("second archive:\n%s", r)
	}
	r = readCuts(t, TypeTar, "", append(bytes.Clone(one), "junk"...))
	if !r.has(RuleBroken) || !r.finds(payload) {
		t.Errorf("junk:\n%s", r)
	}
	r = readCuts(t, TypeTar, "", one[:len(one)/2])
	if !r.has(RuleBroken) || !r.finds(payload) {
		t.Errorf("cut:\n%s", r)
	}
}

// TestTarSparse claims 8 GiB of holes in a kilobyte.
func TestTarSparse(t *testing.T) {
	one := tarred(t, map[string][]byte{"x": []byte("y")}, "x")
	h := one[:512]
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	copy(h[124:136], "00000000001\x00")
	copy(h[386:], "00000000000\x0000000000001\x00")
	copy(h[483:], "77777777777\x00") // real size
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
	r := read(t, TypeTar, "", one, 0, Limits{})
	if len(r.notes) != 1 || r.notes[0].Rule != RuleBomb {
		t.Errorf("notes:\n%s", r)
	}
}

// TestMixed is case 22: tar.gz, xz, zstd, zip, nested.
func TestMixed(t *testing.T) {
	packed := payload
	for i, pack := range []func([]byte) []byte{
		func(b []byte) []byte { return tarred(t, map[string][]byte{"f": b}, "f") },
		func(b []byte) []byte { return gzipped("f", b) },
		func(b []byte) []byte { return xzed(t, b, xz.CRC64) },
		func(b []byte) []byte {
			return zipFile{entries: []zipEntry{{name: "f", content: b, stream: true}}}.bytes()
		},
		func(b []byte) []byte { return zstded(t, b) },
		func(b []byte) []byte { return zipFile{entries: []zipEntry{{name: "f", content: b, method: 8}}}.bytes() },
		func(b []byte) []byte { return lzmaed(t, b, -1) },
		func(b []byte) []byte { return gzipped("", b) },
	} {
		packed = pack(packed)
		types := Detect(packed[:min(len(packed), HeadSize)])
		if len(types) == 0 { // more than one where a packer stored what it got
			t.Fatalf("step %d: types %v", i, types)
		}
		r := readCuts(t, types[0], "", packed)
		if !r.finds(payload) || r.has(RuleBroken) {
			t.Errorf("step %d:\n%s", i, r)
		}
	}
}

// TestDictionaries asks for 4 GiB in a hundred octets.
func TestDictionaries(t *testing.T) {
	x := xzed(t, []byte("small"), xz.CRC32)
	// The block header begins behind the stream's, its filter's dictionary is
	// the third octet of the filter.
	i := bytes.Index(x[12:], []byte{0x21, 1}) + 12 + 2
	x[i] = 40
	size := (int(x[12]) + 1) * 4
	binary.LittleEndian.PutUint32(x[12+size-4:], crc32.ChecksumIEEE(x[12:12+size-4]))
	l := lzmaed(t, []byte("small"), -1)
	copy(l[1:5], "\xFF\xFF\xFF\xFF")
	for name, c := range map[string]struct {
		t      Type
		packed []byte
	}{
		"xz":          {TypeXZ, x},
		"lzma":        {TypeLZMA, l},
		"zstd window": {TypeZstd, []byte("\x28\xB5\x2F\xFD\x00\xB0\x01\x00\x00")},
		"zstd single": {TypeZstd, []byte("\x28\xB5\x2F\xFD\xE0\xFF\xFF\xFF\xFF\x00\x00\x00\x00\x01\x00\x00")},
	} {
		r := readCuts(t, c.t, "", c.packed)
		if len(r.notes) != 1 || r.notes[0] != (Note{RuleDictionary, Unsupported, ""}) {
			t.Errorf("%s:\n%s", name, r)
		}
	}
}
