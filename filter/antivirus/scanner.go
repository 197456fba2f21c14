package antivirus

import (
	"context"
	"time"

	"sluice/filter"
)

// What one message may hold, in octets of chunks.
const (
	// maxHeld is what is collected before engines see any of it: 16 MiB. It is
	// reached by archives that are far larger inside, or with a window of that
	// size; then the message is treated as if it had outgrown its window.
	maxHeld = 16 << 20
	// maxKept is what is kept beside that until it is certain that no engine
	// wants it: 64 MiB, the parts of a message of 20 MiB with an archive in it. A
	// message that has more is given to the engines as a whole and in all its
	// parts, and so is one for which there is no memory.
	maxKept = 64 << 20
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

	raw    *source // nil: nobody wants it
	open   []leaf  // parts not closed yet
	ended  []leaf  // closed parts that an engine is still to be given, or may
	seen   map[offer]bool
	next   int   // index of the next content
	parts  int   // of the mail, with octets, so far
	files  int   // those, and members
	octets int64 // of theirs
	flows  bool
	all    bool // there was no room to wait for what parts turn out to be
}

var (
	_ filter.PartScanner = (*scanner)(nil)
	_ filter.Overflower  = (*scanner)(nil)
	_ filter.HashScanner = hashing{}
)

// hashing is a scanner that has every part hashed as it comes, so that equal
// ones are scanned once. Where few are scanned, those are hashed then.
type hashing struct{ *scanner }

// WantsHash has leaves hashed.
func (hashing) WantsHash() {}

// newScanner starts on one message.
func newScanner(m *Module, ch *filter.Channel) *scanner {
	s := &scanner{module: m, channel: ch, ledger: newLedger(&m.memory)}
	if m.raw {
		s.raw = s.source("")
		s.raw.mail = true
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

// collected looks after what the message holds.
func (s *scanner) collected() {
	kept := s.ledger.kept.Load()
	if kept > maxKept || kept > wholeSize && s.module.memory.short() {
		s.shed()
	}
	if !s.flows && s.ledger.held.Load() > maxHeld {
		s.Overflow()
	}
	if s.flows {
		s.pace()
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
			if b.engine.feed.raw() {
				b.follow(s.raw)
			}
		}
		s.raw.stream()
	}
	for i := range s.ended {
		s.attend(&s.ended[i])
	}
	s.tidy(0)
	for i := range s.open {
		s.attend(&s.open[i])
	}
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
				if b.engine.feed.raw() {
					b.ask(s.raw)
				}
			}
		}
		s.raw.finish(nil)
	}
	s.closeOpen()
	for i := range s.ended {
		l := &s.ended[i]
		l.settled = true
		s.give(l)
		l.source.retain(false)
		l.source.finish(nil)
	}
	s.ended = nil
}

// closeOpen closes parts that nobody closed: whoever took the message apart has
// failed, so nobody knows what else it holds, and all is given.
func (s *scanner) closeOpen() {
	for _, l := range s.open {
		if l.source != nil {
			l.source.end(nil)
			l.closed, s.all = true, true
			s.ended = append(s.ended, l)
		}
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
	for _, l := range s.open {
		if l.source != nil {
			l.source.finish(errDropped)
		}
	}
}
