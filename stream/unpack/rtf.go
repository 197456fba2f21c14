package unpack

import (
	"bytes"
	"strings"
)

// RTF is read as Word does: control words, groups, and text. Only a few
// destinations matter: data of objects, instructions of fields, templates.

const (
	// rtfDepth bounds the groups whose destination is known: 10,000. Deeper
	// ones count as the one around them.
	rtfDepth = 10_000
	// rtfField is how much of an instruction is gathered: 16 KiB.
	rtfField = 16 << 10
)

// Destinations of text in RTF.
type rtfPlace uint8

const (
	rtfText rtfPlace = iota
	rtfIgnored
	rtfObject      // \objdata: an OLE 1 object in hexadecimal digits
	rtfClass       // \objclass: its class
	rtfInstruction // \fldinst: instruction of a field
	rtfTemplate
	rtfName // \*\datafield, \objname: text that is not wanted
)

// A rtf is a file being read.
type rtf struct {
	t     *teller
	b     []byte
	at    int
	stack []rtfPlace
	deep  int
	place rtfPlace
	star  bool // \* came just before: what follows may be ignored

	object held // what \objdata has so far
	high   byte
	half   bool
	field  []byte
	stand  int // characters behind a \u that stand for it (\uc)
	skip   int // of them, still to come
}

// readRTF tells the objects in a document, and what its fields refer to.
func readRTF(t *teller, data []byte) {
	at := bytes.Index(data[:min(len(data), markRange+8)], []byte(`{\rt`))
	r := &rtf{t: t, b: data, at: max(at, 0), stand: 1}
	for r.at < len(r.b) && t.alive() {
		r.step()
	}
	r.end(rtfText)
	r.object.free(t.b)
}

// step reads a bracket, a control word, or a run of text.
func (r *rtf) step() {
	switch r.b[r.at] {
	case '{':
		r.at++
		r.star = false
		if len(r.stack) >= rtfDepth {
			r.deep++
			return
		}
		r.stack = append(r.stack, r.place)
	case '}':
		r.at++
		r.star = false
		if r.deep > 0 {
			r.deep--
			return
		}
		if n := len(r.stack); n > 0 {
			r.end(r.stack[n-1])
			r.stack = r.stack[:n-1]
		}
	case '\\':
		r.control()
	default:
		n := bytes.IndexAny(r.b[r.at:min(len(r.b), r.at+4096)], `{}\`)
		if n < 0 {
			n = min(4096, len(r.b)-r.at)
		}
		r.text(r.b[r.at : r.at+n])
		r.at += n
	}
}

// end leaves a destination for the one around it.
func (r *rtf) end(around rtfPlace) {
	if r.place != around {
		switch r.place {
		case rtfObject:
			r.endObject()
		case rtfInstruction:
			r.endField()
		case rtfTemplate:
			if bytes.Contains(r.field, []byte("://")) || bytes.HasPrefix(r.field, []byte(`\\`)) {
				r.t.note(RuleExternal, Middle, "template")
				r.t.address(bytes.TrimSpace(r.field))
			}
			r.field = r.field[:0]
		case rtfClass:
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(r.field))), "equation") {
				r.t.note(RuleObject, Middle, "equation")
			}
			r.field = r.field[:0]
		}
	}
	r.place = around
}

// control reads a control word or symbol, with the blank that ends it.
func (r *rtf) control() {
	r.at++
	if r.at >= len(r.b) {
		return
	}
	c := r.b[r.at]
	if !isLower(c | 0x20) {
		r.at++
		r.symbol(c)
		return
	}
	from := r.at
	for r.at < len(r.b) && isLower(r.b[r.at]|0x20) {
		r.at++
	}
	word := r.b[from:r.at]
	n, has := r.parameter()
	if r.at < len(r.b) && r.b[r.at] == ' ' {
		r.at++
	}
	star := r.star
	r.star = false
	switch string(word) {
	case "bin":
		if has && n > 0 {
			data := r.b[r.at:min(len(r.b), r.at+n)]
			r.at += len(data)
			r.binary(data)
		}
	case "objdata":
		r.open(rtfObject)
	case "objclass":
		r.open(rtfClass)
	case "fldinst":
		r.open(rtfInstruction)
	case "template":
		r.open(rtfTemplate)
	case "objname", "datafield":
		r.open(rtfName)
	case "objautlink", "objlink", "objupdate":
		r.t.note(RuleObject, Middle, "link")
	case "objocx":
		r.t.note(RuleObject, Middle, "activex")
	case "ddeauto":
		r.t.note(RuleDDE, Middle, "")
	case "u":
		r.character(n)
	case "uc":
		r.stand = max(0, min(n, 16))
	default:
		if star && r.place != rtfObject {
			r.place = rtfIgnored
		}
	}
}

// parameter reads the number behind a control word.
func (r *rtf) parameter() (n int, has bool) {
	from := r.at
	if r.at < len(r.b) && r.b[r.at] == '-' {
		r.at++
	}
	for r.at < len(r.b) && r.b[r.at] >= '0' && r.b[r.at] <= '9' && r.at-from < 11 {
		r.at++
	}
	return pdfInt(r.b[from:r.at])
}

// open enters a destination. Inside data of an object no other begins.
func (r *rtf) open(p rtfPlace) {
	if r.place == rtfObject {
		return
	}
	if p == rtfInstruction || p == rtfClass || p == rtfTemplate {
		r.field = r.field[:0]
	}
	r.place = p
}

// symbol reads a control symbol.
func (r *rtf) symbol(c byte) {
	switch c {
	case '*':
		r.star = true
	case '\'':
		if r.at+2 > len(r.b) {
			return
		}
		hi, lo := hexValue(r.b[r.at]), hexValue(r.b[r.at+1])
		r.at += 2
		// QUIRK: inside data of an object Word passes over these.
		if r.place != rtfObject && hi != notHex && lo != notHex {
			r.text([]byte{hi<<4 | lo})
		}
	case '\\', '{', '}':
		if r.place != rtfObject {
			r.text([]byte{c})
		}
	}
}

// character takes a character by number; those that stand in for it will be
// skipped.
func (r *rtf) character(n int) {
	if n < 0 {
		n += 1 << 16
	}
	r.skip = 0
	r.text([]byte(string(rune(n))))
	r.skip = r.stand
}

// text takes text of the destination at hand.
func (r *rtf) text(b []byte) {
	switch r.place {
	case rtfObject:
		r.digits(b)
	case rtfInstruction, rtfTemplate, rtfClass:
		for _, c := range b {
			switch {
			case c == '\r' || c == '\n':
			case r.skip > 0:
				r.skip--
			case len(r.field) < rtfField:
				r.field = append(r.field, c)
			}
		}
	}
}

// digits adds hexadecimal digits to the object; all else is passed.
func (r *rtf) digits(b []byte) {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	n := 0
	for _, c := range b {
		v := hexValue(c)
		if v == notHex {
			continue
		}
		if !r.half {
			r.high, r.half = v<<4, true
			continue
		}
		r.half = false
		buf[n] = r.high | v
		n++
	}
	r.add(buf[:n])
}

func (r *rtf) binary(b []byte) {
	if r.place == rtfObject {
		r.half = false
		r.add(b)
	}
}

func (r *rtf) add(b []byte) {
	if len(b) > 0 && !r.object.add(r.t.b, b) {
		r.t.alive()
	}
}

func (r *rtf) endField() {
	judgeField(r.t, r.field)
	r.field = r.field[:0]
}

// endObject tells the object that \objdata held ([MS-OLEDS] section 2.2): a
// version, a kind, three counted strings, and counted data.
func (r *rtf) endObject() {
	b := r.object.b
	if len(b) > 0 {
		r.t.note(RuleObject, Middle, "")
		tellOLE1(r.t, b)
	}
	r.object.b = r.object.b[:0]
	r.half = false
}
