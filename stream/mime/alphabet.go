package mime

import "bytes"

// heldSize is how much base64 is held, to be read again in another way: 64 KiB.
// The alphabet shows after 22 octets in half of all; in text, which has few of
// the octets that tell, after some hundred.
const heldSize = 64 << 10

// keep holds base64, up to heldSize.
func (l *leaf) keep(b []byte) {
	if l.base64 {
		l.held = append(l.held, b[:min(len(b), heldSize-len(l.held))]...)
	}
}

// alphabet writes base64 that has not yet shown its alphabet. "+" and "/" are
// of the usual one: then "-" and "_" are foreign octets. If one of these comes
// first, some programs take it for a sextet (RFC 4648 section 5), which is how
// the leaf is read on, and others skip it: for them a twin is told beside.
func (l *leaf) alphabet(b []byte) {
	i := bytes.IndexAny(b, "+/-_")
	switch {
	case i < 0 && len(l.held)+len(b) < heldSize:
		l.keep(b)
		l.dec.write(b, l.tools.emit)
		return
	case i < 0 || b[i] == '+' || b[i] == '/' || len(l.held)+i >= heldSize:
		l.tools.base64.strict = true
	default:
		l.keep(b[:i])
		l.dec.write(b[:i], l.tools.emit)
		b = b[i:]
		if l.twin = l.another(base64Transfer); l.twin != nil {
			l.twin.asks, l.twin.tools.base64.strict = false, true
			l.twin.write(l.held)
		} else {
			l.tools.base64.strict = true
		}
	}
	l.asks = false
	l.write(b)
}

// tellStopped tells what programs have of base64 that stop at the first
// padding, where something follows it. What stands behind heldSize is not read
// again: it is the beginning of what was told.
func (l *leaf) tellStopped() {
	if !l.base64 {
		return
	}
	left, more := l.tools.base64.stopped()
	pad := bytes.IndexByte(l.held, '=')
	if !more || pad < 0 {
		return
	}
	o := l.another(identity)
	if o == nil {
		return
	}
	d := newBase64()
	d.strict = l.tools.base64.strict
	emit := func(b []byte) {
		b = b[:min(int64(len(b)), left)]
		left -= int64(len(b))
		o.write(b)
	}
	d.write(l.held[:pad], emit)
	d.close(emit)
	o.close()
}

// another opens a part beside l for another reading of its octets. It returns
// nil if there are too many.
func (l *leaf) another(e transfer) *leaf {
	p := l.p
	if p.full() {
		p.defect(l.part, Defect{RuleParts, Exhausted, "not taken apart"})
		return nil
	}
	if l.inner != nil && p.crowded(l.part) {
		return nil
	}
	p.views++
	n := p.nodes.get()
	n.part = p.newPart(l.part.Parent)
	*n.part = *l.part
	n.part.View, n.part.Doubtful = p.views, true
	n.part.Path = p.other(l.part, p.views)
	n.depth, n.opened = l.node.depth, true
	p.Sink.Open(n.part)
	if l.inner == nil {
		return p.newLeaf(n, e, nil)
	}
	n.setBounds(l.node.bounds)
	n.digest = l.node.digest
	p.forks++
	o := p.newLeaf(n, e, p.enterFeed(n, l.inner.coded))
	o.forks = true
	return o
}

// enterFeed returns a feed for the content of a container that stood in so many
// transfer encodings.
func (p *Parser) enterFeed(n *node, coded int) *feed {
	s := inBody
	if n.part.Kind == Message {
		s = inHeader
	}
	f := p.newFeed(n, s)
	f.doubtful, f.coded = true, coded
	f.readers[0].view = n.part.View
	f.readers[0].peek = n.part.Kind == Multipart
	return f
}
