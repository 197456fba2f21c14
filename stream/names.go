package stream

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of the cache of senders' host names.
const (
	namesMax     = 10000            // addresses remembered
	namesLife    = 10 * time.Minute // for how long
	namesAtOnce  = 16               // look-ups under way; beyond, a name stays unknown
	namesTimeout = 5 * time.Second  // for one look-up, its confirmation included
)

// names knows the verified host names of addresses: PTR, confirmed by the
// name's own addresses. A look-up is started by the first session of an
// address and never awaited; until it is over the name is unknown. Private
// and loopback addresses are not looked up.
type names struct {
	// verify looks a name up; nil: verifiedName.
	verify func(context.Context, netip.Addr) string

	ctx     context.Context
	running sync.WaitGroup
	slots   chan struct{}

	mu    sync.Mutex // guards known
	known map[netip.Addr]nameEntry
}

type nameEntry struct {
	name  string
	until time.Time
}

func (n *names) start(ctx context.Context) {
	n.ctx = ctx
	n.slots = make(chan struct{}, namesAtOnce)
	n.known = map[netip.Addr]nameEntry{}
	if n.verify == nil {
		n.verify = verifiedName
	}
}

func (n *names) wait() { n.running.Wait() }

// lookup returns the name known of a, or "" and sees to it that it is known later.
func (n *names) lookup(a netip.Addr) string {
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
		return ""
	}
	now := time.Now()
	n.mu.Lock()
	e, ok := n.known[a]
	n.mu.Unlock()
	if ok && now.Before(e.until) {
		return e.name
	}
	select {
	case n.slots <- struct{}{}:
		n.running.Go(func() { n.learn(a) })
	default:
	}
	return e.name
}

// learn looks a name up and stores it.
func (n *names) learn(a netip.Addr) {
	defer func() { <-n.slots }()
	defer contain()
	ctx, cancel := context.WithTimeout(n.ctx, namesTimeout)
	defer cancel()
	e := nameEntry{name: n.verify(ctx, a), until: time.Now().Add(namesLife)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= namesMax {
		clear(n.known) // seldom, and costs no more than asking again
	}
	n.known[a] = e
}

// verifiedName is a's first PTR name whose addresses contain a.
func verifiedName(ctx context.Context, a netip.Addr) string {
	found, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil {
		return ""
	}
	for _, name := range found[:min(len(found), 3)] {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			continue
		}
		for _, b := range addrs {
			if b.Unmap() == a {
				return strings.TrimSuffix(name, ".")
			}
		}
	}
	return ""
}
