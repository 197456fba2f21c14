package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// An estate has a tenant with a domain, one by a route, and none.
func estate() Settings {
	byRoute := relay("routed", "r.test", ".r.test")
	byRoute.Tenant = "two"
	return Settings{
		Routes: []Route{relay("main", "y.test", ".y.test", "z.test", "q.test"), byRoute, relay("q")},
		Level:  Level{Thresholds: Thresholds{Tag: points(5), Reject: points(15)}, Contact: "global"},
		Tenants: []Tenant{{
			Name: "one", Domains: []string{"y.test", ".y.test"},
			Level: Level{Thresholds: Thresholds{Tag: points(4)}, Contact: "one"},
			DomainLevels: map[string]Level{
				"y.test":   {Thresholds: Thresholds{Tag: points(3)}},
				".y.test":  {Thresholds: Thresholds{Tag: points(2)}},
				"x.y.test": {Contact: "x"},
			},
			Mailboxes: map[string]Level{"M@y.test": {Thresholds: Thresholds{Tag: points(1)}}, "m@sub.y.test": {Thresholds: Thresholds{Tag: points(0)}}},
			Aliases:   map[string]string{"a@y.test": "B@y.test"},
		}},
		DomainLevels: map[string]Level{"z.test": {Thresholds: Thresholds{Tag: points(6)}}, "r.test": {Contact: "r"}},
		Mailboxes:    map[string]Level{"m@z.test": {Shadow: true}, "same@y.test": {Thresholds: Thresholds{Tag: points(3)}}},
		Aliases:      map[string]string{"b@y.test": "c@z.test", "d@z.test": "a@y.test", `"e f"@z.test`: "g@q.test"},
	}
}

func TestScope(t *testing.T) {
	s := mustNew(t, estate())
	for _, c := range []struct {
		m       Mailbox
		tenant  string
		tag     float64
		contact string
	}{
		{Mailbox{"a", "y.test"}, "one", 3, "one"},
		{Mailbox{"a", "Y.Test."}, "one", 3, "one"},
		{Mailbox{"m", "y.test"}, "one", 1, "one"},
		{Mailbox{"M", "Y.TEST"}, "one", 1, "one"},
		{Mailbox{"a", "sub.y.test"}, "one", 2, "one"},
		{Mailbox{"m", "sub.y.test"}, "one", 0, "one"},
		{Mailbox{"a", "x.y.test"}, "one", 4, "x"}, // the most exact domain alone
		{Mailbox{"a", "z.test"}, "", 6, "global"},
		{Mailbox{"a", "q.test"}, "", 5, "global"},
		{Mailbox{"a", "nowhere.test"}, "", 5, "global"},
		{Mailbox{"a", "r.test"}, "two", 5, "r"},
		{Mailbox{"a", "b.r.test"}, "two", 5, "global"},
		{Mailbox{}, "", 5, "global"},
		{Mailbox{Local: "postmaster"}, "", 5, "global"},
	} {
		sc := s.Scope(c.m)
		if sc.Tenant != c.tenant || sc.thresholds.tag != c.tag || s.Contact(nil, sc) != c.contact {
			t.Errorf("%s@%s: tenant %q, tag %v, contact %q", c.m.Local, c.m.Domain, sc.Tenant, sc.thresholds.tag, s.Contact(nil, sc))
		}
	}
	// What cannot end differently is one class, by pointer and by id.
	if s.Scope(Mailbox{"same", "y.test"}) != s.Scope(Mailbox{"other", "y.test"}) {
		t.Error("a mailbox that says what its domain says is another class")
	}
	again := mustNew(t, estate())
	ids := map[string]*Scope{}
	for _, m := range []Mailbox{{"a", "y.test"}, {"m", "y.test"}, {"a", "sub.y.test"}, {"m", "sub.y.test"}, {"a", "x.y.test"}, {"a", "z.test"}, {"m", "z.test"}, {"a", "q.test"}, {"a", "r.test"}, {"a", "b.r.test"}} {
		sc := s.Scope(m)
		if sc.ID() != again.Scope(m).ID() || len(sc.ID()) != 16 {
			t.Errorf("%s@%s: id %q is not stable", m.Local, m.Domain, sc.ID())
		}
		if ids[sc.ID()] != nil {
			t.Errorf("%s@%s has the id of another", m.Local, m.Domain)
		}
		ids[sc.ID()] = sc
	}
	// A route's contact stands between the global one and others.
	rt := &Route{Contact: "route"}
	if s.Contact(rt, s.Scope(Mailbox{"a", "q.test"})) != "route" || s.Contact(rt, s.Scope(Mailbox{"a", "y.test"})) != "one" {
		t.Error("a route's contact")
	}
}

func TestScopeDoesNotAllocate(t *testing.T) {
	s := mustNew(t, estate())
	m := Mailbox{"Somebody", "Sub.Y.test"}
	if n := testing.AllocsPerRun(100, func() { s.Scope(m); s.Alias(m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAlias(t *testing.T) {
	s := mustNew(t, estate())
	for from, want := range map[Mailbox]Mailbox{
		{"a", "y.test"}:   {"c", "z.test"},
		{"B", "Y.test"}:   {"c", "z.test"},
		{"d", "z.test"}:   {"c", "z.test"},
		{"e f", "z.test"}: {"g", "q.test"},
		{"c", "z.test"}:   {},
		{"a", "z.test"}:   {},
	} {
		got, ok := s.Alias(from)
		if ok != (want != Mailbox{}) || ok && got != want || !ok && got != from {
			t.Errorf("%s@%s became %s@%s, %v", from.Local, from.Domain, got.Local, got.Domain, ok)
		}
	}
	var zero Snapshot
	if _, ok := zero.Alias(Mailbox{"a", "y.test"}); ok || zero.Scope(Mailbox{"a", "y.test"}) == nil {
		t.Error("the zero Snapshot")
	}
}

func TestLevelFaults(t *testing.T) {
	box := func(levels ...string) map[string]Level {
		m := map[string]Level{}
		for _, l := range levels {
			m[l] = Level{}
		}
		return m
	}
	routes := []Route{relay("main", "y.test", "z.test")}
	for _, c := range []struct {
		name     string
		settings Settings
		want     string
	}{
		{"alias cycle", Settings{Routes: routes, Aliases: map[string]string{"a@y.test": "b@y.test", "b@y.test": "c@y.test", "c@y.test": "b@y.test"}}, "aliases[b@y.test]"},
		{"alias of itself", Settings{Routes: routes, Aliases: map[string]string{"a@y.test": "A@y.test"}}, "aliases[a@y.test]"},
		{"alias to nowhere", Settings{Routes: routes, Aliases: map[string]string{"a@y.test": "b@x.test", "c@y.test": "a@y.test"}}, "aliases[a@y.test]"},
		{"no addresses", Settings{Routes: routes, Aliases: map[string]string{"a": "b@y.test", "c@y.test": "d"}, Mailboxes: box("e", "@y.test", "a@.y.test")},
			"mailboxes[@y.test] mailboxes[a@.y.test] mailboxes[e] aliases[a] aliases[c@y.test]"},
		{"same again", Settings{Routes: routes, Mailboxes: box("a@y.test", "A@Y.test"), DomainLevels: box("y.test", "Y.test")}, "domain_settings[y.test] mailboxes[a@y.test]"},
		{"tenants", Settings{Tenants: []Tenant{{}, {Name: "a", Domains: []string{"y.test", "a..b"}}, {Name: "a"}, {Name: "b", Domains: []string{"Y.test"}}}},
			"tenants[0] tenants[1].domains[1] tenants[2].name tenants[3].domains[0]"},
		{"not the tenant's", Settings{Routes: routes, Tenants: []Tenant{{Name: "a", Domains: []string{".y.test"}, DomainLevels: box("y.test", "x.y.test", ".test"),
			Mailboxes: box("a@y.test", "a@x.y.test"), Aliases: map[string]string{"a@z.test": "b@y.test"}}}},
			"tenants[0].domain_settings[.test] tenants[0].domain_settings[y.test] tenants[0].mailboxes[a@y.test] tenants[0].aliases[a@z.test]"},
		{"words", Settings{Level: Level{Ambiguity: "x", OverLimit: "y"}, DomainLevels: map[string]Level{"y.test": {Quarantine: "q", Ambiguity: "z"}}},
			"ambiguity over_limit domain_settings[y.test].quarantine domain_settings[y.test].ambiguity"},
		{"thresholds together", Settings{Level: Level{Thresholds: Thresholds{Reject: points(5)}}, DomainLevels: map[string]Level{
			"y.test": {Thresholds: Thresholds{Tag: points(6)}}, "z.test": {Thresholds: Thresholds{Tag: points(6), Reject: points(0)}}}}, "domain_settings[y.test].thresholds.reject"},
	} {
		_, err := New(c.settings)
		var paths []string
		if err != nil {
			for _, e := range err.(Errors) {
				paths = append(paths, e.Path)
			}
		}
		if got := strings.Join(paths, " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// anyLevel draws a level with all that needs no route.
func anyLevel(t *rapid.T, name string) Level {
	var l Level
	pick := func(what string) bool { return rapid.IntRange(0, 2).Draw(t, name+what) == 0 }
	if pick(" tag") {
		l.Thresholds.Tag = points(rapid.SampledFrom([]float64{0, 1, 2}).Draw(t, name))
	}
	if pick(" reject") {
		l.Thresholds.Reject = points(rapid.SampledFrom([]float64{0, 3, 5}).Draw(t, name))
	}
	if pick(" mark") {
		l.SubjectMark = new(rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, name))
	}
	if pick(" words") {
		l.Ambiguity = rapid.SampledFrom([]AmbiguityPolicy{"", ScanAll, RejectAmbiguous}).Draw(t, name)
		l.OverLimit = rapid.SampledFrom([]OverLimitPolicy{"", RejectOver, TagOver, AcceptOver}).Draw(t, name)
		l.Unscannable = new(rapid.SampledFrom([]FailurePolicy{Closed, TagIt, Open}).Draw(t, name))
	}
	l.Rules = map[string]RuleSetting{}
	for _, rule := range []string{"a.x", "a.y"} {
		if !pick(" " + rule) {
			continue
		}
		var r RuleSetting
		if pick(" off") {
			r.Off = new(rapid.Bool().Draw(t, name))
		}
		if pick(" action") {
			r.Action = new(rapid.SampledFrom([]Action{Deliver, Tag, Defer, Reject, Discard}).Draw(t, name))
		}
		if pick(" score") {
			r.Score = points(rapid.SampledFrom([]float64{0, 1, 4}).Draw(t, name))
		}
		if pick(" text") {
			r.Text = rapid.SampledFrom([]string{"s", "t"}).Draw(t, name)
		}
		r.Soft, r.Shadow = pick(" rule soft") && pick(" really"), pick(" rule shadow") && pick(" really")
		l.Rules[rule] = r
	}
	l.Soft, l.Shadow = pick(" soft") && pick(" really"), pick(" shadow") && pick(" really")
	return l
}

// over lays b over a as the table at Level says, one field after the other.
func over(a, b Level) Level {
	out := a
	out.Rules = map[string]RuleSetting{}
	first := func(x, y *float64) *float64 {
		if x != nil {
			return x
		}
		return y
	}
	out.Thresholds = Thresholds{Tag: first(b.Thresholds.Tag, a.Thresholds.Tag), Reject: first(b.Thresholds.Reject, a.Thresholds.Reject)}
	if b.SubjectMark != nil {
		out.SubjectMark = b.SubjectMark
	}
	if b.Ambiguity != "" {
		out.Ambiguity = b.Ambiguity
	}
	if b.OverLimit != "" {
		out.OverLimit = b.OverLimit
	}
	if b.Unscannable != nil {
		out.Unscannable = b.Unscannable
	}
	out.Soft, out.Shadow = a.Soft || b.Soft, a.Shadow || b.Shadow
	for _, name := range []string{"a.x", "a.y"} {
		r, s := a.Rules[name], b.Rules[name]
		if s.Off != nil {
			r.Off = s.Off
		}
		if s.Action != nil {
			r.Action = s.Action
		}
		r.Score = first(s.Score, r.Score)
		if s.Text != "" {
			r.Text = s.Text
		}
		r.Soft, r.Shadow = r.Soft || s.Soft, r.Shadow || s.Shadow
		out.Rules[name] = r
	}
	return out
}

// Four levels decide what one level decides that says their sum; and those
// with one class decide alike.
func TestCascade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := []Level{anyLevel(t, "global"), anyLevel(t, "tenant"), anyLevel(t, "domain"), anyLevel(t, "mailbox")}
		s, err := New(Settings{Level: levels[0], Tenants: []Tenant{{Name: "t", Domains: []string{"y.test"}, Level: levels[1],
			DomainLevels: map[string]Level{"y.test": levels[2]}, Mailboxes: map[string]Level{"m@y.test": levels[3]}}}})
		if err != nil {
			t.Skip("thresholds in the wrong order")
		}
		sum := levels[0]
		for _, l := range levels[1:] {
			sum = over(sum, l)
		}
		flat, err := New(Settings{Tenants: []Tenant{{Name: "t", Domains: []string{"y.test"}, Level: sum}}})
		if err != nil {
			t.Fatal(err)
		}
		findings := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Finding {
			return Finding{
				Rule:  rapid.SampledFrom([]string{"a.x", "a.y", "a.z"}).Draw(t, "rule"),
				Score: rapid.SampledFrom([]float64{0, 1, 2, 5}).Draw(t, "score"),
				Force: rapid.SampledFrom([]Action{Deliver, Deliver, Tag, Reject}).Draw(t, "force"),
				Class: Class(rapid.IntRange(0, int(Unscannable)).Draw(t, "class")),
			}
		}), 0, 4).Draw(t, "findings")
		of := func(s *Snapshot, local string) Disposition {
			return s.Decide(&Case{Scope: s.Scope(Mailbox{local, "y.test"}), Findings: slices.Clone(findings)})
		}
		deep := of(s, "m")
		if wide := of(flat, "m"); deep != wide {
			t.Fatalf("four levels: %+v, one: %+v", deep, wide)
		}
		if s.Scope(Mailbox{"m", "y.test"}) == s.Scope(Mailbox{"n", "y.test"}) && deep != of(s, "n") {
			t.Fatal("one class, two ends")
		}
		if s.Scope(Mailbox{"m", "y.test"}).ID() != flat.Scope(Mailbox{"m", "y.test"}).ID() {
			t.Fatal("the same policy has two ids")
		}
		shadow := slices.ContainsFunc(levels, func(l Level) bool { return l.Shadow })
		soft := slices.ContainsFunc(levels, func(l Level) bool { return l.Soft })
		if shadow && (deep.Action != Deliver || deep.Mark != "") || soft && deep.Action == Reject {
			t.Fatalf("shadow %v, soft %v, and %+v", shadow, soft, deep)
		}
	})
}

// What classes of findings do, in each setting.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		class Class
		level Level
		want  Action
	}{
		{Ambiguous, Level{}, Deliver}, {Ambiguous, Level{Ambiguity: ScanAll}, Deliver}, {Ambiguous, Level{Ambiguity: RejectAmbiguous}, Reject},
		{OverLimit, Level{}, Reject}, {OverLimit, Level{OverLimit: RejectOver}, Reject}, {OverLimit, Level{OverLimit: TagOver}, Tag}, {OverLimit, Level{OverLimit: AcceptOver}, Deliver},
		{Unscannable, Level{}, Defer}, {Unscannable, Level{Unscannable: new(Closed)}, Defer}, {Unscannable, Level{Unscannable: new(TagIt)}, Tag}, {Unscannable, Level{Unscannable: new(Open)}, Deliver},
		// The rule's own setting stands above them.
		{OverLimit, Level{Rules: map[string]RuleSetting{"a.x": {Action: new(Tag)}}}, Tag},
		{Ambiguous, Level{Ambiguity: RejectAmbiguous, Rules: map[string]RuleSetting{"a.x": {Action: new(Deliver)}}}, Deliver},
	} {
		s := mustNew(t, Settings{Level: c.level})
		d := s.Decide(&Case{Findings: []Finding{{Rule: "a.x", Class: c.class}}})
		if d.Action != c.want || d.Action != Deliver && d.Class != c.class {
			t.Errorf("class %d, %+v: %+v, want %s", c.class, c.level, d, c.want)
		}
	}
}

// A mark is for tagged mail alone.
func TestMark(t *testing.T) {
	s := mustNew(t, Settings{Level: Level{SubjectMark: new("[spam] ")}})
	for a := Deliver; a <= Discard; a++ {
		if d := s.Decide(&Case{Findings: []Finding{force("a.x", a)}}); (d.Mark != "") != (d.Action == Tag) {
			t.Errorf("%s: mark %q", d.Action, d.Mark)
		}
	}
}

// manyMailboxes is a site where many have settings of their own.
func manyMailboxes(n int) Settings {
	s := Settings{Routes: []Route{relay("main", "y.test")}, Mailboxes: make(map[string]Level, n)}
	s.Rules = map[string]RuleSetting{}
	for i := range 100 {
		s.Rules[fmt.Sprintf("a.r%d", i)] = RuleSetting{Score: points(float64(i))}
	}
	for i := range n {
		s.Mailboxes[fmt.Sprintf("user%d@y.test", i)] = Level{Thresholds: Thresholds{Tag: points(float64(i % 20))}}
	}
	return s
}

func BenchmarkNewMailboxes(b *testing.B) {
	s := manyMailboxes(100_000)
	b.ReportAllocs()
	for b.Loop() {
		mustNew(b, s)
	}
}

func BenchmarkScope(b *testing.B) {
	s := mustNew(b, manyMailboxes(100_000))
	for _, m := range []Mailbox{{"user77777", "y.test"}, {"nobody", "y.test"}} {
		b.Run(m.Local, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Scope(m)
			}
		})
	}
}
