package mime

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// params are the parts of a structured field such as Content-Type or
// Content-Disposition (RFC 2045 section 5.1, RFC 2183).
type params struct {
	value   string // the media type or disposition as written, without comments
	list    []param
	defects []Defect
}

// A param is one parameter with every value a program could take for it.
type param struct {
	name string // lower case, without the marks of RFC 2231
	// values are octets, not always UTF-8, each once: as it is usually read
	// first, then literally, unescaped, decoded.
	values []string
}

// get returns the values of a parameter, whose name is in lower case. Nil: the
// field does not have it.
func (p *params) get(name string) []string {
	for i := range p.list {
		if p.list[i].name == name {
			return p.list[i].values
		}
	}
	return nil
}

// names returns the candidate file names of a field, those that are UTF-8: of
// others their decoded form is among the candidates as well.
func (p *params) names() (list []string) {
	for _, key := range []string{"filename", "name"} {
		for _, v := range p.get(key) {
			if v != "" && utf8.ValidString(v) && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	return list
}

// parseParams parses the value of a structured field, at most limit parameters
// of it. It is linear in the field's length, whatever stands there.
//
// What programs read differently gives several values: comments, which many do
// not know; quotes that do not close or have text behind them; escapes;
// parameters that stand there twice, or plain and extended; RFC 2047 words and
// percent signs where only RFC 2231 would allow them.
func parseParams(value []byte, limit int) params {
	value = unfold(value)
	s := paramScanner{b: value, comments: true, limit: limit}
	s.scan()
	p := params{value: strings.Trim(s.token.String(), ","+paramBlanks)}
	if bytes.IndexByte(value, '(') >= 0 && s.met {
		blind := paramScanner{b: value, limit: limit}
		blind.scan()
		s.raw = append(s.raw, blind.raw...)
		s.again = len(s.raw) - len(blind.raw)
		s.faults |= paramComment
	}
	p.defects = s.faults.defects()
	p.gather(s.raw, s.again)
	return p
}

type paramFault uint8

const (
	paramMany    paramFault = 1 << iota // more than the limit
	paramOpen                           // a quote or comment does not close
	paramJunk                           // text behind a quoted value, or where a parameter should be
	paramNoSep                          // no semicolon between two
	paramComment                        // a comment
)

func (f paramFault) defects() []Defect {
	var list []Defect
	for i, d := range []Defect{
		{RuleParam, Ambiguous, "too many"},
		{RuleParam, Middle, "no end"},
		{RuleParam, Middle, "junk"},
		{RuleParam, Low, "no semicolon"},
		{RuleParam, Low, "comment"},
	} {
		if f&(1<<i) != 0 {
			list = append(list, d)
		}
	}
	return list
}

// paramBlanks are blanks here: a CR without LF, VT and FF are some to many
// programs.
const paramBlanks = " \t\r\v\f"

// A rawParam is a parameter as it stands in the field.
type rawParam struct {
	name  []byte
	forms [][]byte // the value in each way its quotes can be read; at least one
}

// A paramScanner splits a field.
type paramScanner struct {
	b        []byte // what is left
	comments bool   // comments are comments
	limit    int

	met    bool // there was a comment
	token  strings.Builder
	raw    []rawParam
	again  int // where in raw the same parameters begin again; 0: they do not
	faults paramFault
}

func (s *paramScanner) scan() {
	sep := true // a semicolon, or the beginning
	for first := true; ; {
		s.blanks()
		if len(s.b) == 0 {
			return
		}
		if s.b[0] == ';' {
			s.b, sep, first = s.b[1:], true, false
			continue
		}
		name, ok := s.attribute()
		if !ok {
			word := s.word()
			switch {
			case first:
				s.token.Write(word)
			case !sep:
				s.faults |= paramJunk
			}
			sep = false
			continue
		}
		if len(s.raw) >= s.limit {
			s.faults |= paramMany
			return
		}
		if !sep {
			s.faults |= paramNoSep
		}
		s.raw = append(s.raw, rawParam{name, s.value()})
		sep, first = false, false
	}
}

// blanks skips blanks and comments.
func (s *paramScanner) blanks() {
	for {
		s.b = bytes.TrimLeft(s.b, paramBlanks)
		if len(s.b) == 0 || s.b[0] != '(' || !s.comments {
			return
		}
		n := commentEnd(s.b)
		if n < 0 {
			// One that does not close is none, and none behind it is looked for:
			// that keeps the whole linear.
			s.comments = false
			s.faults |= paramOpen
			return
		}
		s.met = true
		s.b = s.b[n:]
	}
}

// commentEnd returns the length of the comment that b begins with (RFC 5322
// section 3.2.2: they nest), or -1 if it does not close.
func commentEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// attribute takes "name =", if that comes next.
func (s *paramScanner) attribute() ([]byte, bool) {
	n := bytes.IndexAny(s.b, "=;\"("+paramBlanks)
	if n <= 0 || s.b[n] == ';' || s.b[n] == '"' {
		return nil, false
	}
	before := s.b
	name := s.b[:n]
	s.b = s.b[n:]
	s.blanks()
	if len(s.b) == 0 || s.b[0] != '=' {
		s.b = before
		return nil, false
	}
	s.b = s.b[1:]
	return name, true
}

// word takes text that is no parameter, up to the next blank or semicolon.
func (s *paramScanner) word() []byte {
	if s.b[0] == '"' {
		forms := s.quoted()
		return forms[0]
	}
	n := bytes.IndexAny(s.b[1:], ";(\""+paramBlanks) + 1
	if n == 0 {
		n = len(s.b)
	}
	w := s.b[:n]
	s.b = s.b[n:]
	return w
}

// value takes what stands behind "=".
func (s *paramScanner) value() [][]byte {
	s.blanks()
	if len(s.b) > 0 && s.b[0] == '"' {
		return s.quoted()
	}
	stops := ";" + paramBlanks
	if s.comments {
		stops += "("
	}
	n := bytes.IndexAny(s.b, stops)
	if n < 0 {
		n = len(s.b)
	}
	forms := [][]byte{s.b[:n]}
	rest := s.b[n:]
	s.b = rest
	s.blanks()
	// More words: blanks in a name that should have been quoted, unless another
	// parameter begins without its semicolon.
	if len(s.b) > 0 && s.b[0] != ';' {
		if more := s.plainRest(); len(more) > 0 {
			whole := forms[0][:n+len(rest)-len(s.b)]
			forms = append(forms, bytes.TrimRight(whole, paramBlanks))
			s.faults |= paramJunk
		}
	}
	return forms
}

// plainRest takes what is left up to the next semicolon, unless a "=" is in
// it.
func (s *paramScanner) plainRest() []byte {
	n := bytes.IndexAny(s.b, ";=")
	if n < 0 {
		n = len(s.b)
	} else if s.b[n] == '=' {
		return nil
	}
	rest := s.b[:n]
	s.b = s.b[n:]
	return rest
}

// quoted takes a quoted string (RFC 5322 section 3.2.4) and what stands
// between it and the next semicolon.
func (s *paramScanner) quoted() [][]byte {
	in := s.b[1:]
	end := quoteEnd(in)
	if end < 0 {
		// Up to the next semicolon, or to the end of the field.
		s.faults |= paramOpen
		all := in
		n := bytes.IndexByte(in, ';')
		if n < 0 {
			s.b = nil
			return unescapings(all)
		}
		s.b = in[n:]
		return append(unescapings(in[:n]), unescapings(all)...)
	}
	forms := unescapings(in[:end])
	// Who knows no escapes ends at the first quote.
	if i := bytes.IndexByte(in[:end], '"'); i >= 0 {
		forms = append(forms, in[:i])
	}
	s.b = in[end+1:]
	s.blanks()
	if len(s.b) == 0 || s.b[0] == ';' {
		return forms
	}
	behind := len(in) - len(s.b)
	if rest := s.plainRest(); len(rest) > 0 {
		s.faults |= paramJunk
		rest = bytes.TrimRight(rest, paramBlanks)
		joined := slices.Concat(forms[0], bytes.ReplaceAll(rest, []byte{'"'}, nil))
		forms = append(forms, joined, bytes.TrimSuffix(in[:behind+len(rest)], []byte{'"'}))
	}
	return forms
}

// quoteEnd returns where the quote that ends a quoted string stands, or -1.
func quoteEnd(b []byte) int {
	for i := 0; i < len(b); i++ {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			return -1
		}
		if i += n; b[i] == '"' {
			return i
		}
		i++
	}
	return -1
}

// unescapings returns b with its escapes resolved and, if there are any, as it
// stands: QUIRK: Windows programs write paths without escaping backslashes. Who
// allows for that resolves only the escapes that a quoted string needs, which is
// a third way where there are both kinds.
func unescapings(b []byte) [][]byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return [][]byte{b}
	}
	all := unescape(b, func(byte) bool { return true })
	forms := [][]byte{all, b}
	if some := unescape(b, isSpecial); !bytes.Equal(some, all) && len(some) < len(b) {
		forms = append(forms, some)
	}
	return forms
}

// unescape takes the backslashes away that stand before octets of some kind.
func unescape(b []byte, kind func(byte) bool) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) && kind(b[i+1]) {
			i++
		}
		out = append(out, b[i])
	}
	return out
}

// isSpecial tells the octets that only a quoted string can have (tspecials of
// RFC 2045 section 5.1).
func isSpecial(c byte) bool { return strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 }
