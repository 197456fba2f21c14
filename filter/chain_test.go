package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/policy"
	"sluice/stream/wire"

	"github.com/VictoriaMetrics/metrics"
)

func TestNoChain(t *testing.T) {
	empty, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Chain{"nil": nil, "empty": empty} {
		ctx := t.Context()
		v := c.Visit(&Session{})
		if reply := v.CheckSession(ctx); reply != nil {
			t.Errorf("%s: CheckSession %v", name, reply)
		}
		r, reply := v.Begin(ctx, &Envelope{})
		if r == nil || reply != nil || r.Recipient(ctx, wire.Path{}) != nil {
			t.Fatalf("%s: Begin %v, %v", name, r, reply)
		}
		r.Open()
		r.Write([]byte("x"))
		if f := r.Findings(); f != nil {
			t.Errorf("%s: findings %v", name, f)
		}
		if f := r.Finish(ctx); f != nil {
			t.Errorf("%s: findings %v", name, f)
		}
		r.Close()
		if err := c.Wait(ctx); err != nil {
			t.Errorf("%s: Wait %v", name, err)
		}
	}
}

type unable struct{}

func (unable) Name() string { return "unable" }

func TestNewRefuses(t *testing.T) {
	a := Entry{Module: &fake{name: "a"}}
	for _, c := range []struct {
		entries []Entry
		want    error
	}{
		{[]Entry{{}}, ErrEntry},
		{[]Entry{{Module: &fake{name: "a"}, Deadline: -1}}, ErrEntry},
		{[]Entry{{Module: &fake{}}}, ErrName},
		{[]Entry{{Module: &fake{name: `a"}`}}}, ErrName},
		{[]Entry{{Module: &fake{name: "aBc"}}}, ErrName},
		{[]Entry{a, a}, ErrTwice},
		{[]Entry{a, {Module: unable{}}}, ErrUnable},
	} {
		if _, err := New(c.entries...); !errors.Is(err, c.want) {
			t.Errorf("New(%d entries) = %v, want %v", len(c.entries), err, c.want)
		}
	}
}

// All modules are asked, and the first refusal in chain order counts.
func TestRefusals(t *testing.T) {
	var asked []string
	refuse := func(name string, code int) *wire.Reply {
		asked = append(asked, name)
		if code == 0 {
			return nil
		}
		return &wire.Reply{Code: code, Text: name}
	}
	module := func(name string, code int) *fake {
		return &fake{
			name:      name,
			session:   func(*Session, *Channel) *wire.Reply { return refuse(name, code) },
			sender:    func(context.Context, *Channel) *wire.Reply { return refuse(name, code) },
			recipient: func(*Envelope, *Channel) *wire.Reply { return refuse(name, code) },
		}
	}
	ctx := t.Context()
	v := chainOf(t, module("a", 0), module("b", 450), module("c", 550)).Visit(&Session{})
	session := v.CheckSession(ctx)
	r, sender := v.Begin(ctx, &Envelope{})
	defer r.Close()
	recipient := r.Recipient(ctx, wire.Path{})
	for name, reply := range map[string]*wire.Reply{"session": session, "sender": sender, "recipient": recipient} {
		if reply == nil || reply.Text != "b" {
			t.Errorf("%s: reply %+v, want b's", name, reply)
		}
	}
	if got := strings.Join(asked, ""); got != "abcabcabc" {
		t.Errorf("asked %s", got)
	}
}

// A module cannot make a 2xx, or nonsense, of a refusal (I1).
func TestRefusalMustRefuse(t *testing.T) {
	for _, code := range []int{0, 250, 354, 399, 600} {
		v := chainOf(t, &fake{name: "a", session: func(*Session, *Channel) *wire.Reply {
			return &wire.Reply{Code: code}
		}}).Visit(&Session{})
		if reply := v.CheckSession(t.Context()); reply != nil {
			t.Errorf("%d: got reply %+v", code, reply)
		}
		want := []policy.Finding{{Module: "a", Rule: "a.failed", Detail: "reply", Force: policy.Defer}}
		if got := v.Findings(); !slices.Equal(got, want) {
			t.Errorf("%d: findings %v, want %v", code, got, want)
		}
	}
}

// Findings of the session stand in each transaction; those of a HELO replace
// those of the one before.
func TestSessionFindings(t *testing.T) {
	ctx := t.Context()
	s := &Session{}
	var kept *Channel
	first := &fake{name: "first", sender: func(_ context.Context, ch *Channel) *wire.Reply {
		ch.Publish(one("first.sender"))
		return nil
	}}
	second := &fake{name: "second", session: func(s *Session, ch *Channel) *wire.Reply {
		kept = ch
		if s.Helo == "boom" {
			panic(secret)
		}
		ch.Publish(one("second." + s.Helo))
		return nil
	}}
	v := chainOf(t, first, second).Visit(s)
	transaction := func() []string {
		r, _ := v.Begin(ctx, &Envelope{})
		defer r.Close()
		r.Open()
		return rules(r.Finish(ctx))
	}
	for _, step := range []struct {
		helo string
		want []string
	}{
		{"", []string{"second.", "first.sender"}},
		{"one", []string{"second.", "second.one", "first.sender"}},
		{"two", []string{"second.", "second.two", "first.sender"}},
		{"boom", []string{"second.", "second.failed", "first.sender"}},
		{"three", []string{"second.", "second.three", "first.sender"}},
	} {
		s.Helo = step.helo
		v.CheckSession(ctx)
		for range 2 {
			if got := transaction(); !slices.Equal(got, step.want) {
				t.Errorf("HELO %q: findings %v, want %v", step.helo, got, step.want)
			}
		}
		kept.Publish(one("second.late")) // between checks: not in the next transaction
		if got := transaction(); !slices.Equal(got, step.want) {
			t.Errorf("HELO %q: findings %v after a late one, want %v", step.helo, got, step.want)
		}
	}
}

// What a module may keep until Close does not change when stream's own does.
func TestScannersKeepTheirData(t *testing.T) {
	ctx := t.Context()
	var session *Session
	var envelope *Envelope
	c, err := New(Entry{Module: keeper{&session, &envelope}})
	if err != nil {
		t.Fatal(err)
	}
	s, e := &Session{Helo: "one"}, &Envelope{ID: "x"}
	r, _ := c.Visit(s).Begin(ctx, e)
	defer r.Close()
	e.Recipients = append(e.Recipients, wire.Path{})
	r.Open()
	if &envelope.Recipients[0] == &e.Recipients[0] {
		t.Error("the recipients are stream's own")
	}
	s.Helo, e.ID, e.Recipients = "two", "y", nil
	if session.Helo != "one" || envelope.ID != "x" || len(envelope.Recipients) != 1 {
		t.Errorf("session %q, envelope %q with %d recipients", session.Helo, envelope.ID, len(envelope.Recipients))
	}
}

type keeper struct {
	s **Session
	e **Envelope
}

func (keeper) Name() string { return "keeper" }
func (k keeper) Open(s *Session, e *Envelope, _ *Channel) Scanner {
	*k.s, *k.e = s, e
	return nil
}

// A panic, an error or a hang anywhere is that module's failure and nobody
// else's, with the entry's policy, counted once, and nothing of it is told.
func TestFailures(t *testing.T) {
	boom := func() { panic(secret) }
	for _, c := range []struct {
		name string
		bad  fake
		want string // Detail
	}{
		{"sender", fake{sender: func(context.Context, *Channel) *wire.Reply { boom(); return nil }}, "panic"},
		{"recipient", fake{recipient: func(*Envelope, *Channel) *wire.Reply { boom(); return nil }}, "panic"},
		{"open", fake{open: func(*Channel) { boom() }}, "panic"},
		{"write", fake{write: func(*Channel, []byte) { boom() }}, "panic"},
		{"finish now", fake{now: true, finish: func(context.Context, *Channel) error { boom(); return nil }}, "panic"},
		{"finish", fake{finish: func(context.Context, *Channel) error { boom(); return nil }}, "panic"},
		{"exit", fake{finish: func(context.Context, *Channel) error { runtime.Goexit(); return nil }}, "panic"},
		{"error now", fake{now: true, finish: func(context.Context, *Channel) error { return errors.New(secret) }}, "error"},
		{"error", fake{finish: func(context.Context, *Channel) error { return errors.New(secret) }}, "error"},
		{"hang", fake{finish: func(ctx context.Context, _ *Channel) error { <-ctx.Done(); return ctx.Err() }}, "deadline"},
		{"slow check", fake{sender: func(ctx context.Context, _ *Channel) *wire.Reply { <-ctx.Done(); return nil }}, "deadline"},
		{"flood", fake{write: func(ch *Channel, _ []byte) {
			for range maxFindings + 1 {
				ch.Publish(one("bad.flood"))
			}
		}}, "flood"},
	} {
		for _, onFailure := range []policy.FailurePolicy{policy.Closed, policy.Open, policy.TagIt} {
			t.Run(c.name+" "+onFailure.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testFailure(t, c.bad, onFailure, c.want) })
			})
		}
	}
}

func testFailure(t *testing.T, bad fake, onFailure policy.FailurePolicy, want string) {
	ctx := t.Context()
	closed := 0
	bad.name = "bad"
	bad.close = func() { closed++ }
	good := &fake{name: "good", write: func(ch *Channel, _ []byte) { ch.Publish(one("good.write")) },
		finish: func(_ context.Context, ch *Channel) error { ch.Publish(one("good.finish")); return nil }}
	c, err := New(Entry{Module: &bad, OnFailure: onFailure}, Entry{Module: good})
	if err != nil {
		t.Fatal(err)
	}
	unscanned := c.entries[0].unscanned.Get()

	r, _ := c.Visit(&Session{}).Begin(ctx, &Envelope{})
	r.Recipient(ctx, wire.Path{})
	r.Open()
	r.Write([]byte("a"))
	r.Write([]byte("b"))
	all := r.Finish(ctx)
	again := r.Finish(ctx)
	r.Close()
	r.Close()
	if err := c.Wait(ctx); err != nil {
		t.Fatal(err)
	}

	failed := policy.Finding{Module: "bad", Rule: "bad.failed", Detail: want, Force: onFailure.Force()}
	rest := slices.DeleteFunc(slices.Clone(all), func(f policy.Finding) bool { return f.Rule == "bad.flood" })
	if len(rest) == 0 || rest[0] != failed {
		t.Errorf("findings %v, want %v first", rest, failed)
	}
	if got := rules(rest[1:]); !slices.Equal(got, []string{"good.write", "good.write", "good.finish"}) {
		t.Errorf("the other module found %v", got)
	}
	if !slices.Equal(all, again) {
		t.Errorf("Finish again: %v, want %v", again, all)
	}
	if got := c.entries[0].unscanned.Get() - unscanned; got != 1 {
		t.Errorf("counted %d messages, want 1", got)
	}
	if opened := bad.open == nil && bad.sender == nil && bad.recipient == nil; closed != 1 && opened || closed > 1 {
		t.Errorf("closed %d times", closed)
	}
	if text := fmt.Sprint(all); strings.Contains(text, secret) {
		t.Errorf("the panic value is in %s", text)
	}
}

// A panic in Close harms nobody; every scanner is closed.
func TestPanicInClose(t *testing.T) {
	closed := 0
	r := begin(t, chainOf(t,
		&fake{name: "a", close: func() { closed++; panic(secret) }},
		&fake{name: "b", close: func() { closed++ }}))
	before := panics.Get()
	r.Close()
	if closed != 2 || panics.Get() != before+1 {
		t.Errorf("closed %d of 2, %d panics counted", closed, panics.Get()-before)
	}
}

func TestMetricsHaveNoSecrets(t *testing.T) {
	c := chainOf(t, &fake{name: "a", write: func(*Channel, []byte) { panic(secret) }})
	r := begin(t, c)
	r.Write(nil)
	r.Close()
	var b bytes.Buffer
	metrics.WritePrometheus(&b, false)
	for _, want := range []string{"sluice_panics_total ", `sluice_messages_unscanned_total{engine="a",policy="closed"}`,
		`sluice_engine_errors_total{engine="a",kind="panic"}`, "sluice_channel_dropped_total "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in metrics", want)
		}
	}
	if strings.Contains(b.String(), secret) {
		t.Error("the panic value is in metrics")
	}
}

// A scanner that hangs is waited for up to its deadline and no longer, is a
// finding, and is closed when it comes back, once. What it publishes then goes
// nowhere.
func TestLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		resume := make(chan struct{})
		closed, late := 0, 0
		hang := &fake{
			name: "hang",
			finish: func(_ context.Context, ch *Channel) error {
				<-resume
				ch.Publish(one("hang.late"))
				late++
				return nil
			},
			close: func() { closed++ },
		}
		c, err := New(Entry{Module: hang, Deadline: 3 * time.Second}, Entry{Module: &fake{name: "good"}})
		if err != nil {
			t.Fatal(err)
		}
		r := begin(t, c)
		done := make(chan []policy.Finding, 1)
		go func() { done <- r.Finish(ctx) }()

		time.Sleep(3*time.Second - time.Nanosecond)
		synctest.Wait()
		select {
		case f := <-done:
			t.Fatalf("Finish returned %v before the deadline", f)
		default:
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		var found []policy.Finding
		select {
		case found = <-done:
		default:
			t.Fatal("Finish still waits after the deadline")
		}
		if got := rules(found); !slices.Equal(got, []string{"hang.failed"}) {
			t.Errorf("findings %v", got)
		}
		r.Close()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := c.Wait(short); err == nil || closed != 0 {
			t.Errorf("Wait %v, closed %d while the scanner runs", err, closed)
		}
		close(resume)
		if err := c.Wait(ctx); err != nil || closed != 1 || late != 1 {
			t.Errorf("Wait %v, closed %d, late %d", err, closed, late)
		}
		if got := rules(r.Findings()); !slices.Equal(got, []string{"hang.failed"}) {
			t.Errorf("findings afterwards %v", got)
		}
	})
}

// Each scanner has its own deadline, and the context bounds all.
func TestDeadlines(t *testing.T) {
	wait := func(d time.Duration) func(context.Context, *Channel) error {
		return func(ctx context.Context, ch *Channel) error {
			select {
			case <-time.After(d):
				ch.Publish(one(ch.entry.name + ".voted"))
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for _, c := range []struct {
		name  string
		total time.Duration
		took  time.Duration
		want  []string
	}{
		{"enough", time.Hour, 20 * time.Second, []string{"a.voted", "b.failed", "c.voted", "d.failed"}},
		{"short", 4 * time.Second, 4 * time.Second, []string{"a.voted", "b.failed", "c.failed", "d.failed"}},
		{"none", 0, 0, []string{"a.failed", "b.failed", "c.failed", "d.failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.total)
				defer cancel()
				chain, err := New(
					Entry{Module: &fake{name: "a", finish: wait(time.Second)}},
					Entry{Module: &fake{name: "b", finish: wait(3 * time.Second)}, Deadline: 2 * time.Second},
					Entry{Module: &fake{name: "c", finish: wait(9 * time.Second)}},
					Entry{Module: &fake{name: "d", finish: wait(21 * time.Second)}, Deadline: 20 * time.Second},
				)
				if err != nil {
					t.Fatal(err)
				}
				r := begin(t, chain)
				start := time.Now()
				got := rules(r.Finish(ctx))
				if took := time.Since(start); !slices.Equal(got, c.want) || took != c.took {
					t.Errorf("findings %v after %v, want %v after %v", got, took, c.want, c.took)
				}
				r.Close()
				chain.Wait(t.Context())
			})
		})
	}
}

// One that was left behind and votes after all does not vote for another.
func TestLateVoteIsNobodysElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func(d time.Duration) func(context.Context, *Channel) error {
			return func(context.Context, *Channel) error { time.Sleep(d); return nil }
		}
		c, err := New(
			Entry{Module: &fake{name: "late", finish: after(3 * time.Second)}, Deadline: 2 * time.Second},
			Entry{Module: &fake{name: "later", finish: after(6 * time.Second)}, Deadline: 5 * time.Second},
		)
		if err != nil {
			t.Fatal(err)
		}
		r := begin(t, c)
		if got := rules(r.Finish(t.Context())); !slices.Equal(got, []string{"late.failed", "later.failed"}) {
			t.Errorf("findings %v", got)
		}
		r.Close()
		c.Wait(t.Context())
	})
}

// A session that ends takes its scanners with it, and no alarm is raised.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := chainOf(t, &fake{name: "gone", finish: func(ctx context.Context, _ *Channel) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	before := c.entries[0].unscanned.Get()
	r := begin(t, c)
	found := r.Finish(ctx)
	r.Close()
	c.Wait(t.Context())
	if len(found) != 1 || found[0].Detail != "cancelled" || found[0].Force != policy.Defer {
		t.Errorf("findings %v", found)
	}
	if c.entries[0].unscanned.Get() != before {
		t.Error("counted as unscanned")
	}
}

// A module that always hangs holds a bounded number of goroutines.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		opened := 0
		c := chainOf(t, &fake{name: "hang", open: func(*Channel) { opened++ },
			finish: func(context.Context, *Channel) error { <-resume; return nil }})
		message := func() string {
			r := begin(t, c)
			defer r.Close()
			return r.Finish(t.Context())[0].Detail
		}
		for range maxLeft {
			if got := message(); got != "deadline" {
				t.Fatalf("failure %q, want deadline", got)
			}
		}
		if got := message(); got != "busy" || opened != maxLeft {
			t.Errorf("failure %q after %d opened", got, opened)
		}
		close(resume)
		c.Wait(t.Context())
		if n := c.entries[0].left.Load(); n != 0 {
			t.Errorf("%d still counted as left behind", n)
		}
	})
}

// Immediate scanners vote on the caller's goroutine, before the others begin.
func TestImmediate(t *testing.T) {
	var order []string
	vote := func(name string, here bool) func(context.Context, *Channel) error {
		return func(context.Context, *Channel) error {
			order = append(order, name)
			if got := bytes.Contains(debug.Stack(), []byte("TestImmediate(")); got != here {
				t.Errorf("%s: on the caller's goroutine: %v", name, got)
			}
			return nil
		}
	}
	r := begin(t, chainOf(t,
		&fake{name: "waits", finish: vote("waits", false)},
		&fake{name: "one", now: true, finish: vote("one", true)},
		&fake{name: "two", now: true, finish: vote("two", true)}))
	defer r.Close()
	r.Finish(t.Context())
	if got := strings.Join(order, " "); got != "one two waits" {
		t.Errorf("order %s", got)
	}
}

// Findings come in chain order whoever was first.
func TestChainOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(d time.Duration) func(context.Context, *Channel) error {
			return func(_ context.Context, ch *Channel) error {
				time.Sleep(d)
				ch.Publish(one(ch.entry.name + ".end"))
				return nil
			}
		}
		open := func(ch *Channel) { ch.Publish(one(ch.entry.name + ".open")) }
		var modules []*fake
		var want []string
		for i := range fewModules + 3 { // more than there is room for without allocation
			name := string(rune('a' + i))
			modules = append(modules, &fake{name: name, open: open, finish: slow(time.Duration(10-i) * time.Millisecond)})
			want = append(want, name+".open", name+".end")
		}
		r := begin(t, chainOf(t, modules...))
		defer r.Close()
		if got := rules(r.Finish(t.Context())); !slices.Equal(got, want) {
			t.Errorf("findings %v, want %v", got, want)
		}
	})
}

// An aborted message closes its scanners without Finish.
func TestAborted(t *testing.T) {
	closed := 0
	r := begin(t, chainOf(t,
		&fake{name: "a", close: func() { closed++ }, finish: func(context.Context, *Channel) error { t.Error("finished"); return nil }},
		&fake{name: "b", none: true, close: func() { t.Error("closed what was never opened") }}))
	r.Write([]byte("x"))
	r.Close()
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

func TestAllocations(t *testing.T) {
	ctx := t.Context()
	c := chainOf(t, &fake{name: "a", now: true}, &fake{name: "b", now: true, none: true})
	for _, e := range c.entries {
		e.session, e.sender, e.recipient = nil, nil, nil // content only
	}
	r := begin(t, c)
	p := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { r.Write(p) }); n != 0 {
		t.Errorf("Write: %v allocations", n)
	}
	r.Close()
	v := c.Visit(&Session{})
	e := &Envelope{}
	n := testing.AllocsPerRun(100, func() {
		r, _ := v.Begin(ctx, e)
		r.Recipient(ctx, wire.Path{})
		r.Open()
		r.Write(p)
		r.Finish(ctx)
		r.Close()
	})
	if n > 3 { // the Run, its places, and the fakes' own scanner
		t.Errorf("message: %v allocations", n)
	}
}
