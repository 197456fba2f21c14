package stream

import (
	"net/netip"
	"sync"
)

// A counter bounds sessions, all together and of one address.
type counter struct {
	mu         sync.Mutex // guards the rest
	all        int
	limit      int
	perAddress map[netip.Addr]int // sessions of addresses that are not exempt
}

// admission is what a counter says to a new session.
type admission uint8

const (
	admitted admission = iota
	tooManySessions
	tooManyOfAddress
)

// enter counts a session in, unless that is beyond the limits.
func (c *counter) enter(l *Limits, a netip.Addr, exempt bool) admission {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = l.Sessions
	if c.all >= l.Sessions {
		return tooManySessions
	}
	if !exempt {
		if c.perAddress[a] >= l.SessionsPerAddress {
			return tooManyOfAddress
		}
		c.perAddress[a]++
	}
	c.all++
	return admitted
}

// leave counts out a session that was admitted.
func (c *counter) leave(a netip.Addr, exempt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if exempt {
		return
	}
	if c.perAddress[a]--; c.perAddress[a] <= 0 {
		delete(c.perAddress, a)
	}
}

func (c *counter) strained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit > 0 && c.all*10 > c.limit*8
}

// countedAs is the address that a sender counts as: its own, or of an IPv6 /64,
// which one customer has, the first.
func countedAs(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if p, err := a.Prefix(64); err == nil && a.Is6() {
		return p.Addr()
	}
	return a
}

// within tells whether an address is in one of the ranges.
func within(ranges []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	for _, r := range ranges {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// senderNet is the unit in which senders are counted: the /24 of an IPv4
// address, the /64 of an IPv6 address.
func senderNet(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
