package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendXtext appends s as xtext (RFC 3461 section 4): what is not printable,
// and "+" and "=", as "+" and two hexadecimal digits.
func AppendXtext(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; xchar(c) {
			b = append(b, c)
		} else {
			b = append(b, '+', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// xchar reports what xtext holds as it is.
func xchar(c byte) bool { return ' ' < c && c <= '~' && c != '+' && c != '=' }

// goodXtext checks xtext. What decodes to a control is refused, since a server
// may decode before it writes a header or a command.
// QUIRK: hexadecimal digits in lower case pass.
func goodXtext(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '+' {
			if !goodHexchar(s[i:]) {
				return false
			}
			i += 2
		} else if !xchar(s[i]) {
			return false
		}
	}
	return true
}

// goodHexchar checks the "+" and two digits that s begins with.
func goodHexchar(s string) bool {
	if len(s) < 3 {
		return false
	}
	c, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil && c >= ' ' && c != 0x7f
}

// goodUTF8Xtext checks an address of the type utf-8 (RFC 6533 section 3):
// printable ASCII, UTF-8, and "\x{H}" for other characters. "+" and "=" have
// to be written so as well, but "+" as in xtext passes.
func goodUTF8Xtext(s string) bool {
	if !goodText([]byte(s)) {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			if !goodHexchar(s[i:]) {
				return false
			}
			i += 2
		case c == '\\':
			n := embeddedChar(s[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case c < 0x80 && !xchar(c):
			return false
		}
	}
	return true
}

// embeddedChar returns the length of the "\x{H}" that s begins with, or 0 if
// it is malformed or a control character.
func embeddedChar(s string) int {
	digits, ok := strings.CutPrefix(s, `\x{`)
	end := strings.IndexByte(digits, '}')
	if !ok || end < 1 || end > 6 {
		return 0
	}
	r, err := strconv.ParseUint(digits[:end], 16, 32)
	if err != nil || !goodText(utf8.AppendRune(nil, rune(r))) || !utf8.ValidRune(rune(r)) {
		return 0
	}
	return len(`\x{`) + end + len("}")
}
