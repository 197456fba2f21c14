package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// distrustSpan is how long a host is left alone that sent octets behind its
// answer to STARTTLS: somebody on the way is trying something (RFC 3207
// section 4.2, CVE-2011-0411).
const distrustSpan = 10 * time.Minute

// Why a server's host was passed over.
var (
	errInjected   = errors.New("octets behind the answer to STARTTLS")
	errNoStartTLS = errors.New("server does not do STARTTLS")
	errPlainAuth  = errors.New("credentials are sent over verified TLS only")
	errRefusedUs  = errors.New("server refused the session")
	errHandshake  = errors.New("TLS handshake failed")
)

// A dialError is why one address did not give a session.
type dialError struct {
	result dialResult
	ReplyError
}

func (e *dialError) Unwrap() error { return &e.ReplyError }

func dialFault(result dialResult, reply wire.Reply, err error) *dialError {
	return &dialError{result, ReplyError{reply, err}}
}

// insecure is the demand of the route for TLS unmet.
func insecure(err error) *dialError { return dialFault(dialTLS, replyInsecure, err) }

// dial opens a session to one of the pool's host's addresses, before deadline.
// The session is the caller's; its context is bound.
func (p *servers) dial(ctx context.Context, setup *Setup, pl *pool, who *senderIdentity, deadline time.Time) (*upstream, error) {
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	addrs, err := p.addresses(limited, setup, pl)
	if err != nil {
		dialled(pl.route.Name, dialDNS)
		return nil, &ReplyError{Reply: replyUnreachable, Err: err}
	}
	dane, fault := p.dane(limited, setup, pl)
	if fault != nil {
		dialled(pl.route.Name, fault.result)
		return nil, &fault.ReplyError
	}
	var why *ReplyError
	for _, addr := range addrs {
		u, fault := p.dialOne(limited, setup, pl, who, addr, dane, false)
		if fault != nil && fault.result == dialTLS && pl.mayGoPlain() && !errors.Is(fault, errInjected) && limited.Err() == nil {
			dialled(pl.route.Name, fault.result)
			u, fault = p.dialOne(limited, setup, pl, who, addr, dane, true)
		}
		if fault == nil {
			dialled(pl.route.Name, dialOK)
			pl.good.Store(&addr)
			u.bind(ctx)
			return u, nil
		}
		dialled(pl.route.Name, fault.result)
		why = worse(why, &fault.ReplyError)
		if errors.Is(fault, errInjected) {
			pl.host.distrust(distrustSpan)
			break
		}
		if limited.Err() != nil {
			break
		}
	}
	return nil, why
}

// addresses returns where the pool's host may be reached: the one that worked
// last first, both families in turn.
func (p *servers) addresses(ctx context.Context, setup *Setup, pl *pool) ([]netip.Addr, error) {
	if pl.ip.IsValid() {
		return []netip.Addr{pl.ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, setup.Timeouts.DNS)
	defer cancel()
	found, err := p.resolver.Addresses(ctx, pl.name)
	if err != nil {
		return nil, &lookupError{"address", err}
	}
	var four, six []netip.Addr
	for _, a := range found {
		switch a = a.Unmap(); {
		case pl.key.source.IsValid() && pl.key.source.Unmap().Is4() != a.Is4():
			// Cannot be reached from the source address.
		case a.Is4():
			four = append(four, a)
		default:
			six = append(six, a)
		}
	}
	var all []netip.Addr
	for i := range max(len(four), len(six)) {
		if i < len(six) {
			all = append(all, six[i])
		}
		if i < len(four) {
			all = append(all, four[i])
		}
	}
	if len(all) == 0 {
		return nil, &lookupError{"address", ErrNoName}
	}
	if good := pl.good.Load(); good != nil {
		if i := slices.Index(all, *good); i > 0 {
			all[0], all[i] = all[i], all[0]
		}
	}
	return all, nil
}

// dialOne opens a session to one address. With plain, STARTTLS is left out.
func (p *servers) dialOne(ctx context.Context, setup *Setup, pl *pool, who *senderIdentity, addr netip.Addr, dane *daneRecords, plain bool) (*upstream, *dialError) {
	remote := netip.AddrPortFrom(addr, pl.port)
	if p.own(remote) {
		return nil, dialFault(dialBanner, replyRoutingLoop, errLoop.Err)
	}
	dialer := net.Dialer{Timeout: setup.Timeouts.Connect, KeepAlive: -1}
	if pl.key.source.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: pl.key.source.AsSlice()}
	}
	raw, err := dialer.DialContext(ctx, "tcp", remote.String())
	if err != nil {
		result := dialRefused
		if isTimeout(err) {
			result = dialTimeout
		}
		return nil, dialFault(result, replyUnreachable, err)
	}
	u := &upstream{c: newConn(raw), pool: pl, host: pl.host, addr: remote.String(), lmtp: pl.key.protocol == policy.LMTP, born: p.now()}
	u.callOff = func() { _ = u.c.Close() }
	u.begin(setup, who, false)
	// The breaker hears of the whole attempt, not of each step.
	u.counted = true
	u.bind(ctx)
	if fault := p.greet(ctx, setup, u, dane, plain); fault != nil {
		u.unbind()
		_ = u.c.Close()
		u.in.drop()
		return nil, fault
	}
	u.counted, u.broken = false, nil
	p.lessons.learn(pl, u, p.now())
	return u, nil
}

// worse returns the more telling of two reasons, the first if they are alike.
func worse(a *ReplyError, err error) *ReplyError {
	b, ok := errors.AsType[*ReplyError](err)
	if !ok {
		b = &ReplyError{Reply: replyLocal, Err: err}
	}
	if a == nil || slices.Index(reasons, a.Reply.Enhanced) < slices.Index(reasons, b.Reply.Enhanced) {
		return b
	}
	return a
}

// reasons are the enhanced codes of failed attempts, the most telling last.
var reasons = []string{
	replyUnreachable.Enhanced, replyUnconfirmed.Enhanced, replyBusy.Enhanced,
	replyLocal.Enhanced, replyInsecure.Enhanced, replyRoutingLoop.Enhanced,
}
