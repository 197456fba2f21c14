package stream

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sluice/stream/wire"
)

func subjectNo(n int) (s Subject) {
	copy(s[:], fmt.Sprintf("%016d", n))
	return s
}

// clockedGuard is a guard whose time stands still until it is moved.
func clockedGuard() (*MemoryGuard, *time.Time) {
	g, now := NewMemoryGuard(), time.Unix(1e9, 0)
	g.Now = func() time.Time { return now }
	return g, &now
}

var storedReply = wire.Reply{Code: 250, Enhanced: "2.0.0", Text: "stored"}

func TestGuardLife(t *testing.T) {
	g, now := clockedGuard()
	s := subjectNo(1)
	if _, known := g.Lookup(s); known != Unknown {
		t.Error("known before")
	}
	g.Doubt(s, "net")
	if _, known := g.Lookup(s); known != Doubted {
		t.Error("not in doubt")
	}
	*now = now.Add(time.Minute)
	g.Remember(s, "net", storedReply)
	*now = now.Add(guardLife - 1)
	if r, known := g.Lookup(s); known != Stored || r != storedReply {
		t.Errorf("%+v %v", r, known)
	}
	*now = now.Add(1)
	if _, known := g.Lookup(s); known != Unknown {
		t.Error("known for longer than its life")
	}
	g.Remember(s, "net", storedReply)
	g.Forget(s)
	g.Forget(s)
	if _, known := g.Lookup(s); known != Unknown || g.Len() != 0 || g.octets != 0 || len(g.perNet) != 0 {
		t.Errorf("%d entries, %d octets after the end", g.Len(), g.octets)
	}
}

func TestGuardBounds(t *testing.T) {
	g, now := clockedGuard()
	for i := range guardPerNet + 10 {
		g.Remember(subjectNo(i), "one", storedReply)
	}
	if g.Len() != guardPerNet {
		t.Errorf("%d entries of one net", g.Len())
	}
	g.Remember(subjectNo(0), "one", storedReply) // again: no entry more
	if g.Len() != guardPerNet {
		t.Errorf("%d entries of one net", g.Len())
	}
	long := wire.Reply{Code: 250, Text: strings.Repeat("é", 1000)}
	for i := range guardMemory / guardEntry {
		g.Remember(subjectNo(1000+i), fmt.Sprint(i/guardPerNet), long)
	}
	if g.octets > guardMemory || g.octets < guardMemory*9/10 {
		t.Errorf("%d octets", g.octets)
	}
	if r, _ := g.Lookup(subjectNo(1000)); len(r.Text) > guardText || strings.Trim(r.Text, "é") != "" {
		t.Errorf("stored text of %d octets", len(r.Text))
	}
	*now = now.Add(guardLife)
	for i := range guardMemory / guardEntry / guardSweeper {
		g.Remember(subjectNo(i), "two", storedReply)
	}
	if g.Len() != guardPerNet {
		t.Errorf("%d entries are left of those that are over", g.Len()-guardPerNet)
	}
}

// What is stored twice must not keep others from expiring, nor their nets
// from being remembered.
func TestGuardExpiresBehindARenewedEntry(t *testing.T) {
	g, now := clockedGuard()
	g.Doubt(subjectNo(0), "one")
	for i := 1; i < guardPerNet; i++ {
		g.Remember(subjectNo(i), "one", storedReply)
	}
	*now = now.Add(guardLife - 1)
	g.Remember(subjectNo(0), "one", storedReply)
	*now = now.Add(1)
	g.Remember(subjectNo(1000), "one", storedReply)
	if _, known := g.Lookup(subjectNo(1000)); known != Stored || g.Len() != 2 {
		t.Errorf("%v, %d entries, want 2", known, g.Len())
	}
}

func TestGuardOrderStaysSmall(t *testing.T) {
	g, _ := clockedGuard()
	g.Remember(subjectNo(0), "one", storedReply)
	for i := range 100_000 {
		g.Doubt(subjectNo(i+1), "one")
		g.Forget(subjectNo(i + 1))
	}
	if len(g.order) > 4*guardSweeper {
		t.Errorf("%d places for %d entries", len(g.order), g.Len())
	}
	if _, known := g.Lookup(subjectNo(0)); known != Stored {
		t.Error("the oldest is lost")
	}
}

func TestSubject(t *testing.T) {
	type parts struct {
		key, tenant, net, from, to string
		size                       int64
		content                    string
	}
	name := func(p parts) Subject {
		var to []wire.Path
		for a := range strings.FieldsSeq(p.to) {
			to = append(to, path(t, a))
		}
		var from wire.Path
		if p.from != "" {
			from = path(t, p.from)
		}
		return subjectOf(hmac.New(sha256.New, []byte(p.key)), p.tenant, p.net, from, to, p.size, contentHash(sha256.Sum256([]byte(p.content))))
	}
	base := parts{"k", "t", "192.0.2.0/24", "a@x.test", "b@y.test c@y.test", 3, "abc"}
	want := name(base)
	same := base
	same.to = "c@y.test b@y.test"
	if name(same) != want || name(base) != want {
		t.Error("the order of recipients makes another subject")
	}
	seen := map[Subject]string{want: "base"}
	for what, change := range map[string]func(*parts){
		"key":            func(p *parts) { p.key = "l" },
		"tenant":         func(p *parts) { p.tenant = "u" },
		"net":            func(p *parts) { p.net = "192.0.3.0/24" },
		"from":           func(p *parts) { p.from = "A@x.test" },
		"null from":      func(p *parts) { p.from = "" },
		"recipient more": func(p *parts) { p.to += " d@y.test" },
		"recipient less": func(p *parts) { p.to = "b@y.test" },
		"other":          func(p *parts) { p.to = "b@y.test d@y.test" },
		"size":           func(p *parts) { p.size++ },
		"octet":          func(p *parts) { p.content = "abd" },
		"borders":        func(p *parts) { p.tenant, p.net = "t1", "92.0.2.0/24" },
	} {
		p := base
		change(&p)
		if other, ok := seen[name(p)]; ok {
			t.Errorf("%s and %s have one subject", what, other)
		}
		seen[name(p)] = what
	}
}

func TestSenderNet(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64",
	} {
		if got := senderNet(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	if senderNet(netip.Addr{}).IsValid() {
		t.Error("net of no address")
	}
}
