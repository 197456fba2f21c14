package wire

import "strings"

// Extensions is a set of service extensions (RFC 5321 section 2.2).
type Extensions uint32

// What this program knows by name. RFC 2920, 6152, 6531, 1870, 3461, 2034,
// 3030, 3207, 8689, 9422; XCLIENT and XFORWARD as Postfix documents them;
// RFC 4954, 3030.
const (
	Pipelining Extensions = 1 << iota
	EightBitMIME
	SMTPUTF8
	Size
	DSN
	EnhancedStatusCodes
	Chunking
	StartTLS
	RequireTLS
	Limits
	XClient
	XForward
	Auth
	BinaryMIME
)

// Has reports whether e contains all of x.
func (e Extensions) Has(x Extensions) bool { return e&x == x }

var extensionOf = map[string]Extensions{
	"PIPELINING":          Pipelining,
	"8BITMIME":            EightBitMIME,
	"SMTPUTF8":            SMTPUTF8,
	"SIZE":                Size,
	"DSN":                 DSN,
	"ENHANCEDSTATUSCODES": EnhancedStatusCodes,
	"CHUNKING":            Chunking,
	"STARTTLS":            StartTLS,
	"REQUIRETLS":          RequireTLS,
	"LIMITS":              Limits,
	"XCLIENT":             XClient,
	"XFORWARD":            XForward,
	"AUTH":                Auth,
	"BINARYMIME":          BinaryMIME,
}

// EHLO is what a server said about itself in its reply to EHLO. Names and
// lists are foreign text.
type EHLO struct {
	Name string // the first word of the first line
	Ext  Extensions

	Size          int64 // largest message, in octets; 0: no limit, or not said
	RcptMax       int   // LIMITS (RFC 9422 section 4); 0: not said
	MailMax       int
	RcptDomainMax int

	AuthMechs     []string // upper case
	XClientAttrs  []string // upper case
	XForwardAttrs []string // upper case
}

// ParseEHLO reads a server's reply to EHLO. Keywords compare without case:
// a server whose "250-starttls" went unseen would get clear text. A reply that
// is no 2xx offers nothing.
func ParseEHLO(r Reply) EHLO {
	var e EHLO
	if r.Class() != 2 {
		return e
	}
	for i, line := range strings.Split(r.Text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case i == 0:
			e.Name = strings.Clone(words[0])
		default:
			e.add(upper(words[0]), words[1:])
		}
	}
	return e
}

// add notes one keyword with its parameters.
func (e *EHLO) add(keyword string, params []string) {
	// QUIRK: servers that wish to please old Outlook repeat AUTH as "AUTH=LOGIN".
	if mech, ok := strings.CutPrefix(keyword, "AUTH="); ok {
		keyword, params = "AUTH", append([]string{mech}, params...)
	}
	ext := extensionOf[keyword]
	e.Ext |= ext
	switch ext {
	case Size:
		if len(params) > 0 {
			// A limit that does not fit 63 bits is none, like 0.
			e.Size, _, _ = number(params[0])
		}
	case Limits:
		for _, param := range params {
			e.addLimit(param)
		}
	case Auth:
		e.AuthMechs = addUpper(e.AuthMechs, params)
	case XClient:
		e.XClientAttrs = addUpper(e.XClientAttrs, params)
	case XForward:
		e.XForwardAttrs = addUpper(e.XForwardAttrs, params)
	}
}

// addLimit notes one "NAME=value" of LIMITS. Values have one to six digits and
// no leading zero (RFC 9422 section 4); others are ignored, as are new names.
func (e *EHLO) addLimit(param string) {
	name, value, _ := strings.Cut(param, "=")
	n, _, ok := number(value)
	if !ok || len(value) > 6 || value[0] == '0' {
		return
	}
	switch upper(name) {
	case "RCPTMAX":
		e.RcptMax = int(n)
	case "MAILMAX":
		e.MailMax = int(n)
	case "RCPTDOMAINMAX":
		e.RcptDomainMax = int(n)
	}
}

// addUpper adds words in upper case to list, each once.
func addUpper(list, words []string) []string {
next:
	for _, word := range words {
		word = upper(word)
		for _, have := range list {
			if have == word {
				continue next
			}
		}
		list = append(list, word)
	}
	return list
}
