package antivirus

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"sync"
)

// Why content ends before its end. Engines need not tell them apart.
var (
	errDropped  = errors.New("the scan was given up")
	errTooLarge = errors.New("the content is larger than the engine takes")
	errNoMemory = errors.New("no memory for the content")
)

// A source is one content while it is collected and while scans read it. One
// goroutine appends, any number read.
//
//	collecting --end--> complete: nothing is freed before the last reader closes
//	     |
//	   stream
//	     v
//	streaming --end--> complete: what every reader has passed is freed
type source struct {
	place  string // path of the part; empty: the whole message
	index  int    // place among the contents of its message
	mail   bool   // the whole message
	ledger *ledger
	sum    *[32]byte // SHA-256, where it is known before it is given; nil: not known

	mu        sync.Mutex // guards the rest
	chunks    [][]byte   // those still held
	gone      int        // how many were freed before them
	size      int64
	streaming bool
	kept      bool // an engine may want it yet
	complete  bool
	broken    error // content is missing
	keep      bool  // a dropped reader may still look at chunks: never reuse them
	finished  bool  // who appends is done with it
	users     int   // who appends, and readers; the last one frees all
	readers   []*Content
}

func newSource(l *ledger, place string, index int) *source {
	return &source{place: place, index: index, ledger: l, users: 1}
}

// append adds a copy of p.
func (s *source) append(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size += int64(len(p))
	for len(p) > 0 && s.broken == nil && (!s.streaming || len(s.readers) > 0) {
		n := len(s.chunks)
		if n == 0 || len(s.chunks[n-1]) == cap(s.chunks[n-1]) {
			if !s.grow(len(p)) {
				break
			}
			n = len(s.chunks)
		}
		last := s.chunks[n-1]
		k := copy(last[len(last):cap(last)], p) // readers know of less: no race
		s.chunks[n-1] = last[:len(last)+k]
		p = p[k:]
	}
	s.wake()
}

// grow adds an empty chunk. mu is held.
func (s *source) grow(want int) bool {
	size := chunkSize
	if s.gone+len(s.chunks) == 0 && want <= firstChunk {
		size = firstChunk
	}
	if !s.ledger.memory.take(size) {
		s.broken = errNoMemory
		return false
	}
	s.count(size)
	s.chunks = append(s.chunks, newChunk(size))
	return true
}

// count enters n octets, or fewer than none, in the ledger. mu is held.
func (s *source) count(n int) {
	switch {
	case s.streaming:
		s.ledger.queued.Add(int64(n))
	case s.kept:
		s.ledger.kept.Add(int64(n))
	default:
		s.ledger.held.Add(int64(n))
	}
}

// retain says whether an engine may want the content yet that has not been given
// it.
func (s *source) retain(kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recount(func() { s.kept = kept })
}

// recount enters what is held anew, after a change. mu is held.
func (s *source) recount(change func()) {
	n := 0
	for _, b := range s.chunks {
		n += cap(b)
	}
	s.count(-n)
	change()
	s.count(n)
}

// wake tells readers that there is something new. mu is held.
func (s *source) wake() {
	for _, r := range s.readers {
		select {
		case r.ready <- struct{}{}:
		default:
		}
	}
}

// cut tells whether octets are missing.
func (s *source) cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken != nil
}

// digest sets sum to the SHA-256 of what is held.
func (s *source) digest(sum *[32]byte) {
	h := sha256.New()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.chunks {
		h.Write(b)
	}
	h.Sum(sum[:0])
}

// open adds a reader. It must begin before the source streams or at once then.
func (s *source) open(limit int64) *Content {
	c := &Content{source: s, limit: limit, ready: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	s.readers = append(s.readers, c)
	return c
}

// stream begins to free what all readers have passed; without one everything.
// All readers there will be are open.
func (s *source) stream() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streaming {
		return
	}
	s.recount(func() { s.streaming = true })
	s.trim()
}

// end says that nothing more comes. Readers may still be opened.
func (s *source) end(broken error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.complete {
		return
	}
	s.complete = true
	if s.broken == nil {
		s.broken = broken
	}
	s.wake()
}

// finish ends the content, if that has not been done, and the appender's use:
// it goes when the last reader closes.
func (s *source) finish(broken error) {
	s.end(broken)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		s.finished = true
		s.leave()
	}
}

// leave ends one use. mu is held.
func (s *source) leave() {
	if s.users--; s.users == 0 {
		s.free(len(s.chunks))
	} else {
		s.trim()
	}
}

// trim frees what every reader has passed. mu is held.
func (s *source) trim() {
	if !s.streaming {
		return
	}
	first := s.gone + len(s.chunks)
	for _, r := range s.readers {
		first = min(first, r.chunk)
	}
	s.free(first - s.gone)
}

// free lets go of the first n chunks. mu is held.
func (s *source) free(n int) {
	if n <= 0 {
		return
	}
	for i, b := range s.chunks[:n] {
		s.ledger.memory.give(cap(b))
		s.count(-cap(b))
		if !s.keep {
			recycle(b)
		}
		s.chunks[i] = nil
	}
	s.gone += n
	s.chunks = slices.Delete(s.chunks, 0, n)
	s.ledger.freed()
}

// length is how many octets have been appended.
func (s *source) length() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// backlog is how many octets r has not taken yet.
func (s *source) backlog(r *Content) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.dropped || r.closed {
		return 0
	}
	n := int64(-r.off)
	for _, b := range s.chunks[r.chunk-s.gone:] {
		n += int64(len(b))
	}
	return n
}

// Content is what one scan looks at. It belongs to the scan's goroutine.
type Content struct {
	source *source
	limit  int64 // octets the engine takes; 0: any number
	ready  chan struct{}
	err    error // why it ended, once Next has said so

	// Guarded by source.mu.
	chunk   int // the one being read, counted from the first there ever was
	off     int // octets of it that have been handed out
	dropped bool
	closed  bool
}

// NewContent returns octets as content, for an engine to be tried with. The
// content keeps p.
func NewContent(p []byte) *Content {
	s := newSource(newLedger(&memory{}), "", 0)
	s.users++ // never given up: p is not from a pool
	s.chunks, s.size, s.complete, s.keep = [][]byte{p}, int64(len(p)), true, true
	return &Content{source: s, ready: make(chan struct{}, 1)}
}

// Size returns how many octets there are, or -1 while they still arrive.
func (c *Content) Size() int64 {
	c.source.mu.Lock()
	defer c.source.mu.Unlock()
	if !c.source.complete {
		return -1
	}
	return c.source.size
}

// Whole tells whether the content is all there and stays so that it can be
// read again from the beginning.
func (c *Content) Whole() bool {
	c.source.mu.Lock()
	defer c.source.mu.Unlock()
	return c.source.complete && !c.source.streaming && c.source.broken == nil
}

// Rewind begins again at the first octet. It returns false if that has gone.
func (c *Content) Rewind() bool {
	if !c.Whole() {
		return false
	}
	c.source.mu.Lock()
	defer c.source.mu.Unlock()
	c.chunk, c.off, c.err = 0, 0, nil
	return true
}

// Next returns the octets that follow, one to 64 KiB of them, and waits while
// they have not arrived. They are lent until the next call and must not be
// changed. After the last it returns io.EOF. Any other error ends the scan:
// the content will never be complete, and the vote cannot be clean.
func (c *Content) Next(ctx context.Context) ([]byte, error) {
	for {
		b, err := c.next()
		if err != nil {
			c.err = err
		}
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// next returns what there is. Neither octets nor an error: wait.
func (c *Content) next() ([]byte, error) {
	s := c.source
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.dropped || c.closed:
		return nil, errDropped
	case s.broken != nil:
		return nil, s.broken
	case c.limit > 0 && s.size > c.limit:
		return nil, errTooLarge
	}
	for i := c.chunk - s.gone; i < len(s.chunks); i++ {
		if b := s.chunks[i][c.off:]; len(b) > 0 {
			b = b[:min(len(b), chunkSize):len(b)]
			c.off += len(b)
			return b, nil
		}
		if i+1 == len(s.chunks) {
			break // more may be appended to this one
		}
		c.chunk, c.off = c.chunk+1, 0
		before := s.gone
		s.trim()
		i -= s.gone - before
	}
	if s.complete {
		return nil, io.EOF
	}
	return nil, nil
}

// drop takes the content away from a scan that is too slow. The scan may be in
// the middle of octets it was lent: they are left to it.
func (c *Content) drop() {
	s := c.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.dropped || c.closed {
		return
	}
	c.dropped, s.keep = true, true
	c.remove()
	s.wake()
	c.poke()
	s.trim()
}

// close ends the scan's use.
func (c *Content) close() {
	s := c.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.remove()
	s.leave()
}

// remove takes c out of the readers. source.mu is held.
func (c *Content) remove() {
	if i := slices.Index(c.source.readers, c); i >= 0 {
		c.source.readers = slices.Delete(c.source.readers, i, i+1)
	}
}

func (c *Content) poke() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}
