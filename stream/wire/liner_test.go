package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// referenceLines checks all of p octet by octet.
func referenceLines(p []byte) (faults Fault, crlf bool) {
	line := 0
	for i, c := range p {
		crlf = false
		switch {
		case c == '\r' && i+1 < len(p) && p[i+1] == '\n':
			continue // counted with the LF
		case c == '\n' && i > 0 && p[i-1] == '\r':
			crlf, line = true, 0
			continue
		case c == '\r':
			faults |= FaultBareCR
		case c == '\n':
			faults |= FaultBareLF
		case c == 0:
			faults |= FaultNUL
		}
		if line++; line > maxTextLine {
			faults |= FaultLongLine
		}
	}
	return faults, crlf
}

func checkLiner(t testing.TB, p []byte, cuts []int) {
	var l Liner
	at := 0
	for _, cut := range cuts {
		if cut < at {
			continue
		}
		n := l.Scan(p[at:cut], false)
		if rest := string(p[at+n : cut]); rest != "" && rest != "\r" {
			t.Fatalf("%q cut at %v: left over %q", p, cuts, rest)
		}
		at += n
	}
	if n := l.Scan(p[at:], true); n != len(p)-at {
		t.Fatalf("%q cut at %v: %d of %d octets at the end", p, cuts, n, len(p)-at)
	}
	faults, crlf := referenceLines(p)
	if l.Faults != faults || l.EndsInCRLF != crlf {
		t.Fatalf("%q cut at %v: faults %b, ends in CRLF %v; want %b, %v", p, cuts, l.Faults, l.EndsInCRLF, faults, crlf)
	}
}

func TestLinerExhaustive(t *testing.T) {
	for n := range 7 {
		eachString(n, framerAlphabet, func(p []byte) {
			for first := range n + 1 {
				for second := first; second <= n; second++ {
					checkLiner(t, p, []int{first, second})
				}
			}
		})
	}
}

func TestLinerLongLine(t *testing.T) {
	long := strings.Repeat("x", maxTextLine)
	for _, s := range []string{long + "\r\n", long + "x\r\n", long + "\r", long, long + "x", long[1:] + "\n\r\n"} {
		for _, cut := range []int{0, 1, 500, len(s) - 2, len(s) - 1, len(s)} {
			checkLiner(t, []byte(s), []int{cut})
		}
	}
}

func TestLinerReset(t *testing.T) {
	l := Liner{}
	l.Scan([]byte("a\x00\r\n"), true)
	if l.Reset(); l != (Liner{}) {
		t.Errorf("%+v", l)
	}
}

func FuzzLiner(f *testing.F) {
	f.Add([]byte("a\r\n\r\r\nb\x00\n"), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, p, how []byte) { checkLiner(t, p, cutsOf(p, how)) })
}

// stuffPieces stuffs content in pieces and closes it as the server's leg does.
func stuffPieces(content []byte, cuts []int) []byte {
	var s Stuffer
	var out []byte
	at := 0
	for _, cut := range append(cuts, len(content)) {
		out = s.Append(out, content[at:cut])
		at = cut
	}
	if !s.AtLineStart() {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...)
}

// checkStuffer gives stuffed content to a Framer.
func checkStuffer(t testing.TB, content []byte, cuts []int) {
	p := stuffPieces(content, cuts)
	want := bytes.Clone(content)
	if len(want) > 0 && !bytes.HasSuffix(want, []byte("\r\n")) {
		want = append(want, "\r\n"...)
	}
	got := scanPieces(t, p, nil)
	if !got.done || got.n != len(p) || !bytes.Equal(got.content, want) {
		t.Fatalf("%q cut at %v, stuffed %q: done %v at %d, content %q", content, cuts, p, got.done, got.n, got.content)
	}
}

func TestStuffer(t *testing.T) {
	for in, want := range map[string]string{
		"":                  ".\r\n",
		".":                 "..\r\n.\r\n",
		"a":                 "a\r\n.\r\n",
		"a\r\n":             "a\r\n.\r\n",
		".\r\n..\r\na.\r\n": "..\r\n...\r\na.\r\n.\r\n",
		// Only a true CRLF begins a line; such content passes only normalised.
		"a\n.\r.\r\n": "a\n.\r.\r\n.\r\n",
	} {
		if got := stuffPieces([]byte(in), nil); string(got) != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestStufferExhaustive(t *testing.T) {
	for n := range 7 {
		eachString(n, "\r\n.x", func(p []byte) {
			for first := range n + 1 {
				for second := first; second <= n; second++ {
					checkStuffer(t, p, []int{first, second})
				}
			}
		})
	}
}

func FuzzStuffer(f *testing.F) {
	f.Add([]byte(".a\r\n.b\n.c\r"), []byte{4, 1, 1})
	f.Fuzz(func(t *testing.T, p, how []byte) { checkStuffer(t, p, cutsOf(p, how)) })
}

func BenchmarkStuffer(b *testing.B) {
	for _, width := range []int{8, 76} {
		b.Run(fmt.Sprintf("line=%d", width), func(b *testing.B) {
			var s Stuffer
			p := mailText(64<<10, width)
			out := make([]byte, 0, 2*len(p))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				s.Append(out, p)
			}
		})
	}
}

// referenceNormalise looks at each octet of p and its neighbours.
func referenceNormalise(p []byte) (out []byte) {
	for i, c := range p {
		switch {
		case c == '\n' && (i == 0 || p[i-1] != '\r'):
			out = append(out, "\r\n"...)
		case c == '\r' && (i == len(p)-1 || p[i+1] != '\n'):
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return out
}

func checkNormalise(t testing.TB, p []byte) {
	const kept = "kept"
	got := Normalise([]byte(kept), p)
	want := append([]byte(kept), referenceNormalise(p)...)
	if !bytes.Equal(got, want) {
		t.Fatalf("%q: %q, want %q", p, got, want)
	}
	got = got[len(kept):]
	var l Liner
	if l.Scan(got, true); l.Faults&(FaultBareCR|FaultBareLF) != 0 {
		t.Fatalf("%q: %q has faults %b", p, got, l.Faults)
	}
	if again := Normalise(nil, got); !bytes.Equal(again, got) {
		t.Fatalf("%q: %q, again %q", p, got, again)
	}
}

func TestNormaliseExhaustive(t *testing.T) {
	for n := range 8 {
		eachString(n, "\r\nx", func(p []byte) { checkNormalise(t, p) })
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add([]byte("a\nb\r\nc\rd\r\r\n\n"))
	f.Fuzz(func(t *testing.T, p []byte) { checkNormalise(t, p) })
}
