package stream

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"slices"
	"strings"
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

// WireFindings adds to findings what faults of the framing mean.
func WireFindings(findings []policy.Finding, faults wire.Fault) []policy.Finding {
	if faults&wire.FaultNUL != 0 {
		findings = append(findings, policy.Finding{Module: "smtp", Rule: "smtp.nul"})
	}
	if faults&wire.FaultLongLine != 0 {
		findings = append(findings, policy.Finding{Module: "smtp", Rule: "smtp.long_line"})
	}
	return findings
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
		tx.refuse(replyPolicy("smtp.authres_forged", tx.refusalURL()), Rejected, "data", "smtp.authres_forged")
		return false
	case RemoveAuthres:
		for _, place := range slices.Backward(m.facts.forgedAuthres) {
			m.window.cut(place[0], place[1])
		}
	}
	return true
}

// refuse settles that the message is not delivered. If its end has not been
// read yet, the rest is read for nothing.
func (tx *transaction) refuse(r wire.Reply, v Verdict, stage, rule string) {
	tx.ended.reply, tx.ended.verdict, tx.ended.stage, tx.ended.rule = r, v, stage, rule
	tx.giveUp()
}

// giveUp makes sure that the server gets nothing more of the message. A
// server that has seen a part of it loses its connection, never gets an end.
// The modules see nothing more either, and what they hold goes now: a sender
// can take long to finish what nobody wants.
func (tx *transaction) giveUp() {
	m := tx.message
	if m.state == flowing {
		tx.dropServer()
	}
	m.state = draining
	tx.run.Close()
}

func (tx *transaction) dropServer() {
	up := tx.message.out.up
	if up == nil {
		up = tx.up
	}
	if up != nil {
		tx.session.server.servers.drop(up)
	}
	if up == tx.up {
		tx.up = nil
	}
	if tx.message != noMessage {
		tx.message.out.up = nil
	}
}

// refuseBy refuses as a disposition says.
func (tx *transaction) refuseBy(d policy.Disposition, stage string) {
	r, v := replyUnchecked, Deferred
	switch {
	case d.Action == policy.Reject:
		r, v = tx.policyReply(d), Rejected
	case d.Soft:
		r = soft(tx.policyReply(d))
	case !strings.HasSuffix(d.Rule, failedSuffix):
		r = replyDeferred(d.Rule)
	}
	tx.refuse(r, v, stage, d.Rule)
}

// policyReply is the refusal of a disposition in the operator's words, if he
// has any for the rule.
func (tx *transaction) policyReply(d policy.Disposition) wire.Reply {
	r := replyPolicy(d.Rule, tx.refusalURL())
	if d.Class == policy.Ambiguous {
		r.Enhanced = "5.6.0" // media error (RFC 3463 section 3.7)
	}
	if d.Text != "" {
		r.Text = "[" + d.Rule + "] " + d.Text
	}
	if d.Contact != "" {
		r.Text += "; contact " + d.Contact
	}
	return r
}

// soft makes a policy's 5xx a 4xx, for an installation that is being tried.
func soft(r wire.Reply) wire.Reply {
	if r.Class() != 5 {
		return r
	}
	r.Code -= 100
	if strings.HasPrefix(r.Enhanced, "5.") {
		r.Enhanced = "4." + r.Enhanced[2:]
	}
	return r
}

// failedSuffix ends the rule name of a module that could not vote.
const failedSuffix = ".failed"

// refusalURL is the page that explains this transaction's refusal, or empty.
func (tx *transaction) refusalURL() string {
	if tx.setup.RefusalURL == "" {
		return ""
	}
	return tx.setup.RefusalURL + tx.id
}

// subject names this transaction for the guard. It is had once, after the
// last octet of the content.
func (tx *transaction) subject(to ...wire.Path) Subject {
	var sum contentHash
	tx.message.hash.Sum(sum[:0])
	return tx.named(tx.message.size, sum, to)
}

// named names the envelope together with size octets of content.
func (tx *transaction) named(size int64, sum contentHash, to []wire.Path) Subject {
	m := tx.session.server.macs.Get().(hash.Hash)
	defer tx.session.server.macs.Put(m)
	m.Reset()
	return subjectOf(m, tx.route.Tenant, tx.session.net.String(), tx.mail.From, to, size, sum)
}

// remembered answers an exact repetition of a message whose 250 the sender
// may not have got (RFC 1047). The server gets nothing. Of an LMTP server's
// recipients, the own route's or of where d sends it, some may have it.
func (tx *transaction) remembered(d policy.Disposition) (wire.Reply, bool) {
	if !tx.message.facts.hasMessageID {
		return wire.Reply{}, false
	}
	s := tx.session
	subject := tx.subject(tx.env.Recipients...)
	tx.claim = claim{subject: subject, known: true, net: s.net.String()}
	switch r, known := s.server.Guard.Lookup(subject); known {
	case Stored:
		tx.giveUp()
		duplicates.Inc()
		tx.ended.duplicate = true
		tx.claim.stored = true
		return tx.confirmed(confirmation{stored: true, reply: r}), true
	case Doubted:
		tx.refuse(replyUnconfirmed, DeferredByServer, "end", "")
		return replyUnconfirmed, true
	}
	lmtp := policy.LMTP
	if len(tx.accepted) > 1 && (tx.route.Protocol == lmtp || tx.dest.Protocol == lmtp || tx.whither(d).Protocol == lmtp) {
		return tx.withoutCommitted()
	}
	return wire.Reply{}, false
}

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

// verdictOf is the word for a server's refusal.
func verdictOf(r wire.Reply) Verdict {
	if r.Class() == 5 {
		return RefusedByServer
	}
	return DeferredByServer
}

// fromServer makes a server's refusal ours. A 421 ends only the server's
// connection with us, not the sender's; and a server that policy chose instead
// of the recipient's cannot refuse the message for good.
func (tx *transaction) fromServer(r wire.Reply) wire.Reply {
	if tx.dest != tx.route && r.Class() == 5 {
		return replyUnconfirmed
	}
	if r.Code == 421 {
		r.Code = 451
	}
	return r.Sanitised()
}
