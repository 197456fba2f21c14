package mime

import "bytes"

// lineKeep is how much of a line is looked at as one, in octets: 2 KiB, twice
// the longest boundary. The rest of a longer line follows in pieces.
const lineKeep = 2 << 10

// A feed takes octets, finds the lines in them and gives them to its readers.
// There is one for the message, and one for each entity that stands in a
// transfer encoding.
//
// While there is one reader and it is inside a leaf, everything up to the next
// line that begins with "--" is handed over as a block. Else readers get lines,
// in pieces whose borders do not depend on how the octets came, one after the
// other: so the order in which they tell what they find does not either.
type feed struct {
	p        *Parser
	root     *node // what is read
	readers  []*reader
	piece    []byte // the beginning of a piece, at most lineKeep octets
	mid      bool   // the piece is not the first of its line
	changed  bool   // some reader's stack changed during this piece
	rest     bool   // a leaf with all the rest has been opened
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
		if len(f.piece) == 0 && f.blocks() && (f.mid || b[0] != '-') {
			n = blockSize(b)
			f.readers[0].body(b[:n])
			f.mid = b[n-1] != '\n'
		} else {
			n = f.line(b)
		}
		b = b[n:]
	}
}

// blocks tells whether octets can go to the one reader as they are.
func (f *feed) blocks() bool {
	return len(f.readers) == 1 && f.readers[0].state == inBody && !f.readers[0].peek
}

var dashes = []byte("\n--")

// blockSize returns how much of b comes before a line that begins, or may
// begin, with "--".
func blockSize(b []byte) int {
	if i := bytes.Index(b, dashes); i >= 0 {
		return i + 1
	}
	if bytes.HasSuffix(b, dashes[:2]) {
		return len(b) - 1
	}
	return len(b)
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

// close ends the content.
func (f *feed) close() {
	if len(f.piece) > 0 {
		f.deliver(f.piece)
		f.piece = f.piece[:0]
	}
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
