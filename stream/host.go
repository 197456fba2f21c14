package stream

import (
	"sync"
	"time"

	"sluice/policy"
)

const (
	// netShare: one sender's network holds at most a fifth of a host's
	// connections, or one slow address could block a customer's server.
	netShare = 5
	// maxIdle is how many unused sessions one host has to bear.
	maxIdle = 20
	// peakSpan is how long a burst justifies idle sessions.
	peakSpan = 30 * time.Second
)

// A host is one server address: how many connections it may have, who holds
// them, which are idle, and whether it works. Every pool that leads there
// shares it, tenants' too: the server counts connections, not tenants.
type host struct {
	addr string
	now  func() time.Time

	mu      sync.Mutex // never held across I/O
	limit   int        // connections at once
	total   int        // being opened, busy, or idle
	idle    []*upstream
	waiting []*slotWaiter
	nets    map[string]int // connections held or waited for, by sender net
	breaker breaker
	closed  bool

	// The most that were busy at once, in this span and the one before.
	peak, peakBefore int
	peakSince        time.Time
	used             time.Time
}

func newHost(addr string, now func() time.Time) *host {
	return &host{addr: addr, now: now, limit: policy.DefaultMaxConnections, nets: make(map[string]int)}
}

// A slotWaiter waits for a connection of its pool.
type slotWaiter struct {
	pool  *pool
	who   *senderIdentity
	ready chan slotGrant // room for one: the giver never waits
}

// A slotGrant is a kept session, or with u nil the right to open one.
type slotGrant struct {
	u  *upstream
	ok bool // false: the host is closed
}

// A slotAnswer says what take got.
type slotAnswer uint8

const (
	slotKept   slotAnswer = iota // a session that was kept
	slotOpen                     // the right to open a connection
	slotBusy                     // all connections are in use
	slotShare                    // the sender's network has its share already
	slotBroken                   // the breaker is open
)

// take gets a session of pl or the right to open one. It never waits. The
// second session is one that had to go for it: the caller closes it.
func (h *host) take(pl *pool, who *senderIdentity, now time.Time) (got slotAnswer, u, evicted *upstream, trial bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.used = now
	if !h.mayHold(who) {
		return slotShare, nil, nil, false
	}
	allowed, trial := h.breaker.allow(now)
	if !allowed || h.closed {
		return slotBroken, nil, nil, false
	}
	if u = h.takeIdle(pl, who); u != nil {
		got = slotKept
	} else if h.total < h.limit {
		got = slotOpen
		h.total++
	} else if evicted = h.evict(); evicted != nil {
		got = slotOpen
	} else {
		if trial {
			h.breaker.abandon()
		}
		return slotBusy, nil, nil, false
	}
	h.hold(who, now)
	return got, u, evicted, trial
}

// takeIdle removes the youngest idle session that pl and who may use: the
// older ones age and go.
func (h *host) takeIdle(pl *pool, who *senderIdentity) *upstream {
	for i := len(h.idle) - 1; i >= 0; i-- {
		u := h.idle[i]
		if u.pool == pl && (!pl.perSender || u.who.same(who)) {
			h.removeIdle(i)
			return u
		}
	}
	return nil
}

func (h *host) removeIdle(i int) {
	copy(h.idle[i:], h.idle[i+1:])
	h.idle[len(h.idle)-1] = nil
	h.idle = h.idle[:len(h.idle)-1]
}

// evict removes the oldest idle session; its place stays counted.
func (h *host) evict() *upstream {
	if len(h.idle) == 0 {
		return nil
	}
	u := h.idle[0]
	h.removeIdle(0)
	return u
}

// mayHold tells whether the sender's network may hold one connection more.
func (h *host) mayHold(who *senderIdentity) bool {
	if who == nil || who.exempt || who.net == "" {
		return true
	}
	return h.nets[who.net] < max(1, h.limit/netShare)
}

func (h *host) hold(who *senderIdentity, now time.Time) {
	if who != nil && who.net != "" {
		h.nets[who.net]++
	}
	if now.Sub(h.peakSince) >= peakSpan {
		h.peakBefore, h.peak, h.peakSince = h.peak, 0, now
	}
	h.peak = max(h.peak, h.total-len(h.idle))
}

func (h *host) unhold(who *senderIdentity) {
	if who == nil || who.net == "" {
		return
	}
	if h.nets[who.net]--; h.nets[who.net] <= 0 {
		delete(h.nets, who.net)
	}
}

// wait queues for a connection when take said slotBusy. Whoever waits counts
// for the share of its network.
func (h *host) wait(pl *pool, who *senderIdentity, now time.Time) *slotWaiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &slotWaiter{pool: pl, who: who, ready: make(chan slotGrant, 1)}
	if h.closed || !h.mayHold(who) {
		w.ready <- slotGrant{}
		return w
	}
	h.hold(who, now)
	h.waiting = append(h.waiting, w)
	return w
}

// leave ends waiting in vain. It reports false if a grant came first; then
// that is in w.ready.
func (h *host) leave(w *slotWaiter) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.waiting {
		if h.waiting[i] == w {
			h.waiting = append(h.waiting[:i], h.waiting[i+1:]...)
			h.unhold(w.who)
			return true
		}
	}
	return false
}

// put takes back a session after use. It reports whether the session was kept
// or handed on; if not, the caller closes it, and its place is free already.
func (h *host) put(u *upstream, reusable bool, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unhold(u.who)
	h.used = now
	if reusable && !h.closed && h.total <= h.limit {
		if len(h.waiting) == 0 {
			if len(h.idle) < h.mayIdle(now) {
				u.idleSince = now
				h.idle = append(h.idle, u)
				return true
			}
		} else if w := h.waiting[0]; w.pool == u.pool && !w.pool.perSender {
			h.next()
			w.ready <- slotGrant{u: u, ok: true}
			return true
		}
	}
	h.free()
	return false
}

// mayIdle is how many sessions may be kept: no more than were of use lately.
func (h *host) mayIdle(now time.Time) int {
	peak := h.peak
	if now.Sub(h.peakSince) < peakSpan {
		peak = max(peak, h.peakBefore)
	}
	return min(peak, maxIdle)
}

// leaveSlot gives back the place of a connection that was not opened, or is
// closed.
func (h *host) leaveSlot(who *senderIdentity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unhold(who)
	h.free()
}

// free passes a place on, or counts it free.
func (h *host) free() {
	if len(h.waiting) > 0 && h.total <= h.limit {
		w := h.next()
		w.ready <- slotGrant{ok: true}
		return
	}
	h.total--
}

func (h *host) next() *slotWaiter {
	w := h.waiting[0]
	copy(h.waiting, h.waiting[1:])
	h.waiting[len(h.waiting)-1] = nil
	h.waiting = h.waiting[:len(h.waiting)-1]
	return w
}

// expire removes the sessions that were idle or alive too long and appends
// them to dead; the caller closes them.
func (h *host) expire(now time.Time, dead []*upstream) []*upstream {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 0; i < len(h.idle); {
		u := h.idle[i]
		if now.Sub(u.idleSince) < u.times.PoolIdle && now.Sub(u.born) < u.times.PoolAge {
			i++
			continue
		}
		h.removeIdle(i)
		h.total--
		dead = append(dead, u)
	}
	return dead
}

// close refuses everything from now on and returns the idle sessions.
func (h *host) close() []*upstream {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	idle := h.idle
	h.idle = nil
	h.total -= len(idle)
	for len(h.waiting) > 0 {
		w := h.next()
		h.unhold(w.who)
		w.ready <- slotGrant{}
	}
	return idle
}

// disused tells that nobody has needed the host since a time.
func (h *host) disused(since time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total == 0 && len(h.waiting) == 0 && h.used.Before(since)
}

// limitTo sets how many connections the host may have.
func (h *host) limitTo(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit = max(1, n)
}

// works tells the breaker that the host answers: its trial is over.
func (h *host) works() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.breaker.works()
}

// succeeded counts a transaction that ended in order, whatever its outcome.
func (h *host) succeeded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.breaker.success(h.now())
}

// failed counts a connection or transaction that did not.
func (h *host) failed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.breaker.failure(h.now()) {
		breakersOpened.Inc()
	}
}

// abandoned takes back a trial that showed nothing.
func (h *host) abandoned() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.breaker.abandon()
}

// distrust keeps away from the host for a time.
func (h *host) distrust(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.breaker.open(h.now().Add(d))
}
