package mime

import "bytes"

// heldSize is how much base64 is held until it shows which alphabet it is in:
// 64 KiB. Half of all does after 22 octets; of text, which has few of the octets
// that tell, some hundred.
const heldSize = 64 << 10

// alphabet writes base64 that has not yet shown its alphabet. "+" and "/" are
// of the usual one: then "-" and "_" are foreign octets. If one of these comes
// first, some programs take it for a sextet (RFC 4648 section 5), which is how
// the leaf is read on, and others skip it: for them a twin is told beside.
func (l *leaf) alphabet(b []byte) {
	i := bytes.IndexAny(b, "+/-_")
	switch {
	case i < 0 && len(l.held)+len(b) <= heldSize:
		l.held = append(l.held, b...)
		l.dec.write(b, l.tools.emit)
		return
	case i < 0 || b[i] == '+' || b[i] == '/' || len(l.held)+i > heldSize:
		l.tools.base64.strict = true
	default:
		l.dec.write(b[:i], l.tools.emit)
		l.openTwin()
		if l.twin != nil {
			l.twin.write(l.held)
			l.twin.write(b[:i])
		}
		b = b[i:]
	}
	l.holds, l.held = false, l.held[:0]
	l.write(b)
}

// openTwin opens a part for the other reading.
func (l *leaf) openTwin() {
	p := l.p
	if p.full() {
		p.defect(l.part, Defect{RuleParts, Exhausted, "not taken apart"})
		return
	}
	p.views++
	n := p.nodes.get()
	n.part = p.newPart(l.part.Parent)
	*n.part = *l.part
	n.part.View, n.part.Doubtful = p.views, true
	n.part.Path = p.other(l.part, p.views)
	n.depth, n.opened = l.node.depth, true
	p.Sink.Open(n.part)
	l.twin = p.newLeaf(n, base64Transfer, nil)
	l.twin.holds = false
	l.twin.tools.base64.strict = true
}
