package filter

import (
	"context"
	"slices"

	"sluice/policy"
	"sluice/stream/wire"
)

// A Run is a chain at work on one transaction. It belongs to the session's
// goroutine. It is not reused: a scanner left behind may still hold on to it.
type Run struct {
	chain                    *Chain // nil: no modules
	visit                    *Visit
	given                    *Envelope
	prior                    []policy.Finding // of the session
	*places                                   // noPlaces: no module has been asked yet
	opened, finished, closed bool
}

// noRun serves all transactions without modules; nothing in it ever changes.
var noRun = &Run{places: noPlaces}

// Begin starts a transaction and runs the SenderCheckers. Stream may add to e
// until Open. The Run is never nil; a non-nil reply refuses and is spoken by
// stream at RCPT, and the Run goes on either way.
func (v *Visit) Begin(ctx context.Context, e *Envelope) (*Run, *wire.Reply) {
	if v.chain == nil {
		return noRun, nil
	}
	r := &Run{chain: v.chain, visit: v, given: e, prior: v.Findings(), places: noPlaces}
	if !v.chain.looksAtEnvelopes {
		return r, nil
	}
	r.places = newPlaces(v.chain)
	return r, r.checkAll(ctx, func(en *entry) check {
		if en.sender == nil {
			return nil
		}
		return func(ctx context.Context, ch *Channel) *wire.Reply {
			return en.sender.CheckSender(ctx, v.session, e, ch)
		}
	})
}

// Recipient runs the RecipientCheckers. A non-nil reply is the answer to RCPT.
func (r *Run) Recipient(ctx context.Context, to wire.Path) *wire.Reply {
	if r.chain == nil || !r.chain.looksAtEnvelopes {
		return nil
	}
	return r.checkAll(ctx, func(en *entry) check {
		if en.recipient == nil {
			return nil
		}
		return func(ctx context.Context, ch *Channel) *wire.Reply {
			return en.recipient.CheckRecipient(ctx, r.visit.session, r.given, to, ch)
		}
	})
}

// Open tells the content modules that data begins.
func (r *Run) Open() {
	if r.chain == nil || r.opened {
		return
	}
	r.opened = true
	if r.places == noPlaces {
		r.places = newPlaces(r.chain)
	}
	r.session, r.envelope = *r.visit.session, *r.given
	r.envelope.Recipients = slices.Clone(r.given.Recipients) // stream may reuse its own
	for i, e := range r.chain.entries {
		ch := &r.channels[i]
		switch {
		case e.content == nil || ch.failed.Load():
		case e.left.Load() >= maxLeft:
			ch.fail(busy)
		default:
			r.openOne(ch)
		}
	}
	for i := range r.channels {
		if b, ok := r.channels[i].scanner.(*body); ok {
			b.attach(r)
		}
	}
}

// Overflow tells the scanners that want to know that the message has outgrown
// its window.
func (r *Run) Overflow() {
	for i := range r.channels {
		ch := &r.channels[i]
		if o, ok := ch.scanner.(Overflower); ok && !ch.failed.Load() {
			ch.overflow(o)
		}
	}
}

func (ch *Channel) overflow(o Overflower) {
	defer ch.recovered()
	o.Overflow()
}

func (r *Run) openOne(ch *Channel) {
	defer ch.recovered()
	s := ch.entry.content.Open(&r.session, &r.envelope, ch)
	if s == nil {
		return
	}
	ch.immediate, _ = s.(Immediate)
	ch.scanner = s
	ch.hold()
}

// Write hands content to every scanner. It never waits, and does not allocate.
func (r *Run) Write(p []byte) {
	for i := 0; i < len(r.channels); {
		i = r.writeFrom(i, p)
	}
}

// writeFrom hands p to the scanners from place i on, up to the end or one that
// panics, and returns the place after.
func (r *Run) writeFrom(i int, p []byte) (next int) {
	next = i
	defer func() {
		if recover() != nil {
			r.channels[next].fail(panicked)
			next++
		}
	}()
	for ; next < len(r.channels); next++ {
		if ch := &r.channels[next]; ch.scanner != nil && !ch.failed.Load() {
			ch.scanner.Write(p)
		}
	}
	return next
}

// Findings returns what has been published so far, for a provisional verdict.
func (r *Run) Findings() []policy.Finding { return r.board.findings(r.prior) }

// Close ends the run, whatever has been called before. It waits for nobody: a
// scanner that is still at work is closed when it returns.
func (r *Run) Close() {
	if r.chain == nil || r.closed {
		return
	}
	r.closed = true
	if r.places == noPlaces {
		return
	}
	r.board.seal()
	for i := range r.channels {
		if r.channels[i].scanner != nil {
			r.channels[i].release()
		}
	}
}
