package stream

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// commit lets the terminator go and waits for the server's word. This is the
// only place where a message can come to exist at a server.
func (tx *transaction) commit(d policy.Disposition, deadline time.Time) wire.Reply {
	s, m := tx.session, tx.message
	start := time.Now()
	end, ok := tx.dataEnding()
	if !ok {
		tx.dropServer()
		tx.ended.verdict, tx.ended.stage = Rejected, "end"
		return tx.noFinalCRLF()
	}
	if s.conn.gone(&s.in) {
		// A sender that has left would send again what is delivered now.
		senderGone.Inc()
		tx.dropServer()
		tx.ended.verdict, tx.ended.stage = Aborted, "end"
		return wire.Reply{}
	}
	s.phase.Store(phaseCommitted)
	up := m.out.up
	s.callOff.Store(&up.callOff)
	if s.server.severed.Load() {
		up.callOff() // whoever cut all sessions may not have seen that
	}
	replies, err := m.out.commit(m.window.held, end, len(tx.accepted), deadline)
	s.callOff.Store(nil)
	tx.server += time.Since(start)
	if err != nil {
		return tx.uncommitted(err, up, replies)
	}
	return tx.fold(d, replies)
}

// uncommitted is a message whose end brought no proper reply, or from an LMTP
// server not all of them.
func (tx *transaction) uncommitted(err error, up *upstream, replies []wire.Reply) wire.Reply {
	tx.ended.stage = "end"
	if errors.Is(err, errServerSpoke) {
		return tx.spokeEarly(up)
	}
	tx.ended.verdict = DeferredByServer
	if !up.terminated {
		// The end was not written: the server cannot have taken the message.
		tx.dropServer()
		return replyUnconfirmed
	}
	uncertain.Inc()
	tx.ended.uncertain = true
	if errors.Is(err, errServerLate) {
		tx.readOn(up, replies)
	} else {
		tx.rememberEach(replies) // an LMTP server's first recipients have it for certain
		tx.dropServer()
	}
	return replyUnconfirmed
}

// readOn waits in the background for the replies that are late: a retry must
// not be delivered again if they are 2xx, and may be if not. Some of an LMTP
// server's may be here.
func (tx *transaction) readOn(up *upstream, here []wire.Reply) {
	s := tx.session
	tx.message.out.up = nil
	if up == tx.up {
		tx.up = nil
	}
	c := tx.claim
	here = slices.Clone(here)
	n := len(tx.accepted) - len(here)
	deadline := time.Now().Add(tx.setup.Timeouts.ServerLate)
	var each []Subject // the recipients, if they are answered one by one
	if c.known {
		s.server.Guard.Doubt(c.subject, c.net)
		for i := range tx.accepted {
			if up.lmtp {
				each = append(each, tx.subject(tx.accepted[i].To))
			}
		}
	}
	s.server.late.Go(func() {
		defer contain()
		defer context.AfterFunc(s.server.lateCtx, up.callOff)()
		replies, err := up.lateReplies(n, deadline)
		replies = append(here, replies...)
		s.server.servers.drop(up)
		if !c.known {
			return
		}
		if r := worst(replies); err == nil && len(replies) > 0 && r.Class() == 2 {
			s.server.Guard.Remember(c.subject, c.net, r)
			return
		}
		for i := range min(len(each), len(replies)) {
			if replies[i].Class() == 2 {
				s.server.Guard.Remember(each[i], c.net, replies[i])
			}
		}
		s.server.Guard.Forget(c.subject)
	})
}

// serverFailed ends the server's part of a message that is still flowing.
func (tx *transaction) serverFailed(err error) {
	up := tx.message.out.up
	if refusal, ok := errors.AsType[*serverRefusal](err); ok {
		tx.ended.server = refusal.reply
		r := tx.fromServer(refusal.reply)
		tx.refuse(r, verdictOf(r), "data", "")
		return
	}
	if errors.Is(err, errServerSpoke) {
		r := tx.spokeEarly(up)
		tx.refuse(r, verdictOf(r), "data", "")
		return
	}
	tx.refuse(replyUnconfirmed, DeferredByServer, "data", "")
}

// spokeEarly reads what a server said before the end of data: its refusal is
// the message's; anything else is noise.
func (tx *transaction) spokeEarly(up *upstream) wire.Reply {
	r, err := up.reply(tx.session.server.ctx, tx.setup.Timeouts.ServerReset)
	tx.dropServer()
	tx.ended.verdict = DeferredByServer
	if err != nil {
		return replyUnconfirmed
	}
	tx.ended.server = r
	r = tx.fromServer(r)
	tx.ended.verdict = verdictOf(r)
	return r
}

// fold makes one reply of the server's: an LMTP server gives one for each
// recipient (RFC 2033 section 4.2). They are of class 2, 4 or 5 and no 421:
// lateReplies sees to that.
func (tx *transaction) fold(d policy.Disposition, replies []wire.Reply) wire.Reply {
	tx.ended.stage = "end"
	r := worst(replies)
	tx.ended.server = r
	if r.Class() == 2 {
		return tx.confirmed(confirmation{by: d, reply: r})
	}
	tx.message.out.up = nil
	if anyAccepted(replies) {
		// Mixed: no single reply is true for all. Who has it is remembered,
		// so that the exact retry goes to the others only.
		tx.rememberEach(replies)
		r = replyUnconfirmed
	}
	r = tx.fromServer(r)
	tx.ended.verdict = verdictOf(r)
	return r
}

// worst is the reply that speaks for all: the first of the highest class.
func worst(replies []wire.Reply) wire.Reply {
	var w wire.Reply
	for _, r := range replies {
		if w.Code == 0 || r.Class() > w.Class() {
			w = r
		}
	}
	return w
}

// A confirmation is why a message may be answered with a 2xx.
type confirmation struct {
	reply   wire.Reply // the destination's own words
	by      policy.Disposition
	stored  bool // they were said to an earlier transmission of the same message
	discard bool // an explicit choice of policy
}

// confirmed is the one function of the program that turns a message into a
// 2xx (I1).
func (tx *transaction) confirmed(c confirmation) wire.Reply {
	r := c.reply
	tx.ended.verdict, tx.ended.stage = Delivered, "end"
	switch {
	case c.discard:
		tx.ended.verdict = Discarded
		return replyAccepted
	case r.Class() != 2:
		panic("confirmation without a 2xx")
	case c.by.Action == policy.Divert:
		tx.ended.verdict, r = Diverted, replyAccepted
	case c.by.Action == policy.Quarantine:
		tx.ended.verdict, r = Quarantined, replyAccepted
	case c.by.Action == policy.Tag:
		tx.ended.tagged = true
	}
	tx.message.out.up = nil // its session has ended the message in order
	tx.claim.open, tx.claim.reply = true, r
	return r.Sanitised()
}

// discard drops a message that policy said to accept and not deliver.
func (tx *transaction) discard(d policy.Disposition) wire.Reply {
	tx.giveUp()
	discarded.Inc()
	return tx.confirmed(confirmation{by: d, discard: true})
}
