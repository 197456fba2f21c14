package mime

import "bytes"

// A header gathers the lines of a header and finds the fields in them.
type header struct {
	text   []byte // lines as they came, those of no field left out
	fields []fieldSpan
	size   int  // octets of the header, whether kept or not
	guess  bool // these may be no header: text that begins like one
	open   bool // the last line's octets belong to the last field
	full   bool // a limit is reached: only fields that give structure are kept
	over   bool // something was not kept
	odd    int  // 1 + number of fields before the first line that may have ended the header; 0: none was
	bareCR bool
}

// A fieldSpan is a field, by offsets into the header's text.
type fieldSpan struct {
	name, nameEnd, value, end int
	what                      fieldName
	doubt                     bool // not every program takes it for a field
}

// fieldName is a field that matters to the parser.
type fieldName uint8

const (
	otherField fieldName = iota
	contentType
	transferEncoding
	disposition
	contentName
	sunName
	fromField
)

var fieldNames = [...]string{
	contentType:      "Content-Type",
	transferEncoding: "Content-Transfer-Encoding",
	disposition:      "Content-Disposition",
	contentName:      "Content-Name",
	sunName:          "X-Sun-Data-Name",
	fromField:        "From",
}

// identify returns what field has a name. Case does not count.
func identify(name []byte) fieldName {
	for what, s := range fieldNames {
		if s != "" && len(s) == len(name) && bytes.EqualFold(name, []byte(s)) {
			return fieldName(what)
		}
	}
	return otherField
}

func (h *header) clear() { *h = header{text: h.text[:0], fields: h.fields[:0]} }

// empty tells whether no line has come yet.
func (h *header) empty() bool { return h.size == 0 }

// copy makes h what o is.
func (h *header) copy(o *header) {
	text, fields := append(h.text[:0], o.text...), append(h.fields[:0], o.fields...)
	*h = *o
	h.text, h.fields = text, fields
}

// field returns a field as it stands in the text.
func (h *header) field(f *fieldSpan) Field {
	return Field{Name: h.text[f.name:f.nameEnd], Value: h.value(f)}
}

func (h *header) value(f *fieldSpan) []byte { return trimEOL(h.text[f.value:f.end]) }

// trimEOL cuts the line end off.
func trimEOL(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
		if n > 1 && b[n-2] == '\r' {
			b = b[:n-2]
		}
	}
	return b
}

// lineKind is what a line in a header looks like.
type lineKind uint8

const (
	lineField  lineKind = iota
	lineDoubt           // a field to some programs
	lineMore            // goes on with the field before
	lineEmpty           // ends the header
	lineBlanks          // ends it for some
	lineOdd             // no field: ends it for some
	lineMbox            // "From " of an mbox file
)

// Kinds of octets in a field's name.
const (
	nameGood = iota
	nameBlank
	nameControl
)

var nameOctets = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ' || c == '\t':
			t[c] = nameBlank
		case c < ' ' || c == 0x7f:
			t[c] = nameControl
		}
	}
	return t
}()

// classify tells what a line is, and for a field where its name ends and where
// its value begins.
func (h *header) classify(line []byte) (kind lineKind, nameEnd, value int) {
	text := trimEOL(line)
	switch {
	case len(text) == 0:
		return lineEmpty, 0, 0
	case blank(text):
		return lineBlanks, 0, 0
	case text[0] == ' ' || text[0] == '\t':
		if h.empty() {
			return lineOdd, 0, 0
		}
		return lineMore, 0, 0
	}
	colon := bytes.IndexByte(text, ':')
	name := text[:max(colon, 0)]
	name = bytes.TrimRight(name, " \t")
	if len(name) == 0 {
		return h.oddLine(text), 0, 0
	}
	kinds := uint8(0)
	for _, c := range name {
		kinds |= nameOctets[c]
	}
	switch {
	case kinds&nameBlank != 0:
		return h.oddLine(text), 0, 0
	case kinds != nameGood || len(name) < colon:
		return lineDoubt, len(name), colon + 1
	}
	return lineField, len(name), colon + 1
}

// oddLine is classify for a line that is no field.
func (h *header) oddLine(text []byte) lineKind {
	if h.empty() && (bytes.HasPrefix(text, []byte("From ")) || bytes.HasPrefix(text, []byte(">From "))) {
		return lineMbox
	}
	return lineOdd
}

// blank tells whether b has nothing but blanks, as the most generous of
// programs sees them.
func blank(b []byte) bool { return len(bytes.TrimLeft(b, " \t\r\v\f")) == 0 }

// headerLine takes a piece of a line while in a header.
func (r *reader) headerLine(b []byte, first bool) {
	h := &r.head
	if h.guess && h.over {
		r.die()
		return
	}
	if !first {
		r.keep(b)
		return
	}
	if isDelimiter(b) && r.matchesExactly(b) {
		r.headerEndBefore(b)
		return
	}
	kind, nameEnd, value := h.classify(b)
	switch kind {
	case lineEmpty:
		r.headerEnd()
	case lineField:
		// QUIRK: files of Windows editors begin with a mark, which not every
		// program takes off the first field's name.
		marked := h.empty() && bytes.HasPrefix(b, byteOrderMark)
		if marked {
			r.defect(Defect{RuleField, Middle, "byte order mark"})
		}
		r.startField(b, nameEnd, value, marked)
	case lineMore:
		r.keep(b)
	case lineMbox:
		// QUIRK: files of mbox tools begin so.
		h.size += len(b)
		h.open = false
	case lineBlanks:
		r.blanksLine(b)
	case lineDoubt, lineOdd:
		r.oddLine(b, kind, nameEnd, value)
	}
}

// blanksLine takes a line of blanks: the end of the header or, to programs
// that go by the letter (RFC 5322 section 2.2.3), more of the field before it.
func (r *reader) blanksLine(b []byte) {
	if r.head.odd == 0 {
		r.defect(Defect{RuleHeaderEnd, Low, "blanks"})
		if o := r.fork(); o != nil {
			o.head.odd = 1 + len(o.head.fields)
			o.keep(b)
		}
		r.headerEnd()
		return
	}
	r.keep(b)
}

// oddLine takes a line that is no proper field: skipped by some programs, the
// beginning of the content for others. Only the first parts them: who skips
// one skips the next.
func (r *reader) oddLine(b []byte, kind lineKind, nameEnd, value int) {
	h := &r.head
	if h.odd == 0 && !h.guess {
		r.defect(Defect{RuleField, Middle, "no field"})
		if isDelimiter(b) {
			// Most programs take it for the boundary line that it may be.
			if o := r.fork(); o != nil {
				o.head.odd = 1 + len(o.head.fields)
				o.skip(b)
			}
			r.headerEndBefore(b)
			return
		}
		if o := r.fork(); o != nil {
			o.headerEndBefore(b)
		}
		h.odd = 1 + len(h.fields)
	}
	if kind == lineDoubt {
		r.startField(b, nameEnd, value, true)
		return
	}
	r.skip(b)
}

// skip leaves a line out.
func (r *reader) skip(b []byte) {
	r.head.size += len(b)
	r.head.open = false
}

// startField takes the first piece of a field.
func (r *reader) startField(b []byte, nameEnd, value int, doubt bool) {
	h := &r.head
	name := b[:nameEnd]
	if doubt {
		name = bytes.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f || c == '\uFEFF' {
				return -1
			}
			return c
		}, name)
	}
	what := identify(name)
	limits := &r.feed.p.limits
	h.open = true
	if h.full || len(h.fields) >= limits.Fields {
		h.full, h.over = true, true
		// Structure is followed all the same, as long as it stays small.
		if what == otherField || len(h.fields) >= limits.Fields+limits.Params {
			h.open = false
			h.size += len(b)
			return
		}
	}
	at := len(h.text)
	h.fields = append(h.fields, fieldSpan{name: at, nameEnd: at + nameEnd, value: at + value, end: at, what: what, doubt: doubt})
	r.keep(b)
}

// byteOrderMark is U+FEFF in UTF-8.
var byteOrderMark = []byte("\uFEFF")

// keep adds a piece to the last field.
func (r *reader) keep(b []byte) {
	h := &r.head
	h.size += len(b)
	if !h.open || len(h.fields) == 0 {
		return
	}
	f := &h.fields[len(h.fields)-1]
	limit := r.headerLimit()
	if f.what != otherField {
		limit += r.feed.p.limits.FieldSize
	}
	if len(h.text)+len(b) > limit || f.end-f.name+len(b) > r.feed.p.limits.FieldSize {
		h.over, h.open = true, false
		h.full = h.full || len(h.text)+len(b) > r.headerLimit()
		if f.end == f.name {
			h.fields = h.fields[:len(h.fields)-1]
		}
		return
	}
	if i := bytes.IndexByte(b, '\r'); i >= 0 && i+1 < len(b) && b[i+1] != '\n' {
		h.bareCR = true
	}
	h.text = append(h.text, b...)
	f.end = len(h.text)
}

// headerLimit is how much of the header is kept.
func (r *reader) headerLimit() int {
	if r.top().node.depth == 0 && !r.head.guess && r.feed.root == r.top().node {
		return r.feed.p.limits.Header
	}
	return r.feed.p.limits.PartHeader
}

// headerEndBefore ends the header before a line, which is the content's first.
func (r *reader) headerEndBefore(b []byte) {
	f := r.feed
	from := len(f.readers)
	r.headerEnd()
	to := len(f.readers)
	r.again(b)
	for i := from; i < to; i++ {
		f.readers[i].again(b)
	}
}

// again takes a line that ended something before it.
func (r *reader) again(b []byte) {
	if !r.dead {
		r.piece(b, true)
	}
}
