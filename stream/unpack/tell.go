package unpack

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// whole tells a member that lies in memory, in one piece or several, and
// whether anything more may be told. The budget allowing, of course.
func (t *teller) whole(m Member, pieces ...[]byte) bool {
	if !t.open(m) {
		return t.alive()
	}
	for _, p := range pieces {
		for len(p) > copySize {
			if !t.data(p[:copySize]) {
				return t.alive()
			}
			p = p[copySize:]
		}
		if !t.data(p) {
			return t.alive()
		}
	}
	t.close()
	return t.alive()
}

// address tells an address. What is none, or too long to be one, is left out.
func (t *teller) address(url []byte) {
	if len(url) > 0 && len(url) <= maxLink && t.links < maxAddresses {
		t.links++
		t.link(url)
	}
}

// maxAddresses bounds the addresses told of one document: 10,000. The links
// module looks at 500 of a message.
const maxAddresses = 10_000

// maxLink is the longest address told, 8 KiB: browsers show no more of one,
// and a longer one is data.
const maxLink = 8 << 10

// le16, le32 and le64 read little-endian numbers, zero beyond the end.
func le16(b []byte, at int) int {
	if at < 0 || at+2 > len(b) {
		return 0
	}
	return int(binary.LittleEndian.Uint16(b[at:]))
}

func le32(b []byte, at int) uint32 {
	if at < 0 || at+4 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

func le64(b []byte, at int) uint64 {
	if at < 0 || at+8 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[at:])
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

// notHex is the value of what is no hexadecimal digit.
const notHex = 0xFF

// hexValue returns the value of a hexadecimal digit, notHex for any other.
func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return notHex
}
