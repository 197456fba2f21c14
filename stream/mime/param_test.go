package mime

import (
	"bytes"
	stdmime "mime"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestParams(t *testing.T) {
	for _, c := range []struct {
		in, value, name string
		want            []string
		defects         string
	}{
		{"text/plain", "text/plain", "charset", nil, ""},
		{`text/plain; charset=utf-8`, "text/plain", "charset", []string{"utf-8"}, ""},
		{`text/plain; Charset="utf-8";;`, "text/plain", "charset", []string{"utf-8"}, ""},
		{"text/plain;\r\n\tname = \"a b\"", "text/plain", "name", []string{"a b"}, ""},
		{`text / plain; x=y`, "text/plain", "x", []string{"y"}, ""},
		{`"text/plain"; x=y`, "text/plain", "x", []string{"y"}, ""},
		{`name=a.exe`, "", "name", []string{"a.exe"}, ""},
		// Comments.
		{`text/plain (a(b)\)c); (x) charset (x) = (x) a (x)`, "text/plain", "charset", []string{"a"}, "comment"},
		{`multipart/mixed; boundary=a(b)`, "multipart/mixed", "boundary", []string{"a", "a(b)"}, "comment"},
		{`multipart/mixed; boundary=(b`, "multipart/mixed", "boundary", []string{"(b"}, "no end"},
		{`a/b; x=y(; x=z`, "a/b", "x", []string{"y", "y(", "z"}, "no end, junk, twice"},
		{`a/b; x=y(; x=z)`, "a/b", "x", []string{"y", "y(", "z)"}, "comment"},
		// Escapes and quotes.
		{`a; filename="C:\dir\a.exe"`, "a", "filename", []string{"C:dira.exe", `C:\dir\a.exe`}, ""},
		{`a; filename="C:\\d\a.exe"`, "a", "filename", []string{`C:\da.exe`, `C:\\d\a.exe`, `C:\d\a.exe`}, ""},
		{`a; filename="a\".exe"`, "a", "filename", []string{`a".exe`, "a.exe", `a\".exe`, `a\.exe`, `a\`}, ""},
		{`a; filename="a"b.exe; x=y`, "a", "filename", []string{"a", "ab.exe", `a"b.exe`, "ab.exe"}, "junk"},
		{`a; filename="a.exe; x=y`, "a", "filename", []string{"a.exe", "a.exe; x=y"}, "no end"},
		{`a; filename="a.exe; x=y`, "a", "x", []string{"y"}, "no end"},
		{`a; filename=my file.exe; x=y`, "a", "filename", []string{"my", "my file.exe"}, "junk"},
		{`a; filename='a.exe'`, "a", "filename", []string{"'a.exe'", "a.exe"}, ""},
		{`a; filename=a"b".exe`, "a", "filename", []string{`a"b".exe`, "ab.exe"}, ""},
		{`a; filename=`, "a", "filename", []string{""}, ""},
		{`a; filename=""`, "a", "filename", []string{""}, ""},
		// No semicolon.
		{`attachment filename=a.exe`, "attachment", "filename", []string{"a.exe"}, "no semicolon"},
		{`attachment; filename="a.exe" x="y"`, "attachment", "x", []string{"y"}, "no semicolon"},
		{`attachment; filename=a.exe x=y`, "attachment", "filename", []string{"a.exe"}, "no semicolon"},
		// Twice.
		{`a; name=a; name=b; NAME=a`, "a", "name", []string{"a", "b"}, "twice"},
		{`a; name=a; name="a"`, "a", "name", []string{"a"}, ""},
		// Decoded where only RFC 2231 allows it.
		{`a; name="=?utf-8?q?a=2Eexe?="`, "a", "name", []string{"a.exe", "=?utf-8?q?a=2Eexe?="}, ""},
		{`a; boundary="=?utf-8?q?a=2Eb?="`, "a", "boundary", []string{"=?utf-8?q?a=2Eb?=", "a.b"}, ""},
		{`a; name="a%2eexe"`, "a", "name", []string{"a%2eexe", "a.exe"}, ""},
		{"a; name=\"\xfc\"", "a", "name", []string{"\xfc", "ü"}, ""},
		// Extended and continued.
		{`a; name*=utf-8'de'%c3%bc.exe`, "a", "name", []string{"ü.exe"}, ""},
		{`a; name*=iso-8859-1''%fc`, "a", "name", []string{"ü", "\xfc"}, ""},
		{`a; name*=a%2eexe`, "a", "name", []string{"a.exe", "a%2eexe"}, ""},
		{`a; name*1=exe; name*0="a."`, "a", "name", []string{"a.exe", "exea."}, ""},
		{`a; name*0*=utf-8''a%2e; name*1=%65xe`, "a", "name", []string{"a.%65xe", "a.exe"}, ""},
		{`a; name*0=a.; name*2=exe`, "a", "name", []string{"a.", "a.exe"}, "sections"},
		{`a; name*0=a.; name*1=txt; name*1=exe`, "a", "name", []string{"a.txt", "a.txtexe", "a.exe"}, "sections"},
		{`a; name=b; name*0=a.; name*1=txt`, "a", "name", []string{"b", "a.txt"}, "plain and extended"},
		{`a (b; name*0=c.; name*1=exe )`, "a", "name", []string{"c.exe"}, "comment"},
		{`a; name*0=b. (; name*1=exe; ) ; name*1=txt`, "a", "name", []string{"b.txt", "b.exe", "b.exetxt"}, "comment, sections"},
		{`a; boundary=b; boundary*=''c`, "a", "boundary", []string{"b", "c"}, "plain and extended"},
		{`a; name*x=b`, "a", "name*x", []string{"b"}, ""},
	} {
		p := parseParams([]byte(c.in), DefaultParams)
		want := slices.Clone(c.want)
		for i := 0; i < len(want); i++ { // the table may say one twice, to show both ways to it
			if slices.Contains(want[:i], want[i]) {
				want = slices.Delete(want, i, i+1)
			}
		}
		if got := p.get(c.name); p.value != c.value || !slices.Equal(got, want) || details(p.defects) != c.defects {
			t.Errorf("%s: %q, %s %q (%s), want %q, %q (%s)", c.in, p.value, c.name, got, details(p.defects), c.value, want, c.defects)
		}
	}
}

func TestParamNames(t *testing.T) {
	p := parseParams([]byte("a; name=\"\xfc.exe\"; filename=b; filename*=utf-8''c"), DefaultParams)
	if got, want := p.names(), []string{"b", "c", "ü.exe"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

// Hostile fields are linear: each of these would take minutes otherwise.
func TestParamsHostile(t *testing.T) {
	const n = 1_000_000
	for _, c := range []struct{ unit, defects string }{
		{"(", "no end"}, {"(()", "no end"}, {"()", "comment"}, {"; a=b", "too many"}, {`\`, ""}, {`="`, ""}, {`"`, ""}, {"a ", ""}, {"a=b c ", "too many"},
		{"; a*0=b", "too many"}, {"=?", ""}, {"; a=(", "too many"}, {"; a=\"\\", ""}, {"%41", ""},
	} {
		in := "a/b; x=" + strings.Repeat(c.unit, n/len(c.unit))
		p := parseParams([]byte(in), DefaultParams)
		if c.defects != "" && !strings.Contains(details(p.defects), c.defects) {
			t.Errorf("%s: %s, want %s", c.unit, details(p.defects), c.defects)
		}
		size := 0
		for _, q := range p.list {
			for _, v := range q.values {
				size += len(v)
			}
		}
		if size > 10*len(in) {
			t.Errorf("%s: values of %d octets from %d", c.unit, size, len(in))
		}
	}
}

var (
	extendedValue = regexp.MustCompile(`\*(0+\*)?[^=;]*=`)
	charsetValue  = regexp.MustCompile(`\*(0+\*)?[^=;]*=[ \t]*"?(?i:utf-8|us-ascii)'[^';]*'`)
)

// FuzzField2231 checks that what the standard library reads is among the
// candidates.
func FuzzField2231(f *testing.F) {
	for _, s := range []string{
		`text/plain; charset="utf-8"; format=flowed`, `a/b; n*1*=%41; n*0*=utf-8''%c3%bc`, `a/b; n*=us-ascii'en'x; m="a\"b"`,
		`a/b; n="(x"; m=(y)`, `a; n=b c; "`, "\u20290", "İ", "1(*=%41;)n*0*=", `a; n="\b\\c"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p := parseParams([]byte(in), DefaultParams)
		for _, q := range p.list {
			if len(q.values) == 0 {
				t.Fatalf("%q: %q has no value", in, q.name)
			}
		}
		value, list, err := stdmime.ParseMediaType(in)
		// The standard library trims what Unicode calls a space, too.
		if err != nil || strings.Contains(in, "\n") || strings.ContainsFunc(in, func(r rune) bool { return r > '~' && unicode.IsSpace(r) }) {
			return
		}
		// The standard library loses extended values that name no charset.
		if len(extendedValue.FindAllString(in, -1)) != len(charsetValue.FindAllString(in, -1)) {
			return
		}
		if strings.ToLower(p.value) != value {
			t.Fatalf("%q: value %q, standard library %q", in, p.value, value)
		}
		delete(list, "") // of "*0=x": no parameter of ours
		for name, v := range list {
			if v == "" {
				continue // also of sections it cannot read
			}
			if got := p.get(name); !slices.Contains(got, v) && !slices.ContainsFunc(got, func(s string) bool { return looks(s, v) }) {
				t.Fatalf("%q: %q %q, standard library %q", in, name, got, v)
			}
		}
	})
}

// looks tells that two values differ only in what charsets make of octets.
func looks(a, b string) bool {
	return bytes.Equal(appendValid(nil, []byte(a)), appendValid(nil, []byte(b)))
}
