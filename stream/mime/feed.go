package mime

import (
	"bytes"
	"slices"
)

// lineKeep is how much of a line is looked at as one, in octets: 2 KiB, twice
// the longest boundary. The rest of a longer line follows in pieces.
const lineKeep = 2 << 10

// A feed takes octets, finds the lines in them and gives them to its readers.
// There is one for the message, and one for each entity that stands in a
// transfer encoding.
//
// While all readers are inside a leaf, everything up to the next line that
// begins with "--" is handed over in blocks, else line by line. If there are
// several readers, the borders of what they get, one after the other, do not
// depend on how the octets came: so the order in which they tell what they find
// does not either.
type feed struct {
	p        *Parser
	root     *node // what is read
	readers  []*reader
	piece    []byte // the beginning of a piece, at most lineKeep octets
	block    bool   // the piece is a block, of any number of lines
	mid      bool   // the piece is not the first of its line
	changed  bool   // some reader's stack changed during this piece
	coded    int    // quoted-printable encodings that were undone to come here
	doubtful bool   // not every program comes to see this
}

// newFeed returns a feed with one reader, for the content of root.
func (p *Parser) newFeed(root *node, s state) *feed {
	f := p.feeds.get()
	*f = feed{p: p, root: root, readers: f.readers[:0], piece: f.piece[:0]}
	r := p.readers.get()
	r.init(f)
	r.state = s
	root.refs++ // the feed's own
	r.push(frame{node: root})
	f.changed = false
	f.readers = append(f.readers, r)
	return f
}

func (f *feed) write(b []byte) {
	for len(b) > 0 {
		n := 0
		switch start := len(f.piece) == 0; {
		case start && len(f.readers) == 1 && f.blocks(b):
			n = blockSize(b)
			f.give(b[:n])
		case start && len(f.readers) == 1 && f.readers[0].peek && !f.mid && emptyLines(b) > 0:
			n = emptyLines(b)
			f.give(b[:n])
		case f.block || start && f.blocks(b):
			n = f.gather(b)
		default:
			n = f.line(b)
		}
		b = b[n:]
	}
}

// blocks tells whether all readers take octets as they are, up to the next
// line that may be a boundary line, which b does not begin with.
func (f *feed) blocks(b []byte) bool {
	for _, r := range f.readers {
		if r.state == inHeader || r.peek || r.leaf != nil && r.leaf.lazy {
			return false
		}
	}
	return f.mid || b[0] != '-'
}

// blockSize returns how much of b comes before a line that begins, or may
// begin, with "--". Hyphens are rarer than line ends, so it looks for those
// while that is true.
func blockSize(b []byte) int {
	for at, met := 0, 0; met < hyphensAtFirst+at/hyphenEvery; met++ {
		i := bytes.IndexByte(b[at:], '-')
		if i < 0 {
			return len(b)
		}
		at += i
		if at > 0 && b[at-1] == '\n' && mayBeDashes(b[at:]) {
			return at
		}
		at++
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return len(b)
		}
		if at += i + 1; mayBeDashes(b[at:]) {
			return at
		}
	}
}

// mayBeDashes tells whether a line that begins so begins with "--", or may.
func mayBeDashes(b []byte) bool {
	return len(b) > 0 && b[0] == '-' && (len(b) == 1 || b[1] == '-')
}

// Looking for hyphens is quicker than for line ends if they come every
// hyphenEvery octets or less often: 64, as lines have about that many. So few as
// hyphensAtFirst are no matter.
const (
	hyphenEvery    = 64
	hyphensAtFirst = 8
)

// emptyLines returns the length of the empty lines that b begins with.
func emptyLines(b []byte) int {
	n := 0
	for i, c := range b {
		if c == '\n' {
			n = i + 1
		} else if c != '\r' {
			break
		}
	}
	return n
}

// gather completes a block of lineKeep octets, or up to a line that may be a
// boundary line, and gives it to the readers. It returns how many octets of b
// it took.
func (f *feed) gather(b []byte) int {
	had := len(f.piece)
	n := min(len(b), lineKeep-had)
	block := b[:n]
	if had > 0 || n < lineKeep {
		f.piece = append(f.piece, block...)
		block = f.piece
	}
	// The piece before b[0] has been searched, but for what may go on in b.
	from := max(had-2, 0)
	size := from + blockSize(block[from:])
	if size == len(block) && size < lineKeep || size == len(block)-1 && block[size] == '-' && len(block) < lineKeep {
		f.block = true
		return n
	}
	f.block = false
	f.give(block[:size])
	if size >= had {
		f.piece = f.piece[:0]
		return size - had
	}
	// The "-" that begins the next line has been here before.
	f.piece = append(f.piece[:0], block[size:had]...)
	return 0
}

// give gives a block to every reader.
func (f *feed) give(b []byte) {
	if len(b) == 0 || !f.count(len(b)) {
		return
	}
	for i, n := 0, len(f.readers); i < n; i++ {
		if r := f.readers[i]; !r.dead {
			r.body(b)
		}
	}
	f.mid = b[len(b)-1] != '\n'
	if f.changed {
		f.changed = false
		f.merge()
	}
}

// line completes a piece of a line and gives it to the readers. It returns how
// many octets of b it took.
func (f *feed) line(b []byte) int {
	n := min(len(b), lineKeep-len(f.piece))
	whole := n == lineKeep-len(f.piece)
	if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
		n, whole = i+1, true
	}
	switch {
	case !whole:
		f.piece = append(f.piece, b[:n]...)
	case len(f.piece) == 0:
		f.deliver(b[:n])
	default:
		f.piece = append(f.piece, b[:n]...)
		f.deliver(f.piece)
		f.piece = f.piece[:0]
	}
	return n
}

// deliver gives a piece to every reader. Readers born of it have had it.
func (f *feed) deliver(b []byte) {
	if !f.count(len(b) + lineWork) {
		return
	}
	for i, n := 0, len(f.readers); i < n; i++ {
		if r := f.readers[i]; !r.dead {
			r.piece(b, !f.mid)
		}
	}
	f.mid = b[len(b)-1] != '\n'
	if f.changed {
		f.changed = false
		f.merge()
	}
}

// count counts n octets that are about to be read, and tells whether they may
// be. Once a message has cost too much, only its first reading goes on, and what
// is in encodings is not looked at. Where exactly that happens may depend on
// how the octets came; that it does, and is told, does not.
func (f *feed) count(n int) bool {
	p := f.p
	first := f == p.top
	if first && len(f.readers) == 1 {
		return true
	}
	times := len(f.readers)
	if first {
		times--
	}
	if p.work += times * n; p.work <= p.limits.Work {
		return true
	}
	if !p.spent {
		p.spent = true
		p.defect(f.root.part, Defect{RuleViews, Exhausted, "work"})
	}
	if first {
		for _, r := range f.readers[1:] {
			r.die()
		}
		f.merge()
	}
	return first
}

// merge drops readers that stand where an earlier one does.
func (f *feed) merge() {
	f.sweep()
	for i := 0; i < len(f.readers); i++ {
		for j := i + 1; j < len(f.readers); j++ {
			if a, b := f.readers[i], f.readers[j]; !b.dead && a.same(b) {
				b.die()
			}
		}
	}
	f.changed = false
	f.sweep()
}

// sweep takes dead readers away.
func (f *feed) sweep() {
	for i := 0; i < len(f.readers); {
		r := f.readers[i]
		if !r.dead || len(f.readers) == 1 {
			i++
			continue
		}
		f.readers = slices.Delete(f.readers, i, i+1)
		f.p.readers.put(r)
		f.p.forks--
	}
}

// close ends the content.
func (f *feed) close() {
	if f.block {
		f.give(f.piece)
	} else if len(f.piece) > 0 {
		f.deliver(f.piece)
	}
	f.piece = f.piece[:0]
	// Readers may fork at the end of a header that is all there is.
	for i := 0; i < len(f.readers); i++ {
		if r := f.readers[i]; !r.dead {
			r.end()
		}
	}
	f.sweep()
	f.p.release(f.root)
	f.free()
}

// free gives everything back.
func (f *feed) free() {
	for _, r := range f.readers {
		f.p.readers.put(r)
	}
	f.p.forks -= max(len(f.readers)-1, 0)
	f.readers = f.readers[:0]
	f.root = nil
	f.p.feeds.put(f)
}
