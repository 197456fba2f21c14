package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// The XML parts of Office documents (ECMA-376), each by itself: a zip's reader
// need not know what it holds. Relationships, fields, links and objects count;
// all else is passed by. And what else of XML holds files in base64.

const (
	// xmlTag is how much of one tag is looked at: 64 KiB. Office writes none
	// beyond 32 KiB, which is its longest address with all escaped.
	xmlTag = 64 << 10
	// xmlField is how much of a field's instruction is gathered: 16 KiB.
	xmlField = 16 << 10
)

// A xmlPart is a part being read.
type xmlPart struct {
	t     *teller
	r     *bufio.Reader
	tag   []byte
	field []byte // instruction of the field at hand
	taken bool   // text is part of it
	name  string // of the part of a flat document
	plist bool   // it is a property list of Apple's, which may be a web archive
}

// readPart reads a part of an Office document.
func readPart(t *teller, r *bufio.Reader) {
	p := &xmlPart{t: t, r: asUTF8(r)}
	for p.text() && p.markup() {
	}
	p.endField()
}

// text passes text up to a tag.
func (p *xmlPart) text() bool {
	for {
		b, err := p.r.ReadSlice('<')
		if p.taken && len(p.field) < xmlField {
			p.field = append(p.field, bytes.TrimSuffix(b, []byte("<"))...)
		}
		if err == nil {
			return true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return false
		}
	}
}

// markup reads what follows a '<', with its '>', and judges it.
func (p *xmlPart) markup() bool {
	head, _ := p.r.Peek(8)
	switch {
	case bytes.HasPrefix(head, []byte("!--")):
		return p.past("-->")
	case bytes.HasPrefix(head, []byte("![CDATA[")):
		_, _ = p.r.Discard(len("![CDATA["))
		return p.past("]]>")
	}
	p.tag = append(p.tag[:0], '<')
	quote := byte(0)
	for {
		b, err := p.r.ReadSlice('>')
		for _, c := range b {
			switch {
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case c == quote:
				quote = 0
			}
		}
		if len(p.tag) < xmlTag {
			p.tag = append(p.tag, b...)
		}
		if err == nil && quote == 0 {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false
		}
	}
	if len(p.tag) >= xmlTag { // what it says stands behind
		if string(elementName(p.tag)) == "Relationship" {
			p.t.unread("tag")
		} else {
			p.t.broken("tag")
		}
	}
	return p.element(bytes.TrimSuffix(p.tag, []byte(">")))
}

// past passes everything up to a mark. In a field's instruction it counts.
func (p *xmlPart) past(mark string) bool {
	var last [2]byte
	for {
		b, err := p.r.ReadSlice('>')
		if p.taken && mark == "]]>" && len(p.field) < xmlField {
			p.field = append(p.field, bytes.TrimSuffix(b, []byte(mark))...)
		}
		switch n := len(b); {
		case err == nil && n >= 3 && bytes.HasSuffix(b, []byte(mark)):
			return true
		case err == nil && n < 3 && string(last[n-1:])+string(b) == mark:
			return true
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return false
		}
		for _, c := range b[max(0, len(b)-2):] {
			last[0], last[1] = last[1], c
		}
	}
}

// element judges a tag by its local name.
func (p *xmlPart) element(tag []byte) bool {
	if len(tag) > 1 && tag[1] == '/' {
		p.taken = false
		return true
	}
	switch string(elementName(tag)) {
	case "Relationship":
		p.relationship(tag)
	case "instrText":
		p.taken = tag[len(tag)-1] != '/'
	case "fldChar":
		if kind := xmlAttr(tag, "fldCharType"); string(kind) != "" {
			p.endField()
		}
	case "fldSimple":
		p.endField()
		p.field = append(p.field, xmlAttr(tag, "instr")...)
		p.endField()
	case "ddeLink":
		p.t.note(RuleDDE, Middle, "")
	case "OLEObject", "oleObject", "oleObj", "embeddedObject":
		p.object(tag)
	case "encryption-data": // in the list of parts of OpenDocument
		p.t.note(RuleEncryptedDoc, Middle, "odf")
	case "ocx", "control":
		p.t.note(RuleObject, Middle, "activex")
	case "macrosheet":
		p.t.note(RuleMacro, Middle, "excel4")
	case "definedName":
		if runsAlone(xmlAttr(tag, "name")) {
			p.t.note(RuleAutoRun, Middle, "excel4")
		}
	case "part":
		p.name = strings.TrimPrefix(string(xmlAttr(tag, "name")), "/")
	case "plist":
		p.plist = true
	case "data":
		if p.plist && tag[len(tag)-1] != '/' {
			return p.binary(tag)
		}
	case "library-embedded": // of flat OpenDocument
		p.t.note(RuleMacro, Middle, "basic")
	case "binaryData", "binData", "binary-data": // the last likewise
		if tag[len(tag)-1] != '/' {
			return p.binary(tag)
		}
	}
	return true
}

// relations are what a relationship's type ends with, where a target outside
// is known from good documents.
var relations = map[string]struct {
	detail string
	class  Class
}{
	"image": {"image", Low}, "audio": {"media", Low}, "video": {"media", Low}, "media": {"media", Low},
	"externallinkpath": {"workbook", Low}, "externallink": {"workbook", Low}, "xlexternallinkpath/xlpathmissing": {"workbook", Low},
	"attachedtemplate": {"template", Middle}, "oleobject": {"object", Middle}, "frame": {"frame", Middle},
	"subdocument": {"document", Middle},
}

// relationship judges a relation of a part with something outside. Addresses
// that a reader may follow by hand are told as links only.
func (p *xmlPart) relationship(tag []byte) {
	if !strings.EqualFold(strings.TrimSpace(string(xmlAttr(tag, "TargetMode"))), "External") {
		return
	}
	p.t.address(bytes.TrimSpace(xmlAttr(tag, "Target")))
	kind := strings.ToLower(string(xmlAttr(tag, "Type")))
	kind = kind[strings.LastIndexByte(kind, '/')+1:]
	if kind == "hyperlink" {
		return
	}
	r, ok := relations[kind]
	if !ok {
		r.detail, r.class = "other", Middle
	}
	p.t.note(RuleExternal, r.class, r.detail)
}

// object judges an embedded or linked object.
func (p *xmlPart) object(tag []byte) {
	class := strings.ToLower(string(xmlAttr(tag, "ProgID")) + string(xmlAttr(tag, "progId")))
	switch {
	case strings.HasPrefix(class, "package"):
		p.t.note(RuleObject, Middle, "package")
	case strings.HasPrefix(class, "equation.2"), strings.HasPrefix(class, "equation.3"):
		p.t.note(RuleObject, Middle, "equation")
	case strings.EqualFold(string(xmlAttr(tag, "Type")), "Link"):
		p.t.note(RuleExternal, Middle, "object")
	}
}

// endField judges a field's instruction.
func (p *xmlPart) endField() {
	judgeField(p.t, xmlUnescape(p.field))
	p.field = p.field[:0]
}

// binary tells a file in base64 that is the content of an element.
func (p *xmlPart) binary(tag []byte) bool {
	name := p.name
	if n := xmlAttr(tag, "name"); len(n) > 0 {
		name = string(n)
	}
	m := Member{Size: -1}
	if name != "" {
		m.Names = []string{name}
	}
	if !p.t.open(m) {
		return p.t.alive()
	}
	body := &untilTag{r: p.r}
	_, err := p.t.copy(&loose64Reader{r: body})
	p.t.close()
	if errors.Is(err, errStop) {
		return false
	}
	return body.found
}

// An untilTag reads text up to the next tag; comments, instructions and the
// frames of CDATA are none, and left out.
type untilTag struct {
	r     *bufio.Reader
	found bool
}

func (u *untilTag) Read(p []byte) (int, error) {
	for {
		if _, err := u.r.Peek(1); err != nil {
			return 0, err
		}
		b, _ := u.r.Peek(min(u.r.Buffered(), len(p)))
		n := bytes.IndexByte(b, '<')
		if n < 0 {
			n = len(b)
		}
		if n > 0 {
			n, _ = u.r.Read(p[:n])
			return n, nil
		}
		if u.found = !u.passed(); u.found {
			return 0, io.EOF
		}
	}
}

// passed passes what begins at a '<' if it is no tag.
func (u *untilTag) passed() bool {
	const cdata = "<![CDATA["
	head, _ := u.r.Peek(len(cdata))
	end := "?>"
	switch {
	case string(head) == cdata:
		_, _ = u.r.Discard(len(cdata))
		return true
	case bytes.HasPrefix(head, []byte("<!--")):
		end = "-->"
	case !bytes.HasPrefix(head, []byte("<?")):
		return false
	}
	for last := ""; ; {
		b, err := u.r.ReadSlice('>')
		if last += string(b[max(0, len(b)-len(end)):]); strings.HasSuffix(last, end) ||
			err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return true
		}
		last = last[max(0, len(last)-len(end)):]
	}
}

// xmlAttr returns the value of an attribute, whatever its prefix, unescaped;
// nil if there is none.
func xmlAttr(tag []byte, name string) []byte {
	for b := tag; ; {
		i := bytes.IndexByte(b, '=')
		if i < 0 {
			return nil
		}
		key := bytes.TrimRight(b[:i], " \t\r\n")
		key = key[bytes.LastIndexAny(key, " \t\r\n:\"'")+1:]
		b = bytes.TrimLeft(b[i+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			continue
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return xmlUnescape(b[1 : 1+end])
		}
		b = b[end+2:]
	}
}

// xmlUnescape resolves the references of XML 1.0 section 4.1.
func xmlUnescape(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		b = b[i:]
		end := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if end < 0 {
			out, b = append(out, '&'), b[1:]
			continue
		}
		r, ok := xmlReference(string(b[1:end]))
		if !ok {
			out, b = append(out, '&'), b[1:]
			continue
		}
		out, b = append(out, string(r)...), b[end+1:]
	}
	return out
}

func xmlReference(s string) (r rune, ok bool) {
	switch s {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(s) < 2 || s[0] != '#' {
		return 0, false
	}
	base, digits := rune(10), s[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	for _, c := range []byte(digits) {
		v := rune(hexValue(c))
		if v >= base || r > 0x10FFFF {
			return 0, false
		}
		r = r*base + v
	}
	return r, len(digits) > 0
}

// partNames are in the namespaces of Office documents, of which one stands in
// the first element of each part that matters; of OpenDocument that is the list
// of all parts.
var partNames = [][]byte{
	[]byte("schemas.openxmlformats.org/"), []byte("purl.oclc.org/ooxml/"), []byte("schemas.microsoft.com/office/"),
	[]byte("opendocument:xmlns:manifest"),
}

// isPart tells whether the element that b begins with is of an Office document.
func isPart(b []byte) bool {
	if i := bytes.IndexByte(b, '>'); i >= 0 {
		b = b[:i]
	}
	for _, n := range partNames {
		if bytes.Contains(b, n) {
			return true
		}
	}
	return false
}
