package links

import (
	"bytes"
	"html"
	"unicode/utf8"
)

// entitySize is the longest character reference that is decoded, in octets
// after the "&": 34, two more than the longest name that HTML has.
const entitySize = 34

// appendText appends text with its character references decoded. In values of
// attributes, a name without semicolon is one only where no "=" or letter
// follows (HTML, named character reference state).
func appendText(dst, text []byte, attribute bool) []byte {
	for {
		at := bytes.IndexByte(text, '&')
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:at]...)
		n := entityLen(text[at:])
		dst = appendEntity(dst, text[at:at+n], text[at+n:], attribute)
		text = text[at+n:]
	}
}

// entityLen returns how long the character reference at the start of b, at
// "&", is at most.
func entityLen(b []byte) int {
	n := 1
	if n < len(b) && b[n] == '#' {
		n++
	}
	for n < len(b) && n < entitySize && (isAlpha(b[n]) || isDigit(b[n])) {
		n++
	}
	if n < len(b) && b[n] == ';' {
		n++
	}
	return n
}

func appendEntity(dst, e, next []byte, attribute bool) []byte {
	switch string(e) {
	case "&", "&#":
		return append(dst, e...)
	case "&amp;":
		return append(dst, '&')
	case "&nbsp;":
		return append(dst, 0xC2, 0xA0)
	case "&lt;":
		return append(dst, '<')
	case "&gt;":
		return append(dst, '>')
	case "&quot;":
		return append(dst, '"')
	}
	if e[1] == '#' {
		return appendNumeric(dst, e)
	}
	if !attribute {
		return append(dst, html.UnescapeString(string(e))...)
	}
	if e[len(e)-1] == ';' {
		if d := html.UnescapeString(string(e)); len(d) > 0 && d[len(d)-1] != ';' {
			return append(dst, d...)
		}
		return append(dst, e...)
	}
	if len(next) > 0 && next[0] == '=' {
		return append(dst, e...)
	}
	// Decoded only if all of it is a name: "&lt" is, "&ltr" is not.
	d := html.UnescapeString(string(e))
	if _, size := utf8.DecodeRuneInString(d); size == len(d) {
		return append(dst, d...)
	}
	return append(dst, e...)
}

// appendNumeric decodes a numeric reference of any length.
func appendNumeric(dst, e []byte) []byte {
	digits, base, v := e[2:], uint32(10), uint32(0)
	if len(digits) > 1 && digits[0]|0x20 == 'x' {
		digits, base = digits[1:], 16
	}
	n := 0
	for ; n < len(digits); n++ {
		d := uint32(hexDigit[digits[n]])
		if d == 0 || d > base {
			break
		}
		v = min(v*base+d-1, utf8.MaxRune+1)
	}
	switch {
	case n == 0:
		return append(dst, e...)
	case v >= 0x80 && v <= 0x9F: // read as windows-1252
		dst = append(dst, html.UnescapeString(string(e[:len(e)-len(digits)+n])+";")...)
	case v == 0:
	default:
		dst = utf8.AppendRune(dst, rune(v))
	}
	if digits = digits[n:]; len(digits) > 0 && digits[0] == ';' {
		digits = digits[1:]
	}
	return append(dst, digits...)
}
