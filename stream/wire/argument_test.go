package wire

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestParseHelo(t *testing.T) {
	for _, name := range []string{"mx.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "PC_1", "localhost", "b\xfcro", "a;b", strings.Repeat("a", 255)} {
		if got, err := ParseHelo([]byte(name)); got != name || err != nil {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
	for _, name := range []string{"", " ", "a b", "a\tb", "a\rb", "a\nb", "a\x00", "a\x7f", "\x1b[m", strings.Repeat("a", 256)} {
		if got, err := ParseHelo([]byte(name)); got != "" || err != ErrSyntax {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
}

func TestParseBdat(t *testing.T) {
	tests := []struct {
		arg  string
		size int64
		last bool
		err  error
	}{
		{"0", 0, false, nil},
		{"0 LAST", 0, true, nil},
		{"1000 last", 1000, true, nil},
		{"007 \t LAST", 7, true, nil},
		{"9223372036854775807", 1<<63 - 1, false, nil},
		{"9223372036854775808", 0, false, ErrParamValue},
		// Hostile input, row 22.
		{"-1", 0, false, ErrParamValue},
		{"+1", 0, false, ErrParamValue},
		{"0x10", 0, false, ErrParamValue},
		{strings.Repeat("9", 30), 0, false, ErrParamValue},
		{"", 0, false, ErrParamValue},
		{"LAST", 0, false, ErrParamValue},
		{"1LAST", 0, false, ErrParamValue},
		{"1 LAST x", 0, false, ErrParamValue},
		{"1 FIRST", 0, false, ErrParamValue},
		{"1 LAſT", 0, false, ErrParamValue},
		{"1 2", 0, false, ErrParamValue},
		{"1.0", 0, false, ErrParamValue},
		{"１", 0, false, ErrParamValue},
	}
	for _, test := range tests {
		size, last, err := ParseBdat([]byte(test.arg))
		if size != test.size || last != test.last || err != test.err {
			t.Errorf("%q: %d %v %v", test.arg, size, last, err)
		}
	}
}

func FuzzBdat(f *testing.F) {
	form := regexp.MustCompile(`^([0-9]+)(?:[ \t]+([Ll][Aa][Ss][Tt])|[ \t]*)$`)
	f.Add([]byte("100 LAST"))
	f.Add([]byte("99999999999999999999"))
	f.Fuzz(func(t *testing.T, arg []byte) {
		size, last, err := ParseBdat(arg)
		var wantSize int64
		var wantLast bool
		match := form.FindSubmatch(arg)
		ok := match != nil
		if ok {
			var rangeErr error
			wantSize, rangeErr = strconv.ParseInt(string(match[1]), 10, 64)
			ok, wantLast = rangeErr == nil, len(match[2]) > 0
		}
		if !ok {
			wantSize, wantLast = 0, false
		}
		if size != wantSize || last != wantLast || (err == nil) != ok || err != nil && err != ErrParamValue {
			t.Fatalf("%q: %d %v %v; want %d %v %v", arg, size, last, err, wantSize, wantLast, ok)
		}
	})
}

func TestAppendXtext(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		"a@b.example":       "a@b.example",
		"a+b=c":             "a+2Bb+3Dc",
		" \r\n\x00\x7f\xff": "+20+0D+0A+00+7F+FF",
	} {
		if got := string(AppendXtext([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: %q", in, got)
		}
	}
	// What is not a control comes back through the parser.
	if s := string(AppendXtext(nil, "a b+=é~")); !goodXtext(s) {
		t.Errorf("%q", s)
	}
}
