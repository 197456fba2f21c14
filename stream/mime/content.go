package mime

import (
	"bytes"
	"slices"
	"strings"
)

// A content is what a header says of the content that follows, in every
// reading of it.
type content struct {
	typ       string   // the first media type; "text/plain" or what else is the default
	types     []string // all, where they differ
	charset   string
	charsets  []string // all, where they differ
	names     []string
	links     []string // where content is that is not here
	attached  bool
	structure bool // some field gave structure

	kinds   []Kind
	coded   []transfer
	bounds  [][]byte
	text    []byte // holds bounds
	defects []Defect
}

// transfer is a transfer encoding that is undone here.
type transfer uint8

const (
	identity transfer = iota
	base64Transfer
	qpTransfer
	uuTransfer // found inside the text, which is told as it is
)

var transferNames = [...]string{identity: "", base64Transfer: "base64", qpTransfer: "quoted-printable", uuTransfer: "uuencode"}

// readingsKept is how many different boundaries, types, names of one part are
// kept: 16. More are not followed.
const readingsKept = 16

func (c *content) clear() {
	*c = content{kinds: c.kinds[:0], coded: c.coded[:0], bounds: c.bounds[:0], text: c.text[:0], defects: c.defects[:0]}
}

// defect notes d once.
func (c *content) defect(d Defect) { c.defects = noted(c.defects, d) }

// read reads a header. What it leaves in c is valid until the next.
func (c *content) read(p *Parser, h *header, digest bool) {
	c.clear()
	standard := "text/plain"
	if digest {
		standard = "message/rfc822" // RFC 2046 section 5.1.5
	}
	var counts [fromField + 1]int
	var sure [fromField + 1]bool
	for i := range h.fields {
		f := &h.fields[i]
		counts[f.what]++
		sure[f.what] = sure[f.what] || !f.doubt
		switch f.what {
		case contentType:
			c.readType(p, h.value(f))
		case transferEncoding:
			c.readTransfer(h.value(f))
		case disposition:
			c.readDisposition(p, h.value(f))
		case contentName, sunName:
			c.readName(h.value(f))
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
		c.addTransfer(identity)
	}
	c.check()
	if len(c.kinds) == 1 && c.kinds[0] == Leaf && slices.ContainsFunc(c.names, isMail) {
		c.addKind(Message)
	}
}

// isMail tells whether programs open a file of that name as mail, whatever
// type it was given: saved messages, and web pages in MIME (RFC 2557), which
// word processors open as documents.
func isMail(name string) bool {
	for _, end := range [...]string{".eml", ".mht", ".mhtml", ".nws"} {
		if n := len(name) - len(end); n > 0 && strings.EqualFold(name[n:], end) {
			return true
		}
	}
	return false
}

// check finds what only shows with everything read.
func (c *content) check() {
	c.checkKind()
	container := len(c.kinds) > 1 || c.kinds[0] != Leaf
	coded := len(c.coded) > 1 || c.coded[0] != identity
	if container && coded && !(c.typ == "message/global" && len(c.coded) == 1) { // RFC 6532 section 3.7 allows it
		c.addTransfer(identity)
		c.defect(Defect{RuleEncoding, Ambiguous, "on a container"})
	}
	if !slices.Contains(c.kinds, Multipart) {
		return
	}
	switch {
	case len(c.bounds) == 0:
		c.defect(Defect{RuleNoBoundary, Ambiguous, "missing"})
	case slices.ContainsFunc(c.bounds, func(b []byte) bool { return len(b) == 0 }):
		c.defect(Defect{RuleNoBoundary, Ambiguous, "empty"})
	case len(c.bounds) > 1:
		c.defect(Defect{RuleBoundary, Ambiguous, "several readings"})
	}
}

// checkKind notes types that say by themselves how far the parser can see.
func (c *content) checkKind() {
	for i := 0; i == 0 || i < len(c.types); i++ {
		typ := c.typ
		if i < len(c.types) {
			typ = c.types[i]
		}
		switch typ {
		case "message/partial":
			c.defect(Defect{RulePartial, Middle, "part of a message"})
		case externalBody:
			c.defect(Defect{RuleExternal, Middle, "content elsewhere"})
		case "multipart/encrypted", "application/pgp-encrypted":
			c.defect(Defect{RuleEncrypted, Low, "type"})
		}
	}
}

func (c *content) addKind(k Kind) {
	if !slices.Contains(c.kinds, k) {
		c.kinds = append(c.kinds, k)
	}
}

func (c *content) addTransfer(e transfer) {
	if !slices.Contains(c.coded, e) {
		c.coded = append(c.coded, e)
	}
}

// kindOf returns what a part of some media type is.
func kindOf(typ string) Kind {
	switch {
	case typ == "message/rfc822" || typ == "message/global" || typ == "message/news":
		return Message
	case strings.HasPrefix(typ, "multipart/"):
		return Multipart
	}
	return Leaf
}

// readType reads a Content-Type field (RFC 2045 section 5.1).
func (c *content) readType(p *Parser, value []byte) {
	if head, list, ok := splitSimple(value); ok && !isName(head, externalBody) {
		c.mediaType(p, head)
		for _, q := range list {
			switch {
			case len(q.name) == 0:
			case isName(q.name, "boundary"):
				c.addBound(q.value)
			case isName(q.name, "charset"):
				c.addCharset(p.lower(q.value))
			case isName(q.name, "name"), isName(q.name, "filename"):
				c.addName(string(q.value))
			}
		}
		return
	}
	all := parseParams(value, p.limits.Params)
	c.mediaType(p, []byte(all.value))
	for _, v := range all.get("boundary") {
		c.addBoundForms([]byte(v))
	}
	for _, v := range all.get("charset") {
		c.addCharset(p.lower([]byte(v)))
	}
	c.addParams(&all)
	if strings.EqualFold(all.value, externalBody) {
		c.links = all.external(c.links)
	}
}

// mediaType notes a media type.
func (c *content) mediaType(p *Parser, b []byte) {
	typ := p.lower(b)
	major, minor, _ := strings.Cut(typ, "/")
	if isToken(major) && isToken(minor) {
		c.addType(typ)
		c.addKind(kindOf(typ))
		return
	}
	c.defect(Defect{RuleType, Middle, "invalid"})
	if strings.HasPrefix(typ, "multipart") {
		c.addType("multipart/mixed")
		c.addKind(Multipart)
	} else {
		c.addType("text/plain") // RFC 2045 section 5.2
	}
	c.addKind(Leaf)
}

// addParams adds what both fields with parameters have.
func (c *content) addParams(all *params) {
	for _, name := range all.names() {
		c.addName(name)
	}
	for _, d := range all.defects {
		c.defect(d)
	}
}

func (c *content) addType(typ string) { c.typ, c.types = addReading(c.typ, c.types, typ) }
func (c *content) addCharset(cs string) {
	c.charset, c.charsets = addReading(c.charset, c.charsets, cs)
}

// addReading adds s to a first value and the list of all, which is nil while
// there is only one.
func addReading(first string, all []string, s string) (string, []string) {
	switch {
	case s == "" || s == first || slices.Contains(all, s) || len(all) >= readingsKept:
		return first, all
	case first == "":
		return s, nil
	case all == nil:
		return first, []string{first, s}
	}
	return first, append(all, s)
}

// readDisposition reads a Content-Disposition field (RFC 2183).
func (c *content) readDisposition(p *Parser, value []byte) {
	if head, list, ok := splitSimple(value); ok {
		c.attached = c.attached || isName(head, "attachment")
		for _, q := range list {
			if isName(q.name, "filename") || isName(q.name, "name") {
				c.addName(string(q.value))
			}
		}
		return
	}
	all := parseParams(value, p.limits.Params)
	c.attached = c.attached || strings.EqualFold(all.value, "attachment")
	c.addParams(&all)
}

// readName reads a Content-Name or X-Sun-Data-Name field, which are in no
// standard.
// QUIRK: Thunderbird and its kin call a file so that has no other name.
func (c *content) readName(value []byte) {
	name, _ := decodeWords(nil, value)
	c.addName(strings.Trim(string(name), " \t\""))
}

// readTransfer reads a Content-Transfer-Encoding field (RFC 2045 section 6.1).
func (c *content) readTransfer(value []byte) {
	value = bytes.Trim(value, paramBlanks+"\n")
	var buf [wordSize]byte
	name := appendLower(buf[:0], value)
	switch string(name) {
	case "7bit", "8bit", "binary":
		c.addTransfer(identity)
	case "base64":
		c.addTransfer(base64Transfer)
	case "quoted-printable":
		c.addTransfer(qpTransfer)
	case "uuencode", "x-uuencode", "x-uue", "uue", "binhex", "x-binhex", "binhex40", "x-binhex40", "mac-binhex40":
		c.addTransfer(uuTransfer)
	default:
		c.namedTransfers(name)
	}
}

// namedTransfers follows an encoding that is none: every one it names, in
// order, and none.
func (c *content) namedTransfers(name []byte) {
	name = slices.DeleteFunc(name, func(b byte) bool { return b < ' ' || b == 0x7f })
	type found struct {
		at int
		e  transfer
	}
	var list []found
	for _, n := range []struct {
		name string
		e    transfer
	}{{"base64", base64Transfer}, {"quoted-printable", qpTransfer}, {"uue", uuTransfer}} {
		if i := bytes.Index(name, []byte(n.name)); i >= 0 {
			list = append(list, found{i, n.e})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int { return a.at - b.at })
	for _, f := range list {
		c.addTransfer(f.e)
	}
	c.addTransfer(identity)
	if len(list) == 0 && bytes.ContainsAny(name, "78") && bytes.Contains(name, []byte("bit")) {
		// QUIRK: "7-bit" and "8bits" are seen from several mailers.
		c.defect(Defect{RuleEncoding, Low, "misspelt"})
		return
	}
	c.defect(Defect{RuleEncoding, Ambiguous, "unknown"})
}

func (c *content) addName(s string) {
	if s != "" && !slices.Contains(c.names, s) && len(c.names) < readingsKept {
		c.names = append(c.names, s)
	}
}

// addBoundForms adds a boundary, and what it is without what programs may take
// off: blanks at its ends, controls, what stands behind a NUL.
func (c *content) addBoundForms(b []byte) {
	c.addBound(b)
	c.addBound(bytes.TrimRight(b, " \t"))
	c.addBound(bytes.Trim(b, " \t"))
	if bytes.ContainsFunc(b, isControl) {
		c.addBound(bytes.Map(func(r rune) rune {
			if isControl(r) {
				return -1
			}
			return r
		}, b))
		before, _, _ := bytes.Cut(b, []byte{0})
		c.addBound(before)
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// addBound adds a boundary, once. Of one that is too long its beginning is
// compared: the lines that have it are taken for boundary lines, so that no
// part can hide behind the limit.
func (c *content) addBound(b []byte) {
	if len(c.bounds) >= readingsKept {
		return
	}
	if len(b) > boundarySize {
		b = b[:boundarySize]
		c.defect(Defect{RuleBoundary, Ambiguous, "cut"})
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

// lower is word in lower case.
func (p *Parser) lower(b []byte) string {
	var buf [wordSize]byte
	return p.word(appendLower(buf[:0], b))
}

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
