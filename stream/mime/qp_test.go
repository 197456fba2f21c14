package mime

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

func TestQP(t *testing.T) {
	long := strings.Repeat(" ", qpBlanks+1)
	for _, c := range []struct{ in, want, defects string }{
		{"", "", ""},
		{"abc\r\ndef\n", "abc\r\ndef\n", ""},
		{"=41=4a=4A=c3=BC", "AJJ\xc3\xbc", ""},
		{"soft=\r\nbreak=\nagain= \t\r\nand=", "softbreakagainand", "cut escape"},
		{"blanks  \t\r\ngo \nhere\t", "blanks\r\ngo\nhere", ""},
		{"blank =20\r\nstays", "blank  \r\nstays", ""},
		// Bad escapes stay.
		{"=", "", "cut escape"},
		{"=4", "=4", "cut escape"},
		{"=4g=g4=é==41", "=4g=g4=é=A", "bad escape"},
		{"a= b", "a= b", "bad escape"},
		{"= =41", "= A", "bad escape"},
		{"=\rx", "=\rx", "bad escape"},
		{"= ", "", ""},
		// A CR of its own is content.
		{"a \rb\r\r\n", "a \rb\r\r\n", ""},
		// Too many blanks are content.
		{"a" + long + "\r\nb", "a" + long + "\r\nb", ""},
		{"a" + long[1:] + "\r\nb", "a\r\nb", ""},
		{"a=" + long + "\r\nb", "a=" + long + "\r\nb", "bad escape"},
		{"a" + long + "\rb", "a" + long + "\rb", ""},
		{"a" + long + "=41", "a" + long + "A", ""},
	} {
		got, defects := sameInAnyCut(t, newQP(), []byte(c.in))
		if string(got) != c.want || details(defects) != c.defects {
			t.Errorf("%q: %q (%s), want %q (%s)", c.in, got, details(defects), c.want, c.defects)
		}
	}
}

func TestQPLong(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("=41", 10_000), strings.Repeat("= ", 10_000), strings.Repeat("=4", 10_000),
		strings.Repeat("text without end ", 1000), strings.Repeat(" ", 10_000), strings.Repeat(" \r", 5000),
		strings.Repeat("a usual line of text=\r\n", 1000),
	} {
		sameInAnyCut(t, newQP(), []byte(s))
	}
}

func FuzzQP(f *testing.F) {
	for _, s := range []string{"abc =\r\n=41 \t\r\n=4\n= \n", "=\r", " \r\r\n", strings.Repeat(" ", 2000) + "\r\n"} {
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		got := decodeAll(newQP(), in)
		n := min(int(cut), len(in))
		if b := decodeAll(newQP(), in[:n], in[n:]); !bytes.Equal(b, got) {
			t.Fatalf("%q cut at %d: %q, whole %q", in, n, b, got)
		}
		// The standard library also takes CRs at a line's end for blanks, and
		// keeps no long runs.
		if bytes.Count(in, []byte("\r")) != bytes.Count(in, []byte("\r\n")) || len(in) > qpBlanks {
			return
		}
		std, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(in)))
		if err == nil && !bytes.Equal(got, std) {
			t.Fatalf("%q: %q, standard library %q", in, got, std)
		}
	})
}

func BenchmarkQP(b *testing.B) {
	text := []byte(strings.Repeat("A usual line of text, with =C3=BC here and there and a soft break at =\r\n", 1000))
	d := newQP()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.reset()
		d.write(text, func([]byte) {})
	}
}
