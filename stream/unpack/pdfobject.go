package unpack

import (
	"bytes"
	"slices"
)

// A pdfDict is what is kept of a dictionary while it is read.
type pdfDict struct {
	parent  string // the key it is the value of
	array   bool   // it is an array, which takes part in its dictionary
	key     string
	valued  bool // the key has a value already
	kind    string
	filters []pdfFilter
	parms   []pdfParms // of the filters
	length  int        // -1: not direct
	first   int        // of an object stream
	number  [2]int     // the last two numbers: a reference begins so
	numbers int
	f, uf   pdfValue
	files   []int // objects in /EF
}

// A pdfFilter is one of a stream's filters: its name, or the object that has
// it, or several in an array.
type pdfFilter struct {
	name string
	ref  int // 0: it has a name
}

// A pdfParms is the decode parameters that matter.
type pdfParms struct {
	predictor, colors, bits, columns int
	early                            int // EarlyChange of LZW
}

// A pdfObject is an object being read.
type pdfObject struct {
	p        *pdf
	lex      pdfLexer
	num, gen int
	packed   bool      // it stands in an object stream
	stack    []pdfDict // open dictionaries and arrays
	deep     int       // levels below what is understood
	top      pdfDict   // the outermost, once it is closed
}

// object reads one object at an offset of b: its data, or an object stream.
func (p *pdf) object(b []byte, at, num, gen int, packed bool) {
	o := pdfObject{
		p: p, lex: pdfLexer{b: b, at: at}, num: num, gen: gen, packed: packed,
		stack: p.stack[:0], top: pdfDict{length: -1},
	}
	for limit := at + p.work; o.lex.at < limit && o.token(o.lex.next()); {
	}
	p.work -= o.lex.at - at + 1
	p.stack = o.stack
}

// token takes the next token. False: the object has ended.
func (o *pdfObject) token(t pdfToken) bool {
	switch t.kind {
	case pdfEnd:
		return false
	case pdfDictOpen, pdfArrayOpen:
		o.open(t.kind == pdfArrayOpen)
	case pdfDictClose, pdfArrayClose:
		return o.shut()
	case pdfWord:
		return o.word(t.text)
	case pdfName:
		d := o.innermost()
		if o.p.name(d, t.text); d == nil {
			o.p.nameObject(o.num, []pdfFilter{{name: string(t.text)}})
		}
	case pdfNumber:
		if d := o.innermost(); d != nil {
			o.p.number(d, t.n)
		}
	case pdfString, pdfHex:
		return o.text(t)
	}
	return true
}

// innermost is what was opened last, nil if nothing is open.
func (o *pdfObject) innermost() *pdfDict {
	if len(o.stack) == 0 {
		return nil
	}
	return &o.stack[len(o.stack)-1]
}

// open begins a dictionary or an array.
func (o *pdfObject) open(array bool) {
	if len(o.stack) >= pdfDepth {
		o.deep++
		return
	}
	child := pdfDict{array: array, length: -1}
	if d := o.innermost(); d == nil && array {
		child.parent = "Filter" // an array of names is good for nothing else
	} else if d != nil {
		child.parent = d.key
		if d.array {
			child.parent = d.parent
		} else {
			d.valued = true
		}
		if !array && !o.packed && child.parent == "Encrypt" {
			o.p.encryptAt = o.lex.at
		}
	}
	if array {
		child.key = child.parent
	}
	o.stack = append(o.stack, child)
}

// shut ends what was opened last. In an object stream the object ends with its
// outermost dictionary or array.
func (o *pdfObject) shut() bool {
	if o.deep > 0 {
		o.deep--
		return true
	}
	d := o.innermost()
	if d == nil {
		return false
	}
	closed := *d
	o.stack = o.stack[:len(o.stack)-1]
	up := o.innermost()
	if up == nil {
		o.top = closed
		if closed.array {
			o.p.nameObject(o.num, closed.filters)
		}
	}
	o.p.close(&closed, up)
	return up != nil || !o.packed
}

// word takes a word: a reference, or the beginning of a stream's data, or the
// end of the object.
func (o *pdfObject) word(text []byte) bool {
	d := o.innermost()
	switch {
	case d != nil && string(text) == "R" && d.numbers >= 2:
		o.p.reference(d, d.number[0])
		d.numbers = 0
	case string(text) == "stream" && o.num > 0 && !o.packed:
		o.p.stream(o.top, o.lex.at, o.num, o.gen)
		return false
	case string(text) == "endobj" || string(text) == "obj":
		return false
	}
	return true
}

// text takes a string. One that stands in nothing is the object.
func (o *pdfObject) text(t pdfToken) bool {
	s := o.p.value(t, o.num, o.gen, o.packed)
	if d := o.innermost(); d != nil {
		o.p.text(d, s)
		return true
	}
	if len(o.p.plain) < pdfKept && o.p.room() {
		o.p.plain[o.num] = s
	}
	return !o.packed
}

// value makes a value of a string. Those of an object stream are copied, since
// the stream does not stay.
func (p *pdf) value(t pdfToken, num, gen int, packed bool) pdfValue {
	v := pdfValue{token: t, num: num, gen: gen, plain: packed}
	if packed {
		if p.kept += len(t.text); p.kept > pdfStrings {
			v.token.text = nil
			return v
		}
		v.token.text = bytes.Clone(t.text)
	}
	return v
}

// close takes over what a dictionary or array tells the one around it.
func (p *pdf) close(d, up *pdfDict) {
	switch {
	case up != nil && d.parent == "EF":
		up.files = append(up.files, d.files...)
	case up != nil && d.array:
		up.filters = append(up.filters, d.filters[:min(len(d.filters), pdfFilters-len(up.filters))]...)
		up.parms = append(up.parms, d.parms[:min(len(d.parms), pdfFilters-len(up.parms))]...)
	case up != nil && (d.parent == "DecodeParms" || d.parent == "DP"):
		up.parms = append(up.parms, d.parms[:min(len(d.parms), pdfFilters-len(up.parms))]...)
	case !d.array && len(d.files) > 0 && len(p.files) < pdfKept && p.room():
		p.files = append(p.files, pdfFile{objects: d.files, names: [2]pdfValue{d.uf, d.f}})
	}
	if up != nil && !up.array {
		up.valued = true
	}
}

// name judges a name and takes it as key or value.
func (p *pdf) name(d *pdfDict, text []byte) {
	switch string(text) {
	case "JS", "JavaScript":
		p.t.note(RulePDFScript, Middle, "")
	case "Launch":
		p.t.note(RulePDFLaunch, Middle, "")
	case "OpenAction", "AA":
		p.t.note(RulePDFAction, Low, "")
	case "EmbeddedFile", "EmbeddedFiles":
		p.t.note(RulePDFFile, Low, "")
	case "XFA":
		p.t.note(RulePDFForm, Low, "")
	case "Encrypt":
		p.encrypt = true
	}
	if d == nil {
		return
	}
	d.numbers = 0
	if d.array || !d.valued && d.key != "" {
		d.valued = true
		switch d.key {
		case "Type":
			d.kind = string(text)
		case "Filter":
			d.filter(pdfFilter{name: string(text)})
		}
		return
	}
	d.key, d.valued = pdfKeyName(text), false
}

// pdfKeyName returns the keys that matter without taking memory for each.
func pdfKeyName(b []byte) string {
	switch string(b) {
	case "Type":
		return "Type"
	case "Filter", "F", "UF", "EF", "Length", "First", "URI", "JS", "XFA", "ID", "Encrypt", "DecodeParms",
		"DP", "Predictor", "Colors", "BitsPerComponent", "Columns", "EarlyChange", "DOS", "Mac", "Unix":
		return string(b)
	}
	return "-"
}

func (p *pdf) number(d *pdfDict, n int) {
	d.number[0], d.number[1] = d.number[1], n
	d.numbers++
	if d.array || d.valued && d.numbers > 1 {
		return
	}
	d.valued = true
	switch d.key {
	case "Length":
		d.length = n
	case "First":
		d.first = n
	case "Predictor":
		d.parm().predictor = n
	case "Colors":
		d.parm().colors = n
	case "BitsPerComponent":
		d.parm().bits = n
	case "Columns":
		d.parm().columns = n
	case "EarlyChange":
		d.parm().early = n
	}
}

// parm returns the one set of parameters of a dictionary of them.
func (d *pdfDict) parm() *pdfParms {
	if len(d.parms) == 0 {
		d.parms = []pdfParms{{colors: 1, bits: 8, columns: 1, early: 1}}
	}
	return &d.parms[0]
}

// reference takes a reference to an object as a value.
func (p *pdf) reference(d *pdfDict, num int) {
	d.valued = true
	key := d.key
	if key == "Length" {
		d.length = -1
	}
	keep := func(list *[]int) {
		if len(*list) < pdfKept && p.room() {
			*list = append(*list, num)
		}
	}
	switch {
	case d.parent == "EF":
		keep(&d.files)
	case key == "Filter":
		d.filter(pdfFilter{ref: num})
	case key == "JS":
		keep(&p.refs)
	case key == "XFA":
		keep(&p.forms)
	case key == "URI":
		keep(&p.uriRefs)
	case key == "Encrypt":
		keep(&p.encryptRef)
	}
}

// filter adds a filter of the stream whose dictionary d is.
func (d *pdfDict) filter(f pdfFilter) {
	if len(d.filters) < pdfFilters {
		d.filters = append(d.filters, f)
	}
}

// nameObject keeps an object that is a name, or an array of names: it may be
// the filters of a stream.
func (p *pdf) nameObject(num int, names []pdfFilter) {
	if !slices.ContainsFunc(names, func(f pdfFilter) bool { return f.ref == 0 }) {
		return
	}
	if num > 0 && len(p.named[num]) < pdfNamings && len(p.named) < pdfKept && p.room() {
		p.named[num] = append(p.named[num], names)
	}
}

// filterings returns what a stream's filters may be, the last revision first:
// those that are objects of their own may have been written several times, and
// which of them counts says a table that is not read here.
func (p *pdf) filterings(filters []pdfFilter) [][]string {
	readings := 1
	for _, f := range filters {
		readings = max(readings, len(p.named[f.ref]))
	}
	var all [][]string
	for back := range readings {
		var names []string
		for _, f := range filters {
			given := p.named[f.ref]
			switch {
			case f.ref == 0:
				names = append(names, f.name)
			case len(given) == 0:
				names = append(names, "") // unknown
			default:
				for _, one := range given[max(0, len(given)-1-back)] {
					names = append(names, one.name)
				}
			}
		}
		all = append(all, names[:min(len(names), pdfFilters)])
	}
	return all
}

// text takes a string as a value.
func (p *pdf) text(d *pdfDict, s pdfValue) {
	if !d.array {
		d.valued = true
	}
	d.numbers = 0
	switch d.key {
	case "URI":
		if len(p.uris) < pdfKept && p.room() {
			p.uris = append(p.uris, s)
		}
	case "JS":
		if len(p.scripts) < pdfKept && p.room() {
			p.scripts = append(p.scripts, s)
		}
	case "UF":
		d.uf = s
	case "F", "DOS", "Mac", "Unix":
		d.f = s
		if bytes.Contains(s.token.text, []byte("://")) && len(p.uris) < pdfKept && p.room() {
			p.uris = append(p.uris, s) // of SubmitForm, or a file that is elsewhere
		}
	case "ID":
		if p.id == nil {
			p.id = slices.Clone(s.token.octets(64))
		}
	}
}

// stream keeps a stream. Its data begin behind the line of the word.
func (p *pdf) stream(d pdfDict, at, num, gen int) {
	if len(p.streams) >= pdfKept {
		p.t.broken("streams")
		return
	}
	if len(d.filters) == 0 && d.kind == "" && d.length < 0 && len(d.key) == 0 {
		return // no dictionary: no stream
	}
	if !p.room() {
		return
	}
	if at < len(p.data) && p.data[at] == '\r' {
		at++
	}
	if at < len(p.data) && p.data[at] == '\n' {
		at++
	}
	p.byNum[num] = append(p.byNum[num], len(p.streams))
	p.streams = append(p.streams, pdfStream{num: num, gen: gen, from: at, pdfDict: d})
}
