package unpack

import (
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"
)

func openPDF(b *Budget, s Sink) Reader { return Open(TypePDF, "", b, s) }

// makePDF writes objects 1, 2, … and a trailer with more in it.
func makePDF(trailer string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, xref)
	return b.Bytes()
}

func flated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func pdfStreamOf(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

const pdfRoot = "<< /Type /Catalog /Pages 2 0 R >>"

func TestPDF(t *testing.T) {
	objStm := func(body string) string {
		head := "10 0 "
		return pdfStreamOf(fmt.Sprintf("/Type /ObjStm /N 1 /First %d /Filter /FlateDecode", len(head)), flated(head+body))
	}
	tests := []struct {
		name    string
		objects []string
		rules   string
		links   string
	}{
		{"plain", []string{pdfRoot, "<< /Type /Pages /Kids [] /Count 0 >>"}, "", ""},
		{"script", []string{"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"}, "pdf.script", ""},
		{"script escaped", []string{"<< /S /#4Aava#53cript /J#53 (app.alert(1)) >>"}, "pdf.script", ""},
		{"launch", []string{"<< /OpenAction << /S /Launch /F (cmd.exe) >> >>"}, "pdf.action pdf.launch", ""},
		{"uri", []string{"<< /S /URI /URI (http://example.com/\\141\\)) >>"}, "", "http://example.com/a)"},
		{"uri in hex", []string{"<< /S /URI /URI <687474703A2F2F6578616D706C652E636F6D> >>"}, "", "http://example.com"},
		{"uri elsewhere", []string{"<< /S /URI /URI 2 0 R >>", "(http://example.com/two)"}, "", "http://example.com/two"},
		// What stands inside a string is no name.
		{"uri like a name", []string{"<< /S /URI /URI (http://example.com/JS) >>"}, "", "http://example.com/JS"},
		{"comment", []string{"<< % /JS\n /Type /X >>"}, "", ""},
		{"packed script", []string{pdfRoot, objStm("<< /S /JavaScript /JS (x) >>")}, "pdf.script", ""},
		{"packed uri", []string{pdfRoot, objStm("<< /S /URI /URI (http://example.com/p) >>")}, "", "http://example.com/p"},
		{"packed without a head", []string{pdfRoot, pdfStreamOf("/Type /ObjStm /N 9 /First 0 /Filter /Fl", flated("<< /JS (x) >>"))}, "pdf.script", ""},
		{"xfa", []string{"<< /AcroForm << /XFA 2 0 R >> >>", pdfStreamOf("/Filter /FlateDecode", flated("<xdp><script>x</script></xdp>"))},
			"pdf.form pdf.script:form", ""},
		{"an object in a stream", []string{pdfRoot, pdfStreamOf("", "7 0 obj << /JS (x) >> endobj")}, "pdf.script", ""},
		{"an object behind an open string", []string{"<< /A (( >>", "<< /JS (x) >>"}, "pdf.script", ""},
		{"references in a circle", []string{"<< /Kids [2 0 R] /JS 2 0 R >>", "<< /Parent 1 0 R /JS 1 0 R /XFA 2 0 R >>"}, "pdf.script pdf.form", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := makePDF("", tt.objects...)
			s := tellAll(t, openPDF, data, 0)
			if got := strings.Join(s.rules(), " "); got != tt.rules {
				t.Errorf("rules %q, want %q", got, tt.rules)
			}
			if got := strings.Join(s.links, " "); got != tt.links {
				t.Errorf("links %q, want %q", got, tt.links)
			}
			sameCuts(t, openPDF, data)
		})
	}
}

func TestPDFFile(t *testing.T) {
	const payload = "MZ the payload of the attached file"
	spec := "<< /Type /Filespec /F (short.exe) /UF <FEFF0061002E006500780065> /EF << /F 3 0 R >> >>"
	streams := map[string]string{
		"plain":      pdfStreamOf("/Type /EmbeddedFile", payload),
		"no type":    pdfStreamOf("", payload),
		"deflated":   pdfStreamOf("/Filter /FlateDecode", flated(payload)),
		"array":      pdfStreamOf("/Filter [ /ASCIIHexDecode /FlateDecode ] /DecodeParms [ null null ]", fmt.Sprintf("%x>", flated(payload))),
		"no length":  "<< /Filter /FlateDecode /Length 99 0 R >>\nstream\r\n" + flated(payload) + "\nendstream",
		"bad length": "<< /Filter /Fl /Length 3 >>\nstream\n" + flated(payload) + "\nendstream",
		"85":         pdfStreamOf("/Filter /A85", "9Q+r_D'3P3F*2=BA8c:&EZfF;F<G\"/ATTIG@;[37~>"),
		"run":        pdfStreamOf("/Filter /RL", string(rune(len(payload)-1))+payload+"\x80"),
		"lzw":        pdfStreamOf("/Filter /LZWDecode", lzwLiteral(payload)),
		"predicted":  pdfStreamOf("/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 7 >>", flated(pngUp(payload, 7))),
	}
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			data := makePDF("", pdfRoot, spec, stream)
			s := tellAll(t, openPDF, data, 0)
			m := s.find("a.exe")
			if m == nil || m.Names[1] != "short.exe" || !s.has(RulePDFFile) {
				t.Fatalf("told: %v", s)
			}
			if name == "85" {
				if !strings.HasPrefix(string(m.data), "Lorem ipsum") {
					t.Errorf("content %q", m.data)
				}
				return
			}
			if string(m.data) != payload {
				t.Errorf("content %q", m.data)
			}
		})
	}
}

// lzwLiteral writes LZW that never uses its table.
func lzwLiteral(s string) string {
	var out []byte
	var bits, have uint
	put := func(code uint) {
		bits = bits<<9 | code
		for have += 9; have >= 8; have -= 8 {
			out = append(out, byte(bits>>(have-8)))
		}
	}
	put(256)
	for i := range len(s) {
		put(uint(s[i]))
	}
	put(257)
	put(0)
	return string(out)
}

// pngUp predicts rows from those above.
func pngUp(s string, columns int) string {
	var out []byte
	prev := make([]byte, columns)
	for len(s) > 0 {
		row := []byte(s[:min(columns, len(s))])
		s = s[len(row):]
		out = append(out, 2)
		for i, c := range row {
			out = append(out, c-prev[i])
		}
		copy(prev, row)
	}
	return string(out)
}

func TestPDFLZW(t *testing.T) {
	// The example of ISO 32000-2 section 7.4.4.2.
	r, err := pdfDecode(&teller{b: NewBudget(Limits{}, nil, "")}, []byte{0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01}, []string{"LZWDecode"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil || !bytes.Equal(b.Bytes(), []byte{45, 45, 45, 45, 45, 65, 45, 45, 45, 66}) {
		t.Errorf("%v %v", b.Bytes(), err)
	}
}

// lockPDF writes an encrypted file with an attachment and an address. The key
// derivation is the reader's own; TestPDFHash and the check value in /U, which
// is derived on another path, hold it.
func lockPDF(method string, password string) []byte {
	const payload = "MZ the payload of the attached file"
	id := "0123456789abcdef"
	o := strings.Repeat("o", 32)
	pad := (password + pdfPad)[:32]
	n, v, r := 16, 4, 4
	if method == "RC4-40" {
		n, v, r = 5, 1, 2
	} else if method == "RC4-128" {
		v, r = 2, 3
	}
	sum := md5.Sum([]byte(pad + o + "\xFC\xFF\xFF\xFF" + id))
	key := sum[:]
	if r >= 3 {
		for range 50 {
			next := md5.Sum(key[:n])
			key = next[:]
		}
	}
	key = key[:n]
	u := rc4ed(key, []byte(pdfPad))
	if r >= 3 {
		check := md5.Sum([]byte(pdfPad + id))
		u = check[:]
		for i := range 20 {
			k := bytes.Clone(key)
			for j := range k {
				k[j] ^= byte(i)
			}
			u = rc4ed(k, u)
		}
		u = append(u, make([]byte, 16)...)
	}
	lock := func(num int, s string) string {
		salt := ""
		if v == 4 {
			salt = "sAlT"
		}
		k := md5.Sum([]byte(string(key) + string([]byte{byte(num), 0, 0, 0, 0}) + salt))
		if v < 4 {
			return string(rc4ed(k[:min(n+5, 16)], []byte(s)))
		}
		pad := 16 - len(s)%16
		b := append([]byte(s), bytes.Repeat([]byte{byte(pad)}, pad)...)
		block, _ := aes.NewCipher(k[:])
		if v == 5 {
			block, _ = aes.NewCipher(key)
		}
		iv := []byte("initial vector!!")
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(b, b)
		return string(iv) + string(b)
	}
	crypt := ""
	if method == "AES-256" {
		v, r = 5, 6
		key = []byte("0123456789abcdef0123456789abcdef")
		u = append(pdfHash([]byte(password), []byte("validate")), "validatederivation"[:16]...)
		block, _ := aes.NewCipher(pdfHash([]byte(password), u[40:48]))
		ue := bytes.Clone(key)
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(ue, ue)
		crypt = fmt.Sprintf("/UE <%x> /CF << /StdCF << /CFM /AESV3 >> >> /StmF /StdCF /StrF /StdCF", ue)
	}
	if v == 4 {
		crypt = "/CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >> /StmF /StdCF /StrF /StdCF"
	}
	return makePDF(fmt.Sprintf("/Encrypt 4 0 R /ID [ <%x> <00> ]", id),
		fmt.Sprintf("<< /S /URI /URI <%x> >>", lock(1, "http://example.com/locked")),
		fmt.Sprintf("<< /Type /Filespec /F <%x> /EF << /F 3 0 R >> >>", lock(2, "a.exe")),
		pdfStreamOf("/Filter /FlateDecode", lock(3, flated(payload))),
		fmt.Sprintf("<< /Filter /Standard %s /V %d /R %d /Length %d /P -4 /O <%x> /U <%x> >>", crypt, v, r, 8*n, o, u))
}

func TestPDFEncrypted(t *testing.T) {
	for _, method := range []string{"RC4-40", "RC4-128", "AES-128", "AES-256"} {
		t.Run(method, func(t *testing.T) {
			s := tellAll(t, openPDF, lockPDF(method, ""), 0)
			if s.has(RuleEncryptedDoc) {
				t.Error("an empty password was not tried")
			}
			if m := s.find("a.exe"); m == nil || !strings.HasPrefix(string(m.data), "MZ") {
				t.Errorf("file: %v", s)
			}
			if len(s.links) != 1 || s.links[0] != "http://example.com/locked" {
				t.Errorf("links %q", s.links)
			}
			if s := tellAll(t, openPDF, lockPDF(method, "secret"), 0); !s.has(RuleEncryptedDoc) {
				t.Errorf("with a password: %v", s.rules())
			}
		})
	}
	t.Run("lie", func(t *testing.T) {
		// The dictionary is valid, but nothing is encrypted.
		data := lockPDF("AES-128", "")
		at := bytes.LastIndex(data, []byte("4 0 obj"))
		lie := append([]byte("%PDF-1.7\n1 0 obj\n<< /EF << /F 3 0 R >> /F (x) >>\nendobj\n3 0 obj\n"+
			pdfStreamOf("/Filter /Fl", flated("MZ plain"))+"\nendobj\n"), data[at:]...)
		s := tellAll(t, openPDF, lie, 0)
		if len(s.members) == 0 || string(s.members[len(s.members)-1].data) != "MZ plain" {
			t.Errorf("%v", s)
		}
	})
}

func TestPDFHurt(t *testing.T) {
	objects := []string{"<< /OpenAction << /S /URI /URI (http://example.com/) >> /Names << /JS (x) >> >>",
		"<< /F (a) /EF << /F 3 0 R >> >>", pdfStreamOf("/Filter [/Fl /LZW /A85 /AHx /RL]", flated("some text")),
		pdfStreamOf("/Type /ObjStm /First 4 /N 1 /Filter /Fl /DecodeParms << /Predictor 15 /Columns 3 >>", flated("1 0 << /A /B >>"))}
	hurt(t, openPDF, makePDF("", objects...))
	hurt(t, openPDF, lockPDF("AES-128", ""))
}

// What each object costs is bounded, however they overlap.
func TestPDFOverlap(t *testing.T) {
	data := bytes.Repeat([]byte("1 0 obj("), 200_000)
	if s := tellAll(t, openPDF, data, 0); !s.has(RuleBroken + ":overlap") {
		t.Errorf("%v", s.rules())
	}
}

func FuzzPDF(f *testing.F) {
	f.Add(makePDF("", pdfRoot, "<< /S /JavaScript /JS (x) >>"))
	f.Add(lockPDF("AES-128", ""))
	f.Add(makePDF("", "<< /F (a) /EF << /F 2 0 R >> >>", pdfStreamOf("/Filter [/Fl /LZW /A85 /AHx /RL]", flated("some text"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := tellAll(t, openPDF, data, 0); s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
	})
}

// A vector with a password, of a public test suite for PDF 2.0 files.
func TestPDFHash(t *testing.T) {
	salt := []byte{83, 245, 146, 101, 198, 247, 34, 198}
	want := []byte{94, 230, 205, 75, 166, 99, 250, 76, 219, 128, 17, 85, 57, 17, 33, 164,
		150, 46, 103, 176, 160, 156, 187, 233, 166, 223, 163, 253, 147, 235, 95, 184}
	if got := pdfHash([]byte("user"), salt); !bytes.Equal(got, want) {
		t.Errorf("% x", got)
	}
}

// Filters in nested arrays are no more than others, and what their decoders
// hold is taken from the budget.
func TestPDFManyFilters(t *testing.T) {
	chain := "/Type /EmbeddedFile /Filter [" + strings.Repeat("[/FlateDecode /LZWDecode]", 5000) + "]"
	data := makePDF("", pdfRoot, pdfStreamOf(chain, flated("payload")))
	for _, c := range []struct {
		memory int64
		ends   bool
	}{{4 << 20, false}, {1 << 20, true}} {
		s := &told{t: t}
		b := NewBudget(Limits{Memory: c.memory}, nil, "")
		r := openPDF(b, s)
		r.Write(data)
		r.Close(true)
		if n, ended := b.exhausted(); ended != c.ends || ended && n.Rule != RuleMemory || b.used != 0 {
			t.Errorf("with %d octets of memory: %v, %d in use", c.memory, n, b.used)
		}
	}
}

// A stream that decodes to nothing ends with the time of its decoders.
func TestPDFEmptyBlocks(t *testing.T) {
	empty := strings.Repeat("\x00\x00\x00\xFF\xFF", 200_000)
	data := makePDF("", pdfRoot, pdfStreamOf("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", "\x78\x9C"+empty))
	b := NewBudget(Limits{}, nil, "")
	now := time.Unix(0, 0)
	b.now = func() time.Time { now = now.Add(time.Second); return now }
	b.spent = b.Limits.Time - 100*stepTime // which a hundred looks at the clock add
	r := openPDF(b, &told{t: t})
	r.Write(data)
	r.Close(true)
	if n, ended := b.exhausted(); !ended || n.Rule != RuleTime {
		t.Errorf("%v", n)
	}
}
