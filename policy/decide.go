package policy

import "math"

// A Finding is one fact a module states about a session or a message.
type Finding struct {
	Module string
	Rule   string  // stable name, "module.rule"
	Score  float64 // adds to the message's score
	Detail string  // safe for logs: never message content or an address
	Place  string  // path of the part it is about; empty: the message or the session
	Force  Action  // the least that must happen; Deliver forces nothing
	Class  Class   // what settings besides the rule's own apply
}

// Class says which setting of an operator decides about a finding, where the
// rule's own setting does not.
type Class uint8

const (
	Plain       Class = iota // Force and Score alone
	Ambiguous                // mail programs may see different content: ambiguity
	OverLimit                // the message would exhaust a budget again: over_limit
	Unscannable              // an engine could not look at it: unscannable
)

// A Disposition is the judgement on one message.
type Disposition struct {
	Action Action
	Rule   string // the rule that decided, in shadow the one that would have; empty: none
	Route  *Route // target of Divert and Quarantine
	Score  float64
	Would  Action // when Shadow, what Action would have been
	Shadow bool   // Action was lowered by shadow mode: of the installation, the route or a rule
	Soft   bool   // Action, or Would, is Defer where it would be Reject but for soft mode
	// Text is what the operator wants a refused sender to read, Contact whom
	// they may turn to. Both may be empty.
	Text    string
	Contact string
}

// maxScore bounds what one finding can add or take, in points: 1,000,000, far
// beyond any threshold. It keeps sums in range whatever a module says.
const maxScore = 1e6

// grainsPerPoint is how finely scores are told apart: thousandths of a point.
// Sums of whole grains do not depend on the order of findings; sums of floats
// do.
const grainsPerPoint = 1000

// grains returns a score in grains. What is no number counts nothing.
func grains(score float64) int64 {
	if math.IsNaN(score) {
		return 0
	}
	return int64(math.Round(min(max(score, -maxScore), maxScore) * grainsPerPoint))
}

// rule is a RuleSetting with its route looked up.
type rule struct {
	RuleSetting
	route *Route
}

// severity orders actions by which of two stands. From the top:
//
//	Reject      nothing that is still unknown could make it milder, so it
//	            stands even when another module failed
//	Defer       what could not be checked, or must come back, is not disposed
//	            of in any way that a missing vote could still change
//	Discard     an operator's explicit word
//	Quarantine
//	Divert
//	Tag
//	Deliver
//
// Reject is above Discard because its sender learns of it.
var severity = [...]uint8{Deliver: 0, Tag: 1, Divert: 2, Quarantine: 3, Discard: 4, Defer: 5, Reject: 6}

// A verdict is a Disposition in the making.
type verdict struct {
	action Action
	rule   string
	route  *Route
	text   string
	soft   bool

	score  int64 // grains
	top    int64 // the largest single score
	topped string
}

// Decide turns findings into one disposition for mail of the given route. It
// is a function of its arguments: the same findings give the same answer, and
// their order decides only which of equally severe rules is named (the first)
// and whose route and text are taken.
//
// Each finding asks for its Force, as the operator's settings change it, and
// the sum of scores asks for what the thresholds say; the most severe of all
// that stands (see severity). A score rejects as finally as a rule: the same
// is done with what is known when a message outgrows its window. The rule
// named for a score is the one that gave most to it.
//
// What cannot be done as asked is deferred, so that the sender keeps the
// message: a divert or quarantine that has no route. A Discard that a module
// asks for and no operator has set is a Reject: nothing vanishes unasked.
//
// In shadow mode Action is Deliver whatever was found, and Would tells the
// rest. A rule in shadow is left out of Action alone.
func (s *Snapshot) Decide(rt *Route, findings []Finding) Disposition {
	var real, would verdict
	shadowed := false
	for i := range findings {
		f := &findings[i]
		r, set := s.rules[f.Rule]
		if set && r.Off {
			continue
		}
		s.weigh(&would, f, &r)
		if r.Shadow {
			shadowed = true
			continue
		}
		s.weigh(&real, f, &r)
	}
	s.applyThresholds(rt, &would)
	d := s.disposition(rt, &would)
	if s.Shadow(rt) {
		return d.lowered(Disposition{Score: d.Score})
	}
	if !shadowed {
		return d
	}
	s.applyThresholds(rt, &real)
	return d.lowered(s.disposition(rt, &real))
}

// lowered returns to, with a note of what d would have been if that is more.
func (d Disposition) lowered(to Disposition) Disposition {
	if severity[d.Action] <= severity[to.Action] {
		return to
	}
	to.Would, to.Shadow = d.Action, true
	if to.Action == Deliver {
		to.Rule, to.Soft = d.Rule, d.Soft
	}
	return to
}

// weigh adds one finding to v. r is the zero rule if nothing is set.
func (s *Snapshot) weigh(v *verdict, f *Finding, r *rule) {
	score := f.Score
	if r.Score != nil {
		score = *r.Score
	}
	n := grains(score)
	v.score += n
	if n > v.top {
		v.top, v.topped = n, f.Rule
	}
	a, target := f.Force, r.route
	switch {
	case r.Action != nil:
		a = *r.Action
	case a == Discard:
		a = Reject
	case a > Discard: // a module's mistake is ours, so 4xx (I4)
		a = Defer
	}
	if a == Quarantine && target == nil {
		target = s.quarantine
	}
	if (a == Divert || a == Quarantine) && target == nil {
		a = Defer
	}
	soft := a == Reject && r.Soft
	if soft {
		a = Defer
	}
	v.raise(a, f.Rule, target, r.Text, soft)
}

// raise makes a the action if it is more severe than what v has.
func (v *verdict) raise(a Action, rule string, target *Route, text string, soft bool) {
	if severity[a] <= severity[v.action] {
		return
	}
	if a != Divert && a != Quarantine {
		target = nil
	}
	v.action, v.rule, v.route, v.text, v.soft = a, rule, target, text, soft
}

// applyThresholds lets the score ask for its action, and softens the result.
func (s *Snapshot) applyThresholds(rt *Route, v *verdict) {
	reached := func(threshold float64) bool {
		return threshold > 0 && v.score >= max(1, grains(threshold)) // 1: a tiny threshold is still above 0
	}
	switch t := s.thresholds; {
	case reached(t.Reject):
		v.raise(Reject, v.topped, nil, s.rules[v.topped].Text, false)
	case reached(t.Quarantine):
		v.raise(Quarantine, v.topped, s.quarantine, "", false)
	case reached(t.Tag):
		v.raise(Tag, v.topped, nil, "", false)
	}
	if v.action == Reject && s.Soft(rt) {
		v.action, v.soft = Defer, true
	}
}

func (s *Snapshot) disposition(rt *Route, v *verdict) Disposition {
	d := Disposition{
		Action: v.action,
		Rule:   v.rule,
		Route:  v.route,
		Score:  float64(v.score) / grainsPerPoint,
		Soft:   v.soft,
		Text:   v.text,
	}
	if d.Action == Defer || d.Action == Reject {
		d.Contact = s.Contact(rt)
	}
	return d
}
