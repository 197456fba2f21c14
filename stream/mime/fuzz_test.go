package mime

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/internal/smtptest"
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
	"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nWDogeQ0K-_==\nabcd\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n",
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

// fragments are what hostile messages are made of.
var fragments = []string{
	"Content-Type: multipart/mixed; boundary=b\n", "Content-Type: multipart/mixed; boundary=bc\n", "Content-Type: multipart/digest; boundary=b; boundary=c\n",
	"Content-Type: text/plain\n", "Content-Type: message/rfc822\n", "Content-Type: multipart/mixed\n", "Content-Type: application/octet-stream; name=x\n",
	"Content-Transfer-Encoding: base64\n", "Content-Transfer-Encoding: quoted-printable\n", "Content-Transfer-Encoding: x-base64\n",
	"Content-Type: x/y; name=a.eml\n", "ab-_cd=\n", "eA==\n", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n",
	"Subject: x\n", "Subject: x\rContent-Type: text/html\n", " folded\n", " \n", "no field\n", "A : b\n", "From x\n",
	"\n", "\n", "\n", "--b\n", "--b\n", "--bc\n", "--c\n", "--b--\n", "--bc--\n", "--other\n", "--b \n", "--b-- x\n", "-\n", "--\n", "-- \n",
	"begin 644 x\n", "#,3(S\n", "`\nend\n", "=ybegin line=128 size=3 name=x\n", "abc\n", "=yend size=3\n",
	"LS1iDQpYOiB5DQoNCnoNCg==\n", "LS1iCgp4\n", "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5PWINCg0K\n", "x=3Dy=\n", "x\r", "text", "\x00",
}

// compose makes a message of fragments.
func compose(random *rand.Rand) []byte {
	var b []byte
	crs := random.IntN(4) > 0
	for range 1 + random.IntN(40) {
		s := fragments[random.IntN(len(fragments))]
		if crs {
			s = crlf(s)
		}
		b = append(b, s...)
		if random.IntN(60) == 0 {
			b = append(b, bytes.Repeat([]byte(" x"), random.IntN(2*lineKeep))...)
		}
	}
	return b
}

// The fuzzer rarely makes two boundaries meet; this does.
func TestComposedCuts(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	p := new(Parser)
	for i := range smtptest.Rounds(8000) {
		message := compose(random)
		a := read(p, message, ones(min(len(message), 3000))...)
		b := read(p, message, randomSizes(random, len(message))...)
		if x, y := strings.Join(a.events, "\n"), strings.Join(b.events, "\n"); x != y {
			t.Fatalf("%d: %q\noctets:\n%s\nanother:\n%s", i, message, x, y)
		}
		c := read(p, message)
		if x, y := strings.Join(a.events, "\n"), strings.Join(c.events, "\n"); x != y {
			t.Fatalf("%d: %q\noctets:\n%s\nwhole:\n%s", i, message, x, y)
		}
	}
}
