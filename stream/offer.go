package stream

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

const (
	// lessonKeep is how long a server's EHLO counts for the offer.
	lessonKeep = 24 * time.Hour
	// lessonSure is how fresh it must be for a 5xx because of what it lacks.
	lessonSure = time.Hour
	// lessonHosts bounds what is kept of a route: MX routes meet many hosts.
	lessonHosts = 1024

	// probeAtOnce servers are asked at once, each for no longer than a
	// connection may take; probeDomains are asked of a route by MX.
	probeAtOnce  = 8
	probeDomains = 8
)

// An offer is what EHLO may promise now, before the recipient's server is
// known.
type offer struct {
	ext  wire.Extensions
	size int64 // octets
}

// A lesson is what a server's EHLO said.
type lesson struct {
	ext  wire.Extensions
	size int64 // 0: no limit known
	seen time.Time
}

type lessonKey struct{ tenant, route string }

// lessons are what the servers of all routes said last.
type lessons struct {
	mu     sync.Mutex
	routes map[lessonKey]map[string]lesson // by route, by server address
	offers atomic.Pointer[madeOffer]
	// changes counts what could change an offer.
	changes atomic.Int64
}

// A madeOffer spares going through all routes at each EHLO.
type madeOffer struct {
	setup   *Setup
	changes int64
	offer   offer
}

// learn notes what u's server can do.
func (l *lessons) learn(pl *pool, u *upstream, now time.Time) {
	key := lessonKey{pl.key.tenant, pl.key.route}
	l.mu.Lock()
	defer l.mu.Unlock()
	hosts := l.routes[key]
	if hosts == nil {
		hosts = make(map[string]lesson)
		l.routes[key] = hosts
	}
	old, had := hosts[pl.key.address]
	if !had && len(hosts) >= lessonHosts {
		clear(hosts)
	}
	hosts[pl.key.address] = lesson{u.ehlo.Ext, u.ehlo.Size, now}
	if !had || old.ext != u.ehlo.Ext || old.size != u.ehlo.Size {
		l.changes.Add(1)
	}
}

// expire forgets what is too old to promise.
func (l *lessons) expire(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, hosts := range l.routes {
		for addr, k := range hosts {
			if now.Sub(k.seen) >= lessonKeep {
				delete(hosts, addr)
				l.changes.Add(1)
			}
		}
		if len(hosts) == 0 {
			delete(l.routes, key)
		}
	}
}

// of calls f for each server of a route; known is false for those that have
// not been heard of. A route by MX has the servers that were met.
func (l *lessons) of(rt *policy.Route, f func(k lesson, known bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hosts := l.routes[lessonKey{rt.Tenant, rt.Name}]
	if rt.MX {
		for _, k := range hosts {
			f(k, true)
		}
		if len(hosts) == 0 {
			f(lesson{}, false)
		}
		return
	}
	for _, s := range rt.Servers {
		k, known := hosts[s.Address]
		f(k, known)
	}
}

// offer returns what may be said in EHLO now. STARTTLS and REQUIRETLS are what
// the servers' side allows: a listener without certificate leaves both out,
// and REQUIRETLS is for sessions under TLS.
func (p *servers) offer(setup *Setup) offer {
	changes := p.lessons.changes.Load()
	if m := p.lessons.offers.Load(); m != nil && m.setup == setup && m.changes == changes {
		return m.offer
	}
	o := p.lessons.makeOffer(setup)
	p.lessons.offers.Store(&madeOffer{setup, changes, o})
	return o
}

func (l *lessons) makeOffer(setup *Setup) offer {
	const always = wire.Pipelining | wire.EnhancedStatusCodes | wire.StartTLS | wire.Limits | wire.Size | wire.EightBitMIME
	o := offer{ext: always}
	all := wire.Chunking | wire.DSN | wire.RequireTLS // that every server has
	routes := setup.Policy.Routes()
	utf8 := len(routes) == 0
	for _, rt := range routes {
		if !demandsVerified(rt) {
			all &^= wire.RequireTLS
		}
		limit := setup.Limits.MaxMessage
		if rt.MaxMessage > 0 {
			limit = min(limit, rt.MaxMessage)
		}
		hosts, largest := 0, int64(0)
		l.of(rt, func(k lesson, known bool) {
			hosts++
			all &= k.ext // nothing, if not known
			utf8 = utf8 || !known || k.ext.Has(wire.SMTPUTF8)
			size := limit
			if k.size > 0 {
				size = min(limit, max(1, k.size-maxTrace)) // 0 would mean no limit
			}
			largest = max(largest, size)
		})
		if hosts == 0 {
			largest = limit
		}
		o.size = max(o.size, largest)
	}
	if len(routes) == 0 {
		all, o.size = 0, setup.Limits.MaxMessage
	}
	if utf8 {
		o.ext |= wire.SMTPUTF8
	}
	o.ext |= all
	return o
}

// demandsVerified tells whether mail on the route only ever goes over TLS to a
// server that proved to be the right one (RFC 8689 section 4.2.1).
func demandsVerified(rt *policy.Route) bool {
	return rt.TLS == policy.TLSVerify || rt.TLS == policy.TLSPin || rt.TLS == policy.TLSDANE
}

// lacks tells whether every server of the route has been heard within the
// hour, and none had ext: then a 5xx is the truth about the route and not the
// fault of an old offer.
func (p *servers) lacks(rt *policy.Route, ext wire.Extensions) bool {
	now, sure, hosts := p.now(), true, 0
	p.lessons.of(rt, func(k lesson, known bool) {
		hosts++
		sure = sure && known && !k.ext.Has(ext) && now.Sub(k.seen) < lessonSure
	})
	return sure && hosts > 0
}

// mismatch tells why a session's server cannot take a transaction, or nil. It
// is final where the whole route cannot, else our offer was wrong: by now it
// is corrected.
func (p *servers) mismatch(rt *policy.Route, u *upstream, m wire.Mail) *ReplyError {
	final := func(reply wire.Reply, sure bool) *ReplyError {
		if !sure {
			reply = replyShrunkOffer
		}
		return &ReplyError{Reply: reply}
	}
	ext := u.ehlo.Ext
	if m.SMTPUTF8 && !ext.Has(wire.SMTPUTF8) {
		return final(replyNoUTF8, p.lacks(rt, wire.SMTPUTF8))
	}
	if m.RequireTLS && (!ext.Has(wire.RequireTLS) || !u.verified) {
		return final(replyNoRequireTLS, !demandsVerified(rt) || p.lacks(rt, wire.RequireTLS))
	}
	if ext.Has(wire.Size) && u.ehlo.Size > 0 && m.Size > u.ehlo.Size {
		return &ReplyError{Reply: replyTooBig(u.ehlo.Size)}
	}
	return nil
}

// lacksFor is our reply to a recipient the server cannot take, or none. It is
// about NOTIFY without DSN (RFC 3461): SUCCESS would never be sent, NEVER would
// not be heeded, while what DELAY and FAILURE ask for happens anyway. And about
// the server's RCPTMAX (RFC 9422 section 4.2).
func (u *upstream) lacksFor(r *wire.Rcpt) wire.Reply {
	if u.ehlo.RcptMax > 0 && u.rcpts >= u.ehlo.RcptMax {
		return replySeparately
	}
	if r.Notify != "NEVER" && !strings.Contains(r.Notify, "SUCCESS") || u.ehlo.Ext.Has(wire.DSN) {
		return wire.Reply{}
	}
	if u.noDSN {
		return replyNoDSN
	}
	return replyShrunkOffer
}

// probe asks every server of the routes in the background what it can do, so
// that the first senders find a true offer. It returns at once.
func (p *servers) probe(ctx context.Context, setup *Setup, routes []*policy.Route) {
	p.running.Go(func() { p.probeAll(ctx, setup, routes) })
}

func (p *servers) probeAll(ctx context.Context, setup *Setup, routes []*policy.Route) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	var asking sync.WaitGroup
	room := make(chan struct{}, probeAtOnce)
	for _, rt := range routes {
		for _, pl := range p.probed(ctx, setup, rt) {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				asking.Wait()
				return
			}
			asking.Go(func() {
				defer func() { <-room }()
				defer contain()
				p.probeOne(ctx, setup, pl)
			})
		}
	}
	asking.Wait()
}

// probed returns the pools of a route that can be known beforehand.
func (p *servers) probed(ctx context.Context, setup *Setup, rt *policy.Route) []*pool {
	domains := []string{""}
	if rt.MX {
		domains = nil
		for _, d := range rt.Domains {
			if d != "*" && !strings.HasPrefix(d, ".") && len(domains) < probeDomains {
				domains = append(domains, d)
			}
		}
	}
	var pools []*pool
	for _, d := range domains {
		set, err := p.targets(ctx, setup, rt, d)
		if err != nil {
			continue // the first mail will tell
		}
		for i := range set.groups {
			pools = append(pools, set.groups[i].pools...)
		}
	}
	return pools
}

// probeOne says EHLO to one server and QUIT. The place it takes counts.
func (p *servers) probeOne(ctx context.Context, setup *Setup, pl *pool) {
	got, u, evicted, trial := pl.host.take(pl, nil, p.now())
	if evicted != nil {
		evicted.quit()
	}
	switch got {
	case slotKept: // so it is known
		u.begin(setup, nil, false)
		if trial {
			pl.host.abandoned()
		}
		p.release(u)
	case slotOpen:
		if u, err := p.connect(ctx, setup, pl, nil, time.Now().Add(setup.Timeouts.ConnectAll), trial); err == nil {
			u.unbind()
			pl.host.works()
			u.quit()
			pl.host.leaveSlot(nil)
		}
	case slotBusy, slotShare, slotBroken:
	}
}
