package stream

import (
	"net/netip"
	"sync"
)

// A counter bounds sessions, all together and of one sender net.
type counter struct {
	mu         sync.Mutex // guards the rest
	all        int
	limit      int
	perAddress map[netip.Prefix]int // sessions of nets that are not exempt
}

// admission is what a counter says to a new session.
type admission uint8

const (
	admitted admission = iota
	tooManySessions
	tooManyOfNet
)

// enter counts a session in, unless that is beyond the limits.
func (c *counter) enter(l *Limits, net netip.Prefix, exempt bool) admission {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = l.Sessions
	if c.all >= l.Sessions {
		return tooManySessions
	}
	if !exempt {
		if c.perAddress[net] >= l.SessionsPerAddress {
			return tooManyOfNet
		}
		c.perAddress[net]++
	}
	c.all++
	return admitted
}

// leave counts out a session that was admitted.
func (c *counter) leave(net netip.Prefix, exempt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if exempt {
		return
	}
	if c.perAddress[net]--; c.perAddress[net] <= 0 {
		delete(c.perAddress, net)
	}
}

func (c *counter) strained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit > 0 && c.all*10 > c.limit*8
}

// exempt tells whether an address is in one of the ranges.
func exempt(ranges []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	for _, r := range ranges {
		if r.Contains(a) {
			return true
		}
	}
	return false
}
