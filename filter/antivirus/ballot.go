package antivirus

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Why scans are given up.
var (
	errDeadline = errors.New("no vote in time")
	errBehind   = errors.New("too far behind the sender")
	errDone     = errors.New("the message is over")
)

// lanes is how many complete parts of one message one engine looks at at
// once: 4. A message of a thousand parts then holds few connections, and one
// of five does not wait for each.
const lanes = 4

// A ballot is one engine's vote on one message: the weightiest of its votes on
// the contents.
type ballot struct {
	module *Module
	engine *engine
	ctx    context.Context
	cancel context.CancelCauseFunc
	paused time.Duration // how long it has held the sender back; of the session's goroutine

	mu      sync.Mutex // guards the rest
	waiting []scan     // complete contents that no lane has taken
	busy    int        // lanes at work
	scans   sync.WaitGroup
	reading []*Content // that scans are reading, or will
	worst   Vote
	worstAt *source // nil: no vote yet
	guess   string  // the first heuristic's name, and where
	guessAt *source
	timer   *time.Timer
	began   time.Time
	took    time.Duration
	asked   bool
}

// A scan is one content to be looked at.
type scan struct {
	content *Content
	source  *source
}

func newBallot(m *Module, e *engine) *ballot {
	b := &ballot{module: m, engine: e}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	return b
}

// ask has the engine look at a complete content.
func (b *ballot) ask(s *source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.engine.recall(s); ok {
		b.count(v, s)
		return
	}
	sc, ok := b.open(s)
	switch {
	case !ok:
	case b.busy >= lanes:
		b.waiting = append(b.waiting, sc)
	default:
		b.busy++
		b.run(func() { b.lane(sc) })
	}
}

// follow has the engine look at a content while it arrives, beside the lanes:
// several can be open at once, one in the other, and none may wait for another.
func (b *ballot) follow(s *source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sc, ok := b.open(s); ok {
		b.run(func() { b.look(sc) })
	}
}

// open begins to read a content, unless the engine has been given up. mu is
// held.
func (b *ballot) open(s *source) (scan, bool) {
	b.begin()
	if b.ctx.Err() != nil {
		b.count(verdict(Vote{}, nil, context.Cause(b.ctx)), s)
		return scan{}, false
	}
	sc := scan{s.open(b.engine.maxSize), s}
	b.reading = append(b.reading, sc.content)
	return sc, true
}

// begin notes when the engine was first asked. mu is held.
func (b *ballot) begin() {
	if !b.asked {
		b.asked, b.began = true, time.Now()
	}
}

// run starts f, for which the ballot and the module wait. mu is held.
func (b *ballot) run(f func()) {
	b.module.running.Add(1)
	b.scans.Go(func() {
		defer b.module.running.Done()
		f()
	})
}

// lane looks at one content after the other.
func (b *ballot) lane(sc scan) {
	for {
		b.look(sc)
		b.mu.Lock()
		if len(b.waiting) == 0 {
			b.busy--
			b.mu.Unlock()
			return
		}
		sc, b.waiting = b.waiting[0], b.waiting[1:]
		b.mu.Unlock()
	}
}

// look has the engine look at one content and takes its vote.
func (b *ballot) look(sc scan) {
	tag := b.engine.tag() // of before: what changes meanwhile is not remembered
	v := b.scan(sc.content)
	b.engine.remember(sc.source, tag, v)
	b.cast(v, sc.source)
	sc.content.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.reading, sc.content); i >= 0 {
		b.reading = slices.Delete(b.reading, i, i+1)
	}
}

// scan asks the engine, and corrects its vote where we know better.
func (b *ballot) scan(c *Content) (v Vote) {
	defer func() {
		if recover() != nil { // the value may quote the message: it is not kept
			panics.Inc()
			v = fail(Panicked)
		}
	}()
	if b.ctx.Err() == nil {
		v = b.engine.Scan(b.ctx, c)
	}
	return verdict(v, c.err, context.Cause(b.ctx))
}

// verdict is what a vote counts, given how the content ended and why the scan
// was given up. Only a conviction stands on part of the content.
func verdict(v Vote, ended, cause error) Vote {
	switch {
	case v.Result == Infected:
		return infected([]byte(v.Name)) // the name may be a stranger's
	case ended == errTooLarge:
		return unscannable(TooLarge)
	case ended == errNoMemory:
		return fail(NoMemory)
	case v.Result == Unscannable:
		return unscannable(v.Reason.known())
	case v.Result == Clean && cause == nil && (ended == nil || ended == io.EOF):
		return v
	case errors.Is(cause, errBehind):
		return fail(Behind)
	case errors.Is(cause, errDeadline), errors.Is(cause, context.DeadlineExceeded):
		return fail(Deadline)
	case cause != nil:
		return fail(Cancelled)
	case v.Result == Clean:
		return fail(Cut)
	}
	return fail(v.Reason.known())
}

// cast counts a vote. Of two that weigh the same, that on the earlier content
// is told, whichever came first.
func (b *ballot) cast(v Vote, s *source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(v, s)
}

// count is cast with mu held.
func (b *ballot) count(v Vote, s *source) {
	b.begin()
	b.took = time.Since(b.began)
	if v.Result == Infected && heuristic(v.Name) {
		if b.guessAt == nil || s.index < b.guessAt.index {
			b.guess, b.guessAt = v.Name, s
		}
		v = clean() // a guess convicts nobody
	}
	w, old := v.Result.weight(), b.worst.Result.weight()
	if b.worstAt == nil || w > old || w == old && s.index < b.worstAt.index {
		b.worst, b.worstAt = v, s
	}
}

// due starts the clock at the end of the message.
func (b *ballot) due() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(b.engine.deadline, func() { b.abandon(errDeadline) })
}

// wait returns when the engine has voted on everything it was given.
func (b *ballot) wait() {
	b.scans.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
}

// behind tells whether the engine holds the sender back: more than half of the
// queue waits for it.
func (b *ballot) behind() bool {
	if b.ctx.Err() != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := int64(0)
	for _, c := range b.reading {
		n += c.source.backlog(c)
	}
	return n > maxQueue/2
}

// abandon gives up what the engine has not voted on yet.
func (b *ballot) abandon(why error) {
	b.cancel(why)
	b.mu.Lock()
	reading := slices.Clone(b.reading)
	b.mu.Unlock()
	for _, c := range reading {
		c.drop()
	}
}
