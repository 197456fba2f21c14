package unpack

import (
	"bytes"
	"unicode/utf16"
)

// Lexical units of PDF (ISO 32000-2 section 7.2).
type pdfKind uint8

const (
	pdfEnd pdfKind = iota
	pdfName
	pdfString // text between parentheses, raw
	pdfHex    // text between angle brackets, raw
	pdfNumber // an integer; any other number is a word
	pdfWord
	pdfDictOpen
	pdfDictClose
	pdfArrayOpen
	pdfArrayClose
)

// A pdfToken is one unit. Text is a slice of the input, except for names with
// escapes.
type pdfToken struct {
	kind pdfKind
	text []byte
	n    int // of a number
}

// A pdfLexer cuts text into tokens. It never fails: what fits nothing is a
// word.
type pdfLexer struct {
	b  []byte
	at int
}

// pdfClass says for each octet: 1 blank, 2 delimiter, 0 regular.
var pdfClass = [256]uint8{
	0: 1, '\t': 1, '\n': 1, '\f': 1, '\r': 1, ' ': 1,
	'(': 2, ')': 2, '<': 2, '>': 2, '[': 2, ']': 2, '{': 2, '}': 2, '/': 2, '%': 2,
}

func (l *pdfLexer) next() pdfToken {
	l.skip()
	if l.at >= len(l.b) {
		return pdfToken{}
	}
	from := l.at
	l.at++
	switch l.b[from] {
	case '/':
		text := l.regular()
		return pdfToken{kind: pdfName, text: pdfUnescape(text)}
	case '(':
		return pdfToken{kind: pdfString, text: l.literal()}
	case '[':
		return pdfToken{kind: pdfArrayOpen}
	case ']':
		return pdfToken{kind: pdfArrayClose}
	case '<':
		if l.at < len(l.b) && l.b[l.at] == '<' {
			l.at++
			return pdfToken{kind: pdfDictOpen}
		}
		n := bytes.IndexByte(l.b[l.at:], '>')
		if n < 0 {
			n = len(l.b) - l.at
		}
		text := l.b[l.at : l.at+n]
		l.at = min(l.at+n+1, len(l.b))
		return pdfToken{kind: pdfHex, text: text}
	case '>':
		if l.at < len(l.b) && l.b[l.at] == '>' {
			l.at++
			return pdfToken{kind: pdfDictClose}
		}
		return pdfToken{kind: pdfWord, text: l.b[from:l.at]}
	case ')', '{', '}':
		return pdfToken{kind: pdfWord, text: l.b[from:l.at]}
	}
	l.at--
	text := l.regular()
	if n, ok := pdfInt(text); ok {
		return pdfToken{kind: pdfNumber, text: text, n: n}
	}
	return pdfToken{kind: pdfWord, text: text}
}

// skip passes blanks and comments.
func (l *pdfLexer) skip() {
	for l.at < len(l.b) {
		switch c := l.b[l.at]; {
		case pdfClass[c] == 1:
			l.at++
		case c == '%':
			n := bytes.IndexAny(l.b[l.at:], "\r\n")
			if n < 0 {
				n = len(l.b) - l.at
			}
			l.at += n
		default:
			return
		}
	}
}

// regular takes octets up to a blank or delimiter.
func (l *pdfLexer) regular() []byte {
	from := l.at
	for l.at < len(l.b) && pdfClass[l.b[l.at]] == 0 {
		l.at++
	}
	return l.b[from:l.at]
}

// literal takes a string up to its closing parenthesis; those inside pair up.
func (l *pdfLexer) literal() []byte {
	from, depth := l.at, 1
	for l.at < len(l.b) {
		switch l.b[l.at] {
		case '\\':
			l.at++
		case '(':
			depth++
		case ')':
			depth--
			if depth == 0 {
				l.at++
				return l.b[from : l.at-1]
			}
		}
		l.at++
	}
	l.at = len(l.b)
	return l.b[from:]
}

// pdfUnescape resolves #xx in a name (ISO 32000-2 section 7.3.5).
func pdfUnescape(b []byte) []byte {
	i := bytes.IndexByte(b, '#')
	if i < 0 {
		return b
	}
	out := append([]byte(nil), b[:i]...)
	for ; i < len(b); i++ {
		if b[i] == '#' && i+2 < len(b) {
			if hi, lo := hexValue(b[i+1]), hexValue(b[i+2]); hi != notHex && lo != notHex {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// pdfInt reads an integer of at most nine digits.
func pdfInt(b []byte) (n int, ok bool) {
	neg := len(b) > 1 && b[0] == '-'
	if neg || len(b) > 1 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// octets returns what a string stands for (ISO 32000-2 section 7.3.4), at most
// limit octets.
func (t pdfToken) octets(limit int) []byte {
	if t.kind == pdfHex {
		return unhex(t.text, limit)
	}
	b := t.text
	if bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return b[:min(limit, len(b))]
	}
	out := make([]byte, 0, min(limit, len(b)))
	for i := 0; i < len(b) && len(out) < limit; i++ {
		c := b[i]
		if c == '\r' { // any line end is a line feed
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			c = '\n'
		}
		if c != '\\' || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		i++
		switch c = b[i]; c {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case '\n': // the line goes on
		case '\r':
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
		case '0', '1', '2', '3', '4', '5', '6', '7':
			v := c - '0'
			for k := 0; k < 2 && i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '7'; k++ {
				i++
				v = v<<3 | (b[i] - '0')
			}
			out = append(out, v)
		default:
			out = append(out, c)
		}
	}
	return out
}

// unhex returns the octets of hexadecimal digits; all other characters are
// passed, and a last single digit has a zero behind it.
func unhex(b []byte, limit int) []byte {
	out := make([]byte, 0, min(limit, (len(b)+1)/2))
	var high byte
	half := false
	for _, c := range b {
		v := hexValue(c)
		if v == notHex {
			continue
		}
		if !half {
			high, half = v<<4, true
			continue
		}
		if len(out) == limit {
			return out
		}
		out = append(out, high|v)
		half = false
	}
	if half && len(out) < limit {
		out = append(out, high)
	}
	return out
}

// pdfText returns a text string as UTF-8: UTF-16BE with a mark, UTF-8, or as
// Latin-1, which PDFDocEncoding is for what matters in names.
func pdfText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xFE\xFF")):
		var w []uint16
		for b = b[2:]; len(b) >= 2; b = b[2:] {
			w = append(w, uint16(b[0])<<8|uint16(b[1]))
		}
		return string(utf16.Decode(w))
	case bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")):
		return string(b[3:])
	}
	return toUTF8(b, latin1)
}
