package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	long := strings.Repeat("x", MaxCommandLine-2)
	tests := []struct {
		in, line string
		n        int
		err      error
	}{
		{"", "", 0, ErrShort},
		{"NOOP", "", 0, ErrShort},
		{"NOOP\r", "", 0, ErrShort},
		{"NOOP\r\n", "NOOP", 6, nil},
		{"\r\n", "", 2, nil},
		{"NOOP\r\nQUIT\r\n", "NOOP", 6, nil},
		{"a\x00b\r\n", "a\x00b", 5, nil},
		{"NOOP\n", "", 5, ErrBareNewline},
		{"\n", "", 1, ErrBareNewline},
		{"NOOP\rQUIT\r\n", "", 11, ErrBareNewline},
		{"NOOP\r\r\n", "", 7, ErrBareNewline},
		{"\r\r\n", "", 3, ErrBareNewline},
		{"NOOP\nQUIT\r\n", "", 5, ErrBareNewline},
		// Hostile input, row 35.
		{long + "\r\n", long, MaxCommandLine, nil},
		{long + "x\r\n", "", MaxCommandLine + 1, ErrLineLong},
		{long + "x\n", "", MaxCommandLine, ErrBareNewline},
		{long + "xx\n", "", MaxCommandLine + 1, ErrLineLong},
		{long + "x", "", 0, ErrShort},
		{long + "\r", "", 0, ErrShort},
		{long + "xx", "", 0, ErrLineLong},
		{strings.Repeat("x", 1<<20), "", 0, ErrLineLong},
		{strings.Repeat("x", 1<<20) + "\r\n", "", 1<<20 + 2, ErrLineLong},
	}
	for _, test := range tests {
		line, n, err := Line([]byte(test.in))
		if string(line) != test.line || n != test.n || err != test.err {
			t.Errorf("%.40q: %.40q, %d, %v", test.in, line, n, err)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("EHLO a\r\nMAIL FROM:<>\r\n"), uint16(3))
	f.Add([]byte("a\rb\r\n"), uint16(0))
	f.Fuzz(func(t *testing.T, p []byte, pad uint16) {
		p = append(bytes.Repeat([]byte("x"), int(pad)%(2*MaxCommandLine)), p...)
		line, n, err := Line(p)
		first, _, complete := strings.Cut(string(p), "\n")
		text, crlf := strings.CutSuffix(first, "\r")
		wantN, wantErr := len(first)+1, error(nil)
		switch {
		case !complete && len(p) < MaxCommandLine:
			wantN, wantErr = 0, ErrShort
		case !complete:
			wantN, wantErr = 0, ErrLineLong
		case wantN > MaxCommandLine:
			wantErr = ErrLineLong
		case !crlf || strings.Contains(text, "\r"):
			wantErr = ErrBareNewline
		}
		if n != wantN || err != wantErr || err == nil && string(line) != text || err != nil && line != nil {
			t.Fatalf("%q: %q, %d, %v; want %d, %v", p, line, n, err, wantN, wantErr)
		}
		verb, arg := ParseCommand(line)
		if verb != VerbUnknown && verb != VerbHTTP && !foldPrefix(line, verb.String()) {
			t.Fatalf("%q: %v", line, verb)
		}
		if !bytes.HasSuffix(bytes.TrimRight(line, " \t"), arg) {
			t.Fatalf("%q: %q", line, arg)
		}
	})
}

func TestParseCommand(t *testing.T) {
	tests := []struct {
		line string
		verb Verb
		arg  string
	}{
		{"MAIL FROM:<a@b> SIZE=1", VerbMAIL, "FROM:<a@b> SIZE=1"},
		{"mail from:<a@b>", VerbMAIL, "from:<a@b>"},
		{"McPt x", VerbUnknown, "x"},
		{"RCPT\tTO:<a@b> \t", VerbRCPT, "TO:<a@b>"},
		{"EHLO   a ", VerbEHLO, "a"},
		{"QUIT", VerbQUIT, ""},
		{"QUIT  ", VerbQUIT, ""},
		{"", VerbUnknown, ""},
		{" QUIT", VerbUnknown, "QUIT"},
		{"QUITX", VerbUnknown, ""},
		{"QUI", VerbUnknown, ""},
		{"QUIT\x00", VerbUnknown, ""},
		{"XFORWARDX a", VerbUnknown, "a"},
		{"ſTARTTLS", VerbUnknown, ""},
		{"get / HTTP/1.1", VerbHTTP, "/ HTTP/1.1"},
		{"CONNECT a:25 HTTP/1.1", VerbHTTP, "a:25 HTTP/1.1"},
	}
	for _, test := range tests {
		verb, arg := ParseCommand([]byte(test.line))
		if verb != test.verb || string(arg) != test.arg {
			t.Errorf("%q: %v %q", test.line, verb, arg)
		}
	}
}

// TestVerbString: each verb's name is that verb, so no name is forgotten.
func TestVerbString(t *testing.T) {
	for v := VerbHELO; v < VerbHTTP; v++ {
		for _, name := range []string{v.String(), strings.ToLower(v.String())} {
			if got, _ := ParseCommand([]byte(name + " x")); got != v {
				t.Errorf("%d %q: %v", v, name, got)
			}
		}
	}
	if s := Verb(255).String(); s != "unknown" {
		t.Errorf("255: %q", s)
	}
}

func TestCommandsDoNotAllocate(t *testing.T) {
	p := []byte("rcpt TO:<a@b.example> NOTIFY=NEVER\r\nDATA\r\n")
	n := testing.AllocsPerRun(100, func() {
		line, _, _ := Line(p)
		if verb, _ := ParseCommand(line); verb != VerbRCPT {
			t.Fatal(verb)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
