package policy

// An Effect is what one finding does to a disposition, for those who want to
// see how it came about.
type Effect struct {
	Off    bool    // the rule is off: the finding does nothing
	Shadow bool    // the rule is in shadow: the finding does nothing but in Would
	Score  float64 // what it adds
	Action Action  // what it asks for; Deliver: nothing
}

// Effect tells what f, one of c's findings, does as Decide weighs it.
func (s *Snapshot) Effect(c *Case, f *Finding) Effect {
	j := judge{s, c.Route, c.scope(s)}
	r, _ := j.scope.rules.of(f.Rule)
	if r.off {
		return Effect{Off: true}
	}
	var v verdict
	j.weigh(&v, f, &r)
	return Effect{Shadow: r.shadow, Score: float64(v.score) / grainsPerPoint, Action: v.action}
}

// ThresholdsFor returns the scores from which on c's recipients get mail
// tagged, quarantined and refused. 0: never.
func (s *Snapshot) ThresholdsFor(c *Case) (tag, quarantine, reject float64) {
	t := c.scope(s).thresholds
	return t.tag, t.quarantine, t.reject
}
