package filter

import (
	"context"
	"net/netip"
	"sync"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// Content is the module that takes messages apart for all others: MIME
// structure, transfer encodings and charsets by stream/mime, containers by
// stream/unpack, layer by layer. Modules whose Scanner is a PartScanner are
// told what it finds; its own findings are what was wrong on the way
// (ContentRules). A chain has it once.
//
//	Write --> mime.Parser --> entities --> piece --> PartScanners (tell.go)
//	                                       |   ^
//	                           unpack.Reader   members
type Content struct {
	MIME   mime.Limits
	Unpack unpack.Limits
	// Memory is what all messages together may hold while they are unpacked.
	// Nil: no limit but each message's own.
	Memory *unpack.Memory
}

var _ ContentModule = Content{}

// Name returns "content".
func (Content) Name() string { return "content" }

// Open starts on one message.
func (c Content) Open(s *Session, _ *Envelope, ch *Channel) Scanner {
	b := bodies.Get().(*body)
	b.channel = ch
	b.budget = unpack.NewBudget(c.Unpack, c.Memory, netOf(s.Peer.Addr()))
	b.parser.Limits = c.MIME
	if b.parser.Hold == nil {
		b.parser.Hold = b.hold
	}
	b.parser.Reset((*entities)(b))
	return b
}

// hold takes memory for content that stream/mime holds, or gives it back.
func (b *body) hold(n int) bool {
	note, ok := b.budget.Hold(int64(n))
	if !ok && note.Class == unpack.Strained {
		b.noted(note, "")
	}
	return ok
}

// netOf names the network of a sender for the sharing of memory: a /24 or a
// /64, what one customer of a provider has.
func netOf(a netip.Addr) string {
	bits := 64
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "" // no address: a file that is scanned
	}
	return p.String()
}

// bodies are for use again: what a message needs is mostly the same.
var bodies = sync.Pool{New: func() any { return new(body) }}

// A body is one message while it is taken apart. It belongs to the session's
// goroutine.
type body struct {
	channel *Channel
	readers []reader
	parser  mime.Parser
	budget  *unpack.Budget
	pieces  []*piece // open, in order of opening
	spare   []*piece // closed, for use again
	told    []told   // once for each time
	given   int      // leaves that modules handed in
	mails   int      // messages found in files
	// mailParts and mailWork are how many parts those had, and what they cost
	// beyond reading them once.
	mailParts, mailWork int
	hashed              bool // somebody wants leaves' SHA-256
	ended               bool
	oddHead             bool // a defect came before the first part
}

// Write takes the next octets apart.
func (b *body) Write(p []byte) { b.parser.Write(p) }

// FinishNow ends the message: what was held back is told. It comes before any
// other module's vote.
func (b *body) FinishNow() error {
	if !b.ended {
		b.parser.Close()
		b.ended = true
	}
	return nil
}

// Finish ends the message as FinishNow does.
func (b *body) Finish(context.Context) error { return b.FinishNow() }

// Close lets go of everything, also in the middle of a message and after a
// panic. What a panic has left in some state is not used again.
func (b *body) Close() {
	b.channel.board.body = nil
	defer b.budget.Release() // whatever happens: others wait for the memory
	for len(b.pieces) > 0 {
		b.drop(b.pieces[len(b.pieces)-1])
	}
	if !b.channel.failed.Load() {
		b.reuse()
	}
}

// reuse gives b, which is closed, to a further message.
func (b *body) reuse() {
	b.parser.Reset(nil)
	clear(b.readers)
	clear(b.told)
	b.channel, b.budget = nil, nil
	b.readers, b.told, b.given = b.readers[:0], b.told[:0], 0
	b.mails, b.mailParts, b.mailWork = 0, 0, 0
	b.hashed, b.ended, b.oddHead = false, false, false
	bodies.Put(b)
}
