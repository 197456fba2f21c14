package mime

import "strconv"

// newNode returns a node for a part below the innermost container of r, or for
// the message itself if r is nil.
func (p *Parser) newNode(r *reader) *node {
	n := p.nodes.get()
	if r == nil {
		n.part = p.newPart(nil)
		return n
	}
	n.part = p.newPart(r.top().node.part)
	n.depth = r.depth()
	return n
}

// setBounds copies boundaries.
func (n *node) setBounds(bounds [][]byte) {
	n.text, n.bounds = n.text[:0], n.bounds[:0]
	size := 1
	for _, b := range bounds {
		size += len(b)
	}
	if cap(n.text) < size {
		n.text = make([]byte, 0, size)
	}
	for _, b := range bounds {
		at := len(n.text)
		n.text = append(n.text, b...)
		n.bounds = append(n.bounds, n.text[at:len(n.text):len(n.text)])
	}
}

// headerEnd ends a header and begins what it describes, in every reading of it.
func (r *reader) headerEnd() {
	h, p := &r.head, r.feed.p
	top := r.top().node
	ofMessage := top.part.Kind == Message && !h.guess
	c := &p.content
	c.read(p, h, top.digest && !h.guess)
	if h.guess {
		if !c.worth() {
			r.die()
			return
		}
		if top.part.Kind == Multipart {
			c.defect(Defect{RuleOutside, Middle, "fields"})
		} else {
			c.defect(Defect{RuleHeaderEnd, Middle, "fields in the body"})
		}
	}
	if h.over {
		c.defect(Defect{RuleHeader, Ambiguous, "not kept"})
	}
	if h.odd > 0 && h.structures(h.odd-1) > 0 {
		c.defect(Defect{RuleHeaderEnd, Ambiguous, "structure after its end"})
	}
	lines := r.forkLines()
	if ofMessage {
		r.tellMessage()
	}
	r.openAll(c, ofMessage)
	if lines != nil {
		lines.headerEnd()
	}
}

// worth tells whether a header that may be none would make a difference.
func (c *content) worth() bool {
	return c.structure && (len(c.kinds) > 1 || c.kinds[0] != Leaf || len(c.coded) > 1 || c.coded[0] != identity)
}

// tellMessage tells the fields of the message that r is in, from where an
// earlier reader with a shorter header has come to.
func (r *reader) tellMessage() {
	h, p, n := &r.head, r.feed.p, r.top().node
	if !n.opened {
		n.opened = true
		p.Sink.Open(n.part)
		if d, bad := h.checkFrom(); bad && n.depth == 0 {
			p.defect(n.part, d)
		}
	}
	for ; n.told < len(h.fields); n.told++ {
		p.Sink.Field(n.part, h.field(&h.fields[n.told]))
	}
}

// openAll opens a part for each reading of c.
func (r *reader) openAll(c *content, ofMessage bool) {
	type shape struct {
		kind Kind
		enc  transfer
		r    *reader
	}
	var buf [4]shape
	shapes := append(buf[:0], shape{c.kinds[0], c.coded[0], r})
	for _, k := range c.kinds {
		for _, e := range c.coded {
			if k == c.kinds[0] && e == c.coded[0] || e == identity && c.lazy(k) {
				continue
			}
			if o := r.fork(); o != nil {
				shapes = append(shapes, shape{k, e, o})
			}
		}
	}
	for i, s := range shapes {
		s.r.open(c, s.kind, s.enc, ofMessage, i == 0)
		s.r.head.clear()
	}
}

// open opens a part.
func (r *reader) open(c *content, k Kind, e transfer, ofMessage, first bool) {
	p := r.feed.p
	if p.full() {
		r.openRest()
		return
	}
	deep := r.depth() >= p.limits.Depth || e == qpTransfer && r.feed.coded >= codedDepth
	if deep {
		k = Leaf
	}
	n := p.newNode(r)
	part := n.part
	part.Kind, part.View = k, r.view
	part.Type, part.Types, part.Charset = c.typ, c.types, c.charset
	part.Charsets = c.charsets
	part.Encoding = transferNames[e]
	part.Names, part.Attached = c.names, c.attached
	part.Links = c.links
	part.Doubtful = r.view > 0 || r.feed.doubtful
	r.number(part, ofMessage)
	n.opened = true
	p.Sink.Open(part)
	if !ofMessage {
		for i := range r.head.fields {
			p.Sink.Field(part, r.head.field(&r.head.fields[i]))
		}
	}
	if first {
		for _, d := range c.defects {
			p.defect(part, d)
		}
	}
	if deep && kindOf(c.typ) != Leaf {
		p.defect(part, Defect{RuleDepth, Exhausted, "not entered"})
	}
	r.enter(c, n, k, e)
}

// number gives part its path. The multipart that is a message's whole content
// has the message's own (RFC 9051 section 6.4.5).
func (r *reader) number(part *Part, ofMessage bool) {
	p := r.feed.p
	if ofMessage && part.Kind == Multipart {
		part.Path = part.Parent.Path
		return
	}
	fr := r.top()
	fr.children++
	part.Path = p.path(part.Parent, strconv.Itoa(fr.children), r.view)
}

// codedDepth is how many quoted-printable encodings are undone inside of each
// other: 4. Each is one more pass over all that is inside, and RFC 2046 section
// 5.2.1 allows none. base64 makes what is inside smaller by a quarter each time,
// so its passes cost little more than the first four.
const codedDepth = 4

// enter makes r go on with the content of n.
func (r *reader) enter(c *content, n *node, k Kind, e transfer) {
	p := r.feed.p
	r.neol = 0
	s := inBody
	switch k {
	case Multipart:
		n.setBounds(c.bounds)
		n.digest = n.part.Type == "multipart/digest"
	case Message:
		s = inHeader
	case Leaf:
		r.state = inBody
		r.leaf = p.newLeaf(n, e, nil)
		r.peek = e == identity && n.part.Type == "text/plain"
		return
	}
	if e == identity || e == uuTransfer {
		r.state = s
		r.push(frame{node: n})
		r.peek = k == Multipart
		return
	}
	r.state = inBody
	coded := r.feed.coded
	if e == qpTransfer {
		coded++
	}
	r.leaf = p.newLeaf(n, e, p.enterFeed(n, coded))
	r.leaf.lazy = e == base64Transfer && c.lazy(k)
}

// openRest opens a leaf for everything that is left: there are too many parts.
// Only the first reader does: what the others read is left to it.
func (r *reader) openRest() {
	f := r.feed
	for _, o := range f.readers {
		if o == r {
			break
		}
		if !o.dead {
			r.defect(Defect{RuleParts, Exhausted, "not taken apart"})
			r.die()
			return
		}
	}
	for _, o := range f.readers {
		if o != r && !o.dead {
			o.die()
		}
	}
	n := f.p.newNode(r)
	n.part.Path = f.p.path(n.part.Parent, "rest", r.view)
	n.part.View, n.part.Doubtful, n.part.Type = r.view, true, "text/plain"
	f.p.Sink.Open(n.part)
	f.p.defect(n.part, Defect{RuleParts, Exhausted, "not taken apart"})
	r.leaf = f.p.newLeaf(n, identity, nil)
	r.state = inRest
}
