package stream

import (
	"slices"
	"time"
)

// makeRecord is what the log is told of a transaction.
func (tx *transaction) makeRecord() *Record {
	s := tx.session
	now := time.Now()
	e := &tx.ended
	r := &Record{
		Session: s.info.ID, ID: tx.id, Config: tx.setup.ID, Time: now,
		Peer: s.info.Peer, Helo: s.helo, TLS: s.info.TLS,
		From: tx.mail.From, Recipients: slices.Clone(tx.asked), Size: tx.message.size,
		Verdict: e.verdict, Stage: e.stage, Rule: e.rule, Score: e.score,
		Findings: slices.Clone(e.findings), Shadow: e.would,
		Code: e.reply.Code, Enhanced: e.reply.Enhanced,
		Reply:     e.server.Text,
		Detour:    tx.message.detour.word,
		Duplicate: e.duplicate, Uncertain: e.uncertain,
		Connect: tx.connect, Scan: e.scan, Server: tx.server, Total: now.Sub(tx.began),
	}
	if tx.run != nil {
		r.Engines = tx.run.Votes()
	}
	if tx.route != nil {
		r.Tenant, r.Route = tx.env.Tenant, tx.route.Name
	}
	r.Upstream = tx.serverAddress
	r.Own = max(0, r.Total-tx.server-tx.waited-e.scan)
	if r.Verdict == "" {
		tx.tellUnfinished(r)
	}
	return r
}

// tellUnfinished fills in the outcome of a transaction that never had data:
// refused at RCPT, or given up by the sender.
func (tx *transaction) tellUnfinished(r *Record) {
	r.Stage, r.Verdict = "rcpt", Aborted
	if len(tx.accepted) > 0 || len(tx.asked) == 0 {
		return
	}
	r.Code, r.Enhanced = tx.refused.Code, tx.refused.Enhanced
	switch {
	case tx.byServer:
		r.Verdict = verdictOf(tx.refused)
		r.Reply = tx.refused.Text
	case tx.refused.Class() == 5:
		r.Verdict = Rejected
	default:
		r.Verdict = Deferred
	}
}
