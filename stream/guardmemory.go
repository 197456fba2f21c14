package stream

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/stream/wire"
)

var guardRefused = metrics.NewCounter("sluice_guard_refused_total")

// Bounds of what is remembered (RFC 5321 section 4.5.4.1: retries come after
// at least 30 minutes).
const (
	guardLife    = 60 * time.Minute // how long a reply is kept
	guardMemory  = 8 << 20          // octets of all entries; beyond: not stored, counted
	guardPerNet  = 64               // live entries of one sender net
	guardText    = 400              // octets of a reply's text
	guardEntry   = 160              // octets an entry costs beside its text
	guardSweeper = 256              // entries looked at for expiry at each store
)

// MemoryGuard is a Guard in one process's memory, bounded in octets, entries a
// sender net, and time.
type MemoryGuard struct {
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	key     [32]byte
	mu      sync.Mutex // guards the rest
	entries map[Subject]guardedReply
	order   []guardPlace // by time of storing; may name what is gone
	perNet  map[string]int
	octets  int
}

// A guardPlace is where a subject stands in the order of expiry.
type guardPlace struct {
	subject Subject
	until   time.Time
}

type guardedReply struct {
	net   string
	reply wire.Reply
	until time.Time
	doubt bool
}

// NewMemoryGuard returns an empty guard with a fresh key.
func NewMemoryGuard() *MemoryGuard {
	g := &MemoryGuard{entries: map[Subject]guardedReply{}, perNet: map[string]int{}}
	rand.Read(g.key[:]) // never fails (crypto/rand)
	return g
}

// Key implements Guard.
func (g *MemoryGuard) Key() []byte { return g.key[:] }

// Remember implements Guard.
func (g *MemoryGuard) Remember(subject Subject, net string, reply wire.Reply) {
	g.store(subject, guardedReply{net: net, reply: cutText(reply)})
}

// Doubt implements Guard.
func (g *MemoryGuard) Doubt(subject Subject, net string) {
	g.store(subject, guardedReply{net: net, doubt: true})
}

func (g *MemoryGuard) store(subject Subject, e guardedReply) {
	now := g.now()
	e.until = now.Add(guardLife)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire(now)
	g.remove(subject)
	if g.perNet[e.net] >= guardPerNet || g.octets+e.cost() > guardMemory {
		guardRefused.Inc()
		return
	}
	g.entries[subject] = e
	g.order = append(g.order, guardPlace{subject, e.until})
	g.perNet[e.net]++
	g.octets += e.cost()
}

// Lookup implements Guard.
func (g *MemoryGuard) Lookup(subject Subject) (wire.Reply, Known) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e, ok := g.entries[subject]
	switch {
	case !ok || !g.now().Before(e.until):
		return wire.Reply{}, Unknown
	case e.doubt:
		return wire.Reply{}, Doubted
	}
	return e.reply, Stored
}

// Forget implements Guard.
func (g *MemoryGuard) Forget(subject Subject) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(subject)
}

// Len returns how many subjects are stored.
func (g *MemoryGuard) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.entries)
}

func (g *MemoryGuard) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// expire drops what is over from the front of order: all lives are equal.
// A subject stored twice stands there twice; the older place is skipped, as
// are those of what was forgotten. Should these be most of order, it is made
// anew: it must not grow with what is stored and forgotten all the time.
func (g *MemoryGuard) expire(now time.Time) {
	n := 0
	for _, p := range g.order[:min(len(g.order), guardSweeper)] {
		if g.live(p) {
			if now.Before(p.until) {
				break
			}
			g.remove(p.subject)
		}
		n++
	}
	g.order = g.order[n:]
	if len(g.order) > 2*len(g.entries)+guardSweeper {
		g.order = slices.DeleteFunc(g.order, func(p guardPlace) bool { return !g.live(p) })
	}
}

// live tells whether a place is the one of what is stored.
func (g *MemoryGuard) live(p guardPlace) bool {
	e, ok := g.entries[p.subject]
	return ok && e.until.Equal(p.until)
}

func (g *MemoryGuard) remove(subject Subject) {
	e, ok := g.entries[subject]
	if !ok {
		return
	}
	delete(g.entries, subject)
	g.octets -= e.cost()
	if g.perNet[e.net]--; g.perNet[e.net] <= 0 {
		delete(g.perNet, e.net)
	}
}

func (e guardedReply) cost() int { return guardEntry + len(e.reply.Text) + len(e.net) }

// cutText bounds a reply's text to what is stored.
func cutText(r wire.Reply) wire.Reply {
	if len(r.Text) > guardText {
		r.Text = strings.ToValidUTF8(r.Text[:guardText], "")
	}
	return r
}
