package stream

import (
	"net/netip"
	"testing"
	"time"

	"sluice/policy"
)

// clockedDetours is a memory whose time stands still until it is moved.
func clockedDetours() (*detours, *time.Time) {
	now := time.Unix(1e9, 0)
	return &detours{now: func() time.Time { return now }}, &now
}

// netNo is a net of its own for each n.
func netNo(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24)
}

var toAside = detour{policy.Quarantine, "aside", "a.rule"}

// empty tells whether nothing of any entry is left.
func (t *detours) empty() bool {
	return len(t.entries) == 0 && t.order.Len() == 0 && len(t.perNet) == 0
}

func TestDetourLife(t *testing.T) {
	m, now := clockedDetours()
	s := subjectNo(1)
	m.forget(s)
	if _, known := m.lookup(s); known {
		t.Error("known before")
	}
	if !m.remember(s, netNo(1), toAside) {
		t.Error("no room in an empty memory")
	}
	*now = now.Add(detourLife - 1)
	if d, known := m.lookup(s); !known || d != toAside {
		t.Errorf("%+v %t right before its end", d, known)
	}
	*now = now.Add(1)
	if _, known := m.lookup(s); known {
		t.Error("known for longer than its life")
	}
	m.remember(subjectNo(2), netNo(2), toAside)
	if len(m.entries) != 1 || m.order.Len() != 1 || len(m.perNet) != 1 {
		t.Errorf("%d entries, want the new one only", len(m.entries))
	}
	// What is remembered anew lives anew, in the place of the old.
	*now = now.Add(detourLife - 1)
	other := detour{policy.Divert, "other", "b.rule"}
	m.remember(subjectNo(2), netNo(2), other)
	*now = now.Add(detourLife - 1)
	if d, known := m.lookup(subjectNo(2)); !known || d != other || m.order.Len() != 1 {
		t.Errorf("%+v %t, %d entries", d, known, m.order.Len())
	}
	m.forget(subjectNo(2))
	if !m.empty() {
		t.Error("something is left")
	}
}

func TestDetourBounds(t *testing.T) {
	m, now := clockedDetours()
	for i := range maxDetoursOfNet + 10 {
		if took := m.remember(subjectNo(i), netNo(0), toAside); took != (i < maxDetoursOfNet) {
			t.Fatalf("entry %d of one net: %t", i+1, took)
		}
	}
	if !m.remember(subjectNo(0), netNo(0), toAside) || len(m.entries) != maxDetoursOfNet {
		t.Errorf("%d entries after one was remembered again", len(m.entries))
	}
	for i := range maxDetours {
		m.remember(subjectNo(1000+i), netNo(1+i), toAside)
		if len(m.entries) > maxDetours || len(m.entries) != m.order.Len() {
			t.Fatalf("%d entries, %d in order", len(m.entries), m.order.Len())
		}
	}
	_, oldest := m.lookup(subjectNo(0))
	_, latest := m.lookup(subjectNo(1000 + maxDetours - 1))
	if oldest || !latest || len(m.entries) != maxDetours {
		t.Errorf("oldest %t, latest %t, %d entries", oldest, latest, len(m.entries))
	}
	if m.perNet[netNo(0)] != 0 {
		t.Errorf("%d entries are counted of a net that has none", m.perNet[netNo(0)])
	}
	*now = now.Add(detourLife)
	m.remember(subjectNo(0), netNo(0), toAside)
	m.forget(subjectNo(0))
	if !m.empty() {
		t.Errorf("%d entries are left of those that are over", len(m.entries))
	}
}
