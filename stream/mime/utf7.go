package mime

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// A utf7 decodes UTF-7 (RFC 2152): ASCII, with runs of UTF-16 in base64
// between "+" and "-".
type utf7 struct {
	shifted bool   // in base64
	fresh   bool   // just behind the "+"
	bits    uint32 // that make no unit of 16 bits yet
	n       uint   // how many: less than 16
	high    rune   // a high surrogate that waits for its mate, or 0
	bad     bool   // something was no UTF-7
}

// append decodes b behind dst.
func (u *utf7) append(dst, b []byte) []byte {
	for len(b) > 0 {
		if !u.shifted {
			i := bytes.IndexByte(b, '+')
			if i < 0 {
				return u.direct(dst, b)
			}
			dst = u.direct(dst, b[:i])
			b = b[i+1:]
			u.shifted, u.fresh = true, true
			continue
		}
		c := b[0]
		v := base64Table[3][c]
		if v > 63 { // none of the usual alphabet
			if u.fresh && c == '-' {
				dst = append(dst, '+')
			} else {
				u.bad = u.bad || u.fresh
				dst = u.end(dst)
			}
			u.shifted = false
			if c == '-' {
				b = b[1:]
			}
			continue
		}
		u.fresh = false
		b = b[1:]
		u.bits, u.n = u.bits<<6|v, u.n+6
		if u.n >= 16 {
			u.n -= 16
			dst = u.unit(dst, rune(u.bits>>u.n&0xffff))
		}
	}
	return dst
}

// direct appends what stands for itself. Octets above 0x7F do not belong
// there: they are taken for U+FFFD.
func (u *utf7) direct(dst, b []byte) []byte {
	if isASCII(b) {
		return append(dst, b...)
	}
	u.bad = true
	for _, c := range b {
		if c < utf8.RuneSelf {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
	}
	return dst
}

// unit appends a unit of UTF-16, or keeps it for its mate.
func (u *utf7) unit(dst []byte, r rune) []byte {
	high := u.high
	u.high = 0
	if high != 0 {
		if r >= 0xDC00 && r <= 0xDFFF {
			return utf8.AppendRune(dst, utf16.DecodeRune(high, r))
		}
		u.bad = true
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	if r >= 0xD800 && r <= 0xDBFF {
		u.high = r
		return dst
	}
	u.bad = u.bad || r >= 0xDC00 && r <= 0xDFFF
	return utf8.AppendRune(dst, r) // a low surrogate alone gives U+FFFD
}

// end ends a run of base64, or the text. Bits that are left are padding.
func (u *utf7) end(dst []byte) []byte {
	if u.high != 0 {
		u.bad = true
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	u.high, u.bits, u.n, u.fresh = 0, 0, 0, false
	return dst
}

// decodeUTF7 appends b, which is UTF-7, as UTF-8.
func decodeUTF7(dst, b []byte) []byte {
	var u utf7
	return u.end(u.append(dst, b))
}
