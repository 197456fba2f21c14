package links

import (
	"bytes"

	"sluice/stream/unpack"
)

// A script may have a file in strings of escapes instead of base64: \x4D\x5A,
// or %4D%5A for unescape(). In mail programs and browsers that is the same, so
// it is here.

// scriptPasses is how often a script is read for strings of escapes: 4 times.
const scriptPasses = 4

// scriptEscape returns the code unit that the escape stands for which b begins
// with (ECMA-262 section 12.9.4, and annex B.2.1 for those of unescape), and how
// long that is; 0: there is none.
func scriptEscape(b []byte) (unit rune, n int) {
	switch {
	case len(b) < 2:
	case b[0] == '%':
		if b[1]|0x20 == 'u' {
			return hexUnit(b, 2, 4)
		}
		return hexUnit(b, 1, 2)
	case b[0] != '\\':
	case b[1] == 'x':
		return hexUnit(b, 2, 2)
	case b[1] == 'u' && len(b) > 2 && b[2] == '{':
		end := bytes.IndexByte(b[:min(len(b), len(`\u{10FFFF}`))], '}')
		if unit, n = hexUnit(b, 3, end-3); n > 0 {
			n++
		}
	case b[1] == 'u':
		return hexUnit(b, 2, 4)
	case b[1] >= '0' && b[1] <= '7':
		for n = 1; n < min(len(b), 4) && b[n] >= '0' && b[n] <= '7' && unit<<3 <= 0xFF; n++ {
			unit = unit<<3 | rune(b[n]-'0')
		}
	}
	return unit, n
}

// hexUnit reads so many hexadecimal digits from an offset on.
func hexUnit(b []byte, at, digits int) (unit rune, n int) {
	if digits < 1 || len(b) < at+digits {
		return 0, 0
	}
	for _, c := range b[at : at+digits] {
		if hexDigit[c] == 0 {
			return 0, 0
		}
		unit = unit<<4 | rune(hexDigit[c]-1)
	}
	return unit, at + digits
}

// plainEscapes are those of one letter.
var plainEscapes = [256]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', 'v': '\v'}

// unescapeScript decodes the escapes in the strings of a script, and those of
// its unescape(), to text.
func unescapeScript(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		unit, n := scriptEscape(b[i:])
		switch {
		case n > 0 && b[i] == '%' && n == 3: // octets of UTF-8, as decodeURIComponent reads them
			out = append(out, byte(unit))
		case n > 0:
			out = append(out, string(unit)...)
		case b[i] == '\\' && i+1 < len(b):
			out, n = append(out, b[i+1]), 2
		default:
			out, n = append(out, b[i]), 1
		}
		i += n
	}
	return out
}

// appendString decodes the string of a script that begins at b[i], behind its
// quote, and those that are joined to it: a code unit is an octet, one that is
// larger two, the lower first. It returns where the last ends, and where the
// first quote of another kind is in them, or -1.
func appendString(dst, b []byte, i int, quote byte) (code []byte, end, other int) {
	other = -1
	for i < len(b) {
		unit, n := scriptEscape(b[i:])
		switch c := b[i]; {
		case n > 0 && unit > 0xFF:
			dst = append(dst, byte(unit), byte(unit>>8))
		case n > 0:
			dst = append(dst, byte(unit))
		case c == '\\' && i+1 < len(b):
			n = 2
			if e := plainEscapes[b[i+1]]; e > 0 {
				dst = append(dst, e)
			} else if b[i+1] != '\n' && b[i+1] != '\r' {
				dst = append(dst, b[i+1])
			}
		case c == quote:
			next := nextString(b, i)
			if next < 0 {
				return dst, i + 1, other
			}
			quote, n = b[next-1], next-i
		case isQuote(c) && other < 0:
			other = i
			fallthrough
		default:
			dst, n = append(dst, c), 1
		}
		i += n
	}
	return dst, i, other
}

// escapes hands in what strings of a script hold that has escapes: if all of it
// is base64, or if it begins as a file does that no page has a business to carry.
// It takes a string to begin at the quote in front of the first escape. That may
// be an apostrophe in a comment, so what is nothing is read again from the next
// quote of another kind on, as long as all that costs no more than reading the
// script scriptPasses times.
func (p *page) escapes(b []byte) {
	if len(b) < literalSize {
		return
	}
	s := p.s
	from := 0 // behind the last quote
	left := scriptPasses * len(b)
	for i := 0; i < len(b); {
		if isQuote(b[i]) {
			from = i + 1
		}
		if b[i] != '\\' && b[i] != '%' {
			i++
			continue
		}
		if _, n := scriptEscape(b[i:]); n == 0 || from == 0 {
			i += 2 // whatever a backslash stands before
			continue
		}
		var end, other int
		s.code, end, other = appendString(s.code[:0], b, from, b[from-1])
		left -= end - from
		i = end
		if !p.escaped() && other >= 0 && left > 0 {
			i = other
			continue
		}
		from = end
	}
	if cap(s.code) > keptStep {
		s.code = nil
	}
}

// escaped hands in what a string was decoded to, and tells whether it was worth
// that.
func (p *page) escaped() bool {
	s := p.s
	if len(s.code) < literalSize {
		return false
	}
	if code := bytes.TrimRight(s.code, "= \r\n"); isCode(code) {
		s.hand(place{part: p.part, page: p}, "", decodeLiteral(code))
		return true
	}
	if restricted(unpack.Detect(s.code[:min(len(s.code), unpack.HeadSize)])) {
		s.hand(place{part: p.part, page: p}, "", bytes.Clone(s.code))
		return true
	}
	return false
}

// isCode tells whether b is nothing but digits of base64 and line ends.
func isCode(b []byte) bool {
	for _, c := range b {
		if sextet[c] == 0 && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// nextString returns where the string begins, behind its quote, that is joined
// to the one whose closing quote is b[i], or -1.
func nextString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case isQuote(c):
			return i + 1
		case c > ' ' && c != '+' && c != ',':
			return -1
		}
	}
	return -1
}
