package mime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A tnefContent is a file with its content.
type tnefContent struct {
	tnefFile
	content []byte
}

func (f tnefContent) String() string {
	return fmt.Sprintf("%q %s %s %q", f.names, f.typ, f.charset, f.content)
}

// readTNEF returns the files in pieces of a stream.
func readTNEF(x *tnef, pieces ...[]byte) ([]tnefContent, []Defect) {
	var files []tnefContent
	open := false
	x.begin = func(f tnefFile) {
		if open {
			panic("files nest")
		}
		open = true
		files = append(files, tnefContent{tnefFile: f})
	}
	x.data = func(b []byte) {
		if !open {
			panic("data outside of a file")
		}
		f := &files[len(files)-1]
		f.content = append(f.content, b...)
	}
	x.end = func() { open = false }
	x.reset()
	for _, p := range pieces {
		x.write(p)
	}
	x.close()
	if open {
		panic("a file stays open")
	}
	return files, x.defects()
}

func le16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func le32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

// attribute makes an attribute.
func attribute(level byte, id int, value []byte) []byte {
	sum := 0
	for _, c := range value {
		sum += int(c)
	}
	return slices.Concat([]byte{level}, le16(id), []byte{6, 0}, le32(len(value)), value, le16(sum))
}

func tnefStream(attributes ...[]byte) []byte {
	return slices.Concat(tnefMark, []byte{1, 0}, slices.Concat(attributes...))
}

// prop makes a property of variable length.
func prop(id, typ int, values ...[]byte) []byte {
	out := slices.Concat(le16(typ), le16(id), le32(len(values)))
	for _, v := range values {
		out = slices.Concat(out, le32(len(v)), v, make([]byte, -len(v)&3))
	}
	return out
}

func props(list ...[]byte) []byte { return append(le32(len(list)), slices.Concat(list...)...) }

// lzfu compresses RTF without finding anything twice.
func lzfu(s string) []byte {
	var body []byte
	for piece := range slices.Chunk([]byte(s), 8) {
		body = append(append(body, 0), piece...)
	}
	end := (len(rtfStart) + len(s)) % rtfWindow
	if len(s)%8 == 0 {
		body = append(body, 1)
	} else {
		body[len(body)-len(s)%8-1] |= 1 << (len(s) % 8)
	}
	body = append(body, byte(end>>4), byte(end<<4))
	return slices.Concat(le32(len(body)+12), le32(len(s)), []byte("LZFu"), le32(int(^crc32.Update(^uint32(0), crc32.IEEETable, body))), body)
}

var (
	iMessage = []byte{7, 3, 2, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46}
	named    = slices.Concat(le16(mapiString8), le16(0x8001), make([]byte, 16), le32(1), le32(3), []byte{'a', 0, 0, 0}, le32(1), le32(1), []byte{'x', 0, 0, 0})
	number   = slices.Concat(le16(3), le16(0x3705), le32(1))
	many     = slices.Concat(le16(mapiMany|mapiInt16), le16(0x3705), le32(3), make([]byte, 12))
)

// tnefCases are streams with what stands in them.
func tnefCases() map[string]struct {
	in   []byte
	want string
	why  string
} {
	rend := attribute(2, attRendering, make([]byte, 14))
	data := attribute(2, attData, []byte("MZ"))
	title := attribute(2, attTitle, []byte("A~1.EXE\x00"))
	long := attribute(2, attAttachment, props(number, named, many, prop(propLongName, mapiUnicode, []byte(utf16Text("ä.exe\x00", false))), prop(propMediaType, mapiString8, []byte("Text/Plain\x00"))))
	inner := tnefStream(rend, data, title)
	object := attribute(2, attAttachment, props(prop(propData, mapiObject, slices.Concat(iMessage, inner))))
	bad := attribute(2, attData, []byte("MZ"))
	bad[len(bad)-1]++
	huge := attribute(2, attData, []byte("MZ"))
	binary.LittleEndian.PutUint32(huge[5:], 1<<32-1)
	return map[string]struct {
		in   []byte
		want string
		why  string
	}{
		"empty":             {nil, "", "cut"},
		"mark only":         {tnefStream(), "", ""},
		"other":             {[]byte("no TNEF at all"), "", "no signature"},
		"one":               {tnefStream(rend, data, title), `["A~1.EXE"]   "MZ"`, ""},
		"title first":       {tnefStream(rend, title, data), `["A~1.EXE"]   "MZ"`, ""},
		"no rendering":      {tnefStream(data, title, data), `["A~1.EXE"]   "MZ"; []   "MZ"`, ""},
		"two":               {tnefStream(rend, data, title, rend, title, data), `["A~1.EXE"]   "MZ"; ["A~1.EXE"]   "MZ"`, ""},
		"long name":         {tnefStream(rend, data, title, long), `["ä.exe" "A~1.EXE"] text/plain  "MZ"`, ""},
		"empty file":        {tnefStream(rend, title), `["A~1.EXE"]   ""`, ""},
		"checksum":          {tnefStream(rend, bad, title), `["A~1.EXE"]   "MZ"`, "checksum"},
		"cut":               {tnefStream(rend, title, data[:len(data)-3]), `["A~1.EXE"]   "M"`, "cut"},
		"length of 2³²−1":   {tnefStream(rend, title, huge), "[\"A~1.EXE\"]   \"MZ\\xa7\\x00\"", "cut"},
		"garbage":           {tnefStream(rend, data, []byte("\r\n--end")), `[]   "MZ"`, "garbage"},
		"nested":            {tnefStream(rend, title, object), fmt.Sprintf(`["A~1.EXE"]   %q`, inner), ""},
		"data in both":      {tnefStream(rend, data, attribute(2, attAttachment, props(prop(propData, mapiBinary, []byte("PK"))))), `[]   "MZ"; []   "PK"`, ""},
		"code page":         {tnefStream(attribute(1, attCodePage, slices.Concat(le32(1251), le32(0))), rend, data, attribute(2, attTitle, []byte("\xc0.exe\x00"))), `["À.exe" "А.exe"]   "MZ"`, ""},
		"body":              {tnefStream(attribute(1, attBody, []byte("text\x00"))), `[] text/plain  "text"`, ""},
		"HTML":              {tnefStream(attribute(1, attProps, props(prop(propHTML, mapiBinary, []byte("<p>"))))), `[] text/html  "<p>"`, ""},
		"text":              {tnefStream(attribute(1, attProps, props(prop(propBody, mapiUnicode, []byte("a\x00"))))), `[] text/plain utf-16le "a\x00"`, ""},
		"RTF":               {tnefStream(attribute(1, attProps, props(prop(propRTF, mapiBinary, lzfu(`{\rtf1 text}`))))), `[] application/rtf  "{\\rtf1 text}"`, ""},
		"RTF of 8 octets":   {tnefStream(attribute(1, attProps, props(prop(propRTF, mapiBinary, lzfu("12345678"))))), `[] application/rtf  "12345678"`, ""},
		"RTF, plain":        {tnefStream(attribute(1, attProps, props(prop(propRTF, mapiBinary, []byte("xxxxxxxxMELAxxxx{\\rtf1}"))))), `[] application/rtf  "{\\rtf1}"`, ""},
		"RTF, other":        {tnefStream(attribute(1, attProps, props(prop(propRTF, mapiBinary, []byte("xxxxxxxxWHATxxxx{\\rtf1}"))))), `[] application/rtf  "{\\rtf1}"`, "compressed text"},
		"counts of 2³²−1":   {tnefStream(attribute(1, attProps, slices.Concat(le32(-1), le16(mapiMany|3), le16(1), le32(-1)))), "", "properties"},
		"values of no type": {tnefStream(attribute(1, attProps, slices.Concat(le32(1), le16(0x99), le16(1), le32(-1)))), "", "properties"},
	}
}

func TestTNEF(t *testing.T) {
	for name, c := range tnefCases() {
		t.Run(name, func(t *testing.T) {
			x := &tnef{}
			cuts(c.in, func(cut string, pieces [][]byte) {
				files, defects := readTNEF(x, pieces...)
				var list []string
				for _, f := range files {
					list = append(list, f.String())
				}
				if got := strings.Join(list, "; "); got != c.want || details(defects) != c.why {
					t.Fatalf("%s: %s (%s), want %s (%s)", cut, got, details(defects), c.want, c.why)
				}
			})
		})
	}
}

// What is not held is told as it comes. A name that comes behind it is told by
// itself.
func TestTNEFLimit(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 1000)
	title := attribute(2, attTitle, []byte("a.exe"))
	rend := attribute(2, attRendering, nil)
	in := tnefStream(rend, title, attribute(2, attData, big), rend, attribute(2, attData, big), title,
		attribute(1, attProps, props(prop(propHTML, mapiBinary, big))))
	x := &tnef{limit: 5000}
	files, defects := readTNEF(x, slices.Collect(slices.Chunk(in, 100))...)
	if len(files) != 4 || !bytes.Equal(files[0].content, big) || !bytes.Equal(files[1].content, big) || files[0].names == nil || files[1].names != nil || len(files[2].content) > 0 || !slices.Equal(files[2].names, []string{"a.exe"}) {
		t.Errorf("files %.300v", files)
	}
	if n := len(files[3].content); n == 0 || n > 5000 {
		t.Errorf("%d octets of HTML", n)
	}
	if details(defects) != "properties, too large" {
		t.Errorf("defects %v", defects)
	}
}

func TestTNEFDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, c := range tnefCases() {
		for i := range c.in {
			readTNEF(&tnef{}, c.in[:i])
		}
		for range 2000 {
			if len(c.in) == 0 {
				continue
			}
			b := slices.Clone(c.in)
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			files, _ := readTNEF(&tnef{}, b)
			size := 0
			for _, f := range files {
				size += len(f.content)
			}
			if size > 10*len(b)+1000 {
				t.Errorf("%s: %d octets from %d", name, size, len(b))
			}
		}
	}
}

// Repeats are found in the window, its beginning included.
func TestRTFWindow(t *testing.T) {
	var out output
	var got []byte
	emit := func(b []byte) { got = append(got, b...) }
	at := len(rtfStart)
	// "{\rtf1" from the start, then "ab" over itself, then the end.
	body := []byte{0b0001_1001, 0x00, 0x04, 'a', 'b', byte((at + 6) >> 4), byte((at+6)<<4) | 4, byte((at + 14) >> 4), byte((at + 14) << 4)}
	v := slices.Concat(make([]byte, 8), []byte("LZFu"), le32(int(^crc32.Update(^uint32(0), crc32.IEEETable, body))), body)
	ok := decompressRTF(v, &out, emit)
	out.flush(emit)
	if want := `{\rtf1abababab`; !ok || string(got) != want {
		t.Errorf("%q, %v, want %q", got, ok, want)
	}
}

func FuzzTNEF(f *testing.F) {
	for _, c := range tnefCases() {
		f.Add(c.in, uint16(20))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		n := min(int(cut), len(in))
		files, defects := readTNEF(&tnef{limit: 1000}, in)
		again, more := readTNEF(&tnef{limit: 1000}, in[:n], in[n:])
		if fmt.Sprint(files) != fmt.Sprint(again) || details(defects) != details(more) {
			t.Fatalf("%q cut at %d: %v (%s), whole %v (%s)", in, n, again, details(more), files, details(defects))
		}
		// As an attachment of our making it comes back.
		stream := tnefStream(attribute(2, attRendering, nil), attribute(2, attTitle, []byte("name")), attribute(2, attData, in))
		back, _ := readTNEF(&tnef{}, stream)
		if len(back) != 1 || !bytes.Equal(back[0].content, in) {
			t.Fatalf("%q comes back as %v", in, back)
		}
	})
}
