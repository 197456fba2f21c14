package mime

// A leaf is content that is being read: of a leaf in the sense of Kind, or of
// a container that stands in a transfer encoding.
type leaf struct {
	p     *Parser
	node  *node
	part  *Part
	dec   decoder // nil: identity
	inner *feed   // takes the decoded octets; nil: the Sink does
	emit  func([]byte)

	base64 *base64
	qp     *qp
}

func (p *Parser) newLeaf(n *node, e transfer, inner *feed) *leaf {
	l := p.leaves.get()
	l.p, l.node, l.part, l.inner, l.dec = p, n, n.part, inner, nil
	if l.emit == nil {
		l.emit = l.decoded
	}
	if inner == nil {
		n.refs++
	}
	switch e {
	case base64Encoding:
		if l.base64 == nil {
			l.base64 = newBase64()
		}
		l.dec = l.base64
	case qpEncoding:
		if l.qp == nil {
			l.qp = newQP()
		}
		l.dec = l.qp
	}
	if l.dec != nil {
		l.dec.reset()
	}
	return l
}

// write takes octets as they stand in the message.
func (l *leaf) write(b []byte) {
	if len(b) == 0 {
		return
	}
	if l.dec != nil {
		l.dec.write(b, l.emit)
		return
	}
	l.decoded(b)
}

// decoded takes octets of the content itself.
func (l *leaf) decoded(b []byte) {
	if l.inner != nil {
		l.inner.write(b)
		return
	}
	l.p.Sink.Data(l.part, b)
}

func (l *leaf) close() {
	if l.dec != nil {
		l.dec.close(l.emit)
		for _, d := range l.dec.defects() {
			if d.Class > Low {
				l.part.Doubtful = true
			}
			l.p.defect(l.part, d)
		}
	}
	p := l.p
	if l.inner != nil {
		l.inner.close()
	} else {
		p.release(l.node)
	}
	l.node, l.part, l.inner, l.dec = nil, nil, nil, nil
	p.leaves.put(l)
}

// closeLeaf closes what is open.
func (r *reader) closeLeaf() {
	if r.leaf == nil {
		return
	}
	r.leaf.write(r.eol[:r.neol])
	r.neol = 0
	r.leaf.close()
	r.leaf = nil
	r.feed.changed = true
}

var lineEnds = [...]string{"\r\n", "\n", "\r"}

// body takes content that holds no boundary line. A line end at its end may
// belong to one and is held back (RFC 2046 section 5.1.1).
func (r *reader) body(b []byte) {
	if r.leaf == nil && !r.openOutside(&b) {
		return
	}
	if r.neol == 1 && r.eol[0] == '\r' && b[0] == '\n' {
		r.eol[1], r.neol = '\n', 2
		b = b[1:]
	}
	if len(b) == 0 {
		return
	}
	r.leaf.write(r.eol[:r.neol])
	r.neol = 0
	for _, e := range lineEnds {
		if n := len(b) - len(e); n >= 0 && string(b[n:]) == e {
			r.neol = copy(r.eol[:], e)
			b = b[:n]
			break
		}
	}
	r.leaf.write(b)
}

// openOutside opens a leaf for text that is in no part: before the first
// boundary line of a multipart or after its last. Blanks at its beginning are
// left out: *b begins behind them. It returns false if there is nothing else.
func (r *reader) openOutside(b *[]byte) bool {
	i := 0
	for i < len(*b) && ((*b)[i] == '\n' || (*b)[i] == '\r' || (*b)[i] == ' ' || (*b)[i] == '\t') {
		i++
	}
	*b = (*b)[i:]
	if len(*b) == 0 {
		return false
	}
	p := r.feed.p
	if p.full() {
		r.openRest()
		return !r.dead
	}
	name := "0"
	if r.top().phase == epilogue {
		name = "end"
	}
	n := p.newNode(r)
	n.part.Path = p.path(n.part.Parent, name, r.view)
	n.part.View, n.part.Doubtful, n.part.Type = r.view, true, "text/plain"
	p.Sink.Open(n.part)
	r.leaf = p.newLeaf(n, identity, nil)
	return true
}

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

// forkLines follows the reading in which a CR alone ends a line of the header.
func (r *reader) forkLines() {
}
