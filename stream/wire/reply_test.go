package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReplyAppendTo(t *testing.T) {
	word := strings.Repeat("a", 100)
	tests := []struct {
		name  string
		reply Reply
		want  string
	}{
		{"one line", Reply{250, "2.0.0", "Accepted"}, "250 2.0.0 Accepted\r\n"},
		{"no enhanced code", Reply{220, "", "mx.test ESMTP"}, "220 mx.test ESMTP\r\n"},
		{"lines", Reply{550, "5.7.1", "a\n\nb"}, "550-5.7.1 a\r\n550-5.7.1\r\n550 5.7.1 b\r\n"},
		{"no text", Reply{354, "", ""}, "354 \r\n"},
		{"malformed enhanced code", Reply{550, "5.7.1\r\n250 2.0.0", "a"}, "550 a\r\n"},
		{"class is the caller's", Reply{450, "5.7.1", "a"}, "450 5.7.1 a\r\n"},
		// Hostile input, row 39.
		{"ESC, CR, NUL, DEL, 8 bit", Reply{550, "5.0.0", "\x1b[31m\r\x00\x7f\xe9é\t~"}, "550 5.0.0 ?[31m??????\t~\r\n"},
		// I1: what is no reply must not look like a good one.
		{"zero", Reply{}, "451 4.3.0 Local problem, try again later\r\n"},
		{"1xx", Reply{150, "", "a"}, "451 4.3.0 Local problem, try again later\r\n"},
		{"600", Reply{600, "2.0.0", "a"}, "451 4.3.0 Local problem, try again later\r\n"},
		{"long text breaks at a space", Reply{250, "2.0.0", strings.Repeat(word+" ", 6)},
			"250-2.0.0 " + strings.Repeat(word+" ", 4)[:4*101-1] + "\r\n250 2.0.0 " + word + " " + word + " \r\n"},
		{"long word is cut", Reply{250, "2.0.0", strings.Repeat("a", 600)},
			"250-2.0.0 " + strings.Repeat("a", 500) + "\r\n250 2.0.0 " + strings.Repeat("a", 100) + "\r\n"},
		{"512 octets fit", Reply{250, "", strings.Repeat("a", 506)}, "250 " + strings.Repeat("a", 506) + "\r\n"},
	}
	for _, test := range tests {
		if got := string(test.reply.AppendTo([]byte("x"))); got != "x"+test.want {
			t.Errorf("%s: %q, want %q", test.name, got[1:], test.want)
		}
	}
}

func TestReplyAppendToKeepsLastLine(t *testing.T) {
	var lines []string
	for i := range 70 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	got := Reply{250, "", strings.Join(lines, "\n")}.AppendTo(nil)
	if n := bytes.Count(got, []byte("\n")); n != MaxReplyLines {
		t.Errorf("%d lines", n)
	}
	if !bytes.Contains(got, []byte("250-line 62\r\n250 line 69\r\n")) {
		t.Errorf("ends with %q", got[len(got)-60:])
	}
}

func TestReplyWithID(t *testing.T) {
	long := strings.Repeat("word ", 200)
	tests := []struct{ text, id, want string }{
		{"Accepted", "A1.1", "Accepted (id=A1.1)"},
		{"Accepted", "", "Accepted"},
		{"", "A1.1", "(id=A1.1)"},
		{"a\nb ", "A1.1", "a\nb (id=A1.1)"},
		{"a\n", "A1.1", "a\n(id=A1.1)"},
	}
	for _, test := range tests {
		if got := (Reply{Code: 250, Text: test.text}).WithID(test.id).Text; got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
	got := string(Reply{550, "5.123.123", "first\n" + long}.WithID("A1.1").AppendTo(nil))
	if strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, "w (id=A1.1)\r\n") {
		t.Errorf("%d lines, ends with %q", strings.Count(got, "\n"), got[len(got)-40:])
	}
	// An id that leaves no room is kept whole, on lines of its own.
	id := strings.Repeat("i", 600)
	if got := (Reply{250, "", "a"}).WithID(id).Text; got != "(id="+id+")" {
		t.Errorf("%q", got)
	}
}

func TestReplySanitised(t *testing.T) {
	tests := []struct{ in, want Reply }{
		{Reply{250, "2.1.5", "ok\nyes"}, Reply{250, "2.1.5", "ok\nyes"}},
		{Reply{250, "", "ok"}, Reply{250, "2.0.0", "ok"}},
		{Reply{450, "", ""}, Reply{450, "4.0.0", ""}},
		{Reply{451, "5.7.1", "a"}, Reply{451, "4.7.1", "a"}},
		{Reply{550, "5.7", "a"}, Reply{550, "5.0.0", "a"}},
		{Reply{550, "5.7.1 ", "a"}, Reply{550, "5.0.0", "a"}},
		{Reply{354, "2.0.0", "go"}, Reply{354, "", "go"}},
		{Reply{550, "5.7.1", "a\x1b\r\nb\xff"}, Reply{550, "5.7.1", "a??\nb?"}},
		{Reply{}, noReply},
		{Reply{199, "2.0.0", "a"}, noReply},
	}
	for _, test := range tests {
		if got := test.in.Sanitised(); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.in, got, test.want)
		}
	}
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		in   string
		want Reply
	}{
		{"250 ok\r\n", Reply{250, "", "ok"}},
		{"250\r\n", Reply{250, "", ""}},
		{"250 \r\n", Reply{250, "", ""}},
		{"250-a\r\n250\r\n", Reply{250, "", "a\n"}},
		{"250 2.1.5 ok\r\n", Reply{250, "2.1.5", "ok"}},
		{"250 2.1.5\r\n", Reply{250, "2.1.5", ""}},
		{"550-5.1.1 a\r\n550-5.1.1\r\n550 5.1.1 b\r\n", Reply{550, "5.1.1", "a\n\nb"}},
		{"550-5.1.1 a\r\n550 b\r\n", Reply{550, "5.1.1", "a\nb"}},
		{"550-5.1.1 a\r\n550 5.1.10 b\r\n", Reply{550, "5.1.1", "a\n5.1.10 b"}},
		{"550-a\r\n550 5.1.1 b\r\n", Reply{550, "", "a\n5.1.1 b"}},
		{"450 5.1.1 a\r\n", Reply{450, "", "5.1.1 a"}},
		{"550 5.1.1.1 a\r\n", Reply{550, "", "5.1.1.1 a"}},
		{"550 5.1.1234 a\r\n", Reply{550, "", "5.1.1234 a"}},
		{"550 5.1.1  a \r\n", Reply{550, "5.1.1", " a "}},
		{"354 go\r\n", Reply{354, "", "go"}},
		// Cleaned when it goes out, not before.
		{"550 \x1b\xff\r\n", Reply{550, "", "\x1b\xff"}},
		{"250-2.test hi\r\n250-SIZE 10\r\n250 8BITMIME\r\n", Reply{250, "", "2.test hi\nSIZE 10\n8BITMIME"}},
		{"250 " + strings.Repeat("x", maxServerLine-6) + "\r\n", Reply{250, "", strings.Repeat("x", maxServerLine-6)}},
		{strings.Repeat("250-\r\n", 63) + "250 \r\n", Reply{250, "", strings.Repeat("\n", 63)}},
	}
	for _, test := range tests {
		for _, rest := range []string{"", "250 next\r\n", "\x00"} {
			got, n, err := ParseReply([]byte(test.in + rest))
			if got != test.want || n != len(test.in) || err != nil {
				t.Errorf("%q: %+v, %d, %v", test.in, got, n, err)
			}
		}
		for i := range test.in {
			if _, n, err := ParseReply([]byte(test.in[:i])); n != 0 || err != ErrShort {
				t.Fatalf("%q: %d, %v", test.in[:i], n, err)
			}
		}
	}
}

// Hostile input, row 39: a lone CR ends no line of a reply, and is no octet
// that we pass on.
func TestParseReplyLoneCR(t *testing.T) {
	for in, want := range map[string]string{
		"550 5.1.1 no\r250 ok\r\n": "550 5.1.1 no?250 ok\r\n",
		"250 ok\r\r\n":             "250 2.0.0 ok?\r\n",
	} {
		r, n, err := ParseReply([]byte(in))
		if got := string(r.Sanitised().AppendTo(nil)); err != nil || n != len(in) || got != want {
			t.Errorf("%q: %q, %d, %v", in, got, n, err)
		}
	}
}

// Hostile input, row 37, and its relatives.
func TestParseReplyMalformed(t *testing.T) {
	line := "250-" + strings.Repeat("x", 1000) + "\r\n"
	for _, in := range []string{
		"25 ok\r\n", "25\r\n", "\r\n", " 250 ok\r\n", "2500 ok\r\n", "250ok\r\n", "250\tok\r\n", "abc\r\n",
		"150 go\r\n", "050 a\r\n", "600 a\r\n", "2x0 a\r\n", "HTTP/1.1 400 Bad Request\r\n",
		"250-a\r\n251 b\r\n", "250-a\r\n550 b\r\n", "250-a\r\nb\r\n", "250-a\r\n\r\n",
		"250 ok\n", "250 a\nb\r\n", "\n", "250-a\n250 b\r\n",
		"250 a\x00b\r\n", "250 a\x00b", "\x00\x00",
		"250 " + strings.Repeat("x", maxServerLine-5) + "\r\n",
		strings.Repeat("x", maxServerLine),
		"250 " + strings.Repeat("x", 1<<20),
		strings.Repeat("250-\r\n", 64),
		strings.Repeat("250-a\r\n", 1000) + "250 b\r\n",
		strings.Repeat(line, 33) + "250 b\r\n",
		strings.Repeat(line, 33)[:MaxReply],
	} {
		if r, n, err := ParseReply([]byte(in)); n != 0 || err != ErrReply || r != (Reply{}) {
			t.Errorf("%.60q: %+v, %d, %v", in, r, n, err)
		}
	}
}

// checkReplyOut checks what may go out, whatever it was made from.
func checkReplyOut(t *testing.T, out []byte) {
	lines := bytes.SplitAfter(out, []byte("\r\n"))
	if last := lines[len(lines)-1]; len(last) != 0 || len(lines)-1 > MaxReplyLines {
		t.Fatalf("%d lines, behind them %q", len(lines)-1, last)
	}
	for _, line := range lines[:len(lines)-1] {
		if len(line) > MaxReplyLine {
			t.Fatalf("line of %d octets", len(line))
		}
		for _, c := range line[:len(line)-2] {
			if !printable(c) {
				t.Fatalf("%q in %q", c, line)
			}
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("250-2.0.0 a\r\n250 2.0.0 b\r\n"), []byte("x"))
	f.Add([]byte("550 5.1.1 \x1b\xff\r"), []byte("\n"))
	f.Add([]byte("250-a\r\n25"), []byte("1 a\r\n"))
	f.Fuzz(func(t *testing.T, p, more []byte) {
		r, n, err := ParseReply(p)
		longer := append(bytes.Clone(p), more...)
		if err != ErrShort {
			if r2, n2, err2 := ParseReply(longer); r2 != r || n2 != n || err2 != err {
				t.Fatalf("%q: %+v %d %v; with %q behind it %+v %d %v", p, r, n, err, more, r2, n2, err2)
			}
		}
		if err != nil {
			if n != 0 || r != (Reply{}) || !errors.Is(err, ErrShort) && !errors.Is(err, ErrReply) {
				t.Fatalf("%q: %+v %d %v", p, r, n, err)
			}
			return
		}
		if n > len(p) || !bytes.HasSuffix(p[:n], []byte("\r\n")) || r.Class() == 0 {
			t.Fatalf("%q: %+v %d", p, r, n)
		}
		if _, _, err := ParseReply(p[:n-1]); err != ErrShort {
			t.Fatalf("%q: %v", p[:n-1], err)
		}
		ParseEHLO(r)
	})
}

// FuzzReplyOut: what AppendTo makes parses, and is the same when relayed again.
func FuzzReplyOut(f *testing.F) {
	f.Add(250, "2.0.0", "Accepted", "id")
	f.Add(550, "5.7.1\r\n", strings.Repeat("a b\n", 70)+strings.Repeat("c", 600), "")
	f.Add(451, "", "4.7.1 4.7.1 a\n4.7.1 b", "")
	f.Add(-1, "x", "\r\n.\r\n", "\r\n")
	f.Fuzz(func(t *testing.T, code int, enhanced, text, id string) {
		r := Reply{code, enhanced, text}
		for _, r := range []Reply{r, r.Sanitised(), r.WithID(id), r.Sanitised().WithID(id)} {
			out := r.AppendTo(nil)
			checkReplyOut(t, out)
			parsed, n, err := ParseReply(out)
			if err != nil || n != len(out) {
				t.Fatalf("%+v made %q: %v", r, out, err)
			}
			if r.Class() != 0 && parsed.Code != r.Code || r.Class() == 0 && parsed != noReply {
				t.Fatalf("%+v became %+v", r, parsed)
			}
			relayed := parsed.AppendTo(nil)
			again, _, _ := ParseReply(relayed)
			if twice := again.AppendTo(nil); !bytes.Equal(twice, relayed) {
				t.Fatalf("relayed as %q, then as %q", relayed, twice)
			}
		}
		if s := r.Sanitised(); s.Sanitised() != s {
			t.Fatalf("%+v: %+v, then %+v", r, s, s.Sanitised())
		}
	})
}

func TestReplyDoesNotAllocate(t *testing.T) {
	r := Reply{550, "5.7.1", "a\nb\xff" + strings.Repeat("c", 600)}
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { r.AppendTo(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
