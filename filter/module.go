// Package filter is where content modules meet a message: the module
// interfaces, the event channel they publish findings on, and the chain that
// runs them under deadlines.
package filter

import (
	"context"
	"net/netip"

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
}

// A Module is one filter. What it can do it says by implementing Greeter,
// SenderChecker, RecipientChecker or ContentModule as well. One Module serves
// all sessions at once.
type Module interface {
	Name() string // first part of its rule names
}

// A SessionChecker looks at a connection, first without and then with its
// HELO name. A non-nil reply is spoken at RCPT.
type SessionChecker interface {
	CheckSession(ctx context.Context, s *Session, ch *Channel) *wire.Reply
}

// A SenderChecker looks at the reverse-path.
type SenderChecker interface {
	CheckSender(ctx context.Context, s *Session, e *Envelope, ch *Channel) *wire.Reply
}

// A RecipientChecker looks at one forward-path. A non-nil reply answers that RCPT.
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
// message was aborted.
type Scanner interface {
	Write(p []byte)
	Finish(ctx context.Context) error
	Close()
}

// placeholder so that the package compiles; see chain.go and channel.go.
var _ = policy.Finding{}
