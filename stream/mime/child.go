package mime

import "strconv"

// startText looks for uuencode and its like in the content.
func (l *leaf) startText() {
	l.text = use(&l.tools.text, func() *embedded {
		return &embedded{
			begin: func(name []byte) {
				c := Part{Type: "application/octet-stream", Encoding: l.text.encoding()}
				if s, _ := decodeWords(nil, name); len(s) > 0 {
					c.Names = []string{string(s)}
				}
				l.openChild(c)
			},
			data: l.childData,
			end:  l.closeChild,
			room: func(n int) bool {
				l.p.inflated += n
				return l.p.inflated <= inflated
			},
		}
	})
	l.text.reset()
	l.text.armed = l.part.isBinHex() || l.part.Encoding == transferNames[uuTransfer]
}

// startTNEF takes the content apart as TNEF. Where nobody counts what
// is held, streams inside of streams hold less and less, so that all that are
// open hold little more than one may.
func (l *leaf) startTNEF() {
	l.tnef = use(&l.tools.tnef, func() *tnef {
		return &tnef{
			begin: func(f tnefFile) {
				l.openChild(Part{Type: f.typ, Charset: f.charset, Names: f.names, Attached: !f.body})
			},
			data: l.childData,
			end:  func() { l.closeChild(nil) },
		}
	})
	l.tnef.reset()
	l.tnef.ask = l.p.Hold
	l.tnef.limit = tnefHeld
	if l.p.Hold == nil {
		l.tnef.limit = max(tnefHeld>>(2*min(l.p.tnefs, 10)), outSize)
	}
	l.p.tnefs++
}

// openChild opens a part for a file inside the content, which has what c says.
// Not every program finds it there.
func (l *leaf) openChild(c Part) {
	p := l.p
	if p.full() {
		p.defect(l.part, Defect{RuleParts, Exhausted, "not taken apart"})
		return
	}
	n := p.nodes.get()
	n.part = p.newPart(l.part)
	n.depth = l.node.depth + 1
	n.opened = true
	l.children++
	c.Parent, c.View, c.Doubtful = l.part, l.part.View, true
	c.Path = p.path(l.part, strconv.Itoa(l.children), c.View)
	if c.Type == "" {
		c.Type = "application/octet-stream"
	}
	*n.part = c
	p.Sink.Open(n.part)
	l.child = p.newLeaf(n, identity, nil)
}

func (l *leaf) childData(b []byte) {
	if l.child != nil {
		l.child.write(b)
	}
}

func (l *leaf) closeChild(list []Defect) {
	if l.child == nil {
		return
	}
	for _, d := range list {
		l.p.defect(l.child.part, d)
	}
	l.child.close()
	l.child = nil
}
