package unpack

import (
	"bufio"
	"io"
	"iter"
	"sync"
)

const (
	// blockSize is how many octets a pulling reader is given at once: 32 KiB.
	// Blocks begin at multiples of it, so that what a reader does, and when its
	// budget ends, is the same however the container was cut.
	blockSize = 32 << 10
	// copySize is the longest piece of content told at once: 32 KiB.
	copySize = 32 << 10
	// pullSize is what a pulling reader holds besides its decoders: two blocks
	// and its stack.
	pullSize = 2*blockSize + 16<<10
)

var (
	copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}
	feeds       = sync.Pool{New: func() any { return newFeed() }}
)

// A feed is the buffers between Write and the reader that pulls.
type feed struct {
	block [blockSize]byte
	r     *bufio.Reader // of the puller
}

func newFeed() *feed { return &feed{r: bufio.NewReaderSize(nil, blockSize)} }

// A puller is a Reader whose format is read by pulling: body runs as a
// coroutine that sleeps in Read until the next block is written. It shares the
// goroutine of Write, so none can leak; Close wakes it for the last time.
type puller struct {
	t    teller
	body func(t *teller, r *bufio.Reader)

	feed   *feed
	n      int    // octets in feed.block
	in     []byte // the block that is read now
	eof    bool   // there is no further one
	beside bool   // another reader sees the same octets and counts them

	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// pull returns a Reader that reads by body, which returns when it has seen
// enough. The octets after that are ignored.
func pull(b *Budget, s Sink, body func(t *teller, r *bufio.Reader)) Reader {
	return &puller{t: teller{b: b, s: s}, body: body}
}

// pullKept is pull for a format that goes back in what it has read.
func pullKept(b *Budget, s Sink, body func(t *teller, r *bufio.Reader)) Reader {
	return &puller{t: teller{b: b, s: s, kept: &kept{}}, body: body}
}

// Write gives the reader whole blocks and keeps the rest.
func (p *puller) Write(b []byte) {
	for len(b) > 0 && !p.t.over {
		if p.feed == nil && !p.start() {
			return
		}
		if p.n == 0 && len(b) >= blockSize {
			p.resume(b[:blockSize])
			b = b[blockSize:]
			continue
		}
		k := copy(p.feed.block[p.n:], b)
		b = b[k:]
		if p.n += k; p.n == blockSize {
			p.n = 0
			p.resume(p.feed.block[:])
		}
	}
}

// Close lets the reader see the end, or stops it where it is.
func (p *puller) Close(complete bool) {
	if complete && !p.t.over && (p.feed != nil || p.start()) {
		p.eof = true
		p.resume(p.feed.block[:p.n])
		p.t.close()
	}
	p.end()
}

// start makes the coroutine. It runs at the first block.
func (p *puller) start() bool {
	if !p.t.alive() || !p.t.grow(pullSize) {
		return false
	}
	p.feed = feeds.Get().(*feed)
	p.feed.r.Reset(p)
	p.next, p.stop = iter.Pull(p.run)
	if p.t.b.pulled == nil {
		p.t.b.pulled = make(map[*puller]struct{})
	}
	p.t.b.pulled[p] = struct{}{}
	return true
}

// run is the coroutine.
func (p *puller) run(yield func(struct{}) bool) {
	p.yield = yield
	p.t.guard(func() { p.body(&p.t, p.feed.r) })
}

// resume lets the coroutine read a block.
func (p *puller) resume(block []byte) {
	if !p.beside {
		p.t.b.input(len(block))
	}
	if !p.t.alive() {
		p.end()
		return
	}
	if p.t.kept != nil {
		p.t.kept.add(p.t.b, block)
	}
	p.in = block
	was := p.t.b.watch(true)
	_, more := p.next()
	p.t.b.watch(was)
	if !more {
		p.t.close()
		p.end()
	}
}

// end stops the coroutine and gives back what it held.
func (p *puller) end() {
	p.t.over = true
	if p.feed == nil {
		return
	}
	p.in, p.eof = nil, true
	p.stop()
	p.feed.r.Reset(nil)
	feeds.Put(p.feed)
	p.feed, p.n = nil, 0
	p.t.b.shrink(pullSize)
	if p.t.kept != nil {
		p.t.kept.free(p.t.b)
	}
	delete(p.t.b.pulled, p)
}

// Read is called by the coroutine. It sleeps until there is something.
func (p *puller) Read(b []byte) (int, error) {
	for len(p.in) == 0 {
		if p.t.over {
			return 0, errStop
		}
		if p.eof {
			return 0, io.EOF
		}
		if !p.t.b.inTime() {
			p.t.alive()
			return 0, errStop
		}
		if !p.yield(struct{}{}) {
			p.t.over = true
			return 0, errStop
		}
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	p.t.taken += int64(n)
	return n, nil
}
