package filter

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/policy"
)

// maxFindings is how many findings one module can publish about one message:
// 1000, far more than a reader of the log could use. Beyond it the module has
// failed: dropping a finding silently could turn a verdict.
const maxFindings = 1000

// maxNested is how many callbacks can be in flight for one message: 32, more
// than a chain of modules has use for. An event published inside a callback
// inside a callback would otherwise end in a stack overflow, which no
// recover stops. Beyond it the publisher's event is not delivered and the
// subscriber has failed.
const maxNested = 32

// A Channel is one module's place on the channel of a session or a message.
// All its methods may be called from any goroutine, at any time; the nil
// Channel swallows everything. The package comment has order, back-pressure
// and lateness.
type Channel struct {
	board *board
	entry *entry
	// failed is set once, under board.mu; the session's goroutine reads it for
	// each piece of content without the lock.
	failed atomic.Bool

	// Guarded by board.mu.
	published int
	users     int // the run, its Finish, and callbacks in flight: Close waits for 0
	finishing bool
	left      bool // its Finish was left behind

	// Set by the session's goroutine before any other can see them.
	scanner   Scanner
	immediate Immediate // scanner, if it is one
}

// A board holds what one session or one message has published.
type board struct {
	body *body // the message while it is taken apart; nil: it is not

	mu     sync.Mutex // guards what follows; never held while a module runs
	notes  []note
	subs   []subscription
	votes  []EngineVote
	nested int
	sealed bool // the verdict has been drawn: nothing more is taken
}

type note struct {
	policy.Finding
	index   int // of the module in the chain
	failure bool
}

type subscription struct {
	topic any // *Topic[T]
	f     any // func(T)
	ch    *Channel
}

// Publish states a finding. Its Module is set to the channel's own.
func (ch *Channel) Publish(f policy.Finding) {
	if ch == nil {
		return
	}
	f.Module = ch.entry.name
	b := ch.board
	b.mu.Lock()
	flood := ch.published >= maxFindings
	taken := ch.open() && !flood
	if taken {
		ch.published++
		b.notes = append(b.notes, note{Finding: f, index: ch.entry.index})
	}
	b.mu.Unlock()
	if !taken {
		dropped.Inc()
	}
	if flood {
		ch.fail(flooded)
	}
}

// open tells whether anything from ch is still taken. board.mu is held.
func (ch *Channel) open() bool { return !ch.board.sealed && !ch.failed.Load() }

// fail notes that the module could not do its work, the first time it is said.
func (ch *Channel) fail(why failure) {
	if why == panicked {
		panics.Inc()
	}
	b := ch.board
	b.mu.Lock()
	first := !ch.failed.Swap(true)
	if first && !b.sealed {
		b.notes = append(b.notes, note{
			Finding: policy.Finding{
				Module: ch.entry.name,
				Rule:   ch.entry.name + failedRule,
				Detail: why.String(),
				Force:  ch.entry.OnFailure.Force(),
			},
			index:   ch.entry.index,
			failure: true,
		})
	}
	b.mu.Unlock()
	if first {
		ch.entry.count(why)
	}
}

// recovered is deferred around every call into a module.
func (ch *Channel) recovered() {
	if recover() != nil { // the value may quote the message: it is not kept
		ch.fail(panicked)
	}
}

func (b *board) subscribe(s subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.sealed {
		b.subs = append(b.subs, s)
	}
}

// subscriber returns the first subscription to topic at or after place i, and
// its place, or -1. The subscriber is then in use until delivered is called.
func (b *board) subscriber(from *Channel, topic any, i int) (subscription, int) {
	b.mu.Lock()
	if !from.open() {
		dropped.Inc()
		i = len(b.subs)
	}
	for ; i < len(b.subs) && !b.sealed; i++ {
		s := b.subs[i]
		if s.topic != topic {
			continue
		}
		if s.ch.failed.Load() {
			dropped.Inc()
			continue
		}
		if b.nested >= maxNested {
			b.mu.Unlock()
			dropped.Inc()
			s.ch.fail(flooded)
			b.mu.Lock()
			continue
		}
		b.nested++
		s.ch.users++
		b.mu.Unlock()
		return s, i
	}
	b.mu.Unlock()
	return subscription{}, -1
}

// delivered is deferred around a callback of ch's module.
func (ch *Channel) delivered() {
	if recover() != nil {
		ch.fail(panicked)
	}
	ch.board.mu.Lock()
	ch.board.nested--
	ch.board.mu.Unlock()
	ch.release()
}

// hold keeps the scanner from being closed until release.
func (ch *Channel) hold() {
	ch.board.mu.Lock()
	ch.users++
	ch.board.mu.Unlock()
}

// release gives up one use of the scanner. Whoever is last closes it.
func (ch *Channel) release() {
	ch.board.mu.Lock()
	ch.users--
	last := ch.users == 0
	ch.board.mu.Unlock()
	if last && ch.scanner != nil {
		defer ch.recovered()
		ch.scanner.Close()
	}
}

// seal ends the taking of findings and events.
func (b *board) seal() {
	b.mu.Lock()
	b.sealed = true
	b.mu.Unlock()
}

// open begins the taking of findings and events again.
func (b *board) open() {
	b.mu.Lock()
	b.sealed = false
	b.mu.Unlock()
}

// findings appends what has been published, in chain order, to a copy of
// prior. It returns nil, without allocating, when there is nothing.
func (b *board) findings(prior []policy.Finding) []policy.Finding {
	b.mu.Lock()
	notes := slices.Clone(b.notes)
	b.mu.Unlock()
	if len(notes) == 0 {
		return slices.Clip(prior)
	}
	slices.SortStableFunc(notes, func(x, y note) int { return cmp.Compare(x.index, y.index) })
	all := make([]policy.Finding, 0, len(prior)+len(notes))
	all = append(all, prior...)
	for _, n := range notes {
		all = append(all, n.Finding)
	}
	return all
}
