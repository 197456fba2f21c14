package stream

import (
	"strings"

	"sluice/policy"
	"sluice/stream/wire"
)

// refuse settles that the message is not delivered. If its end has not been
// read yet, the rest is read for nothing.
func (tx *transaction) refuse(r wire.Reply, v Verdict, stage, rule string) {
	tx.ended.reply, tx.ended.verdict, tx.ended.stage, tx.ended.rule = r, v, stage, rule
	tx.giveUp()
}

// refuseBy refuses as a disposition says.
func (tx *transaction) refuseBy(d policy.Disposition, stage string) {
	r, v := tx.refusedBy(d)
	tx.refuse(r, v, stage, d.Rule)
}

// refusedBy is what a disposition that lets no message through says to the
// sender.
func (tx *transaction) refusedBy(d policy.Disposition) (wire.Reply, Verdict) {
	switch {
	case d.Action == policy.Reject:
		return tx.policyReply(d), Rejected
	case d.Soft:
		return soft(tx.policyReply(d)), Deferred
	case d.Text == "" && strings.HasSuffix(d.Rule, failedSuffix):
		return replyUnchecked, Deferred
	}
	return replyDeferred(d.Rule, d.Text), Deferred
}

// failedSuffix ends the rule name of a module that could not vote.
const failedSuffix = ".failed"

// policyReply is the refusal of a disposition in the operator's words, if he
// has any for the rule.
func (tx *transaction) policyReply(d policy.Disposition) wire.Reply {
	r := replyPolicy(d.Rule, d.Text, tx.refusalURL())
	if d.Class == policy.Ambiguous {
		r.Enhanced = "5.6.0" // media error (RFC 3463 section 3.7)
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

// refusalURL is the page that explains this transaction's refusal, or empty.
func (tx *transaction) refusalURL() string {
	if tx.setup.RefusalURL == "" {
		return ""
	}
	return tx.setup.RefusalURL + tx.id
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
