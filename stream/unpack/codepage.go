package unpack

import "unicode/utf8"

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
