package stream

import (
	"net/netip"
	"time"

	"sluice/filter"
	"sluice/policy"
)

// A Setup is all that a reload replaces, as one immutable value. A session
// keeps the Setup it began a transaction with. Zero fields of the durations,
// sizes and counts stand for the documented default: WithDefaults puts it in.
type Setup struct {
	Hostname string // in the greeting, the Received field and EHLO; required
	ID       string // hash of the configuration, for the log

	Policy *policy.Snapshot // required
	Chain  *filter.Chain    // nil: no modules

	// Lookahead is how much of a message is held back for a complete verdict
	// before the server sees any of it, in octets. Negative: only the header.
	Lookahead     int64
	BareNewline   BareNewline
	AddFinalCRLF  bool // complete a BDAT message without final CRLF for a server without CHUNKING
	ReceivedFor   bool // put the recipient into Received when there is only one
	AuthresForged AuthresForged
	RefusalURL    string        // page that explains a refusal, the message id is appended; empty: none
	BannerDelay   time.Duration // wait before the greeting, but in shadow mode of the installation; 0: none

	Limits   Limits
	Timeouts Timeouts
	Shutdown Shutdown
}

// BareNewline is what becomes of a message with a CR or LF that is not part
// of a CRLF (RFC 5321 section 2.3.8).
type BareNewline uint8

const (
	RejectBareNewline    BareNewline = iota // 550 5.5.2 after the true end
	NormaliseBareNewline                    // LF becomes CRLF, CR a space
)

// AuthresForged is what becomes of an Authentication-Results field that a
// sender wrote in our name (RFC 8601 section 5).
type AuthresForged uint8

const (
	KeepAuthres   AuthresForged = iota // ours goes on top
	RejectAuthres                      // 550 5.7.1
	RemoveAuthres                      // cut out; changes the message
)

// Limits bound what senders may use.
type Limits struct {
	MaxMessage         int64          // octets of one message; default 50 MiB
	Memory             int64          // octets of all windows together; default 1 GiB
	Sessions           int            // default 20000
	SessionsPerAddress int            // default 50; an IPv6 /64 counts as one address
	Exempt             []netip.Prefix // no per-address limits; nil: loopback
	Recipients         int            // RCPTs of one transaction; default 100
	Errors             int            // refused commands before 421; default 10
	IdleCommands       int            // NOOP, RSET, VRFY, HELP, EHLO without a message before 421; default 100
	DataRate           int            // octets a second a sender must reach; default 512
}

// Timeouts bound every wait. Names say who is waited for.
type Timeouts struct {
	SenderTLS     time.Duration // handshake; 30 s
	SenderCommand time.Duration // next command; 300 s
	SenderData    time.Duration // any octet of data; 180 s
	SenderMessage time.Duration // a whole message; 60 min
	Scan          time.Duration // modules after the terminator; 30 s

	DNS             time.Duration // one lookup; 5 s
	Connect         time.Duration // one address; 10 s
	ConnectAll      time.Duration // all attempts; 60 s
	ServerGreeting  time.Duration // greeting, EHLO and TLS each; 30 s
	ServerRecipient time.Duration // first RCPT with all before it; 240 s
	ServerData      time.Duration // DATA until 354; 100 s
	ServerWrite     time.Duration // writing without progress; 150 s
	ServerCommit    time.Duration // terminator until the reply; 585 s
	ServerLate      time.Duration // reading on for a late reply; 15 min
	ServerReset     time.Duration // RSET; 20 s
	PoolIdle        time.Duration // a kept session unused; 30 s
	PoolAge         time.Duration // a kept session's life; 10 min
	PoolSlot        time.Duration // waiting for a free connection; 10 s
}

// Shutdown says how long a stop may take.
type Shutdown struct {
	Delay  time.Duration // still accepting after the stop was asked for; default 0
	Grace  time.Duration // for messages in flight; default 30 s
	Commit time.Duration // more for those whose terminator is out; default 25 s
}
