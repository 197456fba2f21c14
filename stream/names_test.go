package stream

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"sluice/internal/smtptest"
)

func TestNames(t *testing.T) {
	smtptest.CheckLeaks(t)
	asked := make(chan netip.Addr, 100)
	answer := make(chan string)
	n := names{verify: func(ctx context.Context, a netip.Addr) string {
		asked <- a
		select {
		case name := <-answer:
			return name
		case <-ctx.Done():
			return ""
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	n.start(ctx)
	for _, a := range []string{"127.0.0.1", "10.0.0.1", "fe80::1", "::", "fd00::1"} {
		if n.lookup(netip.MustParseAddr(a)) != "" {
			t.Error(a)
		}
	}
	if n.lookup(netip.Addr{}) != "" || len(asked) != 0 {
		t.Error("an address without a public name was looked up")
	}
	one := netip.MustParseAddr("192.0.2.1")
	if n.lookup(one) != "" { // never waits
		t.Error("known at once")
	}
	answer <- "mail.x.test"
	n.wait()
	if got := n.lookup(one); got != "mail.x.test" || len(asked) != 1 {
		t.Errorf("%q after %d look-ups", got, len(asked))
	}
	// What is over is looked up again, and used meanwhile.
	n.mu.Lock()
	n.known[one] = nameEntry{"mail.x.test", time.Now()}
	n.mu.Unlock()
	if got := n.lookup(one); got != "mail.x.test" {
		t.Errorf("%q", got)
	}
	answer <- "new.x.test"
	n.wait()
	if got := n.lookup(one); got != "new.x.test" || len(asked) != 2 {
		t.Errorf("%q after %d look-ups", got, len(asked))
	}
	// No more than so many at once; the others stay unknown.
	for i := range 2 * namesAtOnce {
		n.lookup(netip.AddrFrom4([4]byte{192, 0, 3, byte(i)}))
	}
	for range namesAtOnce {
		<-asked
	}
	cancel()
	n.wait() // a stop ends them
	if extra := len(asked); extra != 2 {
		t.Errorf("%d look-ups too many at once", extra-2)
	}
	n.known = map[netip.Addr]nameEntry{}
	for i := range namesMax {
		n.known[netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})] = nameEntry{}
	}
	n.lookup(one)
	n.wait()
	if len(n.known) != 1 {
		t.Errorf("%d names are remembered", len(n.known))
	}
}

// A panic in a look-up is counted, and the next one goes on.
func TestNamesContainPanics(t *testing.T) {
	var n names
	n.start(t.Context())
	n.verify = func(context.Context, netip.Addr) string { panic("a bug") }
	before := panics.Get()
	for range namesAtOnce + 1 {
		n.lookup(netip.MustParseAddr("192.0.2.1"))
		n.wait()
	}
	if got := panics.Get() - before; got != namesAtOnce+1 {
		t.Errorf("%d panics counted, want %d", got, namesAtOnce+1)
	}
}
