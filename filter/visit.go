package filter

import (
	"context"

	"sluice/policy"
	"sluice/stream/wire"
)

// fewModules is for how many modules there is room without a second
// allocation: 8, a chain of all that is built in, about 0.7 KiB.
const fewModules = 8

// A Visit is a chain at work on one session. It belongs to the session's
// goroutine and needs no end.
type Visit struct {
	chain   *Chain // nil: no modules
	session *Session
	*places      // noPlaces: no module looks at sessions
	connect mark // what the check at connect left
	asked   bool
}

// noVisit serves all sessions without modules; nothing in it ever changes.
var noVisit = &Visit{places: noPlaces}

// Visit starts the chain for a session. A nil Chain gives a usable Visit.
func (c *Chain) Visit(s *Session) *Visit {
	if c == nil || len(c.entries) == 0 {
		return noVisit
	}
	v := &Visit{chain: c, session: s, places: noPlaces}
	if c.looksAtSessions {
		v.places = newPlaces(c)
	}
	return v
}

// CheckSession runs the SessionCheckers; called at connect and again at each
// HELO. What a HELO check found replaces what the one before it found. A
// non-nil reply refuses; stream remembers it, that of the last HELO before
// that of one earlier, and speaks it at RCPT.
func (v *Visit) CheckSession(ctx context.Context) *wire.Reply {
	if v.places == noPlaces {
		return nil
	}
	v.board.open()
	defer v.board.seal() // a module that keeps its channel is too late
	if v.asked {
		v.rewind(v.connect)
	}
	var refusal *wire.Reply
	for i, e := range v.chain.entries {
		if e.session == nil || v.channels[i].failed.Load() {
			continue
		}
		reply := v.channels[i].ask(ctx, func(ctx context.Context, ch *Channel) *wire.Reply {
			return e.session.CheckSession(ctx, v.session, ch)
		})
		if refusal == nil {
			refusal = reply
		}
	}
	if !v.asked {
		v.asked, v.connect = true, v.mark()
	}
	return refusal
}

// Findings returns what has been published about the session: in chain order,
// connect and HELO together. Runs have it among theirs.
func (v *Visit) Findings() []policy.Finding { return v.board.findings(nil) }

// places is what the modules have between them for one session or one
// message: a channel for each, on one board.
type places struct {
	board    board
	channels []Channel
	few      [fewModules]Channel

	// What scanners are given: copies, for the originals change with the next
	// transaction, and a scanner left behind may still read these.
	session  Session
	envelope Envelope
}

// noPlaces stands where no module has been asked anything yet. A session that
// waits has no more: its memory is counted (docs/operate). Nothing in it ever
// changes.
var noPlaces = &places{}

// newPlaces gives every module of c its channel.
func newPlaces(c *Chain) *places {
	p := &places{}
	if n := len(c.entries); n <= fewModules {
		p.channels = p.few[:n]
	} else {
		p.channels = make([]Channel, n)
	}
	for i, e := range c.entries {
		p.channels[i].board, p.channels[i].entry = &p.board, e
	}
	return p
}

// A mark is a point in what has been published on a board.
type mark struct{ notes, subs int }

func (p *places) mark() mark {
	p.board.mu.Lock()
	defer p.board.mu.Unlock()
	return mark{len(p.board.notes), len(p.board.subs)}
}

// rewind forgets what was published since m.
func (p *places) rewind(m mark) {
	b := &p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes, b.subs = b.notes[:m.notes], b.subs[:m.subs]
	for i := range p.channels {
		p.channels[i].failed.Store(false)
		p.channels[i].published = 0
	}
	for _, n := range b.notes {
		ch := &p.channels[n.index]
		ch.published++
		if n.failure {
			ch.failed.Store(true)
		}
	}
}

// ask runs one check under the module's deadline, on the caller's goroutine.
// A check that ends with nothing to say after its time is up has failed: it
// has probably not looked.
func (ch *Channel) ask(ctx context.Context, check func(context.Context, *Channel) *wire.Reply) (reply *wire.Reply) {
	defer ch.recovered() // reply is nil then
	ctx, cancel := context.WithTimeout(ctx, ch.entry.Deadline)
	defer cancel()
	answer := check(ctx, ch)
	switch {
	case answer == nil && ctx.Err() != nil:
		ch.fail(lateness(ctx))
	case answer != nil && (answer.Code < 400 || answer.Code > 599):
		ch.fail(confused) // only the server's own 2xx is a 2xx (I1)
	default:
		return answer
	}
	return nil
}

// lateness tells why ctx ended.
func lateness(ctx context.Context) failure {
	if ctx.Err() == context.Canceled {
		return cancelled
	}
	return overdue
}
