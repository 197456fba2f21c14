package stream

import (
	"bytes"
	"context"
	"slices"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// An ending is how a transaction ended, for the reply and the log.
type ending struct {
	reply     wire.Reply
	verdict   Verdict
	stage     string
	rule      string
	score     float64
	would     policy.Action // in shadow mode
	findings  []policy.Finding
	server    wire.Reply // the server's own words to the end of data
	tagged    bool       // the server has it with the marks of tagged mail
	duplicate bool
	uncertain bool
	scan      time.Duration
}

// finish takes a message whose last octet has been read to its end, and
// queues the reply.
func (tx *transaction) finish() {
	tx.finishWith(tx.conclude(time.Now()))
}

// finishWith ends the transaction with a reply to the end of data. No reply
// means that the sender has gone.
func (tx *transaction) finishWith(r wire.Reply) {
	s := tx.session
	tx.ended.reply = r
	tx.endDetour(r.Class())
	if r.Code == 0 {
		s.parting = true
		tx.close()
		return
	}
	if r.Class() == 2 {
		s.errors, s.idle = 0, 0
	}
	s.replyTo(tx.id, r)
	if tx.claim.open {
		s.claims = append(s.claims, tx.claim)
		tx.claim = claim{}
	}
	if s.in.len() == 0 {
		// The reply before the books: while it is not out, a crash makes a
		// duplicate (RFC 1047). A failure shows when the next line is read.
		_ = s.flush()
	}
	tx.close()
}

// conclude judges a complete message and, if it may go, commits it.
func (tx *transaction) conclude(ended time.Time) wire.Reply {
	m := tx.message
	if m.discard != nil {
		return tx.discard(*m.discard)
	}
	if m.state == draining || !tx.judgeHeader() {
		return tx.ended.reply
	}
	d := tx.judge()
	tx.ended.scan = time.Since(ended)
	switch d.Action {
	case policy.Reject, policy.Defer:
		tx.refuseBy(d, "end")
		return tx.ended.reply
	case policy.Discard:
		return tx.discard(d)
	}
	if r, known := tx.remembered(d); known {
		return r
	}
	switch {
	case m.state == holding:
		if !tx.begins(d, true) {
			return tx.ended.reply
		}
	case tx.strays(d):
		return tx.ended.reply
	case target(d) == nil:
		d = m.begun // it flows to where it was sent, wherever that is
	}
	return tx.commit(d, ended.Add(tx.setup.Timeouts.ServerCommit))
}

// target is the route that a message is sent to instead of its own; nil: none.
func target(d policy.Disposition) *policy.Route {
	if d.Action == policy.Divert || d.Action == policy.Quarantine {
		return d.Route
	}
	return nil
}

// judge waits for every module's vote and asks policy.
func (tx *transaction) judge() policy.Disposition {
	ctx := tx.session.server.ctx
	if tx.run.Waits() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tx.setup.Timeouts.Scan)
		defer cancel()
	}
	return tx.decide(tx.run.Finish(ctx))
}

// decide asks policy and keeps what the log needs of its answer.
func (tx *transaction) decide(findings []policy.Finding) policy.Disposition {
	findings = tx.session.findings(findings)
	findings = WireFindings(findings, tx.message.framer.Faults|tx.message.liner.Faults)
	c := policy.Case{
		Route: tx.route, Scope: tx.scope,
		Sender: mailbox(tx.mail.From), Peer: tx.session.info.Peer.Addr(), PTR: tx.session.info.PTR, Helo: tx.session.helo,
		Size: tx.message.size, Findings: findings,
	}
	if tx.scope.UserRules() {
		tx.userFacts(&c)
	}
	d := tx.setup.Policy.Decide(&c)
	tx.ended.findings, tx.ended.score, tx.ended.would = c.Findings, d.Score, d.Would
	if d.Rule != "" {
		tx.ended.rule = d.Rule
	}
	return d
}

// userFacts fills in what only an operator's own rules look at.
func (tx *transaction) userFacts(c *policy.Case) {
	for i := range tx.accepted {
		c.Recipients = append(c.Recipients, mailbox(tx.accepted[i].To))
	}
	if block := tx.message.block; block != nil {
		c.Header = func(name string) []string { return HeaderValues(block, name) }
	}
}

// judgeHeader reads the header block, once, before any of it leaves. It
// reports false if that alone is a refusal.
func (tx *transaction) judgeHeader() bool {
	m := tx.message
	if m.judged || m.state != holding {
		return true
	}
	m.judged = true
	block := m.headerBlock()
	m.facts = readHeader(block, tx.setup.Hostname)
	if tx.scope.UserRules() {
		m.block = bytes.Clone(block) // they are asked again when it has left
	}
	if m.facts.loops() {
		tx.refuse(replyHops, Rejected, "data", "smtp.loop")
		return false
	}
	if len(m.facts.forgedAuthres) == 0 || tx.shadow() {
		return true
	}
	switch tx.setup.AuthresForged {
	case RejectAuthres:
		tx.refuse(replyPolicy("smtp.authres_forged", "", tx.refusalURL()), Rejected, "data", "smtp.authres_forged")
		return false
	case RemoveAuthres:
		for _, place := range slices.Backward(m.facts.forgedAuthres) {
			m.window.cut(place[0], place[1])
		}
	}
	return true
}
