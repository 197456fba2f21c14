package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	tests := []struct{ in, local, domain, out string }{
		{"a@b.example", "a", "b.example", "<a@b.example>"},
		{"A.B+c@B.Example", "A.B+c", "b.example", "<A.B+c@b.example>"},
		{"postmaster", "postmaster", "", "<postmaster>"},
		{"PostMaster", "postmaster", "", "<postmaster>"},
		{"a@localhost", "a", "localhost", "<a@localhost>"},
		{"a@my_host.example", "a", "my_host.example", "<a@my_host.example>"},
		{`"a"@b.example`, "a", "b.example", "<a@b.example>"},
		{`"a b"@b.example`, "a b", "b.example", `<"a b"@b.example>`},
		{`""@b.example`, "", "b.example", `<""@b.example>`},
		{`"\a\"\\"@b.example`, `a"\`, "b.example", `<"a\"\\"@b.example>`},
		{`"a@b"@b.example`, "a@b", "b.example", `<"a@b"@b.example>`},
		{`"postmaster"@b.example`, "postmaster", "b.example", `<postmaster@b.example>`},
		{"a..b.@docomo.example", "a..b.", "docomo.example", `<"a..b."@docomo.example>`},
		{".@b.example", ".", "b.example", `<"."@b.example>`},
		{"a@[192.0.2.1]", "a", "[192.0.2.1]", "<a@[192.0.2.1]>"},
		{"a@[ipv6:2001:DB8:0::1]", "a", "[ipv6:2001:db8::1]", "<a@[IPv6:2001:db8::1]>"},
		{"a@[IPv6:::ffff:192.0.2.1]", "a", "[ipv6:::ffff:192.0.2.1]", "<a@[IPv6:::ffff:192.0.2.1]>"},
		{"jürgen@MÜLLER.example", "jürgen", "mÜller.example", "<jürgen@mÜller.example>"},
		{`"jür gen"@b.example`, "jür gen", "b.example", `<"jür gen"@b.example>`},
		{strings.Repeat("a", maxLocal) + "@b.example", strings.Repeat("a", maxLocal), "b.example", "<" + strings.Repeat("a", maxLocal) + "@b.example>"},
	}
	for _, test := range tests {
		p, err := ParsePath(test.in)
		if err != nil || p.Local() != test.local || p.Domain() != test.domain {
			t.Errorf("%q: %q %q %v", test.in, p.local, p.domain, err)
			continue
		}
		if got := string(p.AppendTo([]byte("x"))); got != "x"+test.out {
			t.Errorf("%q: %s, want %s", test.in, got[1:], test.out)
		}
		if got := string(p.Bytes()); "<"+got+">" != test.out || p.bareLen() != len(got) {
			t.Errorf("%q: bytes %s, length %d", test.in, got, p.bareLen())
		}
		if got := p.NeedsUTF8(); got != strings.ContainsAny(test.out, "üÜ") {
			t.Errorf("%q: needs UTF-8 %v", test.in, got)
		}
		if again, err := ParsePath(string(p.Bytes())); err != nil || again != p || !again.Same(p) {
			t.Errorf("%q: again %v %v", test.in, again, err)
		}
		if p.IsNull() || p.IsPostmaster() != (test.domain == "") {
			t.Errorf("%q: null %v, postmaster %v", test.in, p.IsNull(), p.IsPostmaster())
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	label := strings.Repeat("b", 63)
	tests := []struct {
		in  string
		err error
	}{
		{"", ErrPath}, {"a", ErrPath}, {"@", ErrPath}, {"a@", ErrPath}, {"@b", ErrPath}, {`"postmaster"`, ErrPath},
		{"<a@b.example>", ErrPath}, {"a@b.example>", ErrPath}, {"a@b.example x", ErrPath}, {"a@b@c", ErrPath},
		{"a b@c", ErrPath}, {"a,b@c", ErrPath}, {"a:b@c", ErrPath}, {"a(b)@c", ErrPath}, {`a"b"@c`, ErrPath}, {`a\b@c`, ErrPath},
		{`"a`, ErrPath}, {`"a\`, ErrPath}, {`"a"b@c`, ErrPath}, {`"a"`, ErrPath}, {"\"a\\é\"@c", ErrPath},
		{"a@b..c", ErrPath}, {"a@.b", ErrPath}, {"a@b.", ErrPath}, {"a@-b", ErrPath}, {"a@b-.c", ErrPath}, {"a@b!c", ErrPath},
		{"a@" + label + "b", ErrPath},
		{"a@[192.0.2]", ErrPath}, {"a@[192.0.2.1", ErrPath}, {"a@[]", ErrPath}, {"a@[2001:db8::1]", ErrPath}, {"a@[IPv6:192.0.2.1]", ErrPath},
		{"a@[IPv6:fe80::1%eth0]", ErrPath}, {"a@[X-tag:a]", ErrPath}, {"a@[192.0.2.1]x", ErrPath}, {"a@[IPv6:" + strings.Repeat("0", 300) + "]", ErrPath},
		{"\xfc@b", ErrPath}, {"a@\xfc", ErrPath}, {"a\u0085@b", ErrPath}, {"a@b\u2028c", ErrPath}, {"\"\u0080\"@b", ErrPath},
		{strings.Repeat("a", maxLocal+1) + "@b", ErrPathLong},
		{`"` + strings.Repeat("a", maxLocal+1) + `"@b`, ErrPathLong},
		{"a@" + strings.Repeat(label+".", 4), ErrPathLong},
		{strings.Repeat("a", 64) + "@" + label + "." + label + "." + label, ErrPathLong},
		// Its quotes and backslashes count.
		{`"` + strings.Repeat(`\"`, 100) + `"@` + label, ErrPathLong},
	}
	// Hostile input, row 40: controls, plain or behind a backslash, and ">".
	for c := range 0x20 {
		tests = append(tests, struct {
			in  string
			err error
		}{fmt.Sprintf("\"a%cb\"@c", c), ErrPath}, struct {
			in  string
			err error
		}{fmt.Sprintf("\"a\\%cb\"@c", c), ErrPath})
	}
	for _, in := range []string{`"a>b"@c`, `"a\>b"@c`, `"<"@c`, "\"\x7f\"@c", "a\x00@c", "a\r\n@c", "a@c\r\n", "a@c\x00"} {
		tests = append(tests, struct {
			in  string
			err error
		}{in, ErrPath})
	}
	for _, test := range tests {
		if p, err := ParsePath(test.in); err != test.err || p != (Path{}) {
			t.Errorf("%q: %q %q %v, want %v", test.in, p.local, p.domain, err, test.err)
		}
	}
}

func TestPathLengths(t *testing.T) {
	label := strings.Repeat("b", 63)
	// <, >, @, two dots: 256 octets in all.
	longest := strings.Repeat("a", 62) + "@" + label + "." + label + "." + label
	if p, err := ParsePath(longest); err != nil || len(p.AppendTo(nil)) != maxPath {
		t.Errorf("%d octets: %v", len(longest)+2, err)
	}
	if _, err := ParsePath("a" + longest); err != ErrPathLong {
		t.Errorf("%d octets: %v", len(longest)+3, err)
	}
}

func TestPathSame(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"a@b.example", "a@B.EXAMPLE", true},
		{"A@b.example", "a@b.example", false},
		{`"a"@b.example`, "a@b.example", true},
		{"postmaster", "Postmaster", true},
		{"postmaster", "postmaster@b.example", false},
		{"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:0DB8:0:0::1]", true},
	}
	for _, test := range tests {
		a, b := mustPath(t, test.a), mustPath(t, test.b)
		if a.Same(b) != test.same || b.Same(a) != test.same {
			t.Errorf("%q %q: %v", test.a, test.b, a.Same(b))
		}
	}
	if !(Path{}).Same(Path{}) || !(Path{}).IsNull() || (Path{}).IsPostmaster() || (Path{}).Bytes() != nil {
		t.Error("null path")
	}
	if got := string(Path{}.AppendTo(nil)); got != "<>" {
		t.Errorf("null path: %s", got)
	}
}

func mustPath(t testing.TB, text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return p
}

// I6: nothing that prints shows an address.
func TestI6AddressesDoNotPrint(t *testing.T) {
	path := mustPath(t, "canary@canary.example")
	mail := Mail{From: path, EnvID: "canary"}
	rcpt := Rcpt{To: path, ORcpt: "rfc822;canary@canary.example"}
	type record struct {
		From Path
		Mail Mail
		Rcpt []Rcpt
		Ptr  *Path
		Map  map[Path]int
	}
	for _, v := range []any{path, &path, mail, &mail, rcpt, []Path{path}, record{path, mail, []Rcpt{rcpt}, &path, map[Path]int{path: 1}}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%40v"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		if strings.Contains(out.String(), "canary") || strings.Contains(out.String(), "63616e617279") {
			t.Errorf("%T: %s", v, out.String())
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "path", path, "mail", mail, "rcpt", rcpt, "list", []Path{path}, "rcpts", []Rcpt{rcpt})
	if strings.Contains(out.String(), "canary") {
		t.Errorf("slog, JSON: %s", out.String())
	}
	text, err := json.Marshal(record{From: path, Mail: mail, Rcpt: []Rcpt{rcpt}, Ptr: &path})
	if err != nil || bytes.Contains(text, []byte("canary")) {
		t.Errorf("JSON: %s %v", text, err)
	}
	if path.String() != "[address]" || path.LogValue().String() != "[address]" {
		t.Error(path.String())
	}
}
