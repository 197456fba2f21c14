package stream

import (
	"errors"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// errDrained ends a session that has sent more behind a refusal than is read.
var errDrained = errors.New("nothing more is drained")

// data is DATA (RFC 5321 section 4.1.1.4).
func (s *session) data(arg []byte) {
	tx := &s.tx
	switch {
	case len(arg) > 0:
		s.refuse(replyArgument)
		return
	case s.in.len() > 0:
		// Whatever stands behind DATA is a body sent on a guess, or two
		// messages in one: neither may run as commands.
		s.outOfStep()
		return
	case !tx.open, len(tx.accepted) == 0, tx.message.chunks > 0, tx.message.ended:
		s.refuse(replySequence)
		return
	}
	m := tx.startMessage()
	if !m.window.grow() {
		s.reply(replyMemory)
		tx.close()
		return
	}
	if tx.setup.Lookahead < 0 {
		// Without a window the server's 354 comes before ours.
		if r := tx.startServer(); r.Code != 0 {
			tx.refuse(r, verdictOf(r), "data", "")
			tx.finishWith(r)
			return
		}
	}
	// Looked for again right before our 354: the reply group may have waited.
	if s.conn.heard(&s.in) {
		s.outOfStep()
		return
	}
	s.reply(wire.Reply{Code: 354, Text: "Go on"})
	if s.flush() != nil {
		return
	}
	// The modules get ready while the data is on its way.
	tx.env.Scope = tx.scope
	tx.run.Open()
	if err := tx.receive(); err != nil {
		tx.senderFailed(err)
		return
	}
	tx.finish()
}

// receive reads the data up to its terminator. What is pipelined behind it
// goes back to the session's input. An error is the sender's: it has gone, or
// it is too slow; the message will not be committed.
func (tx *transaction) receive() error {
	s, m := tx.session, tx.message
	for {
		p := m.window.space()
		if m.rewriting {
			p = s.in.space()
		}
		n, err := m.pace.read(p)
		if err != nil {
			return err
		}
		var done bool
		if m.rewriting {
			s.in.w += n
			done = tx.takeRewriting()
		} else {
			m.window.w += n
			done = tx.take()
		}
		if done {
			return nil
		}
		if m.state == draining {
			if err := tx.drain(n); err != nil {
				return err
			}
		} else {
			tx.move()
		}
	}
}

// take looks at what was read into the window: its content goes to the
// modules, its wire octets stay held. It tells whether the terminator was
// found.
func (tx *transaction) take() (done bool) {
	m := tx.message
	w := &m.window
	p := w.unread()
	pieces, n, done := m.framer.Scan(p, m.pieces[:0])
	m.pieces = pieces
	if m.bare() && m.state != draining {
		if tx.setup.BareNewline == RejectBareNewline {
			tx.refuse(replyBareNewline, Rejected, "data", "smtp.bare_newline")
		} else {
			m.startRewriting()
		}
	}
	tx.scan(pieces)
	if m.state != draining && !m.rewriting {
		octets := n
		if done {
			octets -= len(terminator)
		}
		m.header.scan(p[:octets])
		w.hold(p[:octets])
		m.atLineStart(p[:octets])
	}
	w.r += n
	if done || m.rewriting {
		// The rest is the next command, or, from now on, read elsewhere.
		tx.session.in.put(w.unread())
		w.w = w.r
	}
	if m.rewriting {
		tx.rewrite(pieces)
	}
	return done
}

// takeRewriting is take for a message with bare newlines that is normalised:
// it is read into the session's input and made anew in the window.
func (tx *transaction) takeRewriting() (done bool) {
	s, m := tx.session, tx.message
	pieces, n, done := m.framer.Scan(s.in.bytes(), m.pieces[:0])
	m.pieces = pieces
	tx.scan(pieces)
	tx.rewrite(pieces)
	s.in.use(n)
	return done
}

// scan shows content to everybody who reads it.
func (tx *transaction) scan(pieces [][]byte) {
	m := tx.message
	for _, p := range pieces {
		m.size += int64(len(p))
		if m.state == draining {
			continue
		}
		m.hash.Write(p)
		tx.run.Write(p)
	}
	tx.checkSize()
}

// checkSize refuses a message that has become too large.
func (tx *transaction) checkSize() {
	m := tx.message
	if limit := tx.maxMessage(); m.size > limit && (m.state != draining || m.discard != nil) {
		m.discard = nil // nobody is told that a message was taken which no server would get
		tx.refuse(replyTooBig(limit), Rejected, "data", "smtp.size")
	}
}

// maxMessage is the largest content this transaction may have.
func (tx *transaction) maxMessage() int64 {
	limit := tx.setup.Limits.MaxMessage
	if tx.route != nil && tx.route.MaxMessage > 0 {
		limit = min(limit, tx.route.MaxMessage)
	}
	return limit
}

// rewrite normalises content and holds what it becomes. All of it is copied
// first: the pieces may lie in the chunk that is written to next.
func (tx *transaction) rewrite(pieces [][]byte) {
	m := tx.message
	m.scratch = m.scratch[:0]
	for _, p := range pieces {
		m.scratch = wire.Normalise(m.scratch, p)
	}
	tx.holdContent(m.scratch)
}

// holdContent holds a copy of content that is not forwarded as it came:
// rewritten, or from BDAT. Dots are stuffed if it will go out as DATA.
func (tx *transaction) holdContent(p []byte) {
	m := tx.message
	if m.out.stuff && m.state != draining {
		m.stuffed = m.stuffer.Append(m.stuffed[:0], p)
		p = m.stuffed
	}
	for len(p) > 0 && m.state != draining {
		n := min(len(p), chunkSize)
		m.header.scan(p[:n])
		for len(p[:n]) > 0 && m.state != draining {
			k := m.window.add(p[:n])
			p, n = p[k:], n-k
			if n > 0 { // the budget is used up
				tx.makeRoom()
			}
		}
		tx.move()
	}
}

// move makes room for more: in the window while it lasts, by forwarding then.
func (tx *transaction) move() {
	m := tx.message
	w := &m.window
	switch {
	case m.state == holding && w.size <= tx.windowSize():
		if len(w.space()) == 0 && !w.grow() {
			tx.makeRoom()
		}
	case m.out.bdat && w.size < chunkSize:
		// A chunk for the server is worth a round trip; the last one waits
		// here for the verdict.
	default:
		tx.makeRoom()
	}
	if m.state == draining {
		w.flushed()
	}
}

// makeRoom empties the window into the server's session.
func (tx *transaction) makeRoom() {
	switch tx.message.state {
	case holding:
		tx.overflow()
	case flowing:
		tx.pass()
	}
}

// windowSize is how much is held before the server must see it: at least the
// header block, as loops are judged before any of it leaves.
func (tx *transaction) windowSize() int64 {
	if !tx.message.header.found {
		return max(tx.setup.Lookahead, maxHeader)
	}
	return max(tx.setup.Lookahead, 0)
}

// overflow is the moment a message has outgrown its window: a provisional
// verdict, then all that was held goes out, and from now on what arrives. Where
// to, an earlier attempt may have taught (detour.go).
func (tx *transaction) overflow() {
	tx.nameDetour()
	if !tx.judgeHeader() {
		return
	}
	switch d := tx.decide(tx.run.Findings()); d.Action {
	case policy.Reject, policy.Defer:
		tx.refuseBy(d, "data")
	case policy.Discard:
		tx.giveUp()
		tx.message.discard = &d
	default:
		tx.run.Overflow()
		tx.begins(tx.detoured(d), false)
	}
}

// pass forwards what is held while the message flows.
func (tx *transaction) pass() {
	m := tx.message
	start := time.Now()
	err := m.out.send(m.window.held)
	tx.server += time.Since(start)
	if err != nil {
		tx.serverFailed(err)
		return
	}
	m.window.flushed()
}

// drain counts what is read for nothing; at its end the session ends.
func (tx *transaction) drain(n int) error {
	m := tx.message
	m.window.flushed()
	m.drained += int64(n)
	if m.drained > tx.setup.Limits.MaxMessage {
		return errDrained
	}
	if m.drainedSince.IsZero() {
		m.drainedSince = time.Now()
	}
	if tx.session.server.strained() && time.Since(m.drainedSince) > strainedDrain {
		return errDrained
	}
	return nil
}

// senderFailed ends a transaction whose sender left or is cut off in its data.
func (tx *transaction) senderFailed(err error) {
	s := tx.session
	s.parting = true
	switch {
	case errors.Is(err, errDrained):
		if tx.message.discard != nil {
			tx.ended = ending{reply: replyMemory, verdict: Deferred, stage: "data"}
		}
		s.hangUp(tx.ended.reply)
	case errors.Is(err, errSenderSlow), errors.Is(err, errSenderLong):
		tx.ended = ending{reply: replyTooSlow, verdict: Aborted, stage: "data", rule: "smtp.slow"}
		s.hangUp(replyTooSlow)
	case isTimeout(err) && s.server.interrupted(s.phase.Load()):
		tx.ended = ending{reply: replyShutdown(tx.setup.Hostname), verdict: Aborted, stage: "data"}
		s.hangUp(tx.ended.reply) // it may still be writing
	case isTimeout(err):
		tx.ended = ending{reply: replyIdle, verdict: Aborted, stage: "data", rule: "smtp.timeout"}
		s.reply(replyIdle)
	}
	if tx.ended.verdict == "" {
		tx.ended = ending{verdict: Aborted, stage: "data"}
	}
	tx.close()
}

// terminator ends the data (RFC 5321 section 4.1.1.4): a line with a dot only.
// The CRLF before it belongs to the message.
const terminator = ".\r\n"

// startRewriting turns normalisation on for a message that came by DATA: what
// is made anew must be stuffed again.
func (m *message) startRewriting() { m.rewriting, m.out.stuff = true, true }

// atLineStart keeps the stuffer at the line position of octets held as they came.
func (m *message) atLineStart(p []byte) {
	if len(p) > 0 {
		m.stuffer.SetLineStart(p[len(p)-1] == '\n')
	}
}
