package filter

import "sluice/stream/mime"

// A held is what waits until it is known what the leaf is that it was found in:
// the end of a file inside, or a defect behind one. Else it would depend on the
// cutting of the message which of the two is told first.
type held struct {
	piece  *piece // nil: a defect
	defect mime.Defect
	place  string
}

// above returns the leaf that a piece was found in, if it is not known yet.
func (pc *piece) above() *piece {
	if up := pc.parent; up != nil && !up.known {
		return up
	}
	return nil
}

// settle makes a piece known by what there is of it, and tells what waited.
func (pc *piece) settle() {
	pc.know(pc.head)
	pc.feed(pc.head)
	for _, h := range pc.held {
		if h.piece != nil {
			h.piece.close(true)
		} else {
			pc.body.defect(h.defect, h.place)
		}
	}
	pc.held = nil
}

// holder returns the leaf that a defect of p waits for, or nil.
func (b *body) holder(p *mime.Part) *piece {
	for ; p != nil; p = p.Parent {
		if pc := b.entity(p); pc != nil && len(pc.held) > 0 {
			return pc
		}
	}
	return nil
}
