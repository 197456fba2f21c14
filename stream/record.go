package stream

import (
	"net/netip"
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
