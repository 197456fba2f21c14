// Package filtertest is for the tests of modules: it runs one over a message
// in a real chain, behind filter.Content, with the content cut in many ways,
// and hands back what it found, and apart from that what Content did.
//
// Run is one message in one cutting. Cuts is one message in many, and fails
// the test if the cutting shows in the findings. Pieces are overwritten when
// Write returns, so a module that keeps a slice is found out.
package filtertest

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// Deadline is what the module under test gets for each check and for Finish:
// 10 s, so that a busy machine is no failure.
const Deadline = 10 * time.Second

// randomCuts is how many random cuttings Cuts tries: 20, besides the whole
// and single octets.
const randomCuts = 20

// A Message is what a module gets to see.
type Message struct {
	Session  filter.Session
	Envelope filter.Envelope
	Content  []byte
	// Subscribe and Publish, if set, are called with the channel of another
	// module: the first before the module under test is opened, the second
	// after, and before the first piece.
	Subscribe func(ch *filter.Channel)
	Publish   func(ch *filter.Channel)
	// Aborted ends the message without Finish.
	Aborted bool
}

// A Result is what a module said.
type Result struct {
	Session    []*wire.Reply // refusals at connect and at HELO; nil elements: none
	Sender     *wire.Reply
	Recipients []*wire.Reply // one for each of Envelope.Recipients
	Findings   []policy.Finding
	Content    []policy.Finding // of filter.Content
}

// Run sends m through module in pieces of the given sizes, the rest as one.
func Run(t testing.TB, module filter.Module, m Message, sizes ...int) Result {
	t.Helper()
	chain, err := filter.New(
		filter.Entry{Module: neighbour{m.Subscribe, m.Publish}},
		filter.Entry{Module: filter.Content{}},
		filter.Entry{Module: module, Deadline: Deadline},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	result := say(ctx, chain, m, sizes)
	if err := chain.Wait(ctx); err != nil {
		t.Fatalf("a scanner is still running: %v", err)
	}
	return result
}

// say has one session with one transaction.
func say(ctx context.Context, chain *filter.Chain, m Message, sizes []int) (result Result) {
	session, envelope := m.Session, m.Envelope
	helo := session.Helo
	session.Helo = ""
	visit := chain.Visit(&session)
	result.Session = append(result.Session, visit.CheckSession(ctx))
	session.Helo = helo
	result.Session = append(result.Session, visit.CheckSession(ctx))

	recipients := envelope.Recipients
	envelope.Recipients = nil
	run, reply := visit.Begin(ctx, &envelope)
	defer run.Close()
	result.Sender = reply
	for _, to := range recipients {
		result.Recipients = append(result.Recipients, run.Recipient(ctx, to))
		envelope.Recipients = append(envelope.Recipients, to)
	}
	run.Open()
	write(run, m.Content, sizes)
	all := run.Findings()
	if !m.Aborted {
		all = run.Finish(ctx)
	}
	for _, f := range all {
		if f.Module == (filter.Content{}).Name() {
			result.Content = append(result.Content, f)
		} else {
			result.Findings = append(result.Findings, f)
		}
	}
	return result
}

// write hands content over in pieces of a buffer that is spoilt after each.
func write(run *filter.Run, content []byte, sizes []int) {
	for len(content) > 0 {
		n := len(content)
		if len(sizes) > 0 {
			n, sizes = min(sizes[0], n), sizes[1:]
		}
		piece := slices.Clone(content[:n])
		run.Write(piece)
		for i := range piece {
			piece[i] = 0xA5
		}
		content = content[n:]
	}
}

// Cuts sends m whole, octet by octet, and in random pieces, fails the test
// unless the findings are the same each time, and returns them.
func Cuts(t testing.TB, module filter.Module, m Message) []policy.Finding {
	t.Helper()
	whole := Run(t, module, m).Findings
	try := func(name string, sizes []int) {
		t.Helper()
		if got := Run(t, module, m, sizes...).Findings; !slices.Equal(got, whole) {
			t.Errorf("%s: findings %v, but %v for the whole", name, got, whole)
		}
	}
	try("single octets", slices.Repeat([]int{1}, len(m.Content)))
	random := rand.New(rand.NewPCG(1, uint64(len(m.Content)))) // the same each time
	for range randomCuts {
		sizes := RandomSizes(random, len(m.Content))
		try("random pieces", sizes)
	}
	return whole
}

// RandomSizes returns sizes of pieces, empty ones among them, that make n
// octets: mostly small, now and then large.
func RandomSizes(random *rand.Rand, n int) (sizes []int) {
	for n > 0 {
		size := random.IntN(min(n, 1<<random.IntN(12)) + 1)
		sizes = append(sizes, size)
		n -= size
	}
	return sizes
}

// Rules returns the rule names of findings, in order.
func Rules(findings []policy.Finding) []string {
	rules := make([]string, len(findings))
	for i, f := range findings {
		rules[i] = f.Rule
	}
	return rules
}

// neighbour is the other module of the chain: it subscribes and publishes for
// the test.
type neighbour struct{ subscribe, publish func(*filter.Channel) }

func (neighbour) Name() string { return "neighbour" }

func (n neighbour) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	if n.subscribe != nil {
		n.subscribe(ch)
	}
	return &publisher{n.publish, ch}
}

// publisher publishes with the first piece, when every module has been opened
// and could subscribe.
type publisher struct {
	publish func(*filter.Channel) // nil: done
	ch      *filter.Channel
}

func (p *publisher) Write([]byte)                 { p.begin() }
func (p *publisher) FinishNow() error             { p.begin(); return nil }
func (p *publisher) Finish(context.Context) error { return nil }
func (p *publisher) Close()                       {}

func (p *publisher) begin() {
	if p.publish != nil {
		p.publish(p.ch)
		p.publish = nil
	}
}
