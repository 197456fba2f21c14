package stream

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sluice/policy"
)

const (
	// mxKeep is how long the MX answer for a domain is used. The system's
	// resolver does not tell the TTL; a minute spares nearly all lookups and
	// hides a change for no longer than most TTLs would.
	mxKeep = time.Minute
	// mxDomains bounds how many answers are kept. Beyond, all go.
	mxDomains = 4096
	// mxHosts is how many hosts of one MX answer are tried (RFC 5321 section
	// 5.1 wants at least two).
	mxHosts = 10
	// smtpPort is where MX hosts listen (RFC 5321 section 4.5.4.2).
	smtpPort = 25
)

// A targetSet is the servers of a route in the order they are tried.
type targetSet struct {
	groups  []targetGroup
	expires time.Time // for sets by MX
	used    atomic.Int64
}

// A targetGroup is the servers of one priority.
type targetGroup struct {
	pools   []*pool
	weights []int
}

type mxKey struct {
	rt     *policy.Route
	domain string
}

// targets returns the servers of a route, for a route by MX those of domain.
func (p *servers) targets(ctx context.Context, setup *Setup, rt *policy.Route, domain string) (*targetSet, error) {
	if rt.MX {
		return p.targetsByMX(ctx, setup, rt, domain)
	}
	now := p.now()
	if v, ok := p.sets.Load(rt); ok {
		set := v.(*targetSet)
		set.used.Store(now.UnixNano())
		return set, nil
	}
	set, err := p.targetSet(rt, rt.Servers, false)
	if err != nil {
		return nil, err
	}
	set.used.Store(now.UnixNano())
	p.sets.Store(rt, set)
	return set, nil
}

// targetSet groups servers by priority.
func (p *servers) targetSet(rt *policy.Route, list []policy.Server, secure bool) (*targetSet, error) {
	if len(list) == 0 {
		return nil, &ReplyError{Reply: replyUnreachable, Err: errors.New("route without servers")}
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b policy.Server) int { return cmp.Compare(a.Priority, b.Priority) })
	set := new(targetSet)
	for i, server := range list {
		pl, err := p.pool(rt, server, secure)
		if err != nil {
			return nil, &ReplyError{Reply: replyLocal, Err: err}
		}
		if i == 0 || server.Priority != list[i-1].Priority {
			set.groups = append(set.groups, targetGroup{})
		}
		g := &set.groups[len(set.groups)-1]
		g.pools = append(g.pools, pl)
		g.weights = append(g.weights, max(1, server.Weight))
	}
	return set, nil
}

// order returns the group's pools at random, each place drawn by weight among
// those left (RFC 2782's rule). The slice is not the caller's to change.
func (g *targetGroup) order() []*pool {
	if len(g.pools) == 1 {
		return g.pools
	}
	pools, weights := slices.Clone(g.pools), slices.Clone(g.weights)
	for i := range pools {
		sum := 0
		for _, w := range weights[i:] {
			sum += w
		}
		draw, j := rand.IntN(sum), i
		for draw >= weights[j] {
			draw -= weights[j]
			j++
		}
		pools[i], pools[j] = pools[j], pools[i]
		weights[i], weights[j] = weights[j], weights[i]
	}
	return pools
}

func (p *servers) targetsByMX(ctx context.Context, setup *Setup, rt *policy.Route, domain string) (*targetSet, error) {
	key, now := mxKey{rt, domain}, p.now()
	p.mu.Lock()
	set := p.mx[key]
	p.mu.Unlock()
	if set != nil && now.Before(set.expires) {
		return set, nil
	}
	ctx, cancel := context.WithTimeout(ctx, setup.Timeouts.DNS)
	defer cancel()
	list, secure, err := p.exchangers(ctx, setup.Hostname, domain, rt.TLS == policy.TLSDANE)
	if err != nil {
		return nil, err
	}
	if set, err = p.targetSet(rt, list, secure); err != nil {
		return nil, err
	}
	set.expires = now.Add(mxKeep)
	p.mu.Lock()
	if len(p.mx) >= mxDomains {
		clear(p.mx)
	}
	p.mx[key] = set
	p.mu.Unlock()
	return set, nil
}

// exchangers finds the servers of a domain (RFC 5321 section 5.1): its MX
// hosts, without ourselves and whatever is no better than we, or without any
// MX the domain itself.
//
// A null MX (RFC 7505) and a name that does not exist are R4 like every other
// DNS answer: whoever can lie in the DNS must not make mail bounce.
func (p *servers) exchangers(ctx context.Context, hostname, domain string, authentic bool) ([]policy.Server, bool, error) {
	mx, secure, err := p.resolver.MX(ctx, domain, authentic)
	switch {
	case errors.Is(err, ErrNoName) || err == nil && len(mx) == 0:
		// Implicit MX. Whether there is an address shows when it is dialled.
		return []policy.Server{p.exchanger(MX{Host: domain})}, secure, nil
	case err != nil:
		return nil, false, &ReplyError{Reply: replyUnreachable, Err: &lookupError{"MX", err}}
	}
	slices.SortStableFunc(mx, func(a, b MX) int { return cmp.Compare(a.Preference, b.Preference) })
	for i := range mx {
		if strings.EqualFold(mx[i].Host, hostname) {
			first := slices.IndexFunc(mx, func(m MX) bool { return m.Preference == mx[i].Preference })
			if first == 0 {
				return nil, false, errLoop
			}
			mx = mx[:first]
			break
		}
	}
	var list []policy.Server
	for _, m := range mx[:min(len(mx), mxHosts)] {
		if m.Host != "" {
			list = append(list, p.exchanger(m))
		}
	}
	if len(list) == 0 {
		return nil, false, &ReplyError{Reply: replyUnreachable, Err: errors.New("domain says it takes no mail")}
	}
	return list, secure, nil
}

func (p *servers) exchanger(m MX) policy.Server {
	return policy.Server{
		Address:  net.JoinHostPort(m.Host, strconv.Itoa(int(p.mxPort))),
		Priority: int(m.Preference), Weight: 1,
	}
}

// errLoop is a route that leads to ourselves.
var errLoop = &ReplyError{Reply: replyRoutingLoop, Err: errors.New("route leads to ourselves")}
