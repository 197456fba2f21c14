package mime

import "bytes"

// The readings that begin elsewhere than at an odd line: what looks like a
// header where none is due, and a header whose lines may end elsewhere.

// guess looks at the first line of text or of what is outside the parts. If it
// may be a field, the reading in which this is a part's header goes on beside.
func (r *reader) guess(b []byte) {
	var h header
	if kind, _, _ := h.classify(b); kind != lineField {
		return
	}
	if o := r.fork(); o != nil {
		o.head.clear()
		o.head.guess = true
		o.state, o.peek, o.neol = inHeader, false, 0
		o.headerLine(b, true)
	}
}

// forkLines returns a reader for the reading in which a CR alone ends a line of
// the header, if that makes a difference; else nil.
func (r *reader) forkLines() *reader {
	h := &r.head
	if !h.bareCR {
		return nil
	}
	o := r.fork()
	if o == nil {
		return nil
	}
	o.head.clear()
	o.head.guess, o.head.size = h.guess, h.size
	for rest := h.text; len(rest) > 0; {
		n := bytes.IndexAny(rest, "\r\n") + 1
		if n == 0 {
			n = len(rest)
		}
		line := rest[:n]
		rest = rest[n:]
		switch kind, nameEnd, value := o.head.classify(line); kind {
		case lineField:
			o.startField(line, nameEnd, value, false)
		case lineMore:
			o.keep(line)
		}
	}
	o.head.bareCR = false
	if o.head.structures() == h.structures() {
		o.die()
		return nil
	}
	return o
}

// structures counts the fields that give structure.
func (h *header) structures() (n int) {
	for i := range h.fields {
		if w := h.fields[i].what; w != otherField && w != fromField {
			n++
		}
	}
	return n
}
