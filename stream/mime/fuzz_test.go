package mime

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// seeds are beginnings for the fuzzer: each point where readers part.
var seeds = []string{
	"Subject: x\n\nhello\n",
	"Content-Type: multipart/mixed; boundary=b\n\np\n--b\nContent-Type: text/html\n\nx\n--b--\ne\n",
	"Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain; boundary=c\n\n--c\n\nx\n--b\n\ny\n--bc\n--b--\n",
	"Content-Type: multipart/mixed; boundary=b; boundary=\" c\"\nno field\nContent-Transfer-Encoding: base64\n \nX: y\n\n--c\n\n--b\n",
	"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nContent-Type: multipart/digest; boundary=3D\n\n--\n\nbegin 644 x\n#,3(S\n`\nend\n",
	"Content-Type: multipart/x\n\n--t\nA : b\n\n--t--\nX: y\rContent-Type: text/html\n\n",
	"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--ab--\n--a--\n",
	"\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Transfer-Encoding: base64\n\neA==eA=\n--a\n",
}

// FuzzParser: nothing panics, parts nest and close, limits hold.
func FuzzParser(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(crlf(s)))
	}
	p := new(Parser)
	f.Fuzz(func(t *testing.T, message []byte) {
		s := read(p, message)
		// One leaf with the rest of it for each thing that is read.
		if n := len(s.parts); n > DefaultParts+2*DefaultDepth {
			t.Errorf("%d parts", n)
		}
		for _, part := range s.parts {
			depth := 0
			for x := part.Parent; x != nil; x = x.Parent {
				depth++
			}
			if depth > DefaultDepth+1 {
				t.Errorf("%s is %d deep", part.Path, depth)
			}
		}
	})
}

// FuzzParserCuts: any two cuttings are told alike.
func FuzzParserCuts(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), uint64(1))
		f.Add([]byte(crlf(s)), uint64(2))
	}
	p := new(Parser)
	f.Fuzz(func(t *testing.T, message []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		a := read(p, message, randomSizes(random, len(message))...)
		b := read(p, message, randomSizes(random, len(message))...)
		if x, y := strings.Join(a.events, "\n"), strings.Join(b.events, "\n"); x != y {
			t.Errorf("one cut:\n%s\nanother:\n%s", x, y)
		}
	})
}

// FuzzSplitSimple: what is parsed the short way is parsed as the long way
// does, with one reading.
func FuzzSplitSimple(f *testing.F) {
	f.Add([]byte(`text/plain; charset="utf-8"; format=flowed`))
	f.Add([]byte("multipart/mixed;\r\n boundary=\"a b\" ; x=y;"))
	f.Add([]byte("attachment; filename=a b"))
	f.Fuzz(func(t *testing.T, value []byte) {
		head, list, ok := splitSimple(value)
		if !ok {
			return
		}
		all := parseParams(value, DefaultParams)
		if all.value != string(head) || len(all.defects) > 0 {
			t.Errorf("value %q is %q, %v in full", head, all.value, all.defects)
		}
		for i, q := range list {
			if q.name == nil {
				if i != len(all.list) {
					t.Errorf("%d parameters, %d in full", i, len(all.list))
				}
				return
			}
			v := all.get(strings.ToLower(string(q.name)))
			if len(v) != 1 || !bytes.Equal([]byte(v[0]), q.value) {
				t.Errorf("%q is %q, %q in full", q.name, q.value, v)
			}
		}
	})
}
