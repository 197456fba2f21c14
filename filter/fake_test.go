package filter

import (
	"context"
	"testing"

	"sluice/policy"
	"sluice/stream/wire"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is what panics with, and errors say; it must not be seen anywhere.
const secret = "canary-7f3a"

// fake is a module of functions; nil ones do nothing. now makes its scanners
// Immediate.
type fake struct {
	name      string
	now       bool
	session   func(*Session, *Channel) *wire.Reply
	sender    func(context.Context, *Channel) *wire.Reply
	recipient func(*Envelope, *Channel) *wire.Reply
	open      func(*Channel)
	none      bool // Open returns nil
	write     func(*Channel, []byte)
	finish    func(context.Context, *Channel) error
	close     func()
}

func (f *fake) Name() string { return f.name }

func (f *fake) CheckSession(_ context.Context, s *Session, ch *Channel) *wire.Reply {
	if f.session == nil {
		return nil
	}
	return f.session(s, ch)
}

func (f *fake) CheckSender(ctx context.Context, _ *Session, _ *Envelope, ch *Channel) *wire.Reply {
	if f.sender == nil {
		return nil
	}
	return f.sender(ctx, ch)
}

func (f *fake) CheckRecipient(_ context.Context, _ *Session, e *Envelope, _ wire.Path, ch *Channel) *wire.Reply {
	if f.recipient == nil {
		return nil
	}
	return f.recipient(e, ch)
}

func (f *fake) Open(_ *Session, _ *Envelope, ch *Channel) Scanner {
	if f.open != nil {
		f.open(ch)
	}
	if f.none {
		return nil
	}
	if f.now {
		return &fakeNow{fakeScanner{f, ch}}
	}
	return &fakeScanner{f, ch}
}

type fakeScanner struct {
	f  *fake
	ch *Channel
}

func (s *fakeScanner) Write(p []byte) {
	if s.f.write != nil {
		s.f.write(s.ch, p)
	}
}

func (s *fakeScanner) Finish(ctx context.Context) error {
	if s.f.finish == nil {
		return nil
	}
	return s.f.finish(ctx, s.ch)
}

func (s *fakeScanner) Close() {
	if s.f.close != nil {
		s.f.close()
	}
}

type fakeNow struct{ fakeScanner }

func (s *fakeNow) FinishNow() error { return s.Finish(context.Background()) }

// chainOf makes a chain with default entries.
func chainOf(t testing.TB, modules ...*fake) *Chain {
	t.Helper()
	var entries []Entry
	for _, m := range modules {
		entries = append(entries, Entry{Module: m})
	}
	c, err := New(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// begin starts a transaction and its data.
func begin(t testing.TB, c *Chain) *Run {
	t.Helper()
	r, reply := c.Visit(&Session{}).Begin(t.Context(), &Envelope{})
	if reply != nil {
		t.Fatalf("refused: %v", reply)
	}
	r.Open()
	return r
}

// one returns a finding of that rule that forces nothing.
func one(rule string) policy.Finding { return policy.Finding{Rule: rule} }

// rules returns the rule names of findings, in order.
func rules(findings []policy.Finding) (names []string) {
	for _, f := range findings {
		names = append(names, f.Rule)
	}
	return names
}
