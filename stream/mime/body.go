package mime

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
	// Only where there are several readers do the borders of pieces not depend on
	// the cut, and may what is told wait.
	many := len(r.feed.readers) > 1
	r.put(r.eol[:r.neol], many)
	r.neol = 0
	for _, e := range lineEnds {
		if n := len(b) - len(e); n >= 0 && string(b[n:]) == e {
			r.neol = copy(r.eol[:], e)
			b = b[:n]
			break
		}
	}
	r.put(b, many)
}

// put gives octets to the leaf; small ones with others if they are many.
func (r *reader) put(b []byte, many bool) {
	if many {
		r.leaf.gather(b)
	} else {
		r.leaf.write(b)
	}
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
