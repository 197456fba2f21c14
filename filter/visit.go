package filter

import (
	"context"

	"sluice/policy"
	"sluice/stream/wire"
)

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
	refusal := v.checkAll(ctx, func(e *entry) check {
		if e.session == nil {
			return nil
		}
		return func(ctx context.Context, ch *Channel) *wire.Reply {
			return e.session.CheckSession(ctx, v.session, ch)
		}
	})
	if !v.asked {
		v.asked, v.connect = true, v.mark()
	}
	return refusal
}

// Findings returns what has been published about the session: in chain order,
// connect and HELO together. Runs have it among theirs.
func (v *Visit) Findings() []policy.Finding { return v.board.findings(nil) }
