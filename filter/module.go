package filter

import (
	"context"
	"net/netip"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// A Session is what modules may know of a sender's connection. Plain data;
// fields are filled in as they become known and never change afterwards.
type Session struct {
	ID   string
	Peer netip.AddrPort
	PTR  string // verified name of Peer, or empty
	Helo string
	TLS  string // version and cipher, or empty
}

// An Envelope is what modules may know of a transaction before its data.
type Envelope struct {
	ID         string // message id
	From       wire.Path
	Recipients []wire.Path // accepted so far
	Size       int64       // as declared; -1: not declared
	Tenant     string      // known from the first recipient on
	// Scope is the recipients' policy, known from the first recipient on; all
	// share it. nil: the installation's.
	Scope *policy.Scope
}

// A Module is one filter. What it can do it says by implementing
// SessionChecker, SenderChecker, RecipientChecker or ContentModule as well.
// One Module serves all sessions at once.
//
// What checks are given is theirs until they return; what Open is given, until
// the Scanner's Close. Checks may wait until ctx ends and must return then.
type Module interface {
	// Name is the first part of the module's rule names and its label in
	// metrics: lower-case letters, digits, "-" and "_".
	Name() string
}

// A SessionChecker looks at a connection, first without and then with its
// HELO name. A non-nil reply, 4xx or 5xx, is spoken at RCPT.
type SessionChecker interface {
	CheckSession(ctx context.Context, s *Session, ch *Channel) *wire.Reply
}

// A SenderChecker looks at the reverse-path. A non-nil reply, 4xx or 5xx, is
// spoken at RCPT.
type SenderChecker interface {
	CheckSender(ctx context.Context, s *Session, e *Envelope, ch *Channel) *wire.Reply
}

// A RecipientChecker looks at one forward-path. A non-nil reply, 4xx or 5xx,
// answers that RCPT.
type RecipientChecker interface {
	CheckRecipient(ctx context.Context, s *Session, e *Envelope, to wire.Path, ch *Channel) *wire.Reply
}

// A ContentModule reads message content. Open is called when data begins; a
// nil Scanner means no interest in this message.
type ContentModule interface {
	Open(s *Session, e *Envelope, ch *Channel) Scanner
}

// A Scanner reads the content of one message: the octets as the sender meant
// them, dots unstuffed, in pieces of any size. Slices are reused after Write
// returns: copy what you keep. Write never waits for anything. Finish is
// called after the last piece, may wait until ctx ends, and returns nil only
// if every finding is published. Close is called once, always, also when the
// message was aborted; nothing is called after it, and it never waits.
type Scanner interface {
	Write(p []byte)
	Finish(ctx context.Context) error
	Close()
}

// Immediate is implemented by a Scanner whose vote needs no waiting.
// FinishNow is called instead of Finish, on the session's goroutine, and like
// Write never waits.
type Immediate interface {
	FinishNow() error
}

// An Entry is one place in a Chain.
type Entry struct {
	Module Module
	// Deadline bounds each check, and Finish. Zero means DefaultDeadline. The
	// context a call is given may end earlier.
	Deadline time.Duration
	// OnFailure says what follows when the module could not do its work.
	OnFailure policy.FailurePolicy
}
