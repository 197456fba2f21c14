package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/smtptest"
)

// reference is the table of Framer's comment, octet by octet.
type reference struct {
	inside  bool // not at line start
	line    int
	pending []byte // octets that the next one decides about
	content []byte
	faults  Fault
	n       int // octets done with
	done    bool
}

func (r *reference) step(c byte) {
	r.pending = append(r.pending, c)
	for len(r.pending) > 0 && !r.done {
		s := string(r.pending)
		if s == "\r" || !r.inside && (s == "." || s == ".\r") {
			return
		}
		switch {
		case !r.inside && s == ".\r\n":
			r.done = true
			r.take(3)
		case !r.inside && s[0] == '.':
			r.inside = true
			r.take(1)
		case strings.HasPrefix(s, "\r\n"):
			r.content = append(r.content, "\r\n"...)
			r.inside, r.line = false, 0
			r.take(2)
		default:
			r.octet(s[0])
			r.take(1)
		}
	}
}

func (r *reference) take(n int) { r.pending, r.n = r.pending[n:], r.n+n }

func (r *reference) octet(c byte) {
	switch c {
	case '\r':
		r.faults |= FaultBareCR
	case '\n':
		r.faults |= FaultBareLF
	case 0:
		r.faults |= FaultNUL
	}
	r.content = append(r.content, c)
	r.inside = true
	if r.line++; r.line > maxTextLine {
		r.faults |= FaultLongLine
	}
}

// referenceScan is the reference over p until it is done.
func referenceScan(p []byte) *reference {
	r := &reference{}
	for _, c := range p {
		if r.step(c); r.done {
			break
		}
	}
	return r
}

// A scanned is what a Framer made of some octets.
type scanned struct {
	content []byte
	faults  Fault
	n       int
	done    bool
}

// scanPieces gives p to a new Framer in pieces that end at cuts, each behind
// what the piece before left over, as a session does.
func scanPieces(t testing.TB, p []byte, cuts []int) (s scanned) {
	var f Framer
	var pieces [][]byte
	for _, cut := range append(cuts, len(p)) {
		if cut < s.n {
			continue
		}
		var n int
		pieces, n, s.done = f.Scan(p[s.n:cut], pieces[:0])
		for _, piece := range pieces {
			if len(piece) == 0 {
				t.Fatalf("%q cut at %v: empty piece", p, cuts)
			}
			s.content = append(s.content, piece...)
		}
		if rest := string(p[s.n+n : cut]); !s.done && rest != "" && rest != "\r" && rest != "." && rest != ".\r" {
			t.Fatalf("%q cut at %v: left over %q", p, cuts, rest)
		}
		if s.n += n; s.done {
			break
		}
	}
	s.faults = f.Faults
	return s
}

func compare(t testing.TB, p []byte, cuts []int, got scanned, want *reference) {
	if got.done != want.done || got.n != want.n || got.faults != want.faults || !bytes.Equal(got.content, want.content) {
		t.Fatalf("%q cut at %v:\n got done %v n %d faults %b content %q\nwant done %v n %d faults %b content %q", p, cuts,
			got.done, got.n, got.faults, got.content, want.done, want.n, want.faults, want.content)
	}
}

const framerAlphabet = "\r\n.x\x00"

// eachString calls f with every string of n octets of the alphabet. f must not keep it.
func eachString(n int, alphabet string, f func(p []byte)) {
	p, digits := make([]byte, n), make([]int, n)
	for {
		for i, d := range digits {
			p[i] = alphabet[d]
		}
		f(p)
		i := 0
		for ; i < n; i++ {
			if digits[i]++; digits[i] < len(alphabet) {
				break
			}
			digits[i] = 0
		}
		if i == n {
			return
		}
	}
}

// TestFramerExhaustive gives every string of up to seven octets to a Framer,
// cut in every way.
func TestFramerExhaustive(t *testing.T) {
	longest := 7 // an end, and an octet on either side
	if smtptest.Race {
		longest = 6 // one goroutine: nothing to find
	}
	cuts := make([]int, 0, longest)
	for n := 1; n <= longest; n++ {
		eachString(n, framerAlphabet, func(p []byte) {
			want := referenceScan(p)
			for ways := range 1 << (n - 1) {
				cuts = cuts[:0]
				for i := 1; i < n; i++ {
					if ways&(1<<(i-1)) != 0 {
						cuts = append(cuts, i)
					}
				}
				compare(t, p, cuts, scanPieces(t, p, cuts), want)
			}
		})
	}
}

// TestFramerExhaustiveInside has every string of up to four octets at every
// place of the words that scan takes at once, among octets that look like
// controls to careless arithmetic.
func TestFramerExhaustiveInside(t *testing.T) {
	longest := 4
	if smtptest.Race {
		longest = 3
	}
	for filler := range 4 {
		text := bytes.Repeat([]byte("x\x0e\x80\x8d"[filler:filler+1]), 3*step)
		for n := 1; n <= longest; n++ {
			eachString(n, framerAlphabet+"\t", func(s []byte) {
				for before := 0; before <= step; before++ {
					p := append(text[:before:before], s...)
					p = append(p, text[before:]...)
					compare(t, p, nil, scanPieces(t, p, nil), referenceScan(p))
				}
			})
		}
	}
}

// Hostile input, row 1: nothing but CRLF.CRLF is the end, however it is cut
// (row 5), or a second transaction would begin inside the first.
func TestFramerSmuggling(t *testing.T) {
	before := []string{"\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\x00", "\r\n "}
	after := []string{"\r\n", "\n", "\r", "\r\r\n", "\x00\r\n", " \r\n"}
	const rest = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nsecond\r\n"
	tried := 0
	for _, b := range before {
		for _, a := range after {
			if strings.Contains(b+"."+a, "\r\n.\r\n") {
				continue
			}
			tried++
			p := []byte("first" + b + "." + a + rest + ".\r\nQUIT\r\n")
			want := len(p) - len("QUIT\r\n")
			ref := referenceScan(p)
			for cut := range p {
				got := scanPieces(t, p, []int{cut})
				if !got.done || got.n != want {
					t.Fatalf("%q . %q cut at %d: done %v at %d, want %d", b, a, cut, got.done, got.n, want)
				}
				compare(t, p, []int{cut}, got, ref)
			}
			clean := (b == "\r\n" || b == "\r\n ") && a == " \r\n" || b == "\r\n " && a == "\r\n"
			if (ref.faults == 0) != clean {
				t.Errorf("%q . %q: faults %b", b, a, ref.faults)
			}
		}
	}
	if tried != 40 {
		t.Errorf("tried %d pairs, want 40", tried)
	}
}

func TestFramer(t *testing.T) {
	long := strings.Repeat("x", maxTextLine)
	tests := []struct {
		name, in, content, rest string
		faults                  Fault
		done                    bool
	}{
		{"empty", ".\r\n", "", "", 0, true},
		{"octets behind the end are not read", "a\r\n.\r\nQUIT\r\x00", "a\r\n", "QUIT\r\x00", 0, true},
		// Hostile input, row 3.
		{"CR CR LF before the end", "a\r\r\n.\r\n", "a\r\r\n", "", FaultBareCR, true},
		{"end with CR CR LF", ".\r\r\n.\r\n", "\r\r\n", "", FaultBareCR, true},
		// Hostile input, row 4.
		{"dots", "..\r\n...\r\n....\r\n.\r\n", ".\r\n..\r\n...\r\n", "", 0, true},
		{"dot first, not stuffed", ".a\r\n.\r\n", "a\r\n", "", 0, true},
		{"dot last", "a.\r\n.\r\n", "a.\r\n", "", 0, true},
		{"dot behind LF", "a\n.\r\n.\r\n", "a\n.\r\n", "", FaultBareLF, true},
		{"dot behind CR", "a\r.\r\n.\r\n", "a\r.\r\n", "", FaultBareCR, true},
		{"dot LF", ".\n.\r\n", "\n.\r\n", "", FaultBareLF, false},
		{"LF first", "\na\r\n.\r\n", "\na\r\n", "", FaultBareLF, true},
		{"NUL", "\x00\r\n.\r\n", "\x00\r\n", "", FaultNUL, true},
		{"NUL behind the end", "\r\n.\r\n\x00", "\r\n", "\x00", 0, true},
		{"998 octets", long + "\r\n.\r\n", long + "\r\n", "", 0, true},
		{"998 octets, stuffed", "." + long + "\r\n.\r\n", long + "\r\n", "", 0, true},
		{"999 octets", long + "x\r\n.\r\n", long + "x\r\n", "", FaultLongLine, true},
		{"999 octets, no end yet", long + "x", long + "x", "", FaultLongLine, false},
		{"998 octets, CR", long + "\r", long, "\r", 0, false},
		{"998 octets, bare CR", long + "\rx", long + "\rx", "", FaultLongLine | FaultBareCR, false},
		{"998 octets over a bare LF", long[1:] + "\n\r\n.\r\n", long[1:] + "\n\r\n", "", FaultBareLF, true},
		{"CR waits", "a\r", "a", "\r", 0, false},
		{"dot waits", "a\r\n.", "a\r\n", ".", 0, false},
		{"dot CR waits", "a\r\n.\r", "a\r\n", ".\r", 0, false},
		{"nothing", "", "", "", 0, false},
	}
	for _, test := range tests {
		for cut := range len(test.in) + 1 {
			p := []byte(test.in)
			got := scanPieces(t, p, []int{cut})
			if got.done != test.done || got.faults != test.faults || string(got.content) != test.content || string(p[got.n:]) != test.rest {
				t.Fatalf("%s, cut at %d: done %v faults %b content %.60q rest %q", test.name, cut, got.done, got.faults, got.content, p[got.n:])
			}
		}
	}
}

// Hostile input, row 35: a line of 1 MB is no reason to stop, or to keep it.
func TestFramerEndlessLine(t *testing.T) {
	var f Framer
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	content := make([][]byte, 0, 1)
	for range 16 {
		pieces, n, done := f.Scan(chunk, content)
		if n != len(chunk) || done || len(pieces) != 1 || len(pieces[0]) != n {
			t.Fatalf("n %d, done %v, %d pieces", n, done, len(pieces))
		}
	}
	if _, n, done := f.Scan([]byte("\r\n.\r\n"), content); n != 5 || !done || f.Faults != FaultLongLine {
		t.Errorf("n %d, done %v, faults %b", n, done, f.Faults)
	}
	f.Reset()
	if f != (Framer{}) {
		t.Errorf("after Reset: %+v", f)
	}
}

func TestFramerDoesNotAllocate(t *testing.T) {
	var f Framer
	p := mailText(64<<10, 76)
	content := make([][]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { f.Scan(p, content) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// cutsOf makes cuts of p from any octets, each a step of up to 15.
func cutsOf(p, how []byte) (cuts []int) {
	at := 0
	for _, c := range how {
		if at += int(c % 16); at > len(p) {
			break
		}
		cuts = append(cuts, at)
	}
	return cuts
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("a\r\n..\r\n.\r\nQUIT\r\n"), []byte{1, 1, 1, 1, 1, 1, 1, 1})
	f.Add([]byte("a\r\r\n.\r.\n.\r\n\x00"), []byte{3, 0, 7})
	f.Add([]byte(strings.Repeat("x", 995)+"\r\n."+strings.Repeat("y", 999)), []byte{15, 15})
	f.Fuzz(func(t *testing.T, p, how []byte) {
		want := referenceScan(p)
		for _, cuts := range [][]int{nil, cutsOf(p, how)} {
			compare(t, p, cuts, scanPieces(t, p, cuts), want)
		}
	})
}

// mailText makes about size octets of content in lines of width octets, one
// in thirty with a stuffed dot.
func mailText(size, width int) []byte {
	var b []byte
	line := strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", width/64+1)[:width] + "\r\n"
	for i := 0; len(b)+len(line)+1 <= size; i++ {
		if i%30 == 29 {
			b = append(b, '.', '.')
			b = append(b, line[2:]...)
		} else {
			b = append(b, line...)
		}
	}
	return b
}

func BenchmarkFramerScan(b *testing.B) {
	for _, width := range []int{8, 40, 76, 500} {
		b.Run(fmt.Sprintf("line=%d", width), func(b *testing.B) {
			var f Framer
			p := mailText(64<<10, width)
			content := make([][]byte, 0, 4096)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, n, _ := f.Scan(p, content); n != len(p) || f.Faults != 0 {
					b.Fatal(n, f.Faults)
				}
			}
		})
	}
}
