package unpack

import (
	"bufio"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/smtptest"
)

func TestLimits(t *testing.T) {
	packed := gzipped("", mixed(300_000))
	for name, c := range map[string]struct {
		l    Limits
		want Note
	}{
		"output": {Limits{Output: 100_000}, Note{RuleOutput, Exhausted, "all"}},
		"leaf":   {Limits{Leaf: 100_000}, Note{RuleOutput, Exhausted, "one"}},
		"ratio":  {Limits{RatioFrom: 1000, Ratio: 1}, Note{RuleBomb, Exhausted, "ratio"}},
		"memory": {Limits{Memory: 100_000}, Note{RuleMemory, Strained, "message"}},
	} {
		r := read(t, TypeGzip, "", packed, 0, c.l)
		if len(r.notes) != 1 || r.notes[0] != c.want {
			t.Errorf("%s: %v", name, r.notes)
		}
		if len(r.members) > 0 && r.members[0].size > 100_000 && c.l.RatioFrom == 0 {
			t.Errorf("%s: %d octets told", name, r.members[0].size)
		}
	}
}

// TestEndedBudget opens a container after another has used all up.
func TestEndedBudget(t *testing.T) {
	b := NewBudget(Limits{Output: 1000}, nil, "")
	packed := gzipped("", mixed(10_000))
	for i := range 2 {
		rec := &recorder{b: b, t: t}
		r := Open(TypeGzip, "", b, rec)
		r.Write(packed)
		r.Write(packed)
		r.Close(true)
		if len(rec.notes) != 1 || rec.notes[0].Rule != RuleOutput || len(rec.members) != 1-i {
			t.Errorf("reader %d: %s", i, rec)
		}
	}
}

// TestTime runs a clock that a decoder needs a second a look for, of which
// counts what the work can have taken; the Sink may take its time.
func TestTime(t *testing.T) {
	const octets = 1_000_000 // at least 0.1 s
	var now time.Time
	for limit, want := range map[time.Duration][]Note{
		100 * time.Millisecond: {{RuleTime, Strained, ""}},
		5 * time.Second:        nil,
	} {
		b := NewBudget(Limits{Time: limit}, nil, "")
		now = time.Unix(0, 0)
		b.now = func() time.Time {
			now = now.Add(time.Second)
			return now
		}
		rec := &recorder{b: b, t: t}
		r := Open(TypeGzip, "", b, rec)
		r.Write(gzipped("", mixed(octets)))
		r.Close(true)
		if !slices.Equal(rec.notes, want) {
			t.Errorf("limit of %v: notes %v", limit, rec.notes)
		}
	}

	b := NewBudget(Limits{Time: time.Nanosecond}, nil, "")
	now = time.Unix(0, 0)
	b.now = func() time.Time { return now }
	slow := &slowSink{recorder: recorder{b: b, t: t}, wait: func() { now = now.Add(time.Minute) }}
	r := Open(TypeGzip, "", b, slow)
	r.Write(gzipped("", mixed(octets)))
	r.Close(true)
	if len(slow.notes) > 0 {
		t.Errorf("the Sink's time was counted: %v", slow.notes)
	}
}

type slowSink struct {
	recorder
	wait func()
}

func (s *slowSink) Data(m *Member, b []byte) {
	s.recorder.Data(m, b)
	s.wait()
}

// TestPanics wants a library's panic contained and a Sink's not.
func TestPanics(t *testing.T) {
	b := NewBudget(Limits{}, nil, "")
	for _, kind := range []func(func(t *teller)) Reader{
		func(body func(t *teller)) Reader {
			return pull(b, &recorder{}, func(t *teller, r *bufio.Reader) { r.Peek(1); body(t) })
		},
		func(body func(t *teller)) Reader {
			return hold(b, &recorder{}, func(t *teller, held []byte) { body(t) })
		},
	} {
		rec := &recorder{b: b, t: t}
		use := func(body func(t *teller)) {
			r := kind(func(t *teller) {
				t.s = rec
				t.open(Member{})
				body(t)
			})
			r.Write([]byte("x"))
			r.Close(true)
			r.Write([]byte("x"))
			r.Close(true)
		}
		use(func(*teller) { panic("library") })
		if len(rec.notes) != 1 || rec.notes[0] != (Note{RuleBroken, Failed, "panic"}) || rec.open != nil {
			t.Errorf("notes %v", rec.notes)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the Sink's panic was lost")
				}
			}()
			rec = &recorder{b: b, t: t}
			use(func(t *teller) { t.tell(func() { panic("sink") }) })
		}()
	}
	b.Release()
	if len(b.pulled) > 0 || b.running {
		t.Error("a reader was left")
	}
}

// TestStopped closes readers in the midst and leaves one to Release.
func TestStopped(t *testing.T) {
	for typ, packed := range samples(t) {
		m := NewMemory(1 << 30)
		b := NewBudget(Limits{}, m, "n")
		rec := &recorder{b: b, t: t}
		long := slices.Concat(packed[:len(packed)/2], make([]byte, 2*blockSize))
		r := Open(typ, "", b, rec)
		r.Write(long)
		r.Close(false)
		told := len(rec.notes)
		r.Write(long)
		r.Close(true)
		if len(rec.notes) != told || b.used != 0 {
			t.Errorf("%s: told more, or kept %d", typ, b.used)
		}
		Open(typ, "", b, &recorder{b: b, t: t}).Write(long)
		b.Release()
		if m.Held() != 0 || len(b.pulled) != 0 {
			t.Errorf("%s: kept %d", typ, m.Held())
		}
	}
}

func TestCopyStopsAtEndOfReader(t *testing.T) {
	b := NewBudget(Limits{}, nil, "")
	rec := &recorder{b: b, t: t}
	tl := &teller{b: b, s: rec}
	tl.open(Member{})
	if n, err := tl.copy(io.LimitReader(zero{}, 100_000)); n != 100_000 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	tl.close()
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }

// TestMemory wants memory given to who waits, the net with least first, and
// the wait to end.
func TestMemory(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		m := NewMemory(100)
		if _, ok := m.take("a", 101, maxWait); ok {
			t.Error("more than all")
		}
		for _, net := range []string{"a", "a", "b"} {
			if _, ok := m.take(net, 30, maxWait); !ok {
				t.Fatal("none, though it was free")
			}
		}
		var order []string
		ask := func(net string, n int64) {
			go func() {
				if _, ok := m.take(net, n, maxWait); ok {
					order = append(order, net)
				} else {
					order = append(order, "not "+net)
				}
			}()
			synctest.Wait()
		}
		ask("a", 40)
		ask("b", 40)
		ask("c", 40)
		ask("d", 5) // would fit, but c and b come first, who hold no more
		time.Sleep(5 * time.Second)
		m.give("a", 30)
		synctest.Wait()
		if !slices.Equal(order, []string{"c"}) && !slices.Equal(order, []string{"c", "d"}) {
			t.Errorf("served %v", order)
		}
		m.give("c", 40)
		synctest.Wait()
		m.give("a", 5)
		time.Sleep(4999 * time.Millisecond)
		synctest.Wait()
		if slices.Contains(order, "not b") {
			t.Error("gave up early")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if !slices.Equal(order, []string{"c", "d", "a", "not b"}) {
			t.Errorf("served %v", order)
		}
		m.give("a", 65)
		m.give("b", 30)
		m.give("d", 5)
		if m.Held() != 0 || len(m.nets) != 0 || len(m.queue) != 0 {
			t.Errorf("%d held, %d nets", m.Held(), len(m.nets))
		}
	})
}

// TestBudgetWaits lets a message wait for another's memory.
func TestBudgetWaits(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		m := NewMemory(1 << 20)
		one, two := NewBudget(Limits{}, m, "a"), NewBudget(Limits{}, m, "b")
		if !one.grow(1 << 20) {
			t.Fatal("no memory")
		}
		got := make(chan bool, 1)
		go func() { got <- two.grow(1000) }()
		synctest.Wait()
		one.shrink(1 << 19)
		if !<-got {
			t.Error("not served")
		}
		two.watch(true)
		if two.grow(1 << 20); two.end != (Note{RuleMemory, Strained, "all"}) || two.spent > 0 {
			t.Errorf("ended with %v after %v", two.end, two.spent)
		}
		one.Release()
		two.Release()
		if m.Held() != 0 {
			t.Errorf("%d held", m.Held())
		}
	})
}

// A limit that is lowered below what somebody waits for keeps nobody else
// waiting.
func TestMemoryLimitLowered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(10)
		m.take("a", 10, maxWait)
		go m.take("b", 8, maxWait) // in vain
		synctest.Wait()
		got := make(chan bool)
		go func() {
			_, ok := m.take("c", 3, maxWait)
			got <- ok
		}()
		synctest.Wait()
		m.SetLimit(5)
		m.give("a", 10)
		if !<-got {
			t.Error("not served")
		}
		m.give("c", 3)
		time.Sleep(maxWait)
		synctest.Wait()
		if n := m.Held(); n != 0 {
			t.Errorf("%d held", n)
		}
	})
}
