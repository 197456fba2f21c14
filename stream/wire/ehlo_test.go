package wire

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseEHLO(t *testing.T) {
	tests := []struct {
		name, text string
		want       EHLO
	}{
		{"nothing", "mx.test", EHLO{Name: "mx.test"}},
		{"Postfix", "mx.test\nPIPELINING\nSIZE 10240000\nVRFY\nETRN\nSTARTTLS\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8\nCHUNKING",
			EHLO{Name: "mx.test", Size: 10240000, Ext: Pipelining | Size | StartTLS | EnhancedStatusCodes | EightBitMIME | DSN | SMTPUTF8 | Chunking}},
		// Hostile input, row 16: else the mail would go in clear text.
		{"lower case", "mx.test greets you\nstarttls\nsize 10\nauth plain", EHLO{Name: "mx.test", Size: 10, Ext: StartTLS | Size | Auth, AuthMechs: []string{"PLAIN"}}},
		{"keyword in the first line is no keyword", "STARTTLS", EHLO{Name: "STARTTLS"}},
		{"longer words are others", "a\nSTARTTLSX\nXSIZE 1\nBINARYMIME", EHLO{Name: "a", Ext: BinaryMIME}},
		{"AUTH twice, and with =", "a\nAUTH PLAIN LOGIN\nAUTH=LOGIN plain CRAM-MD5", EHLO{Name: "a", Ext: Auth, AuthMechs: []string{"PLAIN", "LOGIN", "CRAM-MD5"}}},
		{"AUTH= alone", "a\nAUTH=PLAIN", EHLO{Name: "a", Ext: Auth, AuthMechs: []string{"PLAIN"}}},
		{"SIZE without", "a\nSIZE", EHLO{Name: "a", Ext: Size}},
		{"SIZE 0", "a\nSIZE 0", EHLO{Name: "a", Ext: Size}},
		{"SIZE beyond 63 bits", "a\nSIZE 9223372036854775808", EHLO{Name: "a", Ext: Size}},
		{"SIZE -1", "a\nSIZE -1", EHLO{Name: "a", Ext: Size}},
		{"LIMITS", "a\nLIMITS RCPTMAX=20 mailmax=5 RCPTDOMAINMAX=1 NEW=x", EHLO{Name: "a", Ext: Limits, RcptMax: 20, MailMax: 5, RcptDomainMax: 1}},
		{"LIMITS, bad values", "a\nLIMITS RCPTMAX=0 MAILMAX=1000000 RCPTDOMAINMAX=x RCPTMAX RCPTMAX=", EHLO{Name: "a", Ext: Limits}},
		{"XCLIENT, XFORWARD", "a\nXCLIENT NAME addr\nXFORWARD PROTO", EHLO{Name: "a", Ext: XClient | XForward, XClientAttrs: []string{"NAME", "ADDR"}, XForwardAttrs: []string{"PROTO"}}},
		{"empty lines", "\n\nDSN\n", EHLO{Ext: DSN}},
		{"Unicode's s is no S", "a\nſize 10", EHLO{Name: "a"}},
	}
	for _, test := range tests {
		if got := ParseEHLO(Reply{Code: 250, Text: test.text}); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := ParseEHLO(Reply{Code: 502, Text: "a\nDSN"}); got.Ext != 0 {
		t.Errorf("502: %+v", got)
	}
}

func TestExtensionsHas(t *testing.T) {
	e := Size | DSN
	if !e.Has(Size) || !e.Has(Size|DSN) || e.Has(Size|Chunking) || e.Has(Chunking) || !e.Has(0) {
		t.Errorf("%b", e)
	}
}

// FuzzEHLO: the case of keywords changes nothing.
func FuzzEHLO(f *testing.F) {
	f.Add("mx.test\nSTARTTLS\nSize 100\nAUTH=login PLAIN\nLIMITS rcptmax=5 MAILMAX=0")
	f.Fuzz(func(t *testing.T, text string) {
		e := ParseEHLO(Reply{Code: 250, Text: text})
		swapped := ParseEHLO(Reply{Code: 250, Text: strings.Map(swapCase, strings.ToValidUTF8(text, "?"))})
		e.Name, swapped.Name = "", ""
		if strings.ToValidUTF8(text, "?") == text && !reflect.DeepEqual(e, swapped) {
			t.Fatalf("%q: %+v, in the other case %+v", text, e, swapped)
		}
		if e.Size < 0 || e.RcptMax < 0 || e.RcptMax > 999999 || !e.Ext.Has(Limits) && e.RcptMax != 0 {
			t.Fatalf("%q: %+v", text, e)
		}
	})
}

func swapCase(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return r - ('a' - 'A')
	case 'A' <= r && r <= 'Z':
		return r + ('a' - 'A')
	}
	return r
}
