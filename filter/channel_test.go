package filter

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"sluice/policy"
)

var (
	words   = NewTopic[string]()
	numbers = NewTopic[int]()
)

// place is a bare channel of a message with a module of that name.
func place(t testing.TB) (*Run, *Channel, *Channel) {
	t.Helper()
	r := begin(t, chainOf(t, &fake{name: "a"}, &fake{name: "b"}))
	return r, &r.channels[0], &r.channels[1]
}

func TestNilChannel(t *testing.T) {
	var ch *Channel
	ch.Publish(one("x"))
	words.Subscribe(ch, func(string) { t.Error("called") })
	words.Publish(ch, "x")
}

// A finding is its module's own, whatever it says.
func TestModuleNameIsSet(t *testing.T) {
	r, a, _ := place(t)
	defer r.Close()
	a.Publish(policy.Finding{Module: "b", Rule: "a.x"})
	if f := r.Findings(); len(f) != 1 || f[0].Module != "a" {
		t.Errorf("findings %v", f)
	}
}

// Delivery is synchronous, in order, by topic; a late subscriber has missed
// what was before; events inside events come first.
func TestEvents(t *testing.T) {
	r, a, b := place(t)
	defer r.Close()
	var got []string
	note := func(who string) func(string) { return func(s string) { got = append(got, who+s) } }
	words.Publish(a, "0")
	words.Subscribe(b, note("b"))
	numbers.Subscribe(b, func(int) { t.Error("wrong topic") })
	words.Subscribe(a, func(s string) {
		note("a")(s)
		if s == "1" {
			words.Subscribe(b, note("c")) // from within: gets the current one too
			words.Publish(a, "2")
		}
	})
	words.Publish(a, "1")
	if s := strings.Join(got, " "); s != "b1 a1 b2 a2 c2 c1" {
		t.Errorf("got %s", s)
	}
}

// Topics of one type are still different topics.
func TestTopicsDiffer(t *testing.T) {
	r, a, b := place(t)
	defer r.Close()
	var got []string
	first, second := NewTopic[string](), NewTopic[string]()
	first.Subscribe(b, func(s string) { got = append(got, "first "+s) })
	second.Subscribe(b, func(s string) { got = append(got, "second "+s) })
	first.Publish(a, "1")
	second.Publish(a, "2")
	if s := strings.Join(got, ", "); s != "first 1, second 2" {
		t.Errorf("got %s", s)
	}
}

// After Finish and after Close everything is dropped and counted.
func TestTooLate(t *testing.T) {
	for name, end := range map[string]func(*Run){
		"finish": func(r *Run) { r.Finish(context.Background()) },
		"close":  (*Run).Close,
	} {
		r, a, b := place(t)
		words.Subscribe(b, func(string) { t.Errorf("%s: delivered", name) })
		end(r)
		before := dropped.Get()
		a.Publish(one("a.late"))
		words.Publish(a, "late")
		words.Subscribe(b, func(string) {})
		if n := dropped.Get() - before; n != 2 || len(r.Findings()) != 0 {
			t.Errorf("%s: %d dropped, findings %v", name, n, r.Findings())
		}
		r.Close()
	}
}

// A subscriber that panics has failed; the publisher goes on, and the others
// get the event.
func TestSubscriberPanics(t *testing.T) {
	r, a, b := place(t)
	defer r.Close()
	calls, others := 0, 0
	words.Subscribe(b, func(string) { calls++; panic(secret) })
	words.Subscribe(a, func(string) { others++ })
	words.Publish(a, "1")
	words.Publish(a, "2")
	if calls != 1 || others != 2 {
		t.Errorf("called %d times, the other %d", calls, others)
	}
	if got := rules(r.Findings()); !slices.Equal(got, []string{"b.failed"}) {
		t.Errorf("findings %v", got)
	}
	words.Publish(b, "from one that failed")
	b.Publish(one("b.x"))
	if others != 2 || len(r.Findings()) != 1 {
		t.Error("a module that failed is still heard")
	}
}

// An echo ends before the stack does.
func TestEcho(t *testing.T) {
	r, a, b := place(t)
	defer r.Close()
	calls := 0
	words.Subscribe(b, func(s string) { calls++; words.Publish(b, s) })
	words.Publish(a, "x")
	if calls != maxNested {
		t.Errorf("called %d times", calls)
	}
	if got := rules(r.Findings()); !slices.Equal(got, []string{"b.failed"}) {
		t.Errorf("findings %v", got)
	}
	if r.board.nested != 0 {
		t.Errorf("%d still nested", r.board.nested)
	}
}

// A scanner is not closed under a callback that is running.
func TestCloseWaitsForCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		closed := false
		c := chainOf(t,
			&fake{name: "publisher", finish: func(ctx context.Context, ch *Channel) error {
				words.Publish(ch, "x")
				return nil
			}},
			&fake{name: "subscriber", now: true, close: func() { closed = true },
				open: func(ch *Channel) {
					words.Subscribe(ch, func(string) {
						<-resume // against the rules
						if closed {
							t.Error("closed under its callback")
						}
					})
				}})
		r := begin(t, c)
		if got := rules(r.Finish(t.Context())); !slices.Equal(got, []string{"publisher.failed"}) {
			t.Errorf("findings %v", got)
		}
		r.Close()
		if closed {
			t.Error("closed too early")
		}
		close(resume)
		c.Wait(t.Context())
		if !closed {
			t.Error("never closed")
		}
	})
}

// Everybody at once, for the race detector; and each subscriber gets one
// publisher's events in order.
func TestConcurrentPublishers(t *testing.T) {
	const publishers, events = 6, 100
	var mu sync.Mutex
	got := make(map[int][]int)
	modules := []*fake{{name: "reader", now: true, open: func(ch *Channel) {
		numbers.Subscribe(ch, func(n int) {
			mu.Lock()
			defer mu.Unlock()
			got[n/events] = append(got[n/events], n%events)
			if n%events == 7 {
				ch.Publish(one("reader.seven"))
			}
		})
	}}}
	for i := range publishers {
		modules = append(modules, &fake{name: "p" + string(rune('0'+i)), finish: func(_ context.Context, ch *Channel) error {
			for n := range events {
				numbers.Publish(ch, i*events+n)
			}
			ch.Publish(one(ch.entry.name + ".done"))
			return nil
		}})
	}
	c := chainOf(t, modules...)
	r := begin(t, c)
	found := r.Finish(t.Context())
	r.Close()
	if len(found) != 2*publishers {
		t.Errorf("findings %v", rules(found))
	}
	for i := range publishers {
		if len(got[i]) != events || !slices.IsSorted(got[i]) {
			t.Errorf("publisher %d: events %v", i, got[i])
		}
	}
}

func TestEventsDoNotAllocate(t *testing.T) {
	r, a, b := place(t)
	defer r.Close()
	sum := 0
	link := Link{URL: "http://y.test/"}
	Links.Publish(a, link)
	numbers.Subscribe(b, func(n int) { sum += n })
	Links.Subscribe(b, func(l Link) { sum += len(l.URL) })
	if n := testing.AllocsPerRun(100, func() {
		numbers.Publish(a, 1000)
		Links.Publish(a, link)
		words.Publish(a, "nobody listens")
		r.Findings()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
