package stream

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

var (
	detoursNoted   = metrics.NewCounter("sluice_detours_remembered_total")
	detoursTaken   = metrics.NewCounter("sluice_detours_taken_total")
	detoursRefused = metrics.NewCounter("sluice_detours_refused_total")
	detoursEvicted = metrics.NewCounter("sluice_detours_evicted_total")
)

// Bounds of the detours that are remembered. What does not fit costs the
// sender one attempt more for each attempt in which it is not there.
const (
	// detourLife is how long one is kept: 24 h. Senders retry for 4 to 5 days
	// (RFC 5321 section 4.5.4.1), first within the hour, in the end some hours
	// apart: any two attempts in a row fall into a day.
	detourLife = 24 * time.Hour
	// maxDetours is how many there are in all: 16384, at about 300 octets each
	// some 5 MiB. Beyond it the oldest goes: its sender has most likely given
	// up, and whoever wants to fill the table must send a window of mail for
	// each entry.
	maxDetours = 16384
	// maxDetoursOfNet is how many one sender net may have: 256. A net that has
	// more waiting gets no new ones, so that it cannot push out the others'.
	maxDetoursOfNet = 256
)

// detours remembers where messages were wanted, in this process's memory,
// bounded in entries, entries a sender net, and time. The zero value is ready.
type detours struct {
	// now is the clock; nil: time.Now.
	now func() time.Time

	mu      sync.Mutex // guards the rest
	entries map[Subject]*list.Element
	order   list.List // of *detourEntry; the oldest first, as all lives are equal
	perNet  map[netip.Prefix]int
}

type detourEntry struct {
	subject Subject
	net     netip.Prefix
	until   time.Time
	detour  detour
}

// remember stores d for subject, counted against net, in the place of what was
// known of it. It reports false if the net has no room left.
func (t *detours) remember(subject Subject, net netip.Prefix, d detour) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	t.expire(now)
	t.remove(t.entries[subject])
	if t.perNet[net] >= maxDetoursOfNet {
		detoursRefused.Inc()
		return false
	}
	if t.order.Len() >= maxDetours {
		detoursEvicted.Inc()
		t.remove(t.order.Front())
	}
	if t.entries == nil {
		t.entries, t.perNet = map[Subject]*list.Element{}, map[netip.Prefix]int{}
	}
	t.entries[subject] = t.order.PushBack(&detourEntry{subject, net, now.Add(detourLife), d})
	t.perNet[net]++
	detoursNoted.Inc()
	return true
}

// lookup returns what is known of subject.
func (t *detours) lookup(subject Subject) (detour, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[subject]
	if e == nil || !t.clock().Before(entryOf(e).until) {
		return detour{}, false
	}
	return entryOf(e).detour, true
}

// forget drops what is known of subject.
func (t *detours) forget(subject Subject) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(t.entries[subject])
}

func (t *detours) clock() time.Time {
	if t.now != nil {
		return t.now()
	}
	return time.Now()
}

// expire drops what is over.
func (t *detours) expire(now time.Time) {
	for e := t.order.Front(); e != nil && !now.Before(entryOf(e).until); e = t.order.Front() {
		t.remove(e)
	}
}

// remove drops an entry; nil: there is none.
func (t *detours) remove(e *list.Element) {
	if e == nil {
		return
	}
	gone := entryOf(e)
	t.order.Remove(e)
	delete(t.entries, gone.subject)
	if t.perNet[gone.net]--; t.perNet[gone.net] <= 0 {
		delete(t.perNet, gone.net)
	}
}

func entryOf(e *list.Element) *detourEntry { return e.Value.(*detourEntry) }
