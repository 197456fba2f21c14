package mime

import (
	"bytes"
	"compress/zlib"
	"encoding/asn1"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tlv makes an element with a length of as few octets as do.
func tlv(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	out, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), Tag: int(tag & 0x1F), IsCompound: tag&0x20 != 0, Bytes: body})
	if err != nil {
		panic(err)
	}
	return out
}

// open makes an element whose length is left open.
func open(tag byte, parts ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(parts...), []byte{0, 0})
}

func oid(arcs ...int) []byte {
	out, err := asn1.Marshal(asn1.ObjectIdentifier(arcs))
	if err != nil {
		panic(err)
	}
	return out
}

var (
	oidSigned     = oid(1, 2, 840, 113549, 1, 7, 2)
	oidEnveloped  = oid(1, 2, 840, 113549, 1, 7, 3)
	oidCompressed = oid(1, 2, 840, 113549, 1, 9, 16, 1, 9)
	oidData       = oid(1, 2, 840, 113549, 1, 7, 1)
)

type maker func(tag byte, parts ...[]byte) []byte

// signed makes signed data around octets, without any signature.
func signed(m maker, kind []byte, octets []byte) []byte {
	return m(0x30, kind, m(0xA0, m(0x30, tlv(2, []byte{1}), m(0x31, m(0x30, oidData)), m(0x30, oidData, m(0xA0, octets)),
		m(0xA0, tlv(4, []byte("no content"))), m(0x31, m(0x30, oidData, tlv(0xA0, tlv(4, []byte("nor this"))))))))
}

func TestDER(t *testing.T) {
	text := []byte("Content-Type: text/plain\r\n\r\n" + strings.Repeat("text ", 100))
	pieces := func(m maker) []byte {
		return m(0x24, tlv(4, text[:5]), m(0x24, tlv(4, text[5:9]), tlv(4)), tlv(4, text[9:]))
	}
	whole := signed(tlv, oidSigned, tlv(4, text))
	huge := slices.Concat(tlv(0x30, oidSigned)[:0], []byte{0x30, 0x80}, oidSigned, []byte{0xA0, 0x88, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	for name, c := range map[string]struct {
		in, want []byte
		kind     derKind
		defects  string
	}{
		"empty":        {nil, nil, derUnknown, ""},
		"DER":          {whole, text, derSigned, ""},
		"BER":          {signed(open, oidSigned, tlv(4, text)), text, derSigned, ""},
		"pieces":       {signed(tlv, oidSigned, pieces(tlv)), text, derSigned, ""},
		"open pieces":  {signed(open, oidSigned, pieces(open)), text, derSigned, ""},
		"compressed":   {signed(open, oidCompressed, tlv(4, text)), text, derCompressed, ""},
		"trailing":     {append(slices.Clone(whole), "junk"...), text, derSigned, ""},
		"enveloped":    {signed(open, oidEnveloped, tlv(4, text)), nil, derEncrypted, "enveloped"},
		"cut":          {whole[:len(whole)/2], text[:len(whole)/2-bytes.Index(whole, text)], derSigned, "broken"},
		"detached":     {tlv(0x30, oidSigned, tlv(0xA0, tlv(0x30, tlv(2, []byte{1}), tlv(0x31), tlv(0x30, oidData)))), nil, derSigned, ""},
		"other":        {tlv(0x30, oidData, tlv(0xA0, tlv(4, text))), nil, derUnknown, ""},
		"text":         {[]byte("this is no PKCS #7 at all"), nil, derUnknown, "broken"},
		"long length":  {slices.Concat([]byte{0x30, 0x84, 0, 0, 1, 0}, bytes.Repeat([]byte{5, 0}, 128)), nil, derUnknown, ""},
		"huge":         {huge, nil, derSigned, "broken"},
		"over parent":  {slices.Concat([]byte{0x30, 0x20}, oidSigned, []byte{0xA0, 0x7F}), nil, derSigned, "broken"},
		"deep":         {bytes.Repeat([]byte{0x30, 0x80}, 1000), nil, derUnknown, "broken"},
		"open, closed": {slices.Concat([]byte{4, 0x80}), nil, derUnknown, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &der{}
			got, defects := sameInAnyCut(t, d, c.in)
			if !bytes.Equal(got, c.want) || details(defects) != c.defects || d.kind() != c.kind {
				t.Errorf("%q, kind %d (%s), want %q, %d (%s)", got, d.kind(), details(defects), c.want, c.kind, c.defects)
			}
		})
	}
}

// What a mail program sends as PKCS #7 in PEM or bare base64 is the object.
func TestArmour(t *testing.T) {
	in := signed(tlv, oidSigned, tlv(4, []byte("text")))
	e := lines64(string(in))
	for _, c := range []string{
		string(in), "\r\n" + string(in), e, strings.ReplaceAll(e, "\n", ""),
		"-----BEGIN PKCS7-----\n" + e + "-----END PKCS7-----\n",
		"\n-----BEGIN CMS-----\r\n\r\n" + crlf(e) + "-----END CMS-----\r\nMore of AAAA\n",
	} {
		var out []byte
		a := &armour{emit: func(b []byte) { out = append(out, b...) }}
		cuts([]byte(c), func(name string, pieces [][]byte) {
			a.reset()
			out = out[:0]
			for _, p := range pieces {
				a.write(p)
			}
			a.close()
			if !bytes.Equal(out, in) {
				t.Errorf("%q in %s: %q", c, name, out)
			}
		})
	}
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

// Compressed data is no way around a limit, or out of memory.
func TestInflateIsBounded(t *testing.T) {
	bomb := signed(tlv, oidCompressed, tlv(4, deflated("Content-Type: x/y\r\n\r\n"+strings.Repeat("x", inflated))))
	part := "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n" + lines64(string(bomb))
	m := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n"+part, 3)
	s := &counting{rules: map[string]bool{}}
	held, most := 0, 0
	p := &Parser{Hold: func(n int) bool { held += n; most = max(most, held); return true }}
	parse(p, s, []byte(crlf(m)))
	if !s.rules["limit.output X"] || s.data > inflated+int64(2*len(m)) || held != 0 || most > 4*len(bomb) {
		t.Errorf("%d octets told, %d of %d held, rules %v", s.data, held, most, s.rules)
	}
	s = &counting{rules: map[string]bool{}}
	broken := signed(tlv, oidCompressed, tlv(4, deflated("X: y\r\n\r\n" + string(oidSigned))[:12]))
	parse(p, s, []byte(crlf("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n"+lines64(string(broken)))))
	if !s.rules["mime.smime M"] {
		t.Errorf("broken: rules %v", s.rules)
	}
	refuses := &Parser{Hold: func(n int) bool { return n < 0 }}
	s = &counting{rules: map[string]bool{}}
	parse(refuses, s, []byte(crlf(part)))
	if !s.rules["limit.output X"] {
		t.Errorf("nothing may be held: rules %v", s.rules)
	}
}

// Whatever is damaged, nothing is emitted that is not there, and the cut does
// not matter.
func FuzzDER(f *testing.F) {
	for _, m := range []maker{tlv, open} {
		f.Add(signed(m, oidSigned, m(0x24, tlv(4, []byte("text")))), uint16(7))
		f.Add(signed(m, oidEnveloped, tlv(4, []byte("text"))), uint16(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		d := &der{}
		whole := decodeAll(d, in)
		if len(whole) > len(in) {
			t.Fatalf("%q: %d octets from %d", in, len(whole), len(in))
		}
		n := min(int(cut), len(in))
		again := &der{}
		if got := decodeAll(again, in[:n], in[n:]); !bytes.Equal(got, whole) || details(again.defects()) != details(d.defects()) {
			t.Fatalf("%q cut at %d: %q, whole %q", in, n, got, whole)
		}
		// Wrapped anew it is the content.
		for _, m := range []maker{tlv, open} {
			if got := decodeAll(&der{}, signed(m, oidSigned, tlv(4, in))); !bytes.Equal(got, in) {
				t.Fatalf("%q in a signature: %q", in, got)
			}
		}
	})
}

func TestDERFlips(t *testing.T) {
	in := signed(open, oidSigned, open(0x24, tlv(4, []byte("text")), tlv(4, []byte("more"))))
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		b := slices.Clone(in)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		decodeAll(&der{}, b)
	}
}
