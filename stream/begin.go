package stream

import (
	"errors"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// begins opens the server's side for the data: to the chosen destination,
// with our trace fields before what is held. Complete is false while only a
// part of the message has been judged. It reports false if the message was
// refused instead.
func (tx *transaction) begins(d policy.Disposition, complete bool) bool {
	m := tx.message
	if d.Action == policy.Divert || d.Action == policy.Quarantine {
		if err := tx.openDivert(d.Route); err != nil {
			tx.refuse(replyFor(err), Deferred, "end", d.Rule)
			return false
		}
	}
	if m.out.up == nil || m.out.up != tx.up {
		if r := tx.startServer(); r.Code != 0 {
			tx.refuse(r, verdictOf(r), "data", "")
			return false
		}
	}
	m.out.trace, m.out.first = tx.appendTrace(m.out.trace[:0], &d, complete), true
	tx.markSubject(&d)
	if !complete {
		m.state, m.begun = flowing, d
		tx.pass()
	}
	return true
}

// startServer says DATA, unless the message goes by BDAT, and returns the
// zero Reply if the server wants the message. A session that died meanwhile
// has seen nothing of it: the transaction is said again on a fresh one.
func (tx *transaction) startServer() wire.Reply {
	m := tx.message
	start := time.Now()
	defer func() { tx.server += time.Since(start) }()
	m.out.up = nil
	if tx.up == nil || m.chunks > 0 && !tx.up.c.quiet() {
		if err := tx.replay(); err != nil {
			return replyFor(err)
		}
	}
	m.out.bdat = m.chunks > 0 && !m.out.stuff && tx.up.ehlo.Ext.Has(wire.Chunking)
	if m.out.bdat {
		m.out.up = tx.up
		return wire.Reply{}
	}
	if m.chunks > 0 && !m.out.stuff {
		m.stuffHeld()
	}
	if _, ok := tx.dataEnding(); m.ended && !ok {
		return tx.noFinalCRLF()
	}
	r, err := tx.up.data(tx.session.server.ctx)
	if errors.Is(err, errServerGone) {
		if err = tx.replay(); err == nil {
			r, err = tx.up.data(tx.session.server.ctx)
		}
	}
	m.out.up = tx.up // nil if it is gone
	switch {
	case err != nil:
		tx.dropServer()
		return replyFor(err)
	case r.Code != 354:
		tx.ended.server = r
		m.out.up = nil // nothing has begun: its session stays good
		return tx.fromServer(r)
	}
	return wire.Reply{}
}

// openDivert says the transaction to the route that policy chose instead.
func (tx *transaction) openDivert(rt *policy.Route) error {
	if rt == nil {
		return errNotConfirmed
	}
	up, err := tx.reachAgain(rt)
	if err != nil {
		return err
	}
	if tx.up != nil {
		tx.session.server.servers.release(tx.up) // has seen nothing of the message
	}
	tx.up, tx.dest = up, rt
	return nil
}

// fromServer makes a server's reply ours where only a refusal can be meant. A
// server that policy chose instead of the recipient's cannot refuse the message
// for good.
func (tx *transaction) fromServer(r wire.Reply) wire.Reply {
	if r.Class() < 4 || r.Class() == 5 && tx.dest != tx.route {
		return replyUnconfirmed
	}
	return r
}

// verdictOf is the word for a server's refusal.
func verdictOf(r wire.Reply) Verdict {
	if r.Class() == 5 {
		return RefusedByServer
	}
	return DeferredByServer
}

// stuffHeld makes DATA octets of what is held from BDAT: the server that gets
// it now does not have CHUNKING, unlike the one it was held for.
func (m *message) stuffHeld() {
	var b []byte
	for _, p := range m.window.held {
		b = m.stuffer.Append(b, p)
	}
	m.out.stuff = true
	m.window.held = append(m.window.held[:0], b)
	m.window.size = int64(len(b))
}

// ending octets of a message that goes by DATA.
var (
	dataEnd     = []byte(terminator)
	dataEndLine = []byte("\r\n" + terminator)
)

// dataEnding is what ends the message on the server's side. DATA cannot say a
// message without a final CRLF, which BDAT can: ok is false if policy does not
// allow to complete it.
func (tx *transaction) dataEnding() (end []byte, ok bool) {
	m := tx.message
	if m.out.bdat {
		return nil, true
	}
	if m.chunks == 0 || m.stuffer.AtLineStart() {
		return dataEnd, true
	}
	return dataEndLine, tx.setup.AddFinalCRLF || m.rewriting
}

// noFinalCRLF refuses a message that only BDAT can say: for good only where
// the whole route lacks it, else our offer was wrong and the retry fits.
func (tx *transaction) noFinalCRLF() wire.Reply {
	if tx.session.server.servers.lacks(tx.dest, wire.Chunking) {
		return replyNoFinalCRLF
	}
	return replyShrunkOffer
}
