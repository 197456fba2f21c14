package unpack

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A codepage maps the octets from 0x80 on.
type codepage [128]rune

// latin1 is ISO 8859-1.
var latin1 = func() (c codepage) {
	for i := range c {
		c[i] = rune(0x80 + i)
	}
	return c
}()

// cp437 is the code page of the IBM PC, which zip names are in by default
// (APPNOTE appendix D).
var cp437 = func() (c codepage) {
	copy(c[:], []rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"+
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"))
	return c
}()

// toUTF8 returns a name that is UTF-8 as it is, and others by a code page.
func toUTF8(name []byte, page codepage) string {
	if utf8.Valid(name) {
		return string(name)
	}
	out := make([]rune, 0, len(name))
	for _, c := range name {
		if c < 0x80 {
			out = append(out, rune(c))
		} else {
			out = append(out, page[c-0x80])
		}
	}
	return string(out)
}

// utf16le returns UTF-16LE as UTF-8, up to the first zero.
func utf16le(b []byte) []byte {
	out := make([]byte, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(b[i]) | rune(b[i+1])<<8
		if r == 0 {
			break
		}
		if utf16.IsSurrogate(r) && i+3 < len(b) {
			if full := utf16.DecodeRune(r, rune(b[i+2])|rune(b[i+3])<<8); full != utf8.RuneError {
				r = full
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
