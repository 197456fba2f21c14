package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/policy"
)

// idleSession is a session no socket stands behind, for what never touches one.
func idleSession(pl *pool, who *senderIdentity) *upstream {
	return &upstream{pool: pl, host: pl.host, who: who, times: &testSetup().Timeouts, born: pl.host.now()}
}

func netOf(i int) *senderIdentity { return &senderIdentity{net: fmt.Sprint(i)} }

func TestSlotsCapAndShare(t *testing.T) {
	h := newHost("h", time.Now)
	h.limitTo(10)
	pl := &pool{host: h}
	one := netOf(1)
	for i := range 2 { // a fifth
		if got, _, _, _ := h.take(pl, one, time.Now()); got != slotOpen {
			t.Fatalf("place %d: %v", i, got)
		}
	}
	if got, _, _, _ := h.take(pl, one, time.Now()); got != slotShare {
		t.Errorf("third place of one network: %v", got)
	}
	exempt := &senderIdentity{net: "1", exempt: true}
	for range 8 {
		if got, _, _, _ := h.take(pl, exempt, time.Now()); got != slotOpen {
			t.Errorf("exempt: %v", got)
		}
	}
	if got, _, _, _ := h.take(pl, netOf(2), time.Now()); got != slotBusy {
		t.Errorf("eleventh: %v", got)
	}
	for range 8 {
		h.leaveSlot(exempt)
	}
	h.leaveSlot(one)
	if got, _, _, _ := h.take(pl, one, time.Now()); got != slotOpen {
		t.Errorf("after giving back: %v", got)
	}
	h.leaveSlot(one)
	h.leaveSlot(one)
	if h.total != 0 || len(h.nets) != 0 {
		t.Errorf("total %d, nets %v", h.total, h.nets)
	}
}

func TestSlotsEvictAndKeep(t *testing.T) {
	now := time.Now()
	h := newHost("h", func() time.Time { return now })
	h.limitTo(2)
	a, b := &pool{host: h}, &pool{host: h}
	h.take(a, netOf(1), now)
	h.take(a, netOf(2), now)
	old, young := idleSession(a, netOf(1)), idleSession(a, netOf(2))
	if !h.put(old, true, now) || !h.put(young, true, now) {
		t.Fatal("not kept")
	}
	got, u, evicted, _ := h.take(b, netOf(3), now)
	if got != slotOpen || u != nil || evicted != old {
		t.Errorf("another pool: %v, evicted the old one: %v", got, evicted == old)
	}
	if got, u, _, _ = h.take(a, netOf(1), now); got != slotKept || u != young {
		t.Errorf("same pool: %v", got)
	}
	if got, _, _, _ = h.take(a, netOf(4), now); got != slotBusy {
		t.Errorf("full: %v", got)
	}
}

// Idle sessions: no more than were busy at once lately, and 20.
func TestSlotsIdleBound(t *testing.T) {
	now := time.Now()
	h := newHost("h", func() time.Time { return now })
	h.limitTo(100)
	pl := &pool{host: h}
	busy := func(n int) (kept int) {
		for range n {
			h.take(pl, nil, now)
		}
		for range n {
			if h.put(idleSession(pl, nil), true, now) {
				kept++
			}
		}
		return kept
	}
	if n := busy(30); n != maxIdle {
		t.Errorf("kept %d of 30", n)
	}
	now = now.Add(29 * time.Second)
	if dead := h.expire(now, nil); len(dead) != 0 {
		t.Errorf("%d died early", len(dead))
	}
	now = now.Add(time.Second)
	if dead := h.expire(now, nil); len(dead) != maxIdle || h.total != 0 {
		t.Errorf("%d died, %d counted", len(dead), h.total)
	}
	now = now.Add(2 * peakSpan)
	busy(1)
	now = now.Add(peakSpan)
	if busy(1); len(h.idle) != 1 {
		t.Errorf("%d idle after quiet", len(h.idle))
	}
}

// A limit that a reload lowered is reached as sessions come back.
func TestSlotsLimitLowered(t *testing.T) {
	h := newHost("h", time.Now)
	pl := &pool{host: h}
	for range 3 {
		h.take(pl, nil, time.Now())
	}
	h.limitTo(1)
	w := h.wait(pl, nil, time.Now())
	for i, keep := range []bool{false, false, true} {
		if got := h.put(idleSession(pl, nil), true, time.Now()); got != keep || h.total != max(1, 2-i) {
			t.Errorf("session %d: kept %v, %d left", i, got, h.total)
		}
	}
	if g := <-w.ready; g.u == nil {
		t.Error("waiter got no session")
	}
}

func TestSlotsPerSender(t *testing.T) {
	h := newHost("h", time.Now)
	pl := &pool{host: h, perSender: true}
	a, b := testSender(), testSender()
	b.helo = "other"
	h.take(pl, a, time.Now())
	h.put(idleSession(pl, a), true, time.Now())
	if got, _, _, _ := h.take(pl, b, time.Now()); got != slotOpen {
		t.Errorf("other sender: %v", got)
	}
	if got, _, _, _ := h.take(pl, a, time.Now()); got != slotKept {
		t.Errorf("same sender: %v", got)
	}
}

// Waiting for a place: first come, first served; a session is handed on; who
// gives up gets 451 4.4.5 exactly after PoolSlot.
func TestSlotsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &servers{now: time.Now}
		setup := testSetup()
		setup.Timeouts.PoolSlot = 10 * time.Second
		h := newHost("h", time.Now)
		h.limitTo(1)
		pl := &pool{host: h, route: &policy.Route{}}
		h.take(pl, nil, time.Now())
		h.take(pl, nil, time.Now()) // no effect: busy

		var order []int
		var mu sync.Mutex
		var running sync.WaitGroup
		for i := range 3 {
			time.Sleep(time.Second)
			running.Go(func() {
				w := h.wait(pl, netOf(i), time.Now())
				g := <-w.ready
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				if !g.ok {
					t.Error("not granted")
				}
				time.Sleep(time.Second)
				h.leaveSlot(netOf(i))
			})
		}
		synctest.Wait()
		began := time.Now()
		_, err := p.await(context.Background(), setup, pl, netOf(9))
		if replyFor(err) != replyBusy || time.Since(began) != setup.Timeouts.PoolSlot {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		h.leaveSlot(nil)
		running.Wait()
		if fmt.Sprint(order) != "[0 1 2]" || h.total != 0 || len(h.nets) != 0 {
			t.Errorf("order %v, total %d, nets %v", order, h.total, h.nets)
		}

		// The end of the context ends the wait.
		h.take(pl, nil, time.Now())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := p.await(ctx, setup, pl, netOf(9)); !errors.Is(err, context.DeadlineExceeded) || len(h.waiting) != 0 {
			t.Errorf("%v, %d waiting", err, len(h.waiting))
		}
		// Who waits counts for its network's share.
		w := h.wait(pl, netOf(5), time.Now())
		if got, _, _, _ := h.take(pl, netOf(5), time.Now()); got != slotShare {
			t.Errorf("waiting does not count: %v", got)
		}
		// A session that comes back goes to whoever waits.
		u := idleSession(pl, nil)
		if !h.put(u, true, time.Now()) {
			t.Error("not handed on")
		}
		if g := <-w.ready; g.u != u {
			t.Error("another session")
		}
		h.leaveSlot(netOf(5))
		// Closing ends the wait.
		h.take(pl, nil, time.Now())
		w = h.wait(pl, nil, time.Now())
		h.close()
		if g := <-w.ready; g.ok {
			t.Error("granted after close")
		}
	})
}

// All open: R4 at once, without a connection.
func TestBreakerKeepsAway(t *testing.T) {
	now := time.Now()
	p := newServers(func() time.Time { return now }, nil, nil)
	defer p.close()
	dead := []string{"close"}
	s := startScripted(t, dead, dead, dead, dead, dead, script(hello, begin, takesData), script(hello, begin))
	rt := testRoute(s.addr())
	setup := testSetup()
	for range breakerRow {
		if _, err := p.acquire(context.Background(), setup, rt, "", nil); replyFor(err) != replyUnreachable {
			t.Fatal(err)
		}
	}
	if _, err := p.acquire(context.Background(), setup, rt, "", nil); err != errBreakerOpen {
		t.Errorf("breaker closed: %v", err)
	}
	now = now.Add(7 * time.Second)
	u := openOne(t, p, setup, rt) // the trial
	if b := &p.hosts[s.addr()].breaker; b.state != breakerClosed {
		t.Errorf("state %d after a good trial", b.state)
	}
	v := openOne(t, p, setup, rt)
	p.drop(v)
	deliver(t, u)
	p.drop(u)
	if h := p.hosts[s.addr()]; h.total != 0 {
		t.Errorf("%d connections counted", h.total)
	}
}
