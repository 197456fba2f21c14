package links

import (
	"bytes"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// hostSize is the longest host name, in octets: 253, what RFC 1035 section
// 2.3.4 leaves for text.
const hostSize = 253

// names makes A-labels of U-labels as browsers do for look-up. Underscores,
// which DNS carries, are let through.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))

// loose does the same for what names refuses: a resolver may be less strict.
var loose = idna.New(idna.MapForLookup(), idna.ValidateLabels(false), idna.CheckHyphens(false),
	idna.CheckJoiners(false), idna.VerifyDNSLength(false), idna.StrictDomainName(false))

// hostByte marks what host names are written with in text: letters, digits,
// "-", "_", everything beyond ASCII, and what fold puts for the invisible.
var hostByte = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = isAlpha(c) || isDigit(c) || c == '-' || c == '_' || c >= 0x80 || c == unseen
	}
	return t
}()

// hostPlain marks what a host is left with in canonical form.
var hostPlain = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = 'a' <= c && c <= 'z' || isDigit(c) || c == '-' || c == '_' || c == '.'
	}
	return t
}()

// appendHost appends h in canonical form.
func (c *canon) appendHost(h []byte) bool {
	if len(h) == 0 || len(h) > hostWritten {
		return false
	}
	if h[0] == '[' {
		return c.appendIPv6(h)
	}
	for _, b := range h {
		if !hostPlain[b] {
			var ok bool
			if h, ok = c.decodeHost(h); !ok {
				return false
			}
			break
		}
	}
	h = bytes.TrimRight(h, ".")
	if len(h) == 0 || len(h) > hostSize || h[0] == '.' {
		return false
	}
	last := h[bytes.LastIndexByte(h, '.')+1:]
	if isDigit(last[0]) && isNumber(last) {
		return c.appendIPv4(h)
	}
	if bytes.HasPrefix(h, []byte("xn--")) || bytes.Contains(h, []byte(".xn--")) {
		c.tricks |= inUnicode
	}
	c.host = len(c.out)
	c.out = append(c.out, h...)
	c.hostEnd = len(c.out)
	return true
}

// hostWritten is the longest host as written, in octets: 4 KiB, since each of
// its characters may be escaped, several times over.
const hostWritten = 4 << 10

// decodeHost takes escapes, capitals, invisible characters and characters
// beyond ASCII out of a host.
func (c *canon) decodeHost(h []byte) ([]byte, bool) {
	c.name = c.name[:0]
	ascii := true
	for _, b := range h {
		c.name = append(c.name, lower(b))
		for n := len(c.name); n >= 3; n = len(c.name) {
			// What was decoded may make an escape with what was before it.
			v, ok := unhex(c.name[n-3:])
			if !ok {
				break
			}
			c.tricks |= hostEscapes
			c.name = append(c.name[:n-3], lower(v))
		}
	}
	h = c.name
	if at := bytes.LastIndexByte(h, '@'); at >= 0 {
		c.tricks |= withUser // escaped: no browser of today opens it, older ones did
		h = h[at+1:]
	}
	for _, b := range h {
		ascii = ascii && b < 0x80
	}
	if !ascii {
		c.tricks |= inUnicode
		visible := strings.Map(func(r rune) rune {
			if invisible(r) {
				c.tricks |= hostHidden
				return -1
			}
			return r
		}, string(h))
		name, err := names.ToASCII(visible)
		if err != nil {
			if name, err = loose.ToASCII(visible); err != nil {
				return nil, false
			}
		}
		c.name = appendLower(c.name[:0], []byte(name))
		h = c.name
	}
	for _, b := range h {
		if !hostPlain[b] {
			return nil, false
		}
	}
	return h, true
}

// appendIPv6 appends an address in brackets (RFC 3986 section 3.2.2), as IPv4
// where it stands for one.
func (c *canon) appendIPv6(h []byte) bool {
	if len(h) < 4 || h[len(h)-1] != ']' {
		return false
	}
	a, err := netip.ParseAddr(string(h[1 : len(h)-1]))
	if err != nil || !a.Is6() {
		return false
	}
	c.tricks |= byAddress
	if a = a.WithZone(""); a.Is4In6() {
		c.tricks |= byNumber
		c.host = len(c.out)
		c.out = a.Unmap().AppendTo(c.out)
		c.hostEnd = len(c.out)
		return true
	}
	c.out = append(c.out, '[')
	c.host = len(c.out)
	c.out = a.AppendTo(c.out)
	c.hostEnd = len(c.out)
	c.out = append(c.out, ']')
	return true
}

// isNumber tells whether a label is a number as inet_aton reads it.
func isNumber(label []byte) bool {
	_, ok := number(label)
	return ok
}

// number reads a decimal, octal or hexadecimal number below 2^32.
func number(label []byte) (v uint64, ok bool) {
	base := uint64(10)
	switch {
	case len(label) > 1 && label[0] == '0' && label[1]|0x20 == 'x':
		base, label = 16, label[2:]
		if len(label) == 0 {
			return 0, true
		}
	case len(label) > 1 && label[0] == '0':
		base, label = 8, label[1:]
	}
	if len(label) == 0 {
		return 0, false
	}
	for _, b := range label {
		d := uint64(hexDigit[b])
		if d == 0 || d > base {
			return 0, false
		}
		if v = v*base + d - 1; v > 1<<40 {
			v = 1 << 40 // too much for an address whatever follows
		}
	}
	return v, true
}

// appendIPv4 appends an address written in numbers: up to four, each decimal,
// octal or hexadecimal, the last one filling what is left.
func (c *canon) appendIPv4(h []byte) bool {
	var address uint64
	odd := false
	for i := 0; ; i++ {
		label, more, dotted := bytes.Cut(h, []byte("."))
		v, ok := number(label)
		if !ok || i > 3 {
			return false
		}
		odd = odd || len(label) > 1 && label[0] == '0'
		if !dotted {
			if v >= 1<<(8*(4-i)) {
				return false
			}
			odd = odd || i < 3
			address |= v
			break
		}
		if v > 255 {
			return false
		}
		address |= v << (8 * (3 - i))
		h = more
	}
	c.tricks |= byAddress
	if odd {
		c.tricks |= byNumber
	}
	a := netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)})
	c.host = len(c.out)
	c.out = a.AppendTo(c.out)
	c.hostEnd = len(c.out)
	return true
}

// registered returns the domain under which host was registered: the public
// suffix and one label more. An address, or a suffix itself, is returned whole.
func registered(host string) string {
	if host == "" || isDigit(host[strings.LastIndexByte(host, '.')+1:][0]) || strings.IndexByte(host, ':') >= 0 {
		return host // no top-level domain begins with a digit
	}
	suffix, _ := publicsuffix.PublicSuffix(host)
	n := len(host) - len(suffix) - 1
	if n <= 0 {
		return host
	}
	return host[strings.LastIndexByte(host[:n], '.')+1:]
}

// topLevel tells whether label is a top-level domain.
func topLevel(label []byte) bool {
	if len(label) < 2 || len(label) > 24 {
		return false
	}
	var space [24]byte
	label = appendLower(space[:0], label)
	switch string(label) { // most of what stands behind a dot, without an allocation
	case "com", "org", "net", "edu", "gov", "info", "biz", "uk", "de", "fr", "it", "nl", "eu", "us", "io", "co", "jp", "cn", "ru":
		return true
	case "txt", "html", "htm", "pdf", "doc", "docx", "xls", "xlsx", "jpg", "gif", "png", "php", "exe", "xml", "log", "conf", "asp", "cgi", "tar", "gz":
		return false
	}
	_, icann := publicsuffix.PublicSuffix(string(label))
	return icann
}
