package antivirus

import (
	"context"
	"slices"
	"time"

	"sluice/filter"
)

// What one message may hold, in octets of chunks.
const (
	// maxHeld is what is collected before engines see any of it: 16 MiB. It is
	// reached by archives that are far larger inside, or with a window of that
	// size; then the message is treated as if it had outgrown its window.
	maxHeld = 16 << 20
	// maxQueue is how far an engine may be behind once content flows: 1 MiB, a
	// tenth of a second for a clamd that is not busy.
	maxQueue = 1 << 20
	// wholeSize is up to which size a part is given to engines as a whole, also
	// when the message flows: 64 KiB, a frame. It costs no wait for the rest.
	wholeSize = chunkSize
)

// A scanner looks at one message. Write, the parts and Overflow come on the
// session's goroutine, then Finish on one of its own.
type scanner struct {
	module  *Module
	channel *filter.Channel
	ledger  *ledger
	ballots []*ballot

	raw   *source // nil: nobody wants it
	open  []leaf  // parts not closed yet
	ended []leaf  // parts waiting for the end, or the overflow
	seen  map[likeness]bool
	next  int // index of the next content
	flows bool
}

// A leaf is one part that engines may be given.
type leaf struct {
	part   *filter.Part // nil once it is closed
	source *source
	given  bool // engines have been given it
	lost   bool // its beginning is gone: it was too large to wait for a doubt
	doubt  bool // it turned out doubtful
}

var (
	_ filter.PartScanner = (*scanner)(nil)
	_ filter.Overflower  = (*scanner)(nil)
)

// newScanner starts on one message.
func newScanner(m *Module, ch *filter.Channel) *scanner {
	s := &scanner{module: m, channel: ch, ledger: newLedger(&m.memory)}
	if m.wants.raw {
		s.raw = s.source("")
	}
	return s
}

func (s *scanner) source(place string) *source {
	s.next++
	return newSource(s.ledger, place, s.next-1)
}

// Write collects the message, or passes it on.
func (s *scanner) Write(p []byte) {
	if s.raw == nil {
		return // no engine wants the message as it is
	}
	s.raw.append(p)
	s.collected()
}

// OpenPart is told of a part.
func (s *scanner) OpenPart(*filter.Part) {}

// PartData collects a part, or passes it on.
func (s *scanner) PartData(p *filter.Part, b []byte) {
	if !s.module.wants.parts() {
		return
	}
	i := slices.IndexFunc(s.open, func(l leaf) bool { return l.part == p })
	if i < 0 {
		i = len(s.open)
		s.open = append(s.open, leaf{part: p, source: s.source(p.Path)})
	}
	l := &s.open[i]
	if l.lost {
		return
	}
	l.source.append(b)
	if s.flows && !l.given && s.wanted(p) && l.source.length() > wholeSize {
		s.flow(l, p.Doubtful)
	}
	s.collected()
}

// wanted tells whether some engine is to be given a part, by what is known.
func (s *scanner) wanted(p *filter.Part) bool {
	return s.module.wants.leaves || s.module.wants.doubtful && p.Doubtful
}

// ClosePart ends a part.
func (s *scanner) ClosePart(p *filter.Part) {
	i := slices.IndexFunc(s.open, func(l leaf) bool { return l.part == p })
	if i < 0 {
		return
	}
	l := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	l.part, l.doubt = nil, p.Doubtful
	if l.given {
		l.source.finish(nil)
		return
	}
	sum := p.SHA256 // a scan may outlive the part
	l.source.sum = &sum
	switch {
	case !s.wanted(p) || !l.lost && s.known(p):
		l.source.finish(nil) // nobody reads it
	case s.flows || l.lost:
		s.start()
		s.give(&l)
	default:
		s.ended = append(s.ended, l)
	}
}

// A likeness is what two parts have in common that the same engines are given
// with the same octets.
type likeness struct {
	sum      [32]byte
	doubtful bool
}

// known tells whether engines are given the same already: parts come again in
// further readings of a message.
func (s *scanner) known(p *filter.Part) bool {
	k := likeness{p.SHA256, p.Doubtful}
	if s.seen[k] {
		return true
	}
	if s.seen == nil {
		s.seen = map[likeness]bool{}
	}
	s.seen[k] = true
	return false
}

// collected looks after what the message holds. What is held for a mere
// possibility goes when the memory of all messages is half used.
func (s *scanner) collected() {
	if s.ledger.held.Load() > maxHeld || s.module.memory.short() {
		s.shed()
	}
	if !s.flows && s.ledger.held.Load() > maxHeld {
		s.Overflow()
	}
	if s.flows {
		s.pace()
	}
}

// shed lets go of parts that no engine wants unless they turn out doubtful.
func (s *scanner) shed() {
	for i := range s.open {
		if l := &s.open[i]; !l.given && !l.lost && !s.wanted(l.part) {
			l.lost = true
			l.source.finish(errDropped)
		}
	}
}

// start makes a ballot for each engine.
func (s *scanner) start() {
	if s.ballots != nil {
		return
	}
	for _, e := range s.module.engines {
		s.ballots = append(s.ballots, newBallot(s.module, e))
	}
}

// Overflow has engines look at the content while it arrives. From here on
// Write and PartData may wait.
func (s *scanner) Overflow() {
	if s.flows {
		return
	}
	s.flows = true
	s.start()
	if s.raw != nil {
		for _, b := range s.ballots {
			if b.engine.feed != FeedLeaves {
				b.follow(s.raw)
			}
		}
		s.raw.stream()
	}
	for i := range s.ended {
		s.give(&s.ended[i])
	}
	s.ended = nil
	for i := range s.open {
		if l := &s.open[i]; !l.lost && s.wanted(l.part) && l.source.length() > wholeSize {
			s.flow(l, l.part.Doubtful)
		}
	}
}

// flow gives engines a part that is still arriving.
func (s *scanner) flow(l *leaf, doubtful bool) {
	l.given = true
	for _, b := range s.ballots {
		if b.takes(doubtful) {
			b.follow(l.source)
		}
	}
	l.source.stream()
}

// give gives engines a part that is complete.
func (s *scanner) give(l *leaf) {
	l.source.end(nil)
	for _, b := range s.ballots {
		switch {
		case !b.takes(l.doubt):
		case l.lost:
			b.cast(unscannable(Late), l.source)
		default:
			b.ask(l.source)
		}
	}
	l.source.finish(nil)
}

// pace holds the sender back while an engine is too far behind: each for its
// deadline in all, then it is given up.
func (s *scanner) pace() {
	for s.ledger.queued.Load() > maxQueue || s.ledger.held.Load() > maxHeld {
		slow, left := s.slowest()
		switch {
		case len(slow) == 0:
			return
		case left <= 0:
			for _, b := range slow {
				if b.paused >= b.engine.deadline {
					b.abandon(errBehind)
				}
			}
			continue
		}
		began := time.Now()
		timer := time.NewTimer(left)
		select {
		case <-s.ledger.space:
		case <-timer.C:
		}
		timer.Stop()
		for _, b := range slow {
			if b.behind() { // who has caught up meanwhile was not the one
				b.paused += time.Since(began)
			}
		}
	}
}

// slowest returns the engines that hold the sender back, and how long the
// first of them still may.
func (s *scanner) slowest() (slow []*ballot, left time.Duration) {
	for _, b := range s.ballots {
		if !b.behind() {
			continue
		}
		if more := b.engine.deadline - b.paused; len(slow) == 0 || more < left {
			left = more
		}
		slow = append(slow, b)
	}
	return slow, left
}

// Finish has every engine vote, and publishes what they found.
func (s *scanner) Finish(ctx context.Context) error {
	s.start()
	s.endAll()
	defer s.abandon(errDone)
	stop := context.AfterFunc(ctx, func() { s.abandon(context.Cause(ctx)) })
	defer stop()
	for _, b := range s.ballots {
		b.due()
	}
	for _, b := range s.ballots {
		b.wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.publish()
	return nil
}

// endAll says that all content is there, and gives out what has been waiting
// for that.
func (s *scanner) endAll() {
	if s.raw != nil {
		s.raw.end(nil)
		if !s.flows {
			for _, b := range s.ballots {
				if b.engine.feed != FeedLeaves {
					b.ask(s.raw)
				}
			}
		}
		s.raw.finish(nil)
	}
	for i := range s.ended {
		s.give(&s.ended[i])
	}
	s.ended = nil
	s.endOpen(nil)
}

// endOpen ends parts that nobody closed.
func (s *scanner) endOpen(broken error) {
	for _, l := range s.open {
		l.source.finish(broken)
	}
	s.open = nil
}

// abandon gives up all scans.
func (s *scanner) abandon(why error) {
	for _, b := range s.ballots {
		b.abandon(why)
	}
}

// Close gives up what is still under way. The scans notice by themselves; the
// module waits for them.
func (s *scanner) Close() {
	s.abandon(errDone)
	if s.raw != nil {
		s.raw.finish(errDropped)
	}
	for _, l := range s.ended {
		l.source.finish(errDropped)
	}
	s.endOpen(errDropped)
}
