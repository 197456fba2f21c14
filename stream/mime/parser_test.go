package mime

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A told is what a Sink was told, for tests.
type told struct {
	parts   []*toldPart
	events  []string // everything but data, in order
	defects []Defect
}

type toldPart struct {
	*Part
	fields []string
	data   []byte
	closed bool
}

func (s *told) find(p *Part) *toldPart {
	for i := len(s.parts) - 1; i >= 0; i-- {
		if s.parts[i].Part == p {
			return s.parts[i]
		}
	}
	panic("part was not opened")
}

func (s *told) Open(p *Part) {
	if p.Parent != nil {
		if s.find(p.Parent).closed {
			panic("parent is closed")
		}
	}
	s.parts = append(s.parts, &toldPart{Part: p})
	s.events = append(s.events, fmt.Sprintf("open %s %d %s", p.Path, p.Kind, p.Type))
}

func (s *told) Field(p *Part, f Field) {
	t := s.find(p)
	t.fields = append(t.fields, string(f.Name)+":"+string(f.Value))
	s.events = append(s.events, fmt.Sprintf("field %s %s:%s", p.Path, f.Name, f.Value))
}

func (s *told) Data(p *Part, b []byte) {
	t := s.find(p)
	if t.closed {
		panic("data after close")
	}
	t.data = append(t.data, b...)
}

func (s *told) Close(p *Part) {
	t := s.find(p)
	if t.closed {
		panic("closed twice")
	}
	t.closed = true
	s.events = append(s.events, fmt.Sprintf("close %s %x", p.Path, sha256.Sum256(t.data)))
}

func (s *told) Defect(p *Part, d Defect) {
	s.defects = append(s.defects, d)
	s.events = append(s.events, fmt.Sprintf("defect %s %s %d %s", p.Path, d.Rule, d.Class, d.Detail))
}

// tree is a line for each part: path, kind or type, content of leaves.
func (s *told) tree() string {
	var b strings.Builder
	for _, p := range s.parts {
		fmt.Fprintf(&b, "%s %s", p.Path, p.Type)
		if p.Encoding != "" {
			fmt.Fprintf(&b, " %s", p.Encoding)
		}
		if p.Kind == Leaf {
			fmt.Fprintf(&b, " %q", p.data)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// rules is the defects, each once, with their classes.
func (s *told) rules() string {
	var list []string
	seen := map[string]bool{}
	for _, d := range s.defects {
		x := d.Rule + " " + string("LMHX"[d.Class])
		if !seen[x] {
			seen[x] = true
			list = append(list, x)
		}
	}
	return strings.Join(list, ", ")
}

// read parses a message in pieces of the given sizes, the rest as one. Pieces
// are overwritten after each Write.
func read(p *Parser, message []byte, sizes ...int) *told {
	s := new(told)
	p.Reset(s)
	for _, n := range sizes {
		n = min(n, len(message))
		write(p, message[:n])
		message = message[n:]
	}
	write(p, message)
	p.Close()
	for _, t := range s.parts {
		if !t.closed {
			panic("left open: " + t.Path)
		}
	}
	return s
}

func write(p *Parser, b []byte) {
	c := bytes.Clone(b)
	p.Write(c)
	for i := range c {
		c[i] = '#'
	}
}

// ones is n pieces of one octet.
func ones(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

func randomSizes(r *rand.Rand, n int) []int {
	var list []int
	for left := n; left > 0; {
		k := 1 + r.IntN(1+r.IntN(min(left, 5000)))
		list = append(list, k)
		left -= k
	}
	return list
}

// readCuts reads a message in many cuttings and fails if they differ.
func readCuts(t testing.TB, message []byte) *told {
	t.Helper()
	p := new(Parser)
	whole := read(p, message)
	compare := func(name string, sizes []int) {
		t.Helper()
		got := read(p, message, sizes...)
		a, b := strings.Join(whole.events, "\n"), strings.Join(got.events, "\n")
		if a != b {
			t.Errorf("%s: whole:\n%s\nhere:\n%s", name, a, b)
		}
	}
	compare("octets", ones(len(message)))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		compare(fmt.Sprint("random ", i), randomSizes(random, len(message)))
	}
	return whole
}

// crlf turns LF into CRLF.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestTrees(t *testing.T) {
	for _, c := range []struct{ name, message, tree, rules string }{
		{"empty", "", " message/rfc822\n1 text/plain \"\"\n", ""},
		{"plain", "Subject: x\n\nhello\n", " message/rfc822\n1 text/plain \"hello\\r\\n\"\n", ""},
		{"header only", "Subject: x\n", " message/rfc822\n1 text/plain \"\"\n", ""},
		{"html, base64", "Content-Type: TEXT/html; charset=UTF-8\nContent-Transfer-Encoding: BASE64\n\naGVs\nbG8=\n",
			" message/rfc822\n1 text/html base64 \"hello\"\n", ""},
		{"multipart", `Content-Type: multipart/mixed; boundary="b b"

preamble
--b b
Content-Type: text/html

one

--b b
Content-Transfer-Encoding: quoted-printable

tw=6f
--b b--
`, ` message/rfc822
 multipart/mixed
0 text/plain "preamble"
1 text/html "one\r\n"
2 text/plain quoted-printable "two"
`, ""},
		{"nested", `Content-Type: multipart/mixed; boundary=a

--a
Content-Type: multipart/alternative; boundary=b

--b

x
--b
Content-Type: text/html

y
--b--

--a
Content-Type: message/rfc822

Subject: in
Content-Type: multipart/digest; boundary=c

--c

Subject: deep

z
--c--
--a--
`, ` message/rfc822
 multipart/mixed
1 multipart/alternative
1.1 text/plain "x"
1.2 text/html "y"
2 message/rfc822
2 multipart/digest
2.1 message/rfc822
2.1.1 text/plain "z"
`, ""},
		{"encoded message", `Content-Type: multipart/mixed; boundary=a

--a
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

U3ViamVjdDogeA0KDQpoZWxsbw==
--a--
`, ` message/rfc822
 multipart/mixed
1 message/rfc822 base64
1.1 text/plain "hello"
`, "mime.encoding H"},
		// Readers that part over one part are one again at the next.
		{"merged", `Content-Type: multipart/mixed; boundary=a

--a
Content-Transfer-Encoding: base64
Content-Transfer-Encoding: 7bit

eA==
--a
no field
Subject: x

y
--a

z
--a--
end
`, ` message/rfc822
 multipart/mixed
1 text/plain base64 "x"
1~1 text/plain "eA=="
2~2 text/plain "no field\r\nSubject: x\r\n\r\ny"
2 text/plain "y"
3 text/plain "z"
end text/plain "end\r\n"
`, "mime.duplicate H, mime.field M"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readCuts(t, []byte(crlf(c.message)))
			if got := s.tree(); got != c.tree {
				t.Errorf("got\n%s\nwant\n%s", got, c.tree)
			}
			if got := s.rules(); got != c.rules {
				t.Errorf("rules %s, want %s", got, c.rules)
			}
		})
	}
}

func TestFrom(t *testing.T) {
	for from, want := range map[string]string{
		"From: a@b.example\n":                                 "",
		"From: \"A, B@c\" <a@b.example> (x, y@z)\n":           "",
		"From: a@b.example, c@d.example\n":                    "several addresses",
		"From: a@b.example\nFrom: a@b.example\n":              "several fields",
		"From: nobody\n":                                      "no address",
		"From: list:;\n":                                      "no address",
		"From: list: a@b.example, \"x\\\"\" <c@d.example>;\n": "several addresses",
		"Subject: none\n":                                     "",
	} {
		s := readCuts(t, []byte(crlf(from+"\nx\n")))
		got := ""
		for _, d := range s.defects {
			got += d.Detail
		}
		if got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}

// Names come from every field and in every form.
func TestNames(t *testing.T) {
	s := readCuts(t, []byte(crlf("Content-Type: x/y; name=a.txt; name*=utf-8''b.exe\n"+
		"Content-Disposition: attachment; filename=\"=?utf-8?q?c=2Escr?=\"; filename*1=\"e\"; filename*0=\"d.ex\"\nContent-Name: \"=?utf-8?q?f=2Ejs?=\"\n\nx\n")))
	part := s.parts[1]
	for _, want := range []string{"a.txt", "b.exe", "c.scr", "d.exe", "f.js"} {
		if !slices.Contains(part.Names, want) {
			t.Errorf("names %q, without %s", part.Names, want)
		}
	}
	if !part.Attached {
		t.Error("not attached")
	}
}

// A message that is broken off leaves nothing to the next.
func TestResetForgets(t *testing.T) {
	p := new(Parser)
	for _, s := range seeds {
		message := []byte(crlf(s))
		want := strings.Join(read(new(Parser), message).events, "\n")
		for n := range len(message) {
			p.Reset(new(told))
			p.Write(message[:n])
		}
		if got := strings.Join(read(p, message).events, "\n"); got != want {
			t.Errorf("after a break:\n%s\nwant:\n%s", got, want)
		}
	}
}

// Every limit holds, and says so.
func TestLimits(t *testing.T) {
	many := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 20) + "--b--\n"
	for _, c := range []struct {
		limits  Limits
		message string
		rule    string
		parts   int
	}{
		{Limits{Parts: 5}, many, "limit.parts X", 6},
		{Limits{Depth: 2}, "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nx: y\n\nz\n", "limit.depth X", 3},
		{Limits{Fields: 2}, "A: b\nC: d\nE: f\n\nx\n", "limit.header H", 2},
		{Limits{Header: 20}, "A: b\nC: d\nE: f\nG: h\n\nx\n", "limit.header H", 2},
		{Limits{FieldSize: 20}, "A: " + strings.Repeat("b", 30) + "\n\nx\n", "limit.header H", 2},
		{Limits{PartHeader: 10}, "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\nC: d\nE: f\n\nx\n", "limit.header H", 3},
		{Limits{Params: 2}, "Content-Type: a/b; c=d; e=f; g=h; i=j; k=l\n\nx\n", "mime.param H", 2},
		{Limits{Views: 1}, "Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain\n\nx\n", "mime.views X", 3},
		// Structure beyond a limit is followed all the same.
		{Limits{Fields: 2}, "A: b\nC: d\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n", "limit.header H", 3},
	} {
		s := read(&Parser{Limits: c.limits}, []byte(crlf(c.message)))
		if !strings.Contains(s.rules(), c.rule) || len(s.parts) != c.parts {
			t.Errorf("%+v: %d parts, want %d; %s, want %s", c.limits, len(s.parts), c.parts, s.rules(), c.rule)
		}
	}
}
