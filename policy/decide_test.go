package policy

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func force(rule string, a Action) Finding    { return Finding{Rule: rule, Force: a} }
func score(rule string, s float64) Finding   { return Finding{Rule: rule, Score: s} }
func set(a Action, route string) RuleSetting { return RuleSetting{Action: &a, Route: route} }

func points(s float64) *float64 { return &s }

// site has a setting of every kind.
func site() Settings {
	return Settings{
		Routes: []Route{relay("main", "y.test"), relay("q"), relay("junk"), withSoft(relay("soft", "s.test")), withShadow(relay("watched", "w.test"))},
		Level: Level{
			Quarantine: "q",
			Thresholds: Thresholds{Tag: points(5), Quarantine: points(10), Reject: points(15)},
			Contact:    "help@y.test",
			Rules: map[string]RuleSetting{
				"set.off":      {Off: new(true)},
				"set.divert":   set(Divert, "junk"),
				"set.junkq":    set(Quarantine, "junk"),
				"set.discard":  set(Discard, ""),
				"set.reject":   {Action: new(Reject), Text: "Go away"},
				"set.deliver":  set(Deliver, ""),
				"set.soft":     {Action: new(Reject), Soft: true},
				"set.shadow":   {Shadow: true},
				"set.twenty":   {Score: points(20), Text: "Much too much"},
				"set.nothing":  {Score: points(0)},
				"set.shadow20": {Score: points(20), Shadow: true},
			},
		},
	}
}

func withSoft(r Route) Route { r.Soft = true; return r }

func withShadow(r Route) Route { r.Shadow = true; r.Contact = "w@w.test"; return r }

func TestDecide(t *testing.T) {
	s := mustNew(t, site())
	q, junk := s.RouteNamed("q"), s.RouteNamed("junk")
	help := "help@y.test"
	for _, c := range []struct {
		name     string
		route    string
		findings []Finding
		want     Disposition
	}{
		{"nothing", "main", nil, Disposition{}},
		{"facts", "main", []Finding{force("a.x", Deliver), score("a.y", 1)}, Disposition{Score: 1}},
		{"forced tag", "main", []Finding{force("a.x", Tag)}, Disposition{Action: Tag, Rule: "a.x"}},
		{"first of equals", "main", []Finding{force("a.x", Tag), force("b.x", Tag)}, Disposition{Action: Tag, Rule: "a.x"}},
		{"quarantine", "main", []Finding{force("a.x", Quarantine)}, Disposition{Action: Quarantine, Rule: "a.x", Route: q}},
		{"quarantine elsewhere", "main", []Finding{score("set.junkq", 0)}, Disposition{Action: Quarantine, Rule: "set.junkq", Route: junk}},
		{"divert by setting", "main", []Finding{score("set.divert", 0), force("a.x", Tag)}, Disposition{Action: Divert, Rule: "set.divert", Route: junk}},
		{"quarantine over divert", "main", []Finding{score("set.divert", 0), force("a.x", Quarantine)}, Disposition{Action: Quarantine, Rule: "a.x", Route: q}},
		{"divert to nowhere", "main", []Finding{force("a.x", Divert)}, Disposition{Action: Defer, Rule: "a.x", Contact: help}},
		// A failed scanner and what others found.
		{"defer over quarantine", "main", []Finding{force("a.x", Quarantine), force("b.failed", Defer)}, Disposition{Action: Defer, Rule: "b.failed", Contact: help}},
		{"defer over discard", "main", []Finding{score("set.discard", 0), force("b.failed", Defer)}, Disposition{Action: Defer, Rule: "b.failed", Contact: help}},
		{"reject over defer", "main", []Finding{force("b.failed", Defer), force("a.x", Reject)}, Disposition{Action: Reject, Rule: "a.x", Contact: help}},
		{"score rejects over defer", "main", []Finding{force("b.failed", Defer), score("a.x", 15)}, Disposition{Action: Reject, Rule: "a.x", Score: 15, Contact: help}},
		{"reject over discard", "main", []Finding{score("set.discard", 0), force("a.x", Reject)}, Disposition{Action: Reject, Rule: "a.x", Contact: help}},
		{"discard is set", "main", []Finding{force("a.x", Quarantine), score("set.discard", 0)}, Disposition{Action: Discard, Rule: "set.discard"}},
		{"discard is not set", "main", []Finding{force("a.x", Discard)}, Disposition{Action: Reject, Rule: "a.x", Contact: help}},
		{"no action at all", "main", []Finding{force("a.x", 99)}, Disposition{Action: Defer, Rule: "a.x", Contact: help}},
		// Scores.
		{"below", "main", []Finding{score("a.x", 4.999)}, Disposition{Score: 4.999}},
		{"tag", "main", []Finding{score("a.x", 2), score("b.x", 3)}, Disposition{Action: Tag, Rule: "b.x", Score: 5}},
		{"tenths add up", "main", slices.Repeat([]Finding{score("a.x", 0.1)}, 50), Disposition{Action: Tag, Rule: "a.x", Score: 5}},
		{"quarantine by score", "main", []Finding{score("a.x", 10)}, Disposition{Action: Quarantine, Rule: "a.x", Score: 10, Route: q}},
		{"negative", "main", []Finding{score("a.x", 20), score("b.x", -16)}, Disposition{Score: 4}},
		{"force over score", "main", []Finding{score("a.x", 5), force("b.x", Tag)}, Disposition{Action: Tag, Rule: "b.x", Score: 5}},
		{"score over force", "main", []Finding{score("a.x", 15), force("b.x", Tag)}, Disposition{Action: Reject, Rule: "a.x", Score: 15, Contact: help}},
		{"not a number", "main", []Finding{score("a.x", math.NaN()), score("a.x", 5)}, Disposition{Action: Tag, Rule: "a.x", Score: 5}},
		{"infinite", "main", []Finding{score("a.x", math.Inf(1)), score("b.x", math.Inf(-1))}, Disposition{}},
		// Settings of rules.
		{"off", "main", []Finding{{Rule: "set.off", Score: 50, Force: Reject}}, Disposition{}},
		{"milder", "main", []Finding{force("set.deliver", Reject)}, Disposition{}},
		{"text", "main", []Finding{score("set.reject", 0)}, Disposition{Action: Reject, Rule: "set.reject", Text: "Go away", Contact: help}},
		{"text by score", "main", []Finding{score("set.twenty", 1)}, Disposition{Action: Reject, Rule: "set.twenty", Score: 20, Text: "Much too much", Contact: help}},
		{"score set to nothing", "main", []Finding{score("set.nothing", 50)}, Disposition{}},
		// Soft.
		{"soft rule", "main", []Finding{score("set.soft", 0)}, Disposition{Action: Defer, Rule: "set.soft", Soft: true, Contact: help}},
		{"hard beside soft", "main", []Finding{score("set.soft", 0), force("a.x", Reject)}, Disposition{Action: Reject, Rule: "a.x", Contact: help}},
		{"soft route", "soft", []Finding{force("a.x", Reject)}, Disposition{Action: Defer, Rule: "a.x", Soft: true, Contact: help}},
		{"soft route, score", "soft", []Finding{score("a.x", 15)}, Disposition{Action: Defer, Rule: "a.x", Score: 15, Soft: true, Contact: help}},
		{"a true defer is not soft", "soft", []Finding{force("a.failed", Defer)}, Disposition{Action: Defer, Rule: "a.failed", Contact: help}},
		// Shadow.
		{"shadow route", "watched", []Finding{force("a.x", Reject), score("a.y", 1)}, Disposition{Rule: "a.x", Score: 1, Would: Reject, Shadow: true}},
		{"shadow route, failure", "watched", []Finding{force("a.failed", Defer)}, Disposition{Rule: "a.failed", Would: Defer, Shadow: true}},
		{"shadow route, divert", "watched", []Finding{score("set.divert", 0)}, Disposition{Rule: "set.divert", Would: Divert, Shadow: true}},
		{"shadow route, nothing", "watched", []Finding{score("a.x", 1)}, Disposition{Score: 1}},
		{"shadow rule", "main", []Finding{force("set.shadow", Reject)}, Disposition{Rule: "set.shadow", Would: Reject, Shadow: true}},
		{"shadow rule beside", "main", []Finding{force("set.shadow", Reject), force("a.x", Tag)}, Disposition{Action: Tag, Rule: "a.x", Would: Reject, Shadow: true}},
		{"shadow rule below", "main", []Finding{force("set.shadow", Tag), force("a.x", Reject)}, Disposition{Action: Reject, Rule: "a.x", Contact: help}},
		{"shadow rule's score", "main", []Finding{score("set.shadow20", 0), score("a.x", 1)}, Disposition{Rule: "set.shadow20", Score: 1, Would: Reject, Shadow: true}},
	} {
		if got := s.Decide(&Case{Route: s.RouteNamed(c.route), Findings: c.findings}); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// What cannot be done as asked is the sender's to keep.
func TestDecideWithoutQuarantine(t *testing.T) {
	s := mustNew(t, Settings{})
	if d := s.Decide(&Case{Route: nil, Findings: []Finding{force("a.x", Quarantine)}}); d.Action != Defer || d.Route != nil {
		t.Errorf("got %+v", d)
	}
}

// A threshold that is too small to tell from 0 is not reached by nothing.
func TestTinyThreshold(t *testing.T) {
	s := mustNew(t, Settings{Level: Level{Thresholds: Thresholds{Reject: points(1e-9)}}})
	if d := s.Decide(&Case{Route: nil, Findings: nil}); d.Action != Deliver {
		t.Errorf("nothing found, and %s", d.Action)
	}
}

func TestInstallationShadowAndSoft(t *testing.T) {
	set := site()
	set.Shadow = true
	s := mustNew(t, set)
	if d := s.Decide(&Case{Route: s.RouteNamed("main"), Findings: []Finding{force("a.x", Reject)}}); d.Action != Deliver || d.Would != Reject || !d.Shadow || d.Rule != "a.x" {
		t.Errorf("shadow: %+v", d)
	}
	if !s.Shadow(nil, nil) || s.Soft(nil, nil) || !s.Soft(s.RouteNamed("soft"), nil) {
		t.Error("Shadow or Soft")
	}
	set.Shadow, set.Soft = false, true
	s = mustNew(t, set)
	if d := s.Decide(&Case{Route: s.RouteNamed("main"), Findings: []Finding{force("a.x", Reject)}}); d.Action != Defer || d.Would != Deliver || !d.Soft || d.Shadow {
		t.Errorf("soft: %+v", d)
	}
	if s.Contact(s.RouteNamed("watched"), nil) != "w@w.test" || s.Contact(nil, nil) != "help@y.test" {
		t.Error("Contact")
	}
}

// anyFinding draws findings with the rules of site and others.
func anyFinding(rules []string) *rapid.Generator[Finding] {
	return rapid.Custom(func(t *rapid.T) Finding {
		return Finding{
			Rule:  rapid.SampledFrom(rules).Draw(t, "rule"),
			Score: rapid.SampledFrom([]float64{0, 0, 0.1, 0.3, 1, 4.7, 5, 10, 20, -0.7, -5}).Draw(t, "score"),
			Force: Action(rapid.IntRange(0, int(Discard)).Draw(t, "force")),
		}
	})
}

func anyFindings(t *rapid.T, s Settings) []Finding {
	rules := []string{"a.x", "a.y", "b.failed"}
	for name := range s.Rules {
		rules = append(rules, name)
	}
	slices.Sort(rules)
	return rapid.SliceOfN(anyFinding(rules), 0, 8).Draw(t, "findings")
}

// The order of findings does not change what happens to the message.
func TestOrderDoesNotMatter(t *testing.T) {
	settings := site()
	s := mustNew(t, settings)
	rapid.Check(t, func(t *rapid.T) {
		findings := anyFindings(t, settings)
		rt := s.Routes()[rapid.IntRange(0, len(s.Routes())-1).Draw(t, "route")]
		a := s.Decide(&Case{Route: rt, Findings: findings})
		b := s.Decide(&Case{Route: rt, Findings: rapid.Permutation(findings).Draw(t, "order")})
		if a.Action != b.Action || a.Would != b.Would || a.Shadow != b.Shadow || a.Score != b.Score {
			t.Fatalf("%+v, and in another order %+v", a, b)
		}
	})
}

// One more finding never makes a message's fate milder, unless it takes score
// away.
func TestMonotone(t *testing.T) {
	settings := site()
	s := mustNew(t, settings)
	rapid.Check(t, func(t *rapid.T) {
		findings := anyFindings(t, settings)
		more := anyFinding([]string{"a.x", "set.reject", "set.divert", "set.off", "set.shadow", "set.soft", "set.discard"}).Draw(t, "more")
		more.Score = max(more.Score, 0)
		rt := s.Routes()[rapid.IntRange(0, len(s.Routes())-1).Draw(t, "route")]
		before, after := s.Decide(&Case{Route: rt, Findings: findings}), s.Decide(&Case{Route: rt, Findings: append(slices.Clone(findings), more)})
		if severity[after.Action] < severity[before.Action] {
			t.Fatalf("%+v became %+v with %+v", before, after, more)
		}
		if worst := max(severity[before.Action], severity[before.Would]); max(severity[after.Action], severity[after.Would]) < worst {
			t.Fatalf("%+v became %+v with %+v", before, after, more)
		}
	})
}

// In shadow nothing happens whatever is found, and Would is what a site that
// is not in shadow does.
func TestShadowIsAbsolute(t *testing.T) {
	settings := site()
	for name, r := range settings.Rules { // a rule's own shadow hides part of Would
		r.Shadow = false
		settings.Rules[name] = r
	}
	open := mustNew(t, settings)
	settings.Shadow = true
	watched := mustNew(t, settings)
	rapid.Check(t, func(t *rapid.T) {
		findings := anyFindings(t, settings)
		i := rapid.IntRange(0, 3).Draw(t, "route") // not the route in shadow
		d, real := watched.Decide(&Case{Route: watched.Routes()[i], Findings: findings}), open.Decide(&Case{Route: open.Routes()[i], Findings: findings})
		if d.Action != Deliver || d.Route != nil || d.Text != "" || d.Contact != "" {
			t.Fatalf("in shadow: %+v", d)
		}
		if d.Would != real.Action || d.Rule != real.Rule || d.Score != real.Score || d.Soft != real.Soft || d.Shadow != (real.Action != Deliver) {
			t.Fatalf("in shadow: %+v, without %+v", d, real)
		}
	})
}

// I4, and the promise that nothing vanishes: whatever modules say, Discard
// needs an operator's word, and targets are there when they are needed.
func TestWhatModulesCannotDo(t *testing.T) {
	settings := site()
	delete(settings.Rules, "set.discard")
	s := mustNew(t, settings)
	rapid.Check(t, func(t *rapid.T) {
		d := s.Decide(&Case{Route: s.Routes()[0], Findings: anyFindings(t, settings)})
		if d.Action == Discard || d.Would == Discard {
			t.Fatalf("discarded: %+v", d)
		}
		if (d.Action == Divert || d.Action == Quarantine) != (d.Route != nil) {
			t.Fatalf("route %v for %s", d.Route, d.Action)
		}
		if d.Action != Deliver && d.Rule == "" {
			t.Fatalf("nobody decided %+v", d)
		}
	})
}

func TestDecideDoesNotAllocate(t *testing.T) {
	s := mustNew(t, site())
	findings := []Finding{force("a.x", Tag), score("set.twenty", 1), force("set.shadow", Reject)}
	if n := testing.AllocsPerRun(100, func() { s.Decide(&Case{Route: s.Routes()[0], Findings: findings}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
