package mime

import (
	"bytes"
	"slices"
)

// A content is what a header says of the content that follows, in every
// reading of it.
type content struct {
	typ       string   // the first media type; "text/plain" or what else is the default
	types     []string // all, where they differ
	charset   string
	names     []string
	attached  bool
	structure bool // some field gave structure

	kinds     []Kind
	encodings []transfer
	bounds    [][]byte
	text      []byte // holds bounds
	defects   []Defect
}

// transfer is a transfer encoding that is undone here.
type transfer uint8

const (
	identity transfer = iota
	base64Encoding
	qpEncoding
	uuEncoding
)

var encodingNames = [...]string{identity: "", base64Encoding: "base64", qpEncoding: "quoted-printable", uuEncoding: "uuencode"}

// readingsKept is how many different boundaries, types, names of one part are
// kept: 16. More are not followed.
const readingsKept = 16

func (c *content) clear() {
	*c = content{kinds: c.kinds[:0], encodings: c.encodings[:0], bounds: c.bounds[:0], text: c.text[:0], defects: c.defects[:0]}
}

// defect notes d once.
func (c *content) defect(d Defect) {
	if !slices.Contains(c.defects, d) {
		c.defects = append(c.defects, d)
	}
}

// read reads a header. What it leaves in c is valid until the next.
func (c *content) read(p *Parser, h *header, digest bool) {
	c.clear()
	standard := "text/plain"
	if digest {
		standard = "message/rfc822" // RFC 2046 section 5.1.5
	}
	var counts [fromField + 1]int
	sure := [fromField + 1]bool{}
	for i := range h.fields {
		f := &h.fields[i]
		if f.what == otherField || f.what == fromField {
			continue
		}
		counts[f.what]++
		sure[f.what] = sure[f.what] || !f.doubt
		value := h.value(f)
		switch f.what {
		case contentType:
			c.readType(p, value)
		case transferEncoding:
			c.readEncoding(value)
		case disposition:
			c.readDisposition(p, value)
		}
	}
	for what := contentType; what <= disposition; what++ {
		c.structure = c.structure || counts[what] > 0
		if counts[what] > 1 {
			c.defect(Defect{RuleDuplicate, Ambiguous, fieldNames[what]})
		}
	}
	if c.typ == "" {
		c.typ = standard
	}
	if !sure[contentType] {
		c.addKind(kindOf(standard))
	}
	if !sure[transferEncoding] {
		c.addEncoding(identity)
	}
	c.check()
}

// check finds what only shows with everything read.
func (c *content) check() {
	containers := len(c.kinds) > 1 || c.kinds[0] != Leaf
	encoded := len(c.encodings) > 1 || c.encodings[0] != identity
	if containers && encoded {
		if c.typ == "message/global" && len(c.encodings) == 1 {
			return // RFC 6532 section 3.7 allows it
		}
		c.addEncoding(identity)
		c.defect(Defect{RuleEncoding, Ambiguous, "on a container"})
	}
	if len(c.bounds) == 0 && slices.Contains(c.kinds, Multipart) {
		c.defect(Defect{RuleNoBoundary, Ambiguous, "missing"})
	}
}

func (c *content) addKind(k Kind) {
	if !slices.Contains(c.kinds, k) {
		c.kinds = append(c.kinds, k)
	}
}

func (c *content) addEncoding(e transfer) {
	if !slices.Contains(c.encodings, e) {
		c.encodings = append(c.encodings, e)
	}
}

// kindOf returns what a part of some media type is.
func kindOf(typ string) Kind {
	switch {
	case typ == "message/rfc822" || typ == "message/global" || typ == "message/news":
		return Message
	case len(typ) > 10 && typ[:10] == "multipart/":
		return Multipart
	}
	return Leaf
}

// readType reads a Content-Type field (RFC 2045 section 5.1).
func (c *content) readType(p *Parser, value []byte) {
	var buf [wordSize]byte
	head, _ := cutParams(value)
	name := appendLower(buf[:0], stripComments(head))
	slash := bytes.IndexByte(name, '/')
	switch {
	case slash > 0 && slash < len(name)-1 && isToken(name[:slash]) && isToken(name[slash+1:]):
		typ := p.word(name)
		c.addType(typ)
		c.addKind(kindOf(typ))
	case bytes.HasPrefix(name, []byte("multipart")):
		c.addType("multipart/mixed")
		c.addKind(Multipart)
		c.addKind(Leaf)
		c.defect(Defect{RuleType, Middle, "invalid"})
	default:
		// RFC 2045 section 5.2: text/plain.
		c.addType("text/plain")
		c.addKind(Leaf)
		c.defect(Defect{RuleType, Middle, "invalid"})
	}
	c.readParams(p, value, true)
}

func (c *content) addType(typ string) {
	switch {
	case c.typ == "":
		c.typ = typ
	case c.typ == typ || slices.Contains(c.types, typ) || len(c.types) >= readingsKept:
	case c.types == nil:
		c.types = []string{c.typ, typ}
	default:
		c.types = append(c.types, typ)
	}
}

// readDisposition reads a Content-Disposition field (RFC 2183).
func (c *content) readDisposition(p *Parser, value []byte) {
	head, _ := cutParams(value)
	if bytes.EqualFold(stripComments(head), []byte("attachment")) {
		c.attached = true
	}
	c.readParams(p, value, false)
}

// readEncoding reads a Content-Transfer-Encoding field (RFC 2045 section 6.1).
func (c *content) readEncoding(value []byte) {
	var buf [wordSize]byte
	name := appendLower(buf[:0], bytes.Trim(value, " \t\r\n"))
	switch string(name) {
	case "7bit", "8bit", "binary":
		c.addEncoding(identity)
		return
	case "base64":
		c.addEncoding(base64Encoding)
		return
	case "quoted-printable":
		c.addEncoding(qpEncoding)
		return
	case "uuencode", "x-uuencode", "x-uue", "uue":
		c.addEncoding(uuEncoding)
		return
	case "7-bit", "8-bit", "7bits", "8bits", "7 bit", "8 bit":
		// QUIRK: seen from several mailers; nobody decodes anything here.
		c.addEncoding(identity)
		c.defect(Defect{RuleEncoding, Low, "misspelt"})
		return
	}
	// Every encoding it names, in order, and none.
	type found struct {
		at int
		e  transfer
	}
	list := make([]found, 0, 4)
	for _, n := range []struct {
		name string
		e    transfer
	}{{"base64", base64Encoding}, {"quoted-printable", qpEncoding}, {"uue", uuEncoding}, {"uuencode", uuEncoding}} {
		if i := bytes.Index(name, []byte(n.name)); i >= 0 {
			list = append(list, found{i, n.e})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int { return a.at - b.at })
	for _, f := range list {
		c.addEncoding(f.e)
	}
	c.addEncoding(identity)
	c.defect(Defect{RuleEncoding, Ambiguous, "unknown"})
}

// readParams reads the parameters of a field.
func (c *content) readParams(p *Parser, value []byte, isType bool) {
	_, rest := cutParams(value)
	count := 0
	for len(rest) > 0 && count < p.limits.Params {
		count++
		var name, raw []byte
		name, raw, rest = nextParam(rest)
		switch {
		case isType && bytes.EqualFold(name, []byte("boundary")):
			if len(c.bounds) > 0 {
				c.defect(Defect{RuleParam, Ambiguous, "boundary"})
			}
			c.addBound(raw)
		case isType && bytes.EqualFold(name, []byte("charset")):
			if c.charset == "" {
				var buf [wordSize]byte
				c.charset = p.word(appendLower(buf[:0], raw))
			}
		case bytes.EqualFold(name, []byte("name")), bytes.EqualFold(name, []byte("filename")):
			c.addName(string(decoded(raw)))
		}
	}
}

func decoded(b []byte) []byte {
	out, _ := decodeWords(nil, b)
	return out
}

func (c *content) addName(s string) {
	if s != "" && !slices.Contains(c.names, s) && len(c.names) < readingsKept {
		c.names = append(c.names, s)
	}
}

// addBound adds a boundary, once.
func (c *content) addBound(b []byte) {
	if len(b) > boundarySize || len(c.bounds) >= readingsKept {
		return
	}
	for _, have := range c.bounds {
		if bytes.Equal(have, b) {
			return
		}
	}
	at := len(c.text)
	c.text = append(c.text, b...)
	c.bounds = append(c.bounds, c.text[at:len(c.text):len(c.text)])
}

// cutParams cuts a field's value at the first semicolon.
func cutParams(value []byte) (head, params []byte) {
	head, params, _ = bytes.Cut(value, []byte(";"))
	return head, params
}

// nextParam takes one parameter.
func nextParam(b []byte) (name, value, rest []byte) {
	eq := bytes.IndexByte(b, '=')
	semi := bytes.IndexByte(b, ';')
	if eq < 0 || semi >= 0 && semi < eq {
		if semi < 0 {
			return nil, nil, nil
		}
		return nil, nil, b[semi+1:]
	}
	name = bytes.Trim(b[:eq], " \t\r\n")
	b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
	if len(b) > 0 && b[0] == '"' {
		if end := bytes.IndexByte(b[1:], '"'); end >= 0 {
			value = b[1 : 1+end]
			_, rest, _ = bytes.Cut(b[2+end:], []byte(";"))
			return name, value, rest
		}
		b = b[1:]
	}
	value, rest, _ = bytes.Cut(b, []byte(";"))
	return name, bytes.Trim(value, " \t\r\n"), rest
}

func stripComments(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// appendLower appends b in lower case, ASCII only.
func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// isToken tells whether b is a token of RFC 2045 section 5.1.
func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?=`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}
