package mime

import "strconv"

// A Parser reads one message. Set Limits and Sink, then Write the message and
// Close. Reset makes it ready for the next. A Parser that is used again keeps
// its buffers, so that clean mail costs little more than its Parts.
type Parser struct {
	Limits Limits
	Sink   Sink
	// Hold, if set, is asked before n octets of content are held, and told with
	// -n when they no longer are. False: they may not be; what they were held
	// for is then told as it comes, with a Defect. What is held at a Reset is
	// not given back.
	Hold func(n int) bool

	started bool
	limits  Limits // with the defaults in
	top     *feed
	parts   int  // told so far
	views   int  // highest number given to a reading
	forks   int  // readers that are alive beside the first of their feed
	tooMany bool // readings: told
	work    int  // octets read again
	spent   bool // no more of that
	tnefs   int  // open
	defects map[Defect]int

	inflated int // octets that came of compressed data

	slab    []Part // to be used
	content content
	words   map[string]string // short strings seen before
	feeds   pool[feed]
	readers pool[reader]
	leaves  pool[leaf]
	nodes   pool[node]
}

// Write reads on. The slice is the caller's.
func (p *Parser) Write(b []byte) {
	p.start()
	p.top.write(b)
}

// Close ends the message: every part that is open is closed.
func (p *Parser) Close() {
	p.start()
	p.top.close()
	p.Reset(p.Sink)
}

// Work returns what the message has cost so far, as Limits.Work counts it. Close
// sets it back.
func (p *Parser) Work() int { return p.work }

// Reset makes p ready for another message, also after one that was not closed:
// then the Sink is told no more of it, and what was open is left to the
// garbage collector.
func (p *Parser) Reset(s Sink) {
	*p = Parser{Limits: p.Limits, Sink: s, Hold: p.Hold, words: p.words,
		content: p.content, feeds: p.feeds, readers: p.readers, leaves: p.leaves, nodes: p.nodes}
}

func (p *Parser) start() {
	if p.started {
		return
	}
	p.started = true
	p.limits = p.Limits.filled()
	root := p.newNode(nil)
	root.part.Kind, root.part.Type = Message, "message/rfc822"
	p.top = p.newFeed(root, inHeader)
}

// defectsTold is how often one defect is told of a message: 20 times. That is
// enough to know it by, and hostile mail could have one in every line.
const defectsTold = 20

func (p *Parser) defect(part *Part, d Defect) {
	if p.defects == nil {
		p.defects = make(map[Defect]int)
	}
	if p.defects[d]++; p.defects[d] <= defectsTold {
		p.Sink.Defect(part, d)
	}
}

// full tells whether no more parts may be told.
func (p *Parser) full() bool { return p.parts >= p.limits.Parts }

// slabSize is how many Parts are allocated at once: 8, more than most messages
// have.
const slabSize = 8

// newPart returns an empty Part below parent.
func (p *Parser) newPart(parent *Part) *Part {
	if len(p.slab) == 0 {
		p.slab = make([]Part, slabSize)
	}
	part := &p.slab[0]
	p.slab = p.slab[1:]
	part.Parent = parent
	p.parts++
	return part
}

// wordsKept and wordSize bound the strings that are kept for the next message:
// 256 of at most 64 octets, types and charsets.
const (
	wordsKept = 256
	wordSize  = 64
)

// word returns b as a string, without an allocation if it was seen before.
func (p *Parser) word(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := p.words[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(b) <= wordSize {
		if p.words == nil {
			p.words = make(map[string]string)
		}
		if len(p.words) == wordsKept {
			clear(p.words) // so that odd mail cannot fill it for good
		}
		p.words[s] = s
	}
	return s
}

// path returns the path of the nth child of a part at base, in some reading.
func (p *Parser) path(base *Part, n string, view int) string {
	if base == nil {
		return ""
	}
	var buf [64]byte
	b := buf[:0]
	if base.Path != "" {
		b = append(append(b, base.Path...), '.')
	}
	b = append(b, n...)
	if view > 0 && base.View != view {
		b = strconv.AppendInt(append(b, '~'), int64(view), 10)
	}
	return p.word(b)
}

// other returns the path of another reading of a part.
func (p *Parser) other(part *Part, view int) string {
	return part.Path + "~" + strconv.Itoa(view)
}

// A pool keeps what can be used again.
type pool[T any] struct{ free []*T }

func (l *pool[T]) get() *T {
	if n := len(l.free); n > 0 {
		x := l.free[n-1]
		l.free = l.free[:n-1]
		return x
	}
	return new(T)
}

func (l *pool[T]) put(x *T) { l.free = append(l.free, x) }
