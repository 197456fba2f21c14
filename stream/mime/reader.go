package mime

import "slices"

// A reader reads as one plausible mail program would. Where programs part it
// forks into one for each, and each is given every line from there on; readers
// that have come to stand at the same place merge again. So good mail is read
// by one, and broken mail by several from the point where it is broken to the
// end of the entity that is.
//
//	state      next octets are                   ends with
//	inHeader   a header's                        an empty line, or what else may end it (header.go)
//	inBody     a leaf's, or outside any part     a boundary line (multipart.go)
//	inRest     content nobody takes apart        the end of the feed
type reader struct {
	feed  *feed
	view  int
	state state
	dead  bool
	stack []frame // open containers, the outermost first
	head  header  // inHeader
	leaf  *leaf   // inBody: the open leaf, nil before its first octet outside parts
	peek  bool    // inBody: nothing but empty lines so far, and fields would matter
	eol   [2]byte // a line end that may belong to a boundary, neol octets of it
	neol  int
}

type state uint8

const (
	inHeader state = iota
	inBody
	inRest
)

// A frame is an open container as one reader sees it.
type frame struct {
	node     *node
	children int
	phase    phase
	decided  []byte // the boundary; nil: none seen
	wild     bool   // decided is not what the header says
	prefix   prefix
	strict   bool   // a line that follows an LF without CR is no boundary line
	passed   uint32 // undecided: which of the bounds it is not, a bit each
	tried    bool   // undecided: a line was followed as a boundary that no header names
}

// phase is where in a multipart a reader is.
type phase uint8

const (
	preamble phase = iota
	within
	epilogue
)

// prefix is what a reader takes a line for that begins with the boundary but
// goes on.
type prefix uint8

const (
	prefixOpen prefix = iota // there was none yet
	prefixNo                 // for content
	prefixYes                // for a boundary
)

// A node is an open container. Readers that agree on it share it.
type node struct {
	part     *Part
	refs     int // frames with it, and feeds whose root it is
	depth    int // containers above it
	told     int // fields told, for messages
	digest   bool
	opened   bool     // told; only a message is not at first
	borrowed bool     // somebody else closes the part
	seen     bool     // some boundary was
	bounds   [][]byte // what the header may mean by its boundary, the likeliest first
	text     []byte   // holds bounds
}

func (r *reader) init(f *feed) {
	head := r.head
	head.clear()
	*r = reader{feed: f, stack: r.stack[:0], head: head}
}

func (r *reader) top() *frame { return &r.stack[len(r.stack)-1] }

// depth is how many containers a new part would be in.
func (r *reader) depth() int {
	if len(r.stack) == 0 {
		return 0
	}
	return r.top().node.depth + 1
}

func (r *reader) push(fr frame) {
	fr.node.refs++
	r.stack = append(r.stack, fr)
	r.feed.changed = true
}

// popTo closes containers until n are open.
func (r *reader) popTo(n int) {
	for len(r.stack) > n {
		last := r.top().node
		r.stack = r.stack[:len(r.stack)-1]
		r.feed.p.release(last)
		r.feed.changed = true
	}
}

// defect tells one of the innermost open part.
func (r *reader) defect(d Defect) { r.feed.p.defect(r.part(), d) }

// release gives up one reference to n. With the last it is closed.
func (p *Parser) release(n *node) {
	n.refs--
	if n.refs > 0 {
		return
	}
	if n.part.Kind == Multipart && !n.seen && len(n.bounds) > 0 {
		p.defect(n.part, Defect{RuleNoBoundary, Ambiguous, "never seen"})
	}
	if !n.borrowed {
		p.Sink.Close(n.part)
	}
	*n = node{bounds: n.bounds[:0], text: n.text[:0]}
	p.nodes.put(n)
}

// fork returns a reader that stands where r does, without its leaf: that stays
// r's. It returns nil if there are too many.
func (r *reader) fork() *reader {
	f, p := r.feed, r.feed.p
	if p.crowded(r.part()) {
		return nil
	}
	p.forks++
	p.views++
	o := p.readers.get()
	o.init(f)
	o.view = p.views
	o.state, o.eol, o.neol = r.state, r.eol, r.neol
	o.stack = append(o.stack, r.stack...)
	for i := range o.stack {
		o.stack[i].node.refs++
	}
	o.head.copy(&r.head)
	f.readers = append(f.readers, o)
	f.changed = true
	return o
}

// crowded tells whether there may be no more readings, and that of part.
func (p *Parser) crowded(part *Part) bool {
	if p.forks+1 < p.limits.Views && !p.spent {
		return false
	}
	if !p.tooMany {
		p.tooMany = true
		p.defect(part, Defect{RuleViews, Exhausted, "readings not followed"})
	}
	return true
}

// part is the innermost part, for defects.
func (r *reader) part() *Part {
	switch {
	case r.leaf != nil:
		return r.leaf.part
	case len(r.stack) > 0:
		return r.top().node.part
	}
	return r.feed.root.part
}

// die ends a reader whose reading has turned out to be none.
func (r *reader) die() {
	r.closeLeaf()
	r.popTo(0)
	r.dead = true
	r.feed.changed = true
}

// same tells whether both would tell the same from here on.
func (r *reader) same(o *reader) bool {
	if r.dead || r.state != o.state || r.leaf != nil || o.leaf != nil || r.neol != o.neol || r.peek != o.peek {
		return false
	}
	if r.state == inHeader && (!r.head.empty() || !o.head.empty() || r.head.guess != o.head.guess) {
		return false
	}
	return slices.EqualFunc(r.stack, o.stack, func(a, b frame) bool {
		return a.node == b.node && a.phase == b.phase && string(a.decided) == string(b.decided) &&
			a.wild == b.wild && a.prefix == b.prefix && a.strict == b.strict
	})
}

// piece takes a piece of a line.
func (r *reader) piece(b []byte, first bool) {
	switch {
	case r.state == inHeader:
		r.headerLine(b, first)
	case r.state == inBody && first:
		r.bodyLine(b)
	default:
		r.body(b)
	}
}

// end is the end of the feed.
func (r *reader) end() {
	if r.state == inHeader {
		r.headerEnd()
	}
	r.closeLeaf()
	r.popTo(0)
}
