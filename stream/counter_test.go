package stream

import (
	"net/netip"
	"testing"
)

// An address is one sender, a /64 of IPv6 as well; a whole /24 is not.
func TestSessionsPerAddress(t *testing.T) {
	c := counter{perAddress: map[netip.Addr]int{}}
	l := Limits{Sessions: 10, SessionsPerAddress: 1}
	enter := func(a string, want admission) {
		t.Helper()
		if got := c.enter(&l, countedAs(netip.MustParseAddr(a)), false); got != want {
			t.Errorf("%s: %d, want %d", a, got, want)
		}
	}
	enter("192.0.2.1", admitted)
	enter("192.0.2.2", admitted)
	enter("::ffff:192.0.2.1", tooManyOfAddress)
	enter("2001:db8::1", admitted)
	enter("2001:db8::2", tooManyOfAddress)
	enter("2001:db8:0:1::2", admitted)
	c.leave(countedAs(netip.MustParseAddr("192.0.2.1")), false)
	enter("192.0.2.1", admitted)
	l.Sessions = c.all
	enter("192.0.2.3", tooManySessions)
}
