package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// everything is what a session may offer at most.
const everything = EightBitMIME | SMTPUTF8 | Size | DSN | RequireTLS

func TestParseMail(t *testing.T) {
	from := mustPath(t, "a@b.example")
	tests := []struct {
		arg  string
		want Mail
		out  string
	}{
		{"FROM:<a@b.example>", Mail{From: from, Size: -1}, "<a@b.example>"},
		{"from:<>", Mail{Size: -1}, "<>"},
		{"FROM:<> BODY=8BITMIME", Mail{Size: -1, Body: Body8BitMIME}, "<> BODY=8BITMIME"},
		{"FROM: \t<a@b.example>  SIZE=7\t", Mail{From: from, Size: 7}, "<a@b.example> SIZE=7"},
		{"FROM:a@b.example SIZE=0", Mail{From: from, Size: 0}, "<a@b.example> SIZE=0"},
		{"FROM:<@x.example,@[IPv6:::1]:a@b.example>", Mail{From: from, Size: -1}, "<a@b.example>"},
		{"FROM:<a@b.example> size=9223372036854775807 body=7bit smtputf8 requiretls ret=hdrs envid=a+2Bb",
			Mail{From: from, Size: 1<<63 - 1, Body: Body7Bit, SMTPUTF8: true, RequireTLS: true, Ret: "HDRS", EnvID: "a+2Bb"},
			"<a@b.example> SIZE=9223372036854775807 BODY=7BIT SMTPUTF8 REQUIRETLS RET=HDRS ENVID=a+2Bb"},
		{"FROM:<é@é.example> SMTPUTF8 RET=FULL", Mail{From: mustPath(t, "é@é.example"), Size: -1, SMTPUTF8: true, Ret: "FULL"}, "<é@é.example> SMTPUTF8 RET=FULL"},
		{"FROM:<a@b.example> ENVID=" + strings.Repeat("e", 100), Mail{From: from, Size: -1, EnvID: strings.Repeat("e", 100)}, "<a@b.example> ENVID=" + strings.Repeat("e", 100)},
	}
	for _, test := range tests {
		got, err := ParseMail([]byte(test.arg), everything)
		if err != nil || got != test.want {
			t.Errorf("%q: %v, %+v", test.arg, err, got.Size)
			continue
		}
		if out := string(got.AppendTo([]byte("x"), everything)); out != "xMAIL FROM:"+test.out+"\r\n" {
			t.Errorf("%q: %q", test.arg, out)
		}
		if out := string(got.AppendTo(nil, 0)); out != "MAIL FROM:"+string(got.From.AppendTo(nil))+"\r\n" {
			t.Errorf("%q to a server without extensions: %q", test.arg, out)
		}
	}
}

func TestParseMailRefuses(t *testing.T) {
	tests := []struct {
		arg  string
		err  error
		code int
	}{
		{"", ErrSyntax, 501},
		{"FROM", ErrSyntax, 501},
		{"FROM:", ErrSyntax, 501},
		{"FROM: ", ErrSyntax, 501},
		{"TO:<a@b>", ErrSyntax, 501},
		{"FROM <a@b>", ErrSyntax, 501},
		{"FROM:<a@b", ErrPath, 501},
		{"FROM:<a@b>SIZE=1", ErrPath, 501},
		{"FROM:<a@b>>", ErrPath, 501},
		{"FROM:< a@b>", ErrPath, 501},
		{"FROM:<a>", ErrPath, 501},
		{"FROM:<postmaster>", ErrPath, 501},
		{"FROM:SIZE=1", ErrPath, 501},
		{"FROM:<@a>", ErrPath, 501},
		{"FROM:<@a:>", ErrPath, 501},
		{"FROM:<@a,b:c@d>", ErrPath, 501},
		{"FROM:<@:c@d>", ErrPath, 501},
		{"FROM:<" + strings.Repeat("a", 300) + "@b>", ErrPathLong, 501},
		{"FROM:<a@b> =1", ErrSyntax, 501},
		{"FROM:<a@b> -A", ErrSyntax, 501},
		{"FROM:<a@b> SIZE;1", ErrSyntax, 501},
		{"FROM:<a@b> \x00", ErrSyntax, 501},
		// Hostile input, row 26.
		{"FROM:<a@b> SIZE=9223372036854775808", ErrSizeHuge, 552},
		{"FROM:<a@b> SIZE=" + strings.Repeat("9", 30), ErrSizeHuge, 552},
		{"FROM:<a@b> SIZE=x", ErrParamValue, 501},
		{"FROM:<a@b> SIZE=" + strings.Repeat("9", 30) + "x", ErrParamValue, 501},
		{"FROM:<a@b> SIZE=-1", ErrParamValue, 501},
		{"FROM:<a@b> SIZE=", ErrParamValue, 501},
		{"FROM:<a@b> SIZE", ErrParamValue, 501},
		{"FROM:<a@b> SIZE=1=2", ErrParamValue, 501},
		// Hostile input, row 29.
		{"FROM:<é@b>", ErrUTF8, 553},
		{"FROM:<a@é>", ErrUTF8, 553},
		{"FROM:<\xe9@b> SMTPUTF8", ErrPath, 501},
		// Hostile input, row 30.
		{"FROM:<a@b> BODY=BINARYMIME", ErrParamValue, 501},
		{"FROM:<a@b> BODY=7BIT BODY=7BIT", ErrParamTwice, 501},
		{"FROM:<a@b> SIZE=1 size=1", ErrParamTwice, 501},
		{"FROM:<a@b> SMTPUTF8 SMTPUTF8", ErrParamTwice, 501},
		{"FROM:<a@b> FOO=bar", ErrParameter, 555},
		{"FROM:<a@b> FOO", ErrParameter, 555},
		{"FROM:<a@b> AUTH=<>", ErrParameter, 555},
		{"FROM:<a@b> NOTIFY=NEVER", ErrParameter, 555},
		{"FROM:<a@b> SMTPUTF8=1", ErrParamValue, 501},
		{"FROM:<a@b> REQUIRETLS=yes", ErrParamValue, 501},
		{"FROM:<a@b> BODY", ErrParamValue, 501},
		{"FROM:<a@b> RET=NONE", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=a+0D+0Ab", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=a+7Fb", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=a+4", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=a=b", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=\xe9", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=a\x01", ErrParamValue, 501},
		{"FROM:<a@b> ENVID=" + strings.Repeat("e", 101), ErrParamValue, 501},
	}
	for _, test := range tests {
		m, err := ParseMail([]byte(test.arg), everything)
		if !errors.Is(err, test.err) || m != (Mail{}) {
			t.Errorf("%.60q: %v, want %v", test.arg, err, test.err)
		}
		if r := ReplyForParse(err); r.Code != test.code || r.Sanitised() != r {
			t.Errorf("%.60q: %+v", test.arg, r)
		}
	}
}

// What was not offered is refused, whether its value is right or wrong.
func TestParametersNotOffered(t *testing.T) {
	for _, test := range []struct {
		param string
		needs Extensions
	}{{"SIZE=1", Size}, {"BODY=7BIT", EightBitMIME}, {"SMTPUTF8", SMTPUTF8}, {"REQUIRETLS", RequireTLS}, {"RET=FULL", DSN}, {"ENVID=a", DSN}, {"SIZE=x", Size}} {
		if _, err := ParseMail([]byte("FROM:<a@b> "+test.param), everything&^test.needs); err != ErrParameter {
			t.Errorf("%s: %v", test.param, err)
		}
	}
	for _, param := range []string{"NOTIFY=NEVER", "ORCPT=rfc822;a@b"} {
		if _, err := ParseRcpt([]byte("TO:<a@b> "+param), everything&^DSN); err != ErrParameter {
			t.Errorf("%s: %v", param, err)
		}
	}
}

func TestParseRcpt(t *testing.T) {
	to := mustPath(t, "a@b.example")
	tests := []struct {
		arg  string
		want Rcpt
		out  string
	}{
		{"TO:<a@b.example>", Rcpt{To: to}, "<a@b.example>"},
		{"to: a@B.example", Rcpt{To: to}, "<a@b.example>"},
		{"TO:<Postmaster>", Rcpt{To: mustPath(t, "postmaster")}, "<postmaster>"},
		{"TO:<@x.example:a@b.example> notify=never", Rcpt{To: to, Notify: "NEVER"}, "<a@b.example> NOTIFY=NEVER"},
		{"TO:<a@b.example> NOTIFY=delay,Success ORCPT=rfc822;a+2B@b.example", Rcpt{to, "DELAY,SUCCESS", "rfc822;a+2B@b.example"},
			"<a@b.example> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;a+2B@b.example"},
		{`TO:<a@b.example> ORCPT=x;a\b`, Rcpt{To: to, ORcpt: `x;a\b`}, `<a@b.example> ORCPT=x;a\b`},
		{`TO:<a@b.example> ORCPT=utf-8;\x{E9}@b`, Rcpt{To: to, ORcpt: `utf-8;\x{E9}@b`}, `<a@b.example> ORCPT=utf-8;\x{E9}@b`},
		{"TO:<a@b.example> ORCPT=UTF-8;é+3D@b", Rcpt{To: to, ORcpt: "UTF-8;é+3D@b"}, "<a@b.example> ORCPT=UTF-8;é+3D@b"},
		{"TO:<é@b.example>", Rcpt{To: mustPath(t, "é@b.example")}, "<é@b.example>"},
	}
	for _, test := range tests {
		got, err := ParseRcpt([]byte(test.arg), everything)
		if err != nil || got != test.want {
			t.Errorf("%q: %v, %q %q", test.arg, err, got.Notify, got.ORcpt)
			continue
		}
		if out := string(got.AppendTo([]byte("x"), everything)); out != "xRCPT TO:"+test.out+"\r\n" {
			t.Errorf("%q: %q", test.arg, out)
		}
		if out := string(got.AppendTo(nil, 0)); out != "RCPT TO:"+string(got.To.AppendTo(nil))+"\r\n" {
			t.Errorf("%q to a server without extensions: %q", test.arg, out)
		}
	}
}

func TestParseRcptRefuses(t *testing.T) {
	orcpt := "TO:<a@b> ORCPT="
	tests := []struct {
		arg      string
		offered  Extensions
		err      error
		code     int
		enhanced string
	}{
		{"", everything, ErrSyntax, 501, "5.5.4"},
		{"TO:", everything, ErrSyntax, 501, "5.5.4"},
		{"FROM:<a@b>", everything, ErrSyntax, 501, "5.5.4"},
		{"TO:<>", everything, ErrPath, 501, "5.1.3"},
		{"TO:<a>", everything, ErrPath, 501, "5.1.3"},
		{"TO:<\"a\rb\"@c>", everything, ErrPath, 501, "5.1.3"},
		{"TO:<é@b>", everything &^ SMTPUTF8, ErrUTF8, 553, "5.6.7"},
		{"TO:<a@b> SIZE=1", everything, ErrParameter, 555, "5.5.4"},
		{"TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER", everything, ErrParamTwice, 501, "5.5.4"},
		{"TO:<a@b> NOTIFY", everything, ErrParamValue, 501, "5.5.4"},
		{"TO:<a@b> NOTIFY=NEVER,DELAY", everything, ErrParamValue, 501, "5.5.4"},
		{"TO:<a@b> NOTIFY=DELAY,DELAY", everything, ErrParamValue, 501, "5.5.4"},
		{"TO:<a@b> NOTIFY=DELAY,", everything, ErrParamValue, 501, "5.5.4"},
		{"TO:<a@b> NOTIFY=ſUCCESS", everything, ErrParamValue, 501, "5.5.4"},
		// Hostile input, row 40.
		{orcpt + "rfc822;a+0D+0Ab", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822;a+0d", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822;a+00", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "utf-8;a+0D", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{D}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{85}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{2028}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{110000}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{D800}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{+1}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{0000041}`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\x{41`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + `utf-8;\a`, everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "utf-8;\xe9", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "utf-8;é", everything &^ SMTPUTF8, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822;é", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822;", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + ";a", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "a@b;c", everything, ErrParamValue, 501, "5.5.4"},
		{orcpt + "rfc822;" + strings.Repeat("a", 500), everything, ErrParamValue, 501, "5.5.4"},
	}
	for _, test := range tests {
		r, err := ParseRcpt([]byte(test.arg), test.offered)
		if !errors.Is(err, test.err) || r != (Rcpt{}) {
			t.Errorf("%.60q: %v, want %v", test.arg, err, test.err)
		}
		if reply := ReplyForParse(err); reply.Code != test.code || reply.Enhanced != test.enhanced {
			t.Errorf("%.60q: %+v", test.arg, reply)
		}
	}
}

func TestReplyForParse(t *testing.T) {
	_, err := ParseMail([]byte("FROM:<a>"), 0)
	if r := ReplyForParse(err); r.Enhanced != "5.1.7" {
		t.Errorf("reverse-path: %+v", r)
	}
	if r := ReplyForParse(errors.New("new")); r.Code != 501 || r.Enhanced != "5.5.4" {
		t.Errorf("unknown: %+v", r)
	}
}

// A value that no parser would have let in does not go out.
func TestAppendToLeavesOutBadValues(t *testing.T) {
	m := Mail{Size: -1, Ret: "\r\nRSET", EnvID: "a\r\nRSET", Body: 99}
	if out := string(m.AppendTo(nil, everything)); out != "MAIL FROM:<>\r\n" {
		t.Errorf("%q", out)
	}
	r := Rcpt{To: mustPath(t, "a@b"), Notify: "NEVER\r\nRSET", ORcpt: "rfc822;a\r\nRSET"}
	if out := string(r.AppendTo(nil, everything)); out != "RCPT TO:<a@b>\r\n" {
		t.Errorf("%q", out)
	}
	r.Notify, r.ORcpt = "", "utf-8;é"
	if out := string(r.AppendTo(nil, DSN)); out != "RCPT TO:<a@b>\r\n" {
		t.Errorf("%q to a server without SMTPUTF8", out)
	}
}

// checkCommand checks the form of a command that goes out and returns its argument.
func checkCommand(t *testing.T, out []byte, want Verb) []byte {
	line, n, err := Line(out)
	if err != nil || n != len(out) || bytes.IndexByte(line, 0) >= 0 {
		t.Fatalf("%q: %d octets, %v", out, n, err)
	}
	verb, arg := ParseCommand(line)
	if verb != want {
		t.Fatalf("%q: %v", out, verb)
	}
	return arg
}

func FuzzParseMail(f *testing.F) {
	f.Add([]byte("FROM:<a@b> SIZE=1 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2B REQUIRETLS"), uint32(everything))
	f.Add([]byte(`FROM:<@a,@b:"a\"b c"@[IPv6:::1]>`), uint32(0))
	f.Add([]byte("FROM: é..@É.example SMTPUTF8"), uint32(SMTPUTF8))
	f.Add([]byte("FROM:<\"\r\n\x00>\"@a>"), uint32(DSN))
	f.Fuzz(func(t *testing.T, arg []byte, offered uint32) {
		m, err := ParseMail(arg, Extensions(offered))
		if err != nil {
			if m != (Mail{}) || ReplyForParse(err).Class() != 5 {
				t.Fatalf("%q: %v", arg, err)
			}
			return
		}
		out := checkCommand(t, m.AppendTo(nil, Extensions(offered)), VerbMAIL)
		again, err := ParseMail(out, Extensions(offered))
		if err != nil || again != m {
			t.Fatalf("%q became %q: %v", arg, out, err)
		}
		checkCommand(t, m.AppendTo(nil, 0), VerbMAIL)
	})
}

func FuzzParseRcpt(f *testing.F) {
	f.Add([]byte(`TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\x{E9}é+2B`), uint32(everything))
	f.Add([]byte("TO:<Postmaster> ORCPT=rfc822;a+0D+0A"), uint32(DSN))
	f.Add([]byte("TO:a@[192.0.2.1]"), uint32(0))
	f.Fuzz(func(t *testing.T, arg []byte, offered uint32) {
		r, err := ParseRcpt(arg, Extensions(offered))
		if err != nil {
			if r != (Rcpt{}) || ReplyForParse(err).Class() != 5 {
				t.Fatalf("%q: %v", arg, err)
			}
			return
		}
		out := checkCommand(t, r.AppendTo(nil, Extensions(offered)), VerbRCPT)
		again, err := ParseRcpt(out, Extensions(offered))
		if err != nil || again != r || r.To.IsNull() {
			t.Fatalf("%q became %q: %v", arg, out, err)
		}
		checkCommand(t, r.AppendTo(nil, 0), VerbRCPT)
	})
}
