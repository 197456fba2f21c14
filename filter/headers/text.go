package headers

import (
	"bytes"
	"unicode/utf8"
)

// A disguise is how letters are not what they look like.
type disguise uint8

const (
	plainText    disguise = iota
	hiddenText            // invisible characters between letters
	mixedText             // a word of letters of two scripts that look alike
	styledText            // letters of mathematics
	reversedText          // directions overridden
)

var disguiseWords = [...]string{"", "hidden", "mixed", "styled", "reversed"}

// disguiseOf returns the worst disguise in UTF-8 text.
func disguiseOf(text []byte) (worst disguise) {
	if ascii(text) {
		return plainText
	}
	var word letters
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		worst = max(worst, word.next(r))
	}
	return worst
}

// letters is what the word that is being read has.
type letters struct{ latin, lookalike bool }

// next takes one more character.
func (l *letters) next(r rune) disguise {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= 0xC0 && r < 0x250 && r != 0xD7 && r != 0xF7:
		l.latin = true
	case r >= 0x370 && r < 0x530, r >= 0x13A0 && r < 0x1400, r >= 0xAB70 && r < 0xABC0: // Greek, Cyrillic, Cherokee
		l.lookalike = true
	case r >= 0x1D400 && r < 0x1D800:
		return styledText
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return reversedText
	// Joiners are left alone: emoji, Persian and Indic scripts need them.
	case r == 0xAD, r == 0x200B, r >= 0x2060 && r <= 0x2064, r == 0xFEFF, r >= 0xE0000 && r < 0xE0020, r == 0x180E:
		return hiddenText
	case r == '\'' || r >= '0' && r <= '9': // go on; a hyphen ends a word: "SMS-рассылка"
	default:
		*l = letters{}
	}
	if l.latin && l.lookalike {
		return mixedText
	}
	return plainText
}

// ascii tells that text has no octet above 127.
func ascii(text []byte) bool {
	for len(text) >= 8 {
		if (uint64(text[0])|uint64(text[1])|uint64(text[2])|uint64(text[3])|uint64(text[4])|uint64(text[5])|uint64(text[6])|uint64(text[7]))&0x80 != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// foreign8bit tells that a value has octets above 127 that are no UTF-8: they
// have no meaning anywhere (RFC 6532 section 3.1).
func foreign8bit(value []byte) bool { return !ascii(value) && !utf8.Valid(value) }

// leastCapitals is how many letters a subject of capitals has: 10. Shorter
// ones are abbreviations and codes.
const leastCapitals = 10

// capitals tells that text is written in capitals: at least leastCapitals of
// them in two words, and no small letter.
func capitals(text []byte) bool {
	upper, words, inside := 0, 0, false
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z':
			return false
		case c >= 'A' && c <= 'Z':
			if upper++; !inside {
				words++
			}
			inside = true
		default:
			inside = false
		}
	}
	return upper >= leastCapitals && words >= 2
}

// gapSize is how many blanks in a row separate a subject from what is only
// there to make it unique: 5.
const gapSize = 5

var gap = bytes.Repeat([]byte(" "), gapSize)

// gapped tells that a subject goes on behind a gap.
func gapped(text []byte) bool { return bytes.Contains(bytes.TrimSpace(text), gap) }

// needlessWord tells that value has a base64 encoded-word and decoded is ASCII
// all the same, so that nothing needed it.
func needlessWord(value, decoded []byte) bool {
	return (bytes.Contains(value, []byte("?B?")) || bytes.Contains(value, []byte("?b?"))) &&
		bytes.Contains(value, []byte("=?")) && ascii(decoded)
}

// isReply tells that a subject begins like that of a reply.
func isReply(text []byte) bool {
	return len(text) >= 3 && text[0]|0x20 == 'r' && text[1]|0x20 == 'e' && text[2] == ':'
}

// unfold appends value to dst without its line ends, and without the blanks
// around it (RFC 5322 section 2.2.3).
func unfold(dst, value []byte) []byte {
	value = bytes.TrimSpace(value)
	for {
		i := bytes.IndexAny(value, "\r\n")
		if i < 0 {
			return append(dst, value...)
		}
		dst = append(dst, value[:i]...)
		value = value[i+1:]
	}
}
