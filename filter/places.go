package filter

import (
	"context"

	"sluice/stream/wire"
)

// fewModules is for how many modules there is room without a second
// allocation: 8, a chain of all that is built in, about 0.7 KiB.
const fewModules = 8

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

// A check is one question to one module.
type check func(context.Context, *Channel) *wire.Reply

// checkAll puts a question to every module that can answer (question is not
// nil for its entry) and has not failed. The first refusal in chain order
// counts.
func (p *places) checkAll(ctx context.Context, question func(*entry) check) *wire.Reply {
	var refusal *wire.Reply
	for i := range p.channels {
		ch := &p.channels[i]
		c := question(ch.entry)
		if c == nil || ch.failed.Load() {
			continue
		}
		if reply := ch.ask(ctx, c); refusal == nil {
			refusal = reply
		}
	}
	return refusal
}

// ask runs one check under the module's deadline, on the caller's goroutine.
// A check that ends with nothing to say after its time is up has failed: it
// has probably not looked.
func (ch *Channel) ask(ctx context.Context, c check) (reply *wire.Reply) {
	defer ch.recovered() // reply is nil then
	ctx, cancel := context.WithTimeout(ctx, ch.entry.Deadline)
	defer cancel()
	answer := c(ctx, ch)
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
