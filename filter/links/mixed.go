package links

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// A script is a bit for a script of writing.
type script uint16

const (
	latin script = 1 << iota
	cyrillic
	greek
	otherAlike // Armenian, Cherokee, Coptic, Lisu: they have letters that look Latin
	han
	kana
	hangul
	bopomofo
	firstOther
)

// alike are the letters of other scripts that look like Latin ones.
const alike = "асԁеһіјӏорԛѕԝхуѵьгкмтвнп" + // Cyrillic
	"οαινρτυχκγωϲϳ" + // Greek
	"օսոցհզյլ" // Armenian

// confusing tells whether a label of a canonical host mixes scripts as no
// language does, or is written in another script's letters that all look like
// Latin ones, below a Latin top-level domain (UTS 39 section 5.2, moderately
// restrictive).
func confusing(host string) bool {
	latinTop := !strings.HasPrefix(host[strings.LastIndexByte(host, '.')+1:], "xn--")
	for label := range strings.SplitSeq(host, ".") {
		if !strings.HasPrefix(label, "xn--") {
			continue
		}
		u, err := idna.Punycode.ToUnicode(label)
		if err != nil || u == label {
			continue
		}
		if confusingLabel(u, latinTop) {
			return true
		}
	}
	return false
}

func confusingLabel(label string, latinTop bool) bool {
	var all script
	looks := true
	var rest *unicode.RangeTable
	for _, r := range label {
		s, table := scriptOf(r)
		if s == 0 {
			continue
		}
		if s == firstOther && rest != nil && rest != table {
			return true
		}
		if s == firstOther {
			rest = table
		}
		// Phonetic letters and small capitals are in no language's names.
		if s == latin && (r >= 0x250 && r <= 0x2AF || r >= 0x1D00 && r <= 0x1D7F) {
			return true
		}
		all |= s
		looks = looks && strings.ContainsRune(alike, r)
	}
	const east = latin | han
	switch {
	case all&(all-1) == 0: // one script
		return latinTop && looks && all&(cyrillic|greek|otherAlike) != 0
	case all&^(east|kana) == 0, all&^(east|hangul) == 0, all&^(east|bopomofo) == 0:
		return false
	case all&(cyrillic|greek|otherAlike) != 0:
		return true
	}
	return all&^latin != firstOther
}

// scriptOf returns r's script, 0 for what all scripts use, and for those that
// have no bit the table.
func scriptOf(r rune) (script, *unicode.RangeTable) {
	switch {
	case r < 0x80:
		if isAlpha(byte(r)) {
			return latin, nil
		}
		return 0, nil
	case unicode.In(r, unicode.Common, unicode.Inherited):
		return 0, nil
	case unicode.Is(unicode.Latin, r):
		return latin, nil
	case unicode.Is(unicode.Cyrillic, r):
		return cyrillic, nil
	case unicode.Is(unicode.Greek, r):
		return greek, nil
	case unicode.In(r, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Lisu):
		return otherAlike, nil
	case unicode.Is(unicode.Han, r):
		return han, nil
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return kana, nil
	case unicode.Is(unicode.Hangul, r):
		return hangul, nil
	case unicode.Is(unicode.Bopomofo, r):
		return bopomofo, nil
	}
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return firstOther, table
		}
	}
	return 0, nil
}
