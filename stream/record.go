package stream

import (
	"net/netip"
	"slices"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// A Record is what is known about one transaction, or about a session that
// ended before MAIL, when it is over. Addresses in it do not print themselves;
// whoever logs them makes pseudonyms of them.
type Record struct {
	Session string // session id
	ID      string // message id; empty for a session without a transaction
	Config  string // Setup.ID
	Time    time.Time

	Peer       netip.AddrPort
	Helo       string // as claimed, at most 255 octets; foreign text
	TLS        string // "TLS1.3 TLS_AES_128_GCM_SHA256", or empty
	From       wire.Path
	Recipients []RecordRecipient
	Size       int64 // content octets seen

	Verdict  Verdict
	Stage    string // connect, helo, mail, rcpt, data, end
	Rule     string // the deciding rule, if any
	Score    float64
	Tagged   bool // delivered with the marks of tagged mail
	Findings []policy.Finding
	Engines  []filter.EngineVote // what engines outside the process said
	Shadow   policy.Action       // what would have happened, in shadow mode
	Code     int                 // of our last reply
	Enhanced string

	Tenant    string
	Route     string
	Upstream  string // address of the server's session
	Reply     string // the server's reply to the end of data; foreign text
	Detour    Detour // where it had to go, and where it was; empty: nothing of note
	Duplicate bool   // answered from memory (RFC 1047 guard)
	Uncertain bool   // terminator sent, no reply

	// Connect is until the server had answered MAIL and RCPT, Scan the wait for
	// votes, Server every wait for the server, Connect included. Own is what
	// neither these nor the sender took of Total.
	Connect, Scan, Server, Own, Total time.Duration
}

// A RecordRecipient is one RCPT and what we answered.
type RecordRecipient struct {
	To   wire.Path
	Code int
}

// A Verdict is the outcome of a transaction, one word for the log.
type Verdict string

const (
	Delivered        Verdict = "delivered"
	RefusedByServer  Verdict = "refused_by_server"
	DeferredByServer Verdict = "deferred_by_server"
	Greylisted       Verdict = "greylisted"
	Rejected         Verdict = "rejected"
	Deferred         Verdict = "deferred"
	Diverted         Verdict = "diverted"
	Quarantined      Verdict = "quarantined"
	Discarded        Verdict = "discarded"
	Aborted          Verdict = "aborted"   // the sender left or reset before the end of data
	NoMessage        Verdict = "nomessage" // the session ended before MAIL
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
		Verdict: e.verdict, Stage: e.stage, Rule: e.rule, Score: e.score, Tagged: e.tagged,
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

// sessionRecord is the line of a session that ended before MAIL.
func (s *session) sessionRecord() *Record {
	now := time.Now()
	return &Record{
		Session: s.info.ID, Config: s.setup.ID, Time: now,
		Peer: s.info.Peer, Helo: s.helo, TLS: s.info.TLS,
		Verdict: NoMessage, Stage: "connect", Total: now.Sub(s.began),
		Findings: s.findings(s.visit.Findings()),
	}
}
