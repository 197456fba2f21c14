package wire

import (
	"bytes"
	"net/netip"
	"unicode"
	"unicode/utf8"
)

// parsePath reads what follows "FROM:" or "TO:" and returns the path and the
// parameters behind it. null: the null path is allowed here.
func parsePath(b []byte, null bool) (p Path, params []byte, err error) {
	b = skipBlank(b) // QUIRK: "FROM: <a@b.example>", from devices and scripts
	switch {
	case len(b) == 0:
		return Path{}, nil, ErrSyntax
	case b[0] != '<':
		// QUIRK: no brackets at all; scanners and alarm systems.
		p, params, err = parseMailbox(b)
	case bytes.HasPrefix(b, []byte("<>")):
		if !null {
			return Path{}, nil, ErrPath
		}
		params = b[2:]
	default:
		if b, err = skipRoute(b[1:]); err != nil {
			return Path{}, nil, err
		}
		if p, params, err = parseMailbox(b); err == nil {
			var closed bool
			if params, closed = bytes.CutPrefix(params, []byte(">")); !closed {
				err = ErrPath
			}
		}
	}
	if err == nil && len(params) > 0 && !isBlank(params[0]) {
		err = ErrPath
	}
	if err != nil {
		return Path{}, nil, err
	}
	return p, params, nil
}

// skipRoute drops a source route, "@a,@b:" (RFC 5321 section 4.1.2, A-d-l;
// appendix C asks to ignore it).
func skipRoute(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != '@' {
		return b, nil
	}
	for {
		if len(b) == 0 || b[0] != '@' {
			return nil, ErrPath
		}
		_, rest, err := parseDomain(b[1:])
		if err != nil {
			return nil, err
		}
		switch {
		case len(rest) > 0 && rest[0] == ',':
			b = rest[1:]
		case len(rest) > 0 && rest[0] == ':':
			return rest[1:], nil
		default:
			return nil, ErrPath
		}
	}
}

// parseMailbox reads "local@domain", or "postmaster", and returns what
// follows it.
func parseMailbox(b []byte) (p Path, rest []byte, err error) {
	p.local, rest, err = parseLocal(b)
	if err != nil {
		return Path{}, nil, err
	}
	if len(rest) == 0 || rest[0] != '@' {
		if !foldEqual(p.local, "postmaster") || b[0] == '"' {
			return Path{}, nil, ErrPath
		}
		p.local = "postmaster" // RFC 5321 section 2.3.11: in any case
		return p, rest, nil
	}
	p.domain, rest, err = parseDomain(rest[1:])
	if err != nil {
		return Path{}, nil, err
	}
	if p.bareLen()+len("<>") > maxPath {
		return Path{}, nil, ErrPathLong
	}
	return p, rest, nil
}

// parseLocal reads a local part and returns its meaning and what follows it.
//
// QUIRK: dots where RFC 5321 section 4.1.2 wants none ("a..b@", "a.@") pass,
// because Japanese mobile carriers gave such addresses to their customers.
// They leave quoted.
func parseLocal(b []byte) (local string, rest []byte, err error) {
	if len(b) > 0 && b[0] == '"' {
		return parseQuoted(b[1:])
	}
	end := 0
	for end < len(b) && (isAtext(b[end]) || b[end] == '.') {
		end++
	}
	switch {
	case end == 0:
		return "", nil, ErrPath
	case end > maxLocal:
		return "", nil, ErrPathLong
	case !goodText(b[:end]):
		return "", nil, ErrPath
	}
	return string(b[:end]), b[end:], nil
}

// parseQuoted reads a quoted string behind its first quote. Controls are
// refused even where RFC 5321 section 4.1.2 allows a quoted pair, and so are
// angle brackets, since there are servers that look for the first ">".
func parseQuoted(b []byte) (local string, rest []byte, err error) {
	var meaning [maxLocal]byte
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '"' {
			if !goodText(meaning[:n]) {
				return "", nil, ErrPath
			}
			return string(meaning[:n]), b[i+1:], nil
		}
		if c == '\\' {
			if i++; i == len(b) || b[i] >= 0x80 {
				return "", nil, ErrPath
			}
			c = b[i]
		}
		if c < ' ' || c == 0x7f || c == '<' || c == '>' {
			return "", nil, ErrPath
		}
		if n == len(meaning) {
			return "", nil, ErrPathLong
		}
		meaning[n] = c
		n++
	}
	return "", nil, ErrPath
}

// parseDomain reads a domain or an address literal and returns what follows it.
func parseDomain(b []byte) (domain string, rest []byte, err error) {
	if len(b) > 0 && b[0] == '[' {
		return parseLiteral(b)
	}
	end := 0
	for end < len(b) && isDomainOctet(b[end]) {
		end++
	}
	if end > maxDomain {
		return "", nil, ErrPathLong
	}
	if !goodDomain(b[:end]) {
		return "", nil, ErrPath
	}
	var folded [maxDomain]byte
	for i, c := range b[:end] {
		folded[i] = lower(c)
	}
	return string(folded[:end]), b[end:], nil
}

// isDomainOctet reports what may stand in a domain.
// QUIRK: underscores, from hosts named by Windows administrators.
func isDomainOctet(c byte) bool {
	return isAlnum(c) || c == '-' || c == '.' || c == '_' || c >= 0x80
}

// goodDomain checks the labels (RFC 5321 section 4.1.2; RFC 5890 section 2.3.1).
func goodDomain(d []byte) bool {
	if !goodText(d) {
		return false
	}
	for more := true; more; {
		var label []byte
		label, d, more = bytes.Cut(d, []byte("."))
		if len(label) == 0 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		// A label in UTF-8 is counted in its ASCII form, which DNS will see to.
		if len(label) > maxLabel && ascii(string(label)) {
			return false
		}
	}
	return true
}

// parseLiteral reads "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section
// 4.1.3). No other kind of literal was ever registered.
func parseLiteral(b []byte) (domain string, rest []byte, err error) {
	end := bytes.IndexByte(b, ']')
	if end < 0 || end > maxDomain {
		return "", nil, ErrPath
	}
	text := b[1:end]
	v6 := foldPrefix(text, "IPv6:")
	if v6 {
		text = text[len("IPv6:"):]
	}
	addr, err := netip.ParseAddr(string(text))
	if err != nil || addr.Zone() != "" || addr.Is4() == v6 {
		return "", nil, ErrPath
	}
	if v6 {
		return "[ipv6:" + addr.String() + "]", b[end+1:], nil
	}
	return "[" + addr.String() + "]", b[end+1:], nil
}

// goodText reports whether b is UTF-8 without control characters, C1 and the
// separators of lines and paragraphs among them.
func goodText(b []byte) bool {
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			if b[i] < ' ' || b[i] == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) {
			return false
		}
		i += size
	}
	return true
}
