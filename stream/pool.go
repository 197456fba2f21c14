package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

const (
	// sessionMessages is how many messages one session carries: some servers
	// count, and a session that never ends hides a server's restart.
	sessionMessages = 100
	// sessionRefusals since the last accepted message end a session: Postfix
	// slows every reply after 10 errors and hangs up at 20
	// (smtpd_soft_error_limit, smtpd_hard_error_limit), which would punish the
	// next sender.
	sessionRefusals = 5
	// sweepEvery is how late an idle session may be closed.
	sweepEvery = time.Second
	// forgetAfter is when pools and hosts that nobody used are forgotten:
	// longer than any session lives that began with them, so that a host is
	// never counted twice.
	forgetAfter = 2 * time.Hour
)

// servers owns the server's leg of one Server: the pools of kept sessions, the
// hosts' places and breakers, and what their EHLO said.
//
// A session belongs to the goroutine that acquired it, until release or drop.
// Idle sessions have no goroutine and no buffer; one sweeper ends them.
type servers struct {
	now      func() time.Time
	resolver Resolver
	own      func(netip.AddrPort) bool // is this a listener of ours?
	mxPort   uint16                    // where MX hosts listen

	sets sync.Map // *policy.Route -> *targetSet, for routes with fixed servers

	mu    sync.Mutex // guards what follows; never held across I/O
	mx    map[mxKey]*targetSet
	pools map[poolKey]*pool
	hosts map[string]*host
	swept time.Time // when forget ran last

	lessons lessons

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newServers starts the sweeper. now, resolver and own may be nil: the clock,
// the system's resolver, and no listener of ours known.
func newServers(now func() time.Time, resolver Resolver, own func(netip.AddrPort) bool) *servers {
	if now == nil {
		now = time.Now
	}
	if resolver == nil {
		resolver = &SystemResolver{}
	}
	if own == nil {
		own = func(netip.AddrPort) bool { return false }
	}
	p := &servers{
		now: now, resolver: resolver, own: own, mxPort: smtpPort,
		mx:    make(map[mxKey]*targetSet),
		pools: make(map[poolKey]*pool),
		hosts: make(map[string]*host),
	}
	p.lessons.routes = make(map[lessonKey]map[string]lesson)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.sweep)
	return p
}

// close ends idle sessions and stops what runs in the background. Sessions in
// use stay usable; released afterwards, they are closed.
func (p *servers) close() {
	p.cancel()
	p.mu.Lock()
	hosts := p.allHosts()
	p.mu.Unlock()
	for _, h := range hosts {
		for _, u := range h.close() {
			u.quit()
		}
	}
	p.running.Wait()
}

func (p *servers) allHosts() []*host {
	all := make([]*host, 0, len(p.hosts))
	for _, h := range p.hosts {
		all = append(all, h)
	}
	return all
}

// A poolKey is everything in which two sessions must agree to stand in for
// each other. Never across tenants, even on one host.
type poolKey struct {
	tenant, route, address, host string
	protocol                     policy.Protocol
	tlsMode                      policy.TLSMode
	implicit                     bool
	tlsName, pins                string
	roots                        *x509.CertPool
	username, password           string
	identity                     policy.Identity
	source                       netip.Addr
	ehloName                     string
	secure                       bool // the name came from authenticated DNS
}

// A pool is what the sessions of one poolKey share.
type pool struct {
	key   poolKey
	route *policy.Route
	host  *host
	name  string // of the host: for TLS and lookups
	ip    netip.Addr
	port  uint16

	// perSender: a session says once and for all whose mail it carries, so
	// only the same sender's next message may use it.
	perSender bool
	tls       *tls.Config // nil: no TLS
	used      atomic.Int64
	good      atomic.Pointer[netip.Addr] // where the last connection worked
}

// pool finds or makes the pool of one server of a route.
func (p *servers) pool(rt *policy.Route, server policy.Server, secure bool) (*pool, error) {
	name, portText, err := net.SplitHostPort(server.Address)
	if err != nil {
		return nil, fmt.Errorf("server address of route %s: %w", rt.Name, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("server port of route %s: %w", rt.Name, err)
	}
	key := poolKey{
		tenant: rt.Tenant, route: rt.Name, address: server.Address, host: name,
		protocol: rt.Protocol, tlsMode: rt.TLS, implicit: rt.ImplicitTLS, tlsName: rt.TLSName, roots: rt.Roots,
		username: rt.Username, password: rt.Password, identity: rt.Identity,
		source: rt.SourceAddress, ehloName: rt.EHLOName, secure: secure,
	}
	for _, pin := range rt.Pins {
		key.pins += string(pin[:])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[server.Address]
	if h == nil {
		h = newHost(server.Address, p.now)
		h.used = p.now()
		p.hosts[server.Address] = h
		if p.ctx.Err() != nil {
			h.close()
		}
	}
	if server.MaxConnections > 0 {
		h.limitTo(server.MaxConnections)
	} else {
		h.limitTo(policy.DefaultMaxConnections)
	}
	pl := p.pools[key]
	if pl == nil {
		pl = &pool{key: key, route: rt, host: h, name: name, port: uint16(port)}
		pl.ip, _ = netip.ParseAddr(name)
		pl.perSender = rt.Identity == policy.IdentityProxyV1 || rt.Identity == policy.IdentityProxyV2 ||
			rt.Identity == policy.IdentityXCLIENT && rt.Username != ""
		pl.tls = clientTLS(rt, name)
		p.pools[key] = pl
	}
	pl.used.Store(p.now().UnixNano())
	return pl, nil
}

// acquire returns a session to one of the route's servers, ready for MAIL.
// domain is the recipient's, for routes by MX. Any error is a *ReplyError.
// Ending ctx ends the session, until commit, release or drop.
func (p *servers) acquire(ctx context.Context, setup *Setup, rt *policy.Route, domain string, who *senderIdentity) (*upstream, error) {
	set, err := p.targets(ctx, setup, rt, domain)
	if err != nil {
		return nil, err
	}
	var deadline time.Time // of all connection attempts together; set by the first
	var why *ReplyError
	for _, group := range set.groups {
		var busy *pool
		for _, pl := range group.order() {
			u, err := p.try(ctx, setup, pl, who, &deadline)
			if err == nil {
				return u, nil
			}
			if err == errAllBusy {
				if busy == nil {
					busy = pl
				}
				continue
			}
			why = worse(why, err)
			if ctx.Err() != nil {
				return nil, why
			}
		}
		if busy != nil {
			return p.await(ctx, setup, busy, who)
		}
	}
	return nil, why
}

// errAllBusy means all of a host's connections are in use: wait, or elsewhere.
var errAllBusy = errors.New("all connections in use")

// Why a host was not even tried.
var (
	errBreakerOpen = &ReplyError{Reply: replyUnreachable, Err: errors.New("host known to be down")}
	errNetShare    = &ReplyError{Reply: replyBusy, Err: errors.New("sender's network has its share of the host")}
	errNoSlot      = &ReplyError{Reply: replyBusy, Err: errors.New("no connection became free")}
)

// try gets a session of pl without waiting for others to finish.
func (p *servers) try(ctx context.Context, setup *Setup, pl *pool, who *senderIdentity, deadline *time.Time) (*upstream, error) {
	for {
		now := p.now()
		pl.used.Store(now.UnixNano())
		got, u, evicted, trial := pl.host.take(pl, who, now)
		if evicted != nil {
			evicted.quit()
		}
		switch got {
		case slotKept:
			if p.revive(ctx, setup, u, who, trial) {
				return u, nil
			}
			if trial {
				pl.host.abandoned()
			}
			pl.host.leaveSlot(who)
		case slotOpen:
			if deadline.IsZero() {
				*deadline = time.Now().Add(setup.Timeouts.ConnectAll)
			}
			return p.connect(ctx, setup, pl, who, *deadline, trial)
		case slotBusy:
			return nil, errAllBusy
		case slotShare:
			return nil, errNetShare
		case slotBroken:
			return nil, errBreakerOpen
		}
	}
}

// revive makes a kept session ready for a new sender. False: it was stale and
// is closed; its place is still taken.
func (p *servers) revive(ctx context.Context, setup *Setup, u *upstream, who *senderIdentity, trial bool) bool {
	same := u.who.same(who)
	u.begin(setup, who, trial)
	if u.c.quiet() {
		u.bind(ctx)
		if u.pool.key.identity != policy.IdentityXCLIENT || same || u.xclient(setup) == nil {
			reusedSessions.Inc()
			return true
		}
	}
	staleSessions.Inc()
	u.shut()
	return false
}

// connect uses a place that was taken.
func (p *servers) connect(ctx context.Context, setup *Setup, pl *pool, who *senderIdentity, deadline time.Time, trial bool) (*upstream, error) {
	u, err := p.dial(ctx, setup, pl, who, deadline)
	if err != nil {
		if ctx.Err() == nil {
			pl.host.failed()
		} else if trial {
			pl.host.abandoned()
		}
		pl.host.leaveSlot(who)
		return nil, err
	}
	u.trial = trial
	return u, nil
}

// await waits for a connection of pl to become free.
func (p *servers) await(ctx context.Context, setup *Setup, pl *pool, who *senderIdentity) (*upstream, error) {
	w := pl.host.wait(pl, who, p.now())
	timer := time.NewTimer(setup.Timeouts.PoolSlot)
	defer timer.Stop()
	var grant slotGrant
	select {
	case grant = <-w.ready:
	case <-timer.C:
		if pl.host.leave(w) {
			return nil, errNoSlot
		}
		grant = <-w.ready
	case <-ctx.Done():
		if pl.host.leave(w) {
			return nil, &ReplyError{Reply: replyBusy, Err: ctx.Err()}
		}
		grant = <-w.ready
	}
	if !grant.ok {
		return nil, errNoSlot
	}
	if grant.u != nil {
		if p.revive(ctx, setup, grant.u, who, false) {
			return grant.u, nil
		}
		// Stale; its place is still ours.
	}
	return p.connect(ctx, setup, pl, who, time.Now().Add(setup.Timeouts.ConnectAll), false)
}

// release takes a session back after a clean end. It is kept if the reuse
// rules allow it, else closed; QUIT's answer is not awaited.
func (p *servers) release(u *upstream) {
	now := p.now()
	reusable := u.unbind() && u.reusable(now)
	if u.broken == nil {
		u.host.succeeded()
	}
	u.trial, u.kept = false, true
	if u.host.put(u, reusable, now) {
		return
	}
	if u.broken == nil && !u.inData {
		u.quit()
		return
	}
	u.shut()
}

// drop closes a session's connection at once: no QUIT, no terminator.
func (p *servers) drop(u *upstream) {
	u.shut()
	if u.trial {
		u.trial = false
		u.host.abandoned()
	}
	u.host.leaveSlot(u.who)
}

// open acquires a session and opens the transaction on it. Kept sessions that
// turn out stale are replaced silently; a fresh one that dies is replayed once
// (nothing of the message has been sent). A refused MAIL is no error: its
// reply stands for the recipients too, and the session is released as usual.
// On error u is nil and everything is cleaned up; the error is a *ReplyError.
func (p *servers) open(ctx context.Context, setup *Setup, rt *policy.Route, domain string, who *senderIdentity, m wire.Mail, rcpts []wire.Rcpt) (u *upstream, mail wire.Reply, rc []wire.Reply, err error) {
	deadline := time.Now().Add(setup.Timeouts.ServerRecipient)
	for fresh := 0; ; {
		u, err = p.acquire(ctx, setup, rt, domain, who)
		if err != nil {
			return nil, wire.Reply{}, nil, err
		}
		if lack := p.mismatch(rt, u, m); lack != nil {
			p.release(u)
			return nil, wire.Reply{}, nil, lack
		}
		u.noDSN = !u.ehlo.Ext.Has(wire.DSN) && p.lacks(rt, wire.DSN)
		kept := u.kept
		mail, rc, err = u.envelope(ctx, m, rcpts, deadline)
		if err == nil {
			if u.trial {
				u.trial = false
				u.host.works()
			}
			return u, mail, rc, nil
		}
		p.drop(u)
		if !errors.Is(err, errServerGone) || ctx.Err() != nil {
			return nil, wire.Reply{}, nil, err
		}
		if kept {
			staleSessions.Inc()
			continue
		}
		if fresh++; fresh > 1 {
			return nil, wire.Reply{}, nil, err
		}
	}
}

// sweep ends idle sessions in time and forgets what nobody uses.
func (p *servers) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var dead []*upstream
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		now := p.now()
		p.mu.Lock()
		hosts := p.allHosts()
		p.mu.Unlock()
		for _, h := range hosts {
			dead = h.expire(now, dead[:0])
			for i, u := range dead {
				u.quit()
				dead[i] = nil
			}
		}
		p.forget(now)
		p.lessons.expire(now)
	}
}

// forget drops the pools and hosts of configurations long gone.
func (p *servers) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.swept) < time.Minute {
		return
	}
	p.swept = now
	since := now.Add(-forgetAfter)
	p.sets.Range(func(rt, set any) bool {
		if set.(*targetSet).used.Load() < since.UnixNano() {
			p.sets.Delete(rt)
		}
		return true
	})
	for key, set := range p.mx {
		if now.After(set.expires) {
			delete(p.mx, key)
		}
	}
	for key, pl := range p.pools {
		if pl.used.Load() < since.UnixNano() {
			delete(p.pools, key)
		}
	}
	for addr, h := range p.hosts {
		if h.disused(since) {
			delete(p.hosts, addr)
		}
	}
}
