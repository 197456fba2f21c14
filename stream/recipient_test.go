package stream

import (
	"testing"

	"sluice/policy"
	"sluice/stream/wire"
)

// Recipients share a transaction if they have the same servers: on a route by
// MX, each domain has its own.
func TestRecipientsElsewhere(t *testing.T) {
	snapshot, err := policy.New(policy.Settings{Routes: []policy.Route{
		{Name: "mx", Domains: []string{"a.test", "b.test"}, MX: true},
		{Name: "fixed", Domains: []string{"c.test", "d.test"}, Servers: []policy.Server{{Address: "c:1"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		first, then string
		want        bool
	}{
		{"1@a.test", "2@a.test", false},
		{"1@a.test", "2@A.test", false},
		{"1@a.test", "2@b.test", true},
		{"1@a.test", "2@c.test", true},
		{"1@c.test", "2@d.test", false},
	} {
		tx := &transaction{setup: &Setup{Policy: snapshot}}
		first, then := path(t, c.first), path(t, c.then)
		asks := []ask{{same: -1, rcpt: wire.Rcpt{To: first}}}
		if got := tx.elsewhere(asks, then, tx.routeFor(then)); got != c.want {
			t.Errorf("in one group %s, %s: %v", c.first, c.then, got)
		}
		tx.route, tx.scope, tx.accepted = tx.routeFor(first), tx.scopeFor(first), []wire.Rcpt{{To: first}}
		if got := tx.elsewhere(nil, then, tx.routeFor(then)); got != c.want {
			t.Errorf("one by one %s, %s: %v", c.first, c.then, got)
		}
	}
}
