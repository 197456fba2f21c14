package links

import (
	"bytes"
)

// urlSize is the longest address looked at: 32 KiB. 50 redirectors, each
// escaping what it wraps, make 20 KiB; what browsers take is not much more.
const urlSize = 32 << 10

// tricks are peculiarities of an address that its canonical form hides.
type tricks uint16

const (
	withUser    tricks = 1 << iota // userinfo before the host
	byAddress                      // the host is an address
	byNumber                       // an address not as four decimal numbers
	hostEscapes                    // percent escapes in the host
	hostHidden                     // invisible or control characters in scheme or authority
	oddSlashes                     // not two slashes after the scheme
	wasDefanged                    // hxxp, [.]
	inUnicode                      // the host has characters beyond ASCII, or an A-label
)

// A canon brings addresses into canonical form: lower-case scheme and host, no
// userinfo, host as A-labels or plain address, no default port, no fragment,
// no dot segments, unreserved characters unescaped and all others escaped in
// upper case (RFC 3986 section 6.2.2; backslashes, slashes and what is in no
// place as in the WHATWG URL standard, for that is what browsers open).
type canon struct {
	out           []byte // the canonical form, until the next parse
	host, hostEnd int    // the host in out, without brackets
	fragment      []byte // as written, a part of the input or of clean
	tricks        tricks

	clean []byte // input without what is to be ignored
	name  []byte // a host being decoded
}

// scheme returns the length of the scheme at the start of b, without the
// colon, or 0.
func scheme(b []byte) int {
	for i, c := range b {
		switch {
		case isAlpha(c):
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 1 && c == ':': // a single letter is a drive
			return i
		default:
			return 0
		}
	}
	return 0
}

// special tells whether s, in lower case, is a scheme whose addresses browsers
// read leniently, and its default port.
func special(s []byte) (port string, ok bool) {
	switch string(s) {
	case "http", "ws":
		return "80", true
	case "https", "wss":
		return "443", true
	case "ftp":
		return "21", true
	case "file":
		return "", true
	}
	return "", false
}

// trim takes off what browsers ignore around and inside an address.
func (c *canon) trim(raw []byte) []byte {
	for len(raw) > 0 && raw[0] <= ' ' {
		raw = raw[1:]
	}
	for len(raw) > 0 && raw[len(raw)-1] <= ' ' {
		raw = raw[:len(raw)-1]
	}
	raw = raw[:min(len(raw), urlSize)]
	for _, b := range raw {
		if b < ' ' {
			return c.ignore(raw)
		}
	}
	return raw
}

// ignore returns raw without tabs, line ends and other controls.
func (c *canon) ignore(raw []byte) []byte {
	c.clean = c.clean[:0]
	slashes := 0
	for i, b := range raw {
		switch {
		case b >= ' ':
			if b == '/' || b == '\\' {
				slashes++
			}
			c.clean = append(c.clean, b)
		case slashes < 3 && b != '\n' && b != '\r' || // those are folding, often
			slashes == 2 && i > 0 && i+1 < len(raw) && hostByte[raw[i-1]] && hostByte[raw[i+1]]:
			c.tricks |= hostHidden
		}
	}
	return c.clean
}

// parse reads an address with a scheme and an authority, and tells whether it
// is one that leads to a host.
func (c *canon) parse(raw []byte) bool {
	c.tricks = 0
	raw = c.trim(raw)
	n := scheme(raw)
	if n == 0 {
		return false
	}
	return c.absolute(raw, n)
}

// absolute reads what trim left of an address. n is the scheme's length.
func (c *canon) absolute(raw []byte, n int) bool {
	c.fragment = nil
	c.out = appendLower(c.out[:0], raw[:n])
	port, lenient := special(c.out)
	rest := raw[n+1:]
	slashes := 0
	file := string(c.out) == "file"
	for slashes < len(rest) && (rest[slashes] == '/' || rest[slashes] == '\\' && lenient) {
		if rest[slashes] == '\\' && !file {
			c.tricks |= oddSlashes
		}
		slashes++
	}
	switch {
	case file && (slashes < 2 || slashes == 3):
		return false // a file of the reader's own
	case !lenient && slashes != 2:
		return false
	case slashes != 2 && !file:
		c.tricks |= oddSlashes
	}
	rest = rest[slashes:]
	end := 0
	for end < len(rest) && authorityEnd[rest[end]] == 0 {
		end++
	}
	if end < len(rest) && rest[end] == '\\' && !lenient {
		return false
	}
	c.out = append(c.out, "://"...)
	if !c.authority(rest[:end], port) {
		return false
	}
	c.rest(rest[end:], lenient)
	return true
}

// authorityEnd marks what ends an authority.
var authorityEnd = [256]uint8{'/': 1, '\\': 1, '?': 1, '#': 1}

// authority appends host and port.
func (c *canon) authority(a []byte, standard string) bool {
	if at := bytes.LastIndexByte(a, '@'); at >= 0 {
		c.tricks |= withUser
		a = a[at+1:]
	}
	var port []byte
	if colon := bytes.LastIndexByte(a, ':'); colon >= 0 && bytes.IndexByte(a[colon:], ']') < 0 {
		a, port = a[:colon], a[colon+1:]
	}
	if !c.appendHost(a) {
		return false
	}
	for len(port) > 1 && port[0] == '0' {
		port = port[1:]
	}
	if len(port) == 0 || len(port) > 5 || string(port) == standard {
		return true
	}
	n := 0
	for _, b := range port {
		if n = n*10 + int(b-'0'); !isDigit(b) || n > 65535 {
			return true // no browser opens it, others may: the host counts
		}
	}
	c.out = append(append(c.out, ':'), port...)
	return true
}

// Classes of octets in a path or query.
const (
	plain = iota
	percent
	escape
	backslash
	question
	hash
)

var restClass = func() (t [256]uint8) {
	for i := range t {
		if i <= ' ' || i >= 0x7f || bytes.IndexByte([]byte("\"<>^`{|}"), byte(i)) >= 0 {
			t[i] = escape
		}
	}
	t['%'], t['\\'], t['?'], t['#'] = percent, backslash, question, hash
	return t
}()

// rest appends path and query.
func (c *canon) rest(p []byte, lenient bool) {
	path := len(c.out)
	if len(p) == 0 || p[0] == '?' || p[0] == '#' {
		c.out = append(c.out, '/')
	}
	query := -1
	for i := 0; i < len(p); {
		from := i
		for i < len(p) && restClass[p[i]] == plain {
			i++
		}
		c.out = append(c.out, p[from:i]...)
		if i == len(p) {
			break
		}
		switch b := p[i]; restClass[b] {
		case percent:
			i += c.percent(p[i:]) - 1
		case escape:
			c.out = appendEscape(c.out, b)
		case backslash:
			if lenient && query < 0 {
				b = '/'
			}
			c.out = append(c.out, b)
		case question:
			if query < 0 {
				query = len(c.out)
			}
			c.out = append(c.out, b)
		case hash:
			c.fragment = p[i+1:]
			i = len(p)
		}
		i++
	}
	if query < 0 {
		query = len(c.out)
	}
	if bytes.Contains(c.out[path:query], []byte("/.")) {
		c.dots(path, query)
	}
}

// percent appends the escape at the start of p in canonical form and returns
// how many octets of p it took.
func (c *canon) percent(p []byte) int {
	v, ok := unhex(p)
	switch {
	case !ok:
		c.out = append(c.out, "%25"...)
		return 1
	case isAlpha(v), isDigit(v), v == '-', v == '.', v == '_', v == '~':
		c.out = append(c.out, v)
	default:
		c.out = appendEscape(c.out, v)
	}
	return 3
}

// dots takes the dot segments out of the path out[from:to] (RFC 3986 section
// 5.2.4).
func (c *canon) dots(from, to int) {
	w := from
	for i := from; i < to; {
		// out[i] is a slash.
		end := to
		if next := bytes.IndexByte(c.out[i+1:to], '/'); next >= 0 {
			end = i + 1 + next
		}
		switch string(c.out[i+1 : end]) {
		case ".":
			if end == to {
				c.out[w] = '/'
				w++
			}
		case "..":
			if last := bytes.LastIndexByte(c.out[from:w], '/'); last >= 0 {
				w = from + last
			}
			if end == to {
				c.out[w] = '/'
				w++
			}
		default:
			w += copy(c.out[w:], c.out[i:end])
		}
		i = end
	}
	c.out = append(c.out[:w], c.out[to:]...)
}

// unhex returns the octet that the percent escape at the start of p stands for.
func unhex(p []byte) (byte, bool) {
	if len(p) < 3 || p[0] != '%' {
		return 0, false
	}
	hi, lo := hexDigit[p[1]], hexDigit[p[2]]
	return (hi-1)<<4 | (lo - 1), hi > 0 && lo > 0
}

// hexDigit has one more than the value of a hexadecimal digit; 0: none.
var hexDigit = func() (t [256]uint8) {
	for i := range 10 {
		t['0'+i] = uint8(i + 1)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = uint8(i+11), uint8(i+11)
	}
	return t
}()

func appendEscape(dst []byte, b byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[b>>4], digits[b&15])
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lower(c))
	}
	return dst
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
