package links

import (
	"encoding/binary"
	"unicode/utf8"
)

// unseen stands in a finder's buffer for characters that no reader sees.
const unseen = 1

// invisible tells whether r takes no room in what a reader sees and is none of
// the controls.
func invisible(r rune) bool {
	switch {
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5,
		r >= 0x180B && r <= 0x180E, r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E,
		r >= 0x2060 && r <= 0x206F, r == 0x3164, r >= 0xFE00 && r <= 0xFE0F, r == 0xFEFF,
		r == 0xFFA0, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return false
}

// fold copies text to dst[w:] as a finder wants it and returns how far both
// then are. It stops where dst has no room for a character. Full-width forms
// become ASCII, dots of all kinds dots, what separates words a blank; what is
// invisible becomes unseen.
func fold(dst []byte, w int, src []byte) (_, n int) {
	for n < len(src) && len(dst)-w >= utf8.UTFMax {
		if ascii := asciiLen(src[n:min(len(src), n+len(dst)-w)]); ascii > 0 {
			copy(dst[w:], src[n:n+ascii])
			w, n = w+ascii, n+ascii
			continue
		}
		switch src[n] {
		case 0xC2, 0xCD, 0xD8, 0xE1, 0xE2, 0xE3, 0xEF, 0xF3:
			r, size := utf8.DecodeRune(src[n:])
			if c := folded(r, w > 0 && hostByte[dst[w-1]] && dst[w-1] < 0x80); c != 0 {
				dst[w] = c
				w++
			} else {
				w += copy(dst[w:], src[n:n+size])
			}
			n += size
		default: // whole other characters, of which nothing is to be known
			dst[w] = src[n]
			w, n = w+1, n+1
			for n < len(src) && src[n]&0xC0 == 0x80 && w < len(dst) {
				dst[w] = src[n]
				w, n = w+1, n+1
			}
		}
	}
	return w, n
}

// asciiLen returns how many octets at the start of b are ASCII, a few less
// perhaps, but not 0 if there are any.
func asciiLen(b []byte) int {
	const high = 0x8080808080808080
	n := 0
	for ; len(b)-n >= 32; n += 32 {
		q := b[n : n+32 : n+32]
		if (binary.LittleEndian.Uint64(q)|binary.LittleEndian.Uint64(q[8:])|
			binary.LittleEndian.Uint64(q[16:])|binary.LittleEndian.Uint64(q[24:]))&high != 0 {
			break
		}
	}
	for ; len(b)-n >= 8; n += 8 {
		if binary.LittleEndian.Uint64(b[n:])&high != 0 {
			break
		}
	}
	for n < len(b) && b[n] < 0x80 {
		n++
	}
	return n
}

// folded returns the one octet that stands for r, or 0: r itself. After a
// letter of a host the full stop of Chinese and Japanese is a dot.
func folded(r rune, host bool) byte {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		return byte(r - 0xFF01 + '!')
	case r == 0x3002 || r == 0xFF61:
		if host {
			return '.'
		}
		return ' '
	case r == 0x2024 || r == 0xFE52:
		return '.'
	case r == 0x2044 || r == 0x2215:
		return '/'
	case r == 0x2236 || r == 0xFE55:
		return ':'
	case invisible(r):
		return unseen
	case r == 0xA0, r == 0xAB, r == 0xBB, r >= 0x2000 && r <= 0x206F, r == 0x1680,
		r >= 0x3000 && r <= 0x3004, r >= 0x3008 && r <= 0x3020, r >= 0xFF5F && r <= 0xFF65, r == 0xFFFD:
		return ' '
	}
	return 0
}
