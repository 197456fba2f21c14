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
	if o.head.structures(0) == h.structures(0) {
		o.die()
		return nil
	}
	return o
}

// structures counts the fields from the ith on that give structure.
func (h *header) structures(i int) (n int) {
	for ; i < len(h.fields); i++ {
		if w := h.fields[i].what; w != otherField && w != fromField {
			n++
		}
	}
	return n
}

// lazy tells whether the reading in which a container's base64 is none waits
// until there is a line that is no base64: before that it would have nothing
// but lines without a meaning, and messages in messages would take up all
// readings.
func (c *content) lazy(k Kind) bool {
	return k != Leaf && len(c.coded) == 2 && c.coded[0] == base64Transfer && c.coded[1] == identity
}

// isBase64 tells whether the first piece of a line may be base64, or empty.
func isBase64(line []byte) bool {
	kinds := uint32(0)
	for _, c := range trimEOL(line) {
		kinds |= base64Table[3][c]
	}
	return kinds&(kindBlank|kindForeign) == 0 && !isDelimiter(line)
}

// forkIdentity follows the reading in which a container stands as it is, from
// its first line that is no base64.
func (r *reader) forkIdentity(b []byte) {
	l, p := r.leaf, r.feed.p
	l.lazy = false
	if p.full() {
		p.defect(l.part, Defect{RuleParts, Exhausted, "not taken apart"})
		return
	}
	o := r.fork()
	if o == nil {
		return
	}
	n := p.newNode(o)
	parent := n.part.Parent
	*n.part = *l.part
	n.part.Parent, n.part.View, n.part.Encoding, n.part.Doubtful = parent, o.view, "", true
	n.part.Path = p.other(l.part, o.view)
	n.digest = l.node.digest
	n.setBounds(l.node.bounds)
	n.opened = true
	p.Sink.Open(n.part)
	o.state, o.neol = inBody, 0
	o.push(frame{node: n})
	if n.part.Kind == Message {
		o.state = inHeader
	}
	o.peek = n.part.Kind == Multipart
	o.again(b)
}
