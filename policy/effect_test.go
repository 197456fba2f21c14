package policy

import (
	"slices"
	"testing"
)

// What the findings do one by one adds up to what Decide says of them all.
func TestEffect(t *testing.T) {
	s := mustNew(t, site())
	c := &Case{Route: s.RouteNamed("main"), Scope: s.Scope(Mailbox{"u", "y.test"})}
	for _, one := range []struct {
		finding Finding
		want    Effect
	}{
		{Finding{Rule: "a.x", Score: 1.5, Force: Reject}, Effect{Score: 1.5, Action: Reject}},
		{Finding{Rule: "a.x", Force: Discard}, Effect{Action: Reject}},
		{Finding{Rule: "set.off", Score: 3, Force: Reject}, Effect{Off: true}},
		{Finding{Rule: "set.shadow20", Score: 3, Force: Tag}, Effect{Shadow: true, Score: 20, Action: Tag}},
		{Finding{Rule: "set.deliver", Score: 3, Force: Reject}, Effect{Score: 3}},
		{Finding{Rule: "set.divert"}, Effect{Action: Divert}},
		{Finding{Rule: "set.soft"}, Effect{Action: Defer}},
		{Finding{Rule: "a.x", Class: Unscannable}, Effect{Action: Defer}},
	} {
		if got := s.Effect(c, &one.finding); got != one.want {
			t.Errorf("%v: %+v, want %+v", one.finding, got, one.want)
		}
		alone := *c
		alone.Findings = slices.Clone([]Finding{one.finding})
		if d := s.Decide(&alone); !one.want.Shadow && (d.Score != one.want.Score || d.Action != one.want.Action) {
			t.Errorf("%v: Decide says %+v", one.finding, d)
		}
	}
	if tag, quarantine, reject := s.ThresholdsFor(c); tag != 5 || quarantine != 10 || reject != 15 {
		t.Errorf("thresholds %v %v %v", tag, quarantine, reject)
	}
}
