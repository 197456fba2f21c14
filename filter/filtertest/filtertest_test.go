package filtertest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// sloppy publishes what a module should not: one finding for each piece, or
// what it sees in a slice it kept.
type sloppy struct{ pieces, keeps bool }

func (sloppy) Name() string { return "sloppy" }

func (s sloppy) Open(_ *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	filter.Links.Subscribe(ch, func(l filter.Link) { ch.Publish(policy.Finding{Rule: "sloppy.link", Detail: l.URL}) })
	return &sloppyScanner{sloppy: s, ch: ch}
}

func (sloppy) CheckRecipient(_ context.Context, _ *filter.Session, e *filter.Envelope, _ wire.Path, _ *filter.Channel) *wire.Reply {
	if len(e.Recipients) > 0 {
		return &wire.Reply{Code: 452}
	}
	return nil
}

type sloppyScanner struct {
	sloppy
	ch   *filter.Channel
	kept []byte
}

func (s *sloppyScanner) Write(p []byte) {
	s.kept = p
	if s.pieces {
		s.ch.Publish(policy.Finding{Rule: "sloppy.piece"})
	}
}

func (s *sloppyScanner) Finish(context.Context) error {
	if s.keeps && bytes.Contains(s.kept, []byte("x")) {
		s.ch.Publish(policy.Finding{Rule: "sloppy.kept"})
	}
	return nil
}

func (s *sloppyScanner) Close() {}

// deaf notes that a test failed instead of failing.
type deaf struct {
	testing.TB
	failed bool
}

func (d *deaf) Errorf(string, ...any) { d.failed = true }

func TestCutsNoticesCutting(t *testing.T) {
	for _, c := range []struct {
		module sloppy
		failed bool
	}{{sloppy{}, false}, {sloppy{pieces: true}, true}} {
		d := &deaf{TB: t}
		if Cuts(d, c.module, Message{Content: []byte("some message")}); d.failed != c.failed {
			t.Errorf("%+v: failed %v", c.module, d.failed)
		}
	}
}

func TestPiecesAreSpoilt(t *testing.T) {
	if r := Run(t, sloppy{keeps: true}, Message{Content: []byte("xxx")}); len(r.Findings) != 0 {
		t.Errorf("a slice kept after Write still holds %v", Rules(r.Findings))
	}
}

func TestWholeMessage(t *testing.T) {
	r := Run(t, sloppy{}, Message{
		Envelope: filter.Envelope{Recipients: make([]wire.Path, 2)},
		Publish:  func(ch *filter.Channel) { filter.Links.Publish(ch, filter.Link{URL: "u"}) },
	})
	if len(r.Session) != 2 || len(r.Recipients) != 2 || r.Recipients[0] != nil || r.Recipients[1] == nil {
		t.Errorf("replies %v, %v", r.Session, r.Recipients)
	}
	if got := Rules(r.Findings); !slices.Equal(got, []string{"sloppy.link"}) {
		t.Errorf("findings %v", got)
	}
}
