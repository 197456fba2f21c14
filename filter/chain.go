package filter

import (
	"context"

	"sluice/policy"
	"sluice/stream/wire"
)

// A Channel carries the events of one session or message between modules.
type Channel struct{}

// A Chain is the ordered set of modules every message passes. Immutable.
type Chain struct{}

// Visit starts the chain for a session. A nil Chain gives a usable Visit.
func (c *Chain) Visit(s *Session) *Visit { return &Visit{} }

// A Visit is a chain at work on one session.
type Visit struct{}

// CheckSession runs the SessionCheckers; called at connect and again at each HELO.
func (v *Visit) CheckSession(ctx context.Context) *wire.Reply { return nil }

// Begin starts a transaction and runs the SenderCheckers.
func (v *Visit) Begin(ctx context.Context, e *Envelope) (*Run, *wire.Reply) { return &Run{}, nil }

// A Run is a chain at work on one transaction.
type Run struct{}

// Recipient runs the RecipientCheckers.
func (r *Run) Recipient(ctx context.Context, to wire.Path) *wire.Reply { return nil }

// Open tells the content modules that data begins.
func (r *Run) Open() {}

// Write hands content to every scanner. It never waits.
func (r *Run) Write(p []byte) {}

// Finish waits for every scanner's vote, each under its deadline and the
// context, and returns all findings. Failures are findings.
func (r *Run) Finish(ctx context.Context) []policy.Finding { return nil }

// Findings returns what has been published so far, for a provisional verdict.
func (r *Run) Findings() []policy.Finding { return nil }

// Close ends the run, whatever has been called before. Always called once.
func (r *Run) Close() {}
