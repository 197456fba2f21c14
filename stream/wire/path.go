package wire

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// A Path is a reverse-path or forward-path (RFC 5321 section 4.1.2), parsed.
// The zero value is the null path, "<>". Two paths that are equal by == name
// the same mailbox. A Path never prints itself: fmt and slog show a
// placeholder (I6).
type Path struct {
	local  string // meaning, without quotes
	domain string // ASCII in lower case, UTF-8 as sent; empty: null path, postmaster
}

// ParsePath reads "local@domain" without brackets, or "postmaster", as
// configuration and tests have it. Errors: ErrPath, ErrPathLong.
func ParsePath(text string) (Path, error) {
	p, rest, err := parseMailbox([]byte(text))
	if err == nil && len(rest) > 0 {
		err = ErrPath
	}
	if err != nil {
		return Path{}, err
	}
	return p, nil
}

// PathOf returns the path of a mailbox whose parts have been checked already.
// Local is as it is meant, without quotes.
func PathOf(local, domain string) Path { return Path{local, domain} }

// IsNull reports the null reverse-path of notifications (RFC 5321 section 4.5.5).
func (p Path) IsNull() bool { return p == Path{} }

// IsPostmaster reports "<Postmaster>" without a domain (RFC 5321 section 4.5.1).
func (p Path) IsPostmaster() bool { return p.domain == "" && p.local != "" }

// Local returns the local part as it is meant, without quotes. It is an
// address: not for logs.
func (p Path) Local() string { return p.local }

// Domain returns the domain or address literal, its ASCII in lower case.
func (p Path) Domain() string { return p.domain }

// NeedsUTF8 reports whether only a session with SMTPUTF8 can carry p (RFC 6531).
func (p Path) NeedsUTF8() bool { return !ascii(p.local) || !ascii(p.domain) }

// Same reports whether p and q name one mailbox: local parts compare exactly,
// but for a bare postmaster, and domains without case (RFC 5321 section 2.4).
func (p Path) Same(q Path) bool { return p == q }

// AppendTo appends p in angle brackets. The local part is quoted if it needs it.
func (p Path) AppendTo(b []byte) []byte {
	b = append(b, '<')
	b = p.appendBare(b)
	return append(b, '>')
}

// Bytes returns p without brackets, the local part quoted if it needs it, for
// matching and pseudonyms; nil for the null path.
func (p Path) Bytes() []byte {
	if p.IsNull() {
		return nil
	}
	return p.appendBare(make([]byte, 0, p.bareLen()))
}

func (p Path) appendBare(b []byte) []byte {
	if isDotString(p.local) || p.domain == "" {
		b = append(b, p.local...)
	} else {
		b = append(b, '"')
		for i := 0; i < len(p.local); i++ {
			if c := p.local[i]; c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, p.local[i])
		}
		b = append(b, '"')
	}
	if p.domain == "" {
		return b
	}
	b = append(b, '@')
	if v6, ok := strings.CutPrefix(p.domain, "[ipv6:"); ok {
		b = append(b, "[IPv6:"...) // as RFC 5321 section 4.1.3 spells it
		return append(b, v6...)
	}
	return append(b, p.domain...)
}

// bareLen is the length of what appendBare appends, in octets.
func (p Path) bareLen() int {
	n := len(p.local)
	if p.domain == "" {
		return n
	}
	if !isDotString(p.local) {
		n += 2 + strings.Count(p.local, `"`) + strings.Count(p.local, `\`)
	}
	return n + 1 + len(p.domain)
}

const hiddenPath = "[address]"

// String returns a placeholder.
func (p Path) String() string { return hiddenPath }

// LogValue returns a placeholder.
func (p Path) LogValue() slog.Value { return slog.StringValue(hiddenPath) }

// MarshalText returns a placeholder, for JSON and what else encodes values.
func (p Path) MarshalText() ([]byte, error) { return []byte(hiddenPath), nil }

// Format writes a placeholder, whatever the verb.
func (p Path) Format(f fmt.State, _ rune) { io.WriteString(f, hiddenPath) }

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isDotString reports whether a local part stands without quotes (RFC 5321
// section 4.1.2; RFC 6531 section 3.3 adds UTF-8).
func isDotString(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			if i == 0 || i == len(s)-1 || s[i-1] == '.' {
				return false
			}
		} else if !isAtext(s[i]) {
			return false
		}
	}
	return s != ""
}

// isAtext reports an octet of an atom (RFC 5322 section 3.2.3; RFC 6531
// section 3.3 adds UTF-8).
func isAtext(c byte) bool {
	return isAlnum(c) || c >= 0x80 || c > ' ' && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
