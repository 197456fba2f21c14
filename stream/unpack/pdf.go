package unpack

import (
	"bytes"
	"slices"
	"sort"
)

// A PDF is read without its cross-reference table, which a hostile file may
// bend: every place that looks like an object is read as one, in streams too,
// and every object stream is inflated. No reference is followed further than
// once, so cycles do no harm. What is kept of an object is only what the
// questions of this package need.

const (
	// pdfMagic begins a PDF (ISO 32000-2 section 7.5.2); a version follows.
	pdfMagic = "%PDF-"
	// pdfWork bounds how often the octets of a file may be lexed, all in all:
	// 8 times. Objects in good files do not overlap at all.
	pdfWork = 8
	// pdfShare is how many times the octets of a file may be read as those of
	// streams: twice. Each stream is read once.
	pdfShare = 2
	// pdfDepth bounds arrays and dictionaries in each other: 100. Deeper ones
	// are counted, not understood; readers stop at about 256.
	pdfDepth = 100
	// pdfKept bounds the streams, addresses and such that are kept of one
	// file, each: 100,000.
	pdfKept = 100_000
	// pdfScript is the longest script told: 4 MiB.
	pdfScript = 4 << 20
	// pdfStrings bounds the text copied from object streams: 16 MiB, which a
	// book of links does not reach.
	pdfStrings = 16 << 20
	// pdfObjects is the largest object stream that is read: 32 MiB. Writers
	// put some hundred objects into one.
	pdfObjects = 32 << 20
)

// A pdfDict is what is kept of a dictionary while it is read.
type pdfDict struct {
	parent  string // the key it is the value of
	array   bool   // it is an array, which takes part in its dictionary
	key     string
	valued  bool // the key has a value already
	kind    string
	filters []string
	parms   []pdfParms // of the filters
	length  int        // -1: not direct
	first   int        // of an object stream
	number  [2]int     // the last two numbers: a reference begins so
	numbers int
	f, uf   pdfValue
	files   []int // objects in /EF
}

// A pdfParms is the decode parameters that matter.
type pdfParms struct {
	predictor, colors, bits, columns int
	early                            int // EarlyChange of LZW
}

// A pdfValue is a string with the object it stands in, whose number takes
// part in its encryption.
type pdfValue struct {
	token pdfToken
	num   int
	gen   int
	plain bool // from an object stream: those are not encrypted once more
}

// A pdfStream is a stream object.
type pdfStream struct {
	num, gen int
	from     int // of its data in the file
	pdfDict
}

// A pdfFile is an attached file.
type pdfFile struct {
	objects []int
	names   [2]pdfValue
}

// A pdf is a file being read.
type pdf struct {
	t       *teller
	data    []byte
	work    int // octets that may still be lexed
	claimed int // octets of the streams that were read: those of good files do not overlap
	ends    []int

	streams []pdfStream
	byNum   map[int][]int // streams of an object number
	plain   map[int]pdfValue
	uris    []pdfValue
	uriRefs []int
	scripts []pdfValue
	refs    []int // objects that are scripts
	forms   []int // objects that are XFA
	files   []pdfFile

	encrypt    bool
	encryptAt  int   // offset of a direct dictionary, 0: none
	encryptRef []int // objects named as one
	id         []byte
	cipher     *pdfCipher // nil: not encrypted, or not readable
	stack      []pdfDict
	slots      int   // things kept
	taken      int64 // octets of memory for them
	kept       int   // octets of strings from object streams
}

// readPDF tells what a PDF does, and the files attached to it.
func readPDF(t *teller, data []byte) {
	p := &pdf{
		t: t, data: data, work: pdfWork * len(data),
		byNum: make(map[int][]int), plain: make(map[int]pdfValue),
	}
	defer func() { t.b.shrink(p.taken) }()
	p.ends = marksAt(data, "endstream", pdfKept)
	p.scan()
	if !t.alive() {
		return
	}
	p.unlock()
	p.objectStreams()
	p.tell()
	if p.work <= 0 {
		t.broken("overlap")
	}
}

// marksAt returns where s stands in b, at most so many places.
func marksAt(b []byte, s string, most int) (list []int) {
	for at := 0; len(list) < most; {
		i := bytes.Index(b[at:], []byte(s))
		if i < 0 {
			return list
		}
		list = append(list, at+i)
		at += i + len(s)
	}
	return list
}

// room takes the memory for one more thing to be kept: a stream, a string, a
// file. False: there is none.
func (p *pdf) room() bool {
	const slot, step = 512, 128 // octets of the largest, and how many at once
	if p.slots%step == 0 && !p.t.grow(slot*step) {
		return false
	}
	p.slots++
	p.taken = (int64(p.slots) + step - 1) / step * step * slot
	return true
}

// scan reads all objects and trailers of the file.
func (p *pdf) scan() {
	for at, n := 0, 0; p.work > 0; n++ {
		i := bytes.Index(p.data[at:], []byte("obj"))
		if i < 0 || n%256 == 0 && !p.t.b.inTime() {
			break
		}
		at += i + 3
		if num, gen, ok := p.objectNumber(at - 3); ok {
			p.object(p.data, at, num, gen, false)
		}
	}
	for at := 0; p.work > 0; {
		i := bytes.Index(p.data[at:], []byte("trailer"))
		if i < 0 {
			break
		}
		at += i + 7
		p.object(p.data, at, 0, 0, false)
	}
}

// objectNumber reads the two numbers that stand before at, backwards.
func (p *pdf) objectNumber(at int) (num, gen int, ok bool) {
	number := func() (int, bool) {
		end := at
		for at > 0 && pdfClass[p.data[at-1]] == 1 && end-at < 64 {
			at--
		}
		end = at
		for at > 0 && p.data[at-1] >= '0' && p.data[at-1] <= '9' && end-at < 10 {
			at--
		}
		return pdfInt(p.data[at:end])
	}
	if gen, ok = number(); !ok {
		return 0, 0, false
	}
	num, ok = number()
	return num, gen, ok
}

// object reads one object at an offset of b: its data, or an object stream.
func (p *pdf) object(b []byte, at, num, gen int, packed bool) {
	lex := pdfLexer{b: b, at: at}
	defer func() { p.work -= lex.at - at + 1 }()
	limit := at + p.work
	stack := p.stack[:0]
	defer func() { p.stack = stack }()
	deep := 0 // levels below what is understood
	top := pdfDict{length: -1}
	for lex.at < limit {
		t := lex.next()
		var d *pdfDict
		if len(stack) > 0 {
			d = &stack[len(stack)-1]
		}
		switch t.kind {
		case pdfEnd:
			return
		case pdfDictOpen, pdfArrayOpen:
			if len(stack) >= pdfDepth {
				deep++
				break
			}
			child := pdfDict{array: t.kind == pdfArrayOpen, length: -1}
			if d != nil {
				child.parent = d.key
				if d.array {
					child.parent = d.parent
				}
				if !d.array {
					d.valued = true
				}
				if !child.array && !packed && child.parent == "Encrypt" {
					p.encryptAt = lex.at
				}
			}
			if child.array {
				child.key = child.parent
			}
			stack = append(stack, child)
		case pdfDictClose, pdfArrayClose:
			if deep > 0 {
				deep--
				break
			}
			if d == nil {
				return
			}
			closed := *d
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				if packed {
					p.close(&closed, nil)
					return
				}
				top = closed
			}
			var up *pdfDict
			if len(stack) > 0 {
				up = &stack[len(stack)-1]
			}
			p.close(&closed, up)
		case pdfWord:
			switch {
			case d != nil && string(t.text) == "R" && d.numbers >= 2:
				p.reference(d, d.number[0])
				d.numbers = 0
			case string(t.text) == "stream" && num > 0 && !packed:
				p.stream(top, lex.at, num, gen)
				return
			case string(t.text) == "endobj" || string(t.text) == "obj":
				return
			}
		case pdfName:
			p.name(d, t.text)
		case pdfNumber:
			if d != nil {
				p.number(d, t.n)
			}
		case pdfString, pdfHex:
			s := p.value(t, num, gen, packed)
			if d == nil {
				if len(p.plain) < pdfKept && p.room() {
					p.plain[num] = s
				}
				if packed {
					return
				}
				break
			}
			p.text(d, s)
		}
	}
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
			if len(d.filters) < pdfFilters {
				d.filters = append(d.filters, string(text))
			}
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

// extent returns a stream's data: up to its length if the word endstream is
// there, else up to that word; and up to the further of both, for filters that
// know their end.
func (p *pdf) extent(s *pdfStream) (exact, far []byte) {
	i := sort.SearchInts(p.ends, s.from)
	end := len(p.data)
	if i < len(p.ends) {
		end = p.ends[i]
	}
	exact = p.data[s.from:max(end, s.from)]
	exact = bytes.TrimSuffix(exact, []byte("\n"))
	exact = bytes.TrimSuffix(exact, []byte("\r"))
	if s.length < 0 || s.length > len(p.data)-s.from {
		return exact, exact
	}
	byLength := p.data[s.from : s.from+s.length]
	rest := p.data[s.from+s.length:]
	rest = bytes.TrimLeft(rest[:min(len(rest), 16)], "\r\n \t\x00")
	if bytes.HasPrefix(rest, []byte("endst")) {
		return byLength, byLength
	}
	if len(byLength) > len(exact) {
		return exact, byLength
	}
	return exact, exact
}

// objectStreams reads the objects in object streams (ISO 32000-2 section
// 7.5.7).
func (p *pdf) objectStreams() {
	for i := 0; i < len(p.streams); i++ {
		s := &p.streams[i]
		if s.kind != "ObjStm" {
			continue
		}
		if !p.t.b.inTime() {
			p.t.alive()
			return
		}
		b := p.inflate(s, pdfObjects)
		p.work += pdfWork * len(b)
		lex := pdfLexer{b: b}
		found := false
		for lex.at < s.first && p.work > 0 {
			num, at := lex.next(), lex.next()
			if num.kind != pdfNumber || at.kind != pdfNumber || at.n < 0 || s.first+at.n >= len(b) {
				break
			}
			found = true
			p.object(b, s.first+at.n, num.n, 0, true)
		}
		if !found {
			for at := 0; at < len(b) && p.work > 0; {
				n := bytes.Index(b[at:], []byte("<<"))
				if n < 0 {
					break
				}
				at += n
				before := p.work
				p.object(b, at, 0, 0, true)
				at += max(1, before-p.work-1)
			}
		}
		p.t.b.shrink(int64(cap(b)))
	}
}
