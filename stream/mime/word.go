package mime

import (
	"bytes"
	"slices"
)

// A word is one encoded-word of RFC 2047 section 2.
type word struct {
	charset []byte // language (RFC 2231 section 5) off
	base64  bool
	text    []byte // still encoded
	open    bool   // "?=" is missing
}

// AppendWords appends a field's value to dst as UTF-8, unfolded and with its
// encoded words (RFC 2047) decoded, as tolerantly as file names are.
func AppendWords(dst, value []byte) []byte {
	dst, _ = decodeWords(dst, value)
	return dst
}

// decodeWords appends a field's value to dst as UTF-8: unfolded, with the
// encoded words of RFC 2047 decoded as tolerantly as mail programs do it. They
// count wherever they stand, in quotes and inside of other text; they may hold
// blanks or lack their end; neighbours of one charset are joined before they
// are decoded, so that characters, and groups of base64, may be split between
// words. What is no word is taken for UTF-8 or else for windows-1252.
func decodeWords(dst, value []byte) (out []byte, defects []Defect) {
	value = unfold(value)
	if !bytes.Contains(value, []byte("=?")) {
		return charset{}.toUTF8(dst, value), nil
	}
	var run []word
	var faults wordFault
	for {
		at, n, w := findWord(value, faults&wordOpen == 0)
		if n == 0 {
			break
		}
		gap := value[:at]
		// Blanks between two words are no content (RFC 2047 section 6.2).
		if w.open {
			faults |= wordOpen
		}
		if len(run) == 0 || len(bytes.TrimLeft(gap, " \t")) > 0 {
			dst = appendRun(dst, run, &faults)
			run = run[:0]
			dst = charset{}.toUTF8(dst, gap)
		} else if !run[0].joins(w) {
			dst = appendRun(dst, run, &faults)
			run = run[:0]
		}
		run = append(run, w)
		value = value[at+n:]
	}
	dst = appendRun(dst, run, &faults)
	return charset{}.toUTF8(dst, value), faults.defects()
}

type wordFault uint8

const (
	wordOpen    wordFault = 1 << iota // without "?="
	wordBlank                         // blanks inside
	wordCharset                       // a charset that nobody knows
	wordBase64                        // foreign octets and the like
	wordEscape                        // "=" without two digits
)

func (f wordFault) defects() []Defect {
	var list []Defect
	for i, d := range []Defect{
		{RuleWord, Middle, "no end"},
		{RuleWord, Low, "blanks inside"},
		{RuleWord, Low, "unknown charset"},
		{RuleWord, Middle, "bad base64"},
		{RuleWord, Low, "bad escape"},
	} {
		if f&(1<<i) != 0 {
			list = append(list, d)
		}
	}
	return list
}

// unfold returns value without line ends. It copies only if there are any.
func unfold(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 {
		return value
	}
	var out []byte
	for {
		i := bytes.IndexByte(value, '\n')
		if i < 0 {
			return append(out, value...)
		}
		out = append(out, value[:i-crs(value[:i])]...)
		value = value[i+1:]
	}
}

// findWord returns the first encoded word in b: where it begins, how many
// octets it has, and its parts. No word: n is 0. Ends tells that there may be a
// "?=" in b: that it is not searched for in vain again keeps the whole linear.
func findWord(b []byte, ends bool) (at, n int, w word) {
	for {
		i := bytes.Index(b[at:], []byte("=?"))
		if i < 0 {
			return 0, 0, word{}
		}
		at += i
		if n, w = parseWord(b[at:], ends); n > 0 {
			return at, n, w
		}
		at += 2
	}
}

// labelSize is the longest charset label, with its language and blanks, that
// makes an encoded word: 100 octets, where RFC 2047 section 2 leaves 75 for
// the whole word.
const labelSize = 100

// parseWord parses the encoded word at the beginning of b. It has n octets, 0
// if there is none.
func parseWord(b []byte, ends bool) (n int, w word) {
	label := b[2:min(len(b), 2+labelSize)]
	i := bytes.IndexByte(label, '?')
	if i <= 0 {
		return 0, w
	}
	w.charset = bytes.Trim(label[:i], " \t")
	if star := bytes.IndexByte(w.charset, '*'); star >= 0 {
		w.charset = w.charset[:star]
	}
	rest := b[2+i+1:]
	skip := len(rest) - len(bytes.TrimLeft(rest, " \t"))
	if skip == len(rest) || len(w.charset) == 0 {
		return 0, w
	}
	switch rest[skip] {
	case 'b', 'B':
		w.base64 = true
	case 'q', 'Q':
	default:
		return 0, w
	}
	rest = rest[skip+1:]
	rest = bytes.TrimLeft(rest, " \t")
	if len(rest) == 0 || rest[0] != '?' {
		return 0, w
	}
	rest = rest[1:]
	end := -1
	if ends {
		end = bytes.Index(rest, []byte("?="))
	}
	if end >= 0 {
		w.text = rest[:end]
		return len(b) - len(rest) + end + 2, w
	}
	// Without an end it goes on to the next blank or quote.
	w.open = true
	if end = bytes.IndexAny(rest, " \t\""); end < 0 {
		end = len(rest)
	}
	w.text = bytes.TrimSuffix(rest[:end], []byte("?"))
	return len(b) - len(rest) + end, w
}

// joins tells that w may go on a character that v began.
func (v word) joins(w word) bool {
	return v.base64 == w.base64 && bytes.EqualFold(v.charset, w.charset)
}

// appendRun appends words that stand together and have charset and encoding in
// common.
func appendRun(dst []byte, run []word, faults *wordFault) []byte {
	if len(run) == 0 {
		return dst
	}
	var raw []byte
	for _, w := range run {
		if bytes.IndexByte(w.text, ' ') >= 0 {
			*faults |= wordBlank
		}
		if !run[0].base64 {
			raw = appendQ(raw, w.text, faults)
		}
	}
	if run[0].base64 {
		raw = appendB(raw, run, faults)
	}
	c := findCharset(string(run[0].charset))
	if c.kind == charsetUnknown {
		*faults |= wordCharset
	}
	return c.toUTF8(dst, raw)
}

// appendB decodes base64 words. If their sextets make whole groups only when
// taken together, they were cut inside a group, and are taken together.
func appendB(dst []byte, run []word, faults *wordFault) []byte {
	sextets, whole := 0, true
	for _, w := range run {
		n := 0
		for _, c := range w.text {
			if base64Table[3][c]&(kindBlank|kindForeign) == 0 {
				n++
			}
		}
		sextets, whole = sextets+n, whole && n%4 == 0
	}
	emit := func(b []byte) { dst = append(dst, b...) }
	d := newBase64()
	d.out.buf = make([]byte, 0, sextets+16) // small, as words are
	for _, w := range run {
		d.write(w.text, emit)
		if whole || sextets%4 != 0 {
			d.close(emit)
			*faults |= d.wordFaults()
			d.reset()
		}
	}
	d.close(emit)
	*faults |= d.wordFaults()
	return dst
}

func (d *base64) wordFaults() wordFault {
	if d.more || d.faults&^(base64Short) != 0 {
		return wordBase64
	}
	return 0
}

// appendQ decodes the "Q" encoding (RFC 2047 section 4.2).
func appendQ(dst, text []byte, faults *wordFault) []byte {
	dst = slices.Grow(dst, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			dst = append(dst, ' ')
		case c != '=':
			dst = append(dst, c)
		case len(text)-i >= 3 && hexValue[text[i+1]]|hexValue[text[i+2]] >= 0:
			dst = append(dst, byte(hexValue[text[i+1]]<<4|hexValue[text[i+2]]))
			i += 2
		default:
			*faults |= wordEscape
			dst = append(dst, c)
		}
	}
	return dst
}
