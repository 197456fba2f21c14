package mime

import (
	"bytes"
	stdbase64 "encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestBase64(t *testing.T) {
	for _, c := range []struct{ in, want, defects string }{
		{"", "", ""},
		{"QUJD", "ABC", ""},
		{"QUJDRA==", "ABCD", ""},
		{"QUJDREU=\r\n", "ABCDE", ""},
		{"QU\r\nJD\nRA = =", "ABCD", ""},
		// No padding: whole octets.
		{"QUJDRA", "ABCD", "no padding"},
		{"QUJDREU", "ABCDE", "no padding"},
		{"QUJDRA=", "ABCD", "no padding"},
		{"QUJDR", "ABC", "single sextet at the end"},
		// Foreign octets, the URL alphabet.
		{"Q*U\x00J\xffD", "ABC", "foreign octets"},
		{"-_-_", "\xfb\xff\xbf", "URL alphabet"},
		// After padding.
		{"QQ==QUJD", "AABC", "data after padding"},
		{"QUI=QUJD", "ABABC", "data after padding"},
		{"QUJD====QUJD", "ABCABC", "data after padding, stray padding"},
		{"QU=JD", "ABC", "data after padding, stray padding"},
		{"Q=UJD", "ABC", "data after padding, stray padding"},
		{"=QUJD", "ABC", "data after padding, stray padding"},
	} {
		got, defects := sameInAnyCut(t, newBase64(), []byte(c.in))
		if string(got) != c.want || details(defects) != c.defects {
			t.Errorf("%q: %q (%s), want %q (%s)", c.in, got, details(defects), c.want, c.defects)
		}
	}
}

// A program that stops at padding has a beginning of what we have.
func TestBase64Stopped(t *testing.T) {
	for _, c := range []struct {
		in   string
		at   int64
		more bool
	}{
		{"QUJD", -1, false},
		{"QUJDRA==", 4, false},
		{"QUJDRA==\r\n--", 4, true},
		{"QUJDREU=QUJD", 5, true},
		{"QUJD=QUJD", 3, true},
		{"QU=JD", 1, true},
	} {
		cuts([]byte(c.in), func(name string, pieces [][]byte) {
			d := newBase64()
			decodeAll(d, pieces...)
			if at, more := d.stopped(); at != c.at || more != c.more {
				t.Errorf("%q in %s: stopped at %d, %v, want %d, %v", c.in, name, at, more, c.at, c.more)
			}
		})
	}
}

// lines breaks text into lines of n octets.
func lines(text string, n int) string {
	var b strings.Builder
	for len(text) > n {
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return b.String() + text + "\r\n"
}

func TestBase64Long(t *testing.T) {
	plain := make([]byte, 100_000)
	for i := range plain {
		plain[i] = byte(rand.Uint32())
	}
	text := stdbase64.StdEncoding.EncodeToString(plain)
	for _, n := range []int{1, 3, 4, 75, 76, 77, 10_000, len(text)} {
		got, defects := sameInAnyCut(t, newBase64(), []byte(lines(text, n)))
		if !bytes.Equal(got, plain) || defects != nil {
			t.Errorf("lines of %d: wrong, defects %v", n, defects)
		}
	}
}

// slowBase64 is the reference: an octet at a time over the whole input.
func slowBase64(in []byte) (out []byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var group []int
	pads := 0
	end := func() {
		v := 0
		for i := range 4 {
			v <<= 6
			if i < len(group) {
				v |= group[i]
			}
		}
		for i := 1; i < len(group); i++ {
			out = append(out, byte(v>>(24-8*i)))
		}
		group, pads = nil, 0
	}
	for _, c := range in {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '=':
			if pads++; len(group) >= 2 && len(group)+pads == 4 {
				end()
			}
			continue
		}
		if i := strings.IndexByte(alphabet, c); i >= 0 {
			pads = 0
			if group = append(group, i); len(group) == 4 {
				end()
			}
		}
	}
	if len(group) > 1 {
		end()
	}
	return out
}

func FuzzBase64(f *testing.F) {
	for _, s := range []string{"QUJD", "QUJDRA==", "QU JD\r\nRA=", "Q=*=UJD--__", strings.Repeat("QUJD", 30) + "\r\n", strings.Repeat("Q", 6000)} {
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		d := newBase64()
		got := decodeAll(d, in)
		if want := slowBase64(in); !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, reference %q", in, got, want)
		}
		if std, err := stdbase64.StdEncoding.DecodeString(string(in)); err == nil && !bytes.Equal(got, std) {
			t.Fatalf("%q: %q, standard library %q", in, got, std)
		}
		at, more := d.stopped()
		if at > int64(len(got)) || more && at < 0 {
			t.Fatalf("%q: stopped at %d of %d", in, at, len(got))
		}
		n := min(int(cut), len(in))
		again := newBase64()
		if b := decodeAll(again, in[:n], in[n:]); !bytes.Equal(b, got) {
			t.Fatalf("%q cut at %d: %q, whole %q", in, n, b, got)
		}
		if a, m := again.stopped(); a != at || m != more || details(again.defects()) != details(d.defects()) {
			t.Fatalf("%q cut at %d: stopped at %d, %s", in, n, a, details(again.defects()))
		}
	})
}

func BenchmarkBase64(b *testing.B) {
	text := []byte(lines(stdbase64.StdEncoding.EncodeToString(make([]byte, 1<<20)), 76))
	d := newBase64()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.reset()
		d.write(text, func([]byte) {})
	}
}
