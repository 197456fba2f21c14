package stream

import (
	"net/netip"
	"time"
)

// loopback is exempt from per-address limits unless the operator says otherwise.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Defaults returns a Setup with every limit and time-out at its default; the
// program's configuration reference shows the same values.
func Defaults() Setup {
	return Setup{
		Lookahead: 256 << 10, // most mail is judged whole
		Limits: Limits{
			MaxMessage: 50 << 20, Memory: 1 << 30,
			Sessions: 20000, SessionsPerAddress: 50, Exempt: loopback,
			Recipients: 100, Errors: 10, IdleCommands: 100,
			DataRate: 512,
		},
		Timeouts: Timeouts{
			SenderTLS: 30 * time.Second, SenderCommand: 300 * time.Second,
			SenderData: 180 * time.Second, SenderMessage: time.Hour, Scan: 30 * time.Second,
			DNS: 5 * time.Second, Connect: 10 * time.Second, ConnectAll: time.Minute,
			ServerGreeting: 30 * time.Second, ServerRecipient: 240 * time.Second,
			ServerData: 100 * time.Second, ServerWrite: 150 * time.Second,
			ServerCommit: 585 * time.Second, ServerLate: 15 * time.Minute,
			ServerReset: 20 * time.Second,
			PoolIdle:    30 * time.Second, PoolAge: 10 * time.Minute, PoolSlot: 10 * time.Second,
		},
		Shutdown: Shutdown{Grace: 30 * time.Second, Commit: 25 * time.Second},
	}
}

// WithDefaults returns a copy of s in which everything that is zero and has a
// default other than zero has that.
func (s Setup) WithDefaults() *Setup {
	d := Defaults()
	orInt := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	or64 := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	orTime := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	l, t := &s.Limits, &s.Timeouts
	or64(&s.Lookahead, d.Lookahead)
	or64(&l.MaxMessage, d.Limits.MaxMessage)
	or64(&l.Memory, d.Limits.Memory)
	orInt(&l.Sessions, d.Limits.Sessions)
	orInt(&l.SessionsPerAddress, d.Limits.SessionsPerAddress)
	orInt(&l.Recipients, d.Limits.Recipients)
	orInt(&l.Errors, d.Limits.Errors)
	orInt(&l.IdleCommands, d.Limits.IdleCommands)
	orInt(&l.DataRate, d.Limits.DataRate)
	if l.Exempt == nil {
		l.Exempt = d.Limits.Exempt
	}
	for _, f := range []struct {
		p *time.Duration
		v time.Duration
	}{
		{&t.SenderTLS, d.Timeouts.SenderTLS}, {&t.SenderCommand, d.Timeouts.SenderCommand},
		{&t.SenderData, d.Timeouts.SenderData}, {&t.SenderMessage, d.Timeouts.SenderMessage},
		{&t.Scan, d.Timeouts.Scan}, {&t.DNS, d.Timeouts.DNS}, {&t.Connect, d.Timeouts.Connect},
		{&t.ConnectAll, d.Timeouts.ConnectAll}, {&t.ServerGreeting, d.Timeouts.ServerGreeting},
		{&t.ServerRecipient, d.Timeouts.ServerRecipient}, {&t.ServerData, d.Timeouts.ServerData},
		{&t.ServerWrite, d.Timeouts.ServerWrite}, {&t.ServerCommit, d.Timeouts.ServerCommit},
		{&t.ServerLate, d.Timeouts.ServerLate}, {&t.ServerReset, d.Timeouts.ServerReset},
		{&t.PoolIdle, d.Timeouts.PoolIdle}, {&t.PoolAge, d.Timeouts.PoolAge}, {&t.PoolSlot, d.Timeouts.PoolSlot},
		{&s.Shutdown.Grace, d.Shutdown.Grace}, {&s.Shutdown.Commit, d.Shutdown.Commit},
	} {
		orTime(f.p, f.v)
	}
	return &s
}
