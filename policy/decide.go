package policy

import (
	"cmp"
	"math"
)

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
	// Mark is what is put before the subject when Action is Tag; empty: nothing.
	Mark string
	// Class is that of the finding that decided: Ambiguous makes another reply.
	Class Class
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

// rule is a RuleSetting resolved.
type rule struct {
	off    bool
	acts   bool // action is set
	action Action
	route  *Route
	scored bool // score is set
	score  float64
	soft   bool
	shadow bool
	text   string
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
	action  Action
	rule    string
	route   *Route
	text    string
	soft    bool
	class   Class
	allowed bool // the score asks for nothing

	score  int64 // grains
	top    int64 // the largest single score
	topped string
}

// A judge decides one Case.
type judge struct {
	snapshot *Snapshot
	route    *Route
	scope    *Scope
}

// Decide turns what is known of a message into one disposition for its
// recipients. It is a function of its arguments: the same case gives the same
// answer, and the order of findings decides only which of equally severe rules
// is named (the first) and whose route and text are taken.
//
// Each finding asks for its Force, as its Class and the operator's settings
// change it, and the sum of scores asks for what the thresholds say; the most
// severe of all that stands (see severity). A score rejects as finally as a
// rule: the same is done with what is known when a message outgrows its window.
// The rule named for a score is the one that gave most to it.
//
// A sender on a block list is the finding RuleBlock with Force Reject. One on an
// allow list is the finding RuleAllow: the score then asks for nothing. That is
// all an allow does. What a finding forces stands, whoever sent the message:
// viruses, restricted attachments, budgets, failed modules, and every rule that
// an operator gave an action.
//
// What cannot be done as asked is deferred, so that the sender keeps the
// message: a divert or quarantine that has no route. A Discard that a module
// asks for and no operator has set is a Reject: nothing vanishes unasked.
//
// In shadow mode Action is Deliver whatever was found, and Would tells the
// rest. A rule in shadow is left out of Action alone.
func (s *Snapshot) Decide(c *Case) Disposition {
	j := judge{s, c.Route, c.scope(s)}
	j.ask(c)
	var real, would verdict
	shadowed := false
	for i := range c.Findings {
		f := &c.Findings[i]
		r, set := j.scope.rules.of(f.Rule)
		if set && r.off {
			continue
		}
		j.weigh(&would, f, &r)
		if r.shadow {
			shadowed = true
			continue
		}
		j.weigh(&real, f, &r)
	}
	d := j.disposition(&would)
	if s.Shadow(j.route, j.scope) {
		return d.lowered(Disposition{Score: d.Score})
	}
	if !shadowed {
		return d
	}
	return d.lowered(j.disposition(&real))
}

// ask adds the findings of lists and user rules. A list's has the level it
// stands at as its detail: with lists at four of them, the first question is
// whose it was.
func (j judge) ask(c *Case) {
	switch found, level := j.scope.listed(c.Sender, c.Peer); found {
	case Blocked:
		c.Findings = append(c.Findings, Finding{Module: "list", Rule: RuleBlock, Force: Reject, Detail: level})
	case Allowed:
		c.Findings = append(c.Findings, Finding{Module: "list", Rule: RuleAllow, Detail: level})
	}
	if j.scope.user != nil {
		c.Findings = append(c.Findings, j.scope.user.ask(j, *c)...)
	}
}

// lowered returns to, with a note of what d would have been if that is more.
func (d Disposition) lowered(to Disposition) Disposition {
	if severity[d.Action] <= severity[to.Action] {
		return to
	}
	to.Would, to.Shadow = d.Action, true
	if to.Action == Deliver {
		to.Rule, to.Soft, to.Class = d.Rule, d.Soft, d.Class
	}
	return to
}

// weigh adds one finding to v. r is the zero rule if nothing is set.
func (j judge) weigh(v *verdict, f *Finding, r *rule) {
	n := f.grains(r)
	v.score += n
	if n > v.top {
		v.top, v.topped = n, f.Rule
	}
	if f.Rule == RuleAllow {
		v.allowed = true
	}
	a, target := j.force(f), r.route
	switch {
	case r.acts:
		a = r.action
	case a == Discard:
		a = Reject
	case a > Discard: // a module's mistake is ours, so 4xx (I4)
		a = Defer
	}
	if a == Quarantine && target == nil {
		target = j.scope.quarantine
	}
	if (a == Divert || a == Quarantine) && target == nil {
		a = Defer
	}
	soft := a == Reject && r.soft
	if soft {
		a = Defer
	}
	if v.raise(a, f.Rule, target, r.text) {
		v.soft, v.class = soft, f.Class
	}
}

// grains is what f adds to the score.
func (f *Finding) grains(r *rule) int64 {
	if r.scored {
		return grains(r.score)
	}
	return grains(f.Score)
}

// force is what f asks for, as the settings about its class say.
func (j judge) force(f *Finding) Action {
	switch f.Class {
	case Ambiguous:
		if j.scope.ambiguity == RejectAmbiguous {
			return Reject
		}
	case OverLimit:
		return overLimits[cmp.Or(j.scope.overLimit, RejectOver)]
	case Unscannable:
		return j.scope.unscannable.Force()
	}
	return f.Force
}

// raise makes a the action if it is more severe than what v has.
func (v *verdict) raise(a Action, rule string, target *Route, text string) bool {
	if severity[a] <= severity[v.action] {
		return false
	}
	if a != Divert && a != Quarantine {
		target = nil
	}
	v.action, v.rule, v.route, v.text = a, rule, target, text
	v.soft, v.class = false, Plain
	return true
}

// applyThresholds lets the score ask for its action, and softens the result.
func (j judge) applyThresholds(v *verdict) {
	reached := func(threshold float64) bool {
		return !v.allowed && threshold > 0 && v.score >= max(1, grains(threshold)) // 1: a tiny threshold is still above 0
	}
	switch t := j.scope.thresholds; {
	case reached(t.reject):
		r, _ := j.scope.rules.of(v.topped)
		v.raise(Reject, v.topped, nil, r.text)
	case reached(t.quarantine):
		if j.scope.quarantine != nil {
			v.raise(Quarantine, v.topped, j.scope.quarantine, "")
		} else {
			v.raise(Defer, v.topped, nil, "")
		}
	case reached(t.tag):
		v.raise(Tag, v.topped, nil, "")
	}
	if v.action == Reject && j.snapshot.Soft(j.route, j.scope) {
		v.action, v.soft = Defer, true
	}
}

func (j judge) disposition(v *verdict) Disposition {
	j.applyThresholds(v)
	d := Disposition{
		Action: v.action,
		Rule:   v.rule,
		Route:  v.route,
		Score:  float64(v.score) / grainsPerPoint,
		Soft:   v.soft,
		Text:   v.text,
		Class:  v.class,
	}
	switch d.Action {
	case Defer, Reject:
		d.Contact = j.snapshot.Contact(j.route, j.scope)
	case Tag:
		d.Mark = j.scope.mark
	}
	return d
}
