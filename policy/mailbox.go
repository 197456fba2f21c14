package policy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// A Mailbox is an address as policy compares it. The zero Mailbox is the null
// sender, "<>". A Mailbox never prints itself: fmt, slog and encoders show a
// placeholder (I6).
//
// Mailboxes compare without case, in the local part too: RFC 5321 section 2.4
// leaves that to the receiving host, and no operator expects an entry for
// "bob@y.test" to miss "Bob@y.test". Domains compare as in Route.
type Mailbox struct {
	Local  string // as it is meant, without quotes
	Domain string // in any case, A-labels or U-labels
}

const hiddenMailbox = "[address]"

// IsNull reports the null sender of notifications (RFC 5321 section 4.5.5).
func (m Mailbox) IsNull() bool { return m == Mailbox{} }

// String returns a placeholder.
func (m Mailbox) String() string { return hiddenMailbox }

// LogValue returns a placeholder.
func (m Mailbox) LogValue() slog.Value { return slog.StringValue(hiddenMailbox) }

// MarshalText returns a placeholder.
func (m Mailbox) MarshalText() ([]byte, error) { return []byte(hiddenMailbox), nil }

// Format writes a placeholder, whatever the verb.
func (m Mailbox) Format(f fmt.State, _ rune) { io.WriteString(f, hiddenMailbox) }

// nullKey stands for the null sender among keys, as an operator writes it.
const nullKey = "<>"

// keySpace is room for the key of most addresses, in octets, on a caller's
// stack; RFC 5321 section 4.5.3.1 allows 64 + 1 + 255. A longer one is moved
// to the heap.
const keySpace = 321

// appendKey appends m as keys are written, "local@domain" in lower case with
// A-labels, and returns where in the result the domain begins. What has no
// canonical form stays as it is, and so equals nothing an operator wrote.
func (m Mailbox) appendKey(b []byte) (key []byte, domain int) {
	if m.IsNull() {
		return append(b, nullKey...), len(b) + len(nullKey)
	}
	b = append(appendFolded(b, m.Local), '@')
	at := len(b)
	d := strings.TrimSuffix(m.Domain, ".")
	if shape(d) == foreign {
		if c, err := canonical(d); err == nil {
			d = c
		}
		return append(b, d...), at
	}
	return appendLower(b, d), at
}

// appendFolded appends s in lower case.
func appendFolded(b []byte, s string) []byte {
	if shape(s) == foreign {
		return append(b, strings.ToLower(s)...)
	}
	return appendLower(b, s)
}

var (
	errNoMailbox = errors.New("not an address, which has a local part, an at sign and a domain")
	errNoUTF8    = errors.New("not UTF-8")
)

// parseMailbox reads "local@domain" as an operator writes it, the local part
// in quotes if it needs them. Errors do not quote it.
func parseMailbox(text string) (Mailbox, error) {
	if !utf8.ValidString(text) {
		return Mailbox{}, errNoUTF8
	}
	at := strings.LastIndexByte(text, '@')
	if at <= 0 {
		return Mailbox{}, errNoMailbox
	}
	local, ok := unquote(text[:at])
	p, problem := parsePattern(text[at+1:])
	if !ok || problem != "" || p.suffix || p.key == anyDomain {
		return Mailbox{}, errNoMailbox
	}
	return Mailbox{Local: local, Domain: p.key}, nil
}

// unquote returns the meaning of a local part (RFC 5321 section 4.1.2).
func unquote(s string) (string, bool) {
	if s[0] != '"' {
		return s, !strings.ContainsAny(s, "\"\\<>()[]:;, \t\r\n\x00") && s[0] != '.' && s[len(s)-1] != '.'
	}
	var out strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '"' {
			return "", false
		}
		if s[i] == '\\' {
			if i++; i == len(s)-1 {
				return "", false
			}
		}
		out.WriteByte(s[i])
	}
	return out.String(), len(s) > 2 && s[len(s)-1] == '"'
}
