package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// userCase is a case with every fact.
func userCase() *Case {
	return &Case{
		Sender: Mailbox{"News", "X.test"}, Peer: netip.MustParseAddr("::ffff:192.0.2.7"), PTR: "Mail.x.test.", Helo: "Mail.X.test",
		Recipients: []Mailbox{{"a", "y.test"}, {"B", "y.test"}}, Size: 1000,
		Findings: []Finding{score("a.x", 1.5), score("set.off", 7), score("set.shadow", 9)},
		Header: func(name string) []string {
			if name == "subject" {
				return []string{"Invoice 17", "second"}
			}
			return nil
		},
	}
}

func TestUserRuleFacts(t *testing.T) {
	for _, c := range []struct {
		when string
		want bool
	}{
		{`from == "news@x.test"`, true},
		{`from_domain == "x.test" && helo == "mail.x.test" && ptr == helo`, true},
		{`peer == "192.0.2.7"`, true},
		{`peer_in("192.0.2.0/24")`, true},
		{`peer_in("::ffff:192.0.2.0/120")`, true},
		{`peer_in("198.51.100.1")`, false},
		{`"b@y.test" in recipients`, true},
		{`len(recipients) == 2 && all(recipients, # endsWith "@y.test")`, true},
		{`size > 999 && size < 1001`, true},
		{`score == 1.5`, true}, // neither what is off nor what is in shadow
		{`has("a.x")`, true},
		{`has("set.off") || has("set.shadow") || has("a.y")`, false},
		{`header("Subject") matches "(?i)^invoice [0-9]+$"`, true},
		{`count(headers("subject"), # contains "o") == 2`, true},
		{`header("X-None") == "" && len(headers("x-none")) == 0`, true},
		{`listed == ""`, true},
		{`from_domain in ["x.test", "z.test"] and not (helo startsWith "dyn")`, true},
		{`let d = from_domain; d == "x.test" ? true : false`, true},
	} {
		settings := site()
		settings.UserRules = []UserRule{{Name: "r", When: c.when, Action: new(Tag), Score: points(2)}}
		s := mustNew(t, settings)
		k := userCase()
		d := s.Decide(k)
		found := slices.ContainsFunc(k.Findings, func(f Finding) bool { return f.Rule == "user.r" })
		if found != c.want || len(k.Findings) != 3+map[bool]int{true: 1}[c.want] {
			t.Errorf("%s: %v", c.when, k.Findings)
		}
		if c.want && (d.Action != Tag || d.Rule != "user.r" || d.Score != 3.5) {
			t.Errorf("%s: %+v", c.when, d)
		}
	}
}

// What would run long, grow or be undefined is refused when it is loaded.
func TestUserRuleRefused(t *testing.T) {
	for _, c := range []struct{ when, want string }{
		{``, "unexpected"},
		{`from`, "bool"},
		{`form == "x"`, "line 1, column 1: unknown name form"},
		{"true &&\n  size == \"x\"", "line 2, column 8"},
		{`nothing()`, "unknown name"},
		{`any(1..1000000, # > 5)`, "ranges"},
		{`any(recipients, any(headers("x"), # == "a"))`, "inside the condition"},
		{`any(recipients, let x = count(headers("x"), # == "a"); x > 1)`, "inside the condition"},
		{`from + from == ""`, "joined"},
		{`let a = from + helo; a == ""`, "joined"},
		{`header("x") matches from`, "written out"},
		{`from matches "("`, "missing closing"},
		{`has(from)`, "written out"},
		{`peer_in("192.0.2.1/24")`, "bits"},
		{`peer_in("y.test")`, "not a network"},
		{`reduce(recipients, 1, 0) == 1`, "reduce cannot"},
		{`len(map(recipients, # + #)) == 1`, "joined"},
		{`len(recipients | filter(# == "x")) == 1`, "filter cannot"},
		{`len(groupBy(recipients, #)) == 1`, "groupBy cannot"},
		{`len(sortBy(recipients, #)) == 1`, "sortBy cannot"},
		{`find(recipients, true) == ""`, "find cannot"},
		{`repeat(from, 1000000) == ""`, "repeat"},
		{`now().Year() > 1`, "now"},
		{`let a = [from]; let b = [a, a]; b == b`, "a list may hold"},
		{`[size > 1 ? from : recipients] == []`, "a list may hold"},
		{`{"a": from} == {}`, "maps"},
		{"false" + strings.Repeat(` or any(recipients, # == "a")`, 9), "too many conditions"},
		{`any(recipients, # == "a"` + strings.Repeat(` or # == "a"`, 20) + `)`, "too long"},
		{strings.Repeat("true && ", 600) + "true", "node"},
	} {
		_, err := New(Settings{Level: Level{UserRules: []UserRule{{Name: "r", When: c.when}}}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "user_rules[0].when: ") {
			t.Errorf("%.60s: %v, want %q", c.when, err, c.want)
		}
	}
	for _, name := range []string{"", "A", "a.b", "failed", "ä"} {
		if _, err := New(Settings{Level: Level{UserRules: []UserRule{{Name: name, When: "true"}}}}); err == nil {
			t.Errorf("name %q is taken", name)
		}
	}
	twice := []UserRule{{Name: "r", When: "true"}, {Name: "r", When: "false"}}
	if _, err := New(Settings{Level: Level{UserRules: twice}}); err == nil || !strings.Contains(err.Error(), "user_rules[1].name") {
		t.Errorf("two of one name: %v", err)
	}
}

// A rule that cannot be evaluated is a failed module, never silence.
func TestUserRuleFails(t *testing.T) {
	for _, when := range []string{`recipients[99] == "x"`, `size % (size - 1000) == 1`, `first(headers("none")) == "x" || recipients[-9] == ""`, `header("boom") == ""`} {
		settings := site()
		settings.UserRules = []UserRule{{Name: "bad", When: when, Action: new(Deliver)}, {Name: "good", When: "true", Action: new(Tag)}}
		c := userCase()
		header := c.Header
		c.Header = func(name string) []string {
			if name == "boom" {
				panic("a panic with content")
			}
			return header(name)
		}
		d := mustNew(t, settings).Decide(c)
		if d.Action != Defer || d.Rule != RuleUserFailed {
			t.Errorf("%s: %+v", when, d)
		}
		if f := c.Findings[3]; f != (Finding{Module: "user", Rule: RuleUserFailed, Detail: "bad", Force: Defer}) {
			t.Errorf("%s: %+v", when, f)
		}
		if c.Findings[4].Rule != "user.good" {
			t.Errorf("%s: the next rule was not asked: %v", when, c.Findings)
		}
	}
}

// User rules add up over the levels; a name that comes again is replaced, and
// settings of rules reach them.
func TestUserRuleLevels(t *testing.T) {
	settings := Settings{
		Routes: []Route{relay("main", "y.test", "z.test")},
		Level:  Level{UserRules: []UserRule{{Name: "a", When: "true", Score: points(1)}, {Name: "b", When: "true", Score: points(2)}}},
		Tenants: []Tenant{{Name: "t", Domains: []string{"y.test"},
			Level: Level{
				UserRules: []UserRule{{Name: "a", When: "true", Score: points(10)}, {Name: "c", When: "size > 5", Score: points(20)}},
				Rules:     map[string]RuleSetting{"user.b": {Off: new(true)}},
			},
			Mailboxes: map[string]Level{"m@y.test": {Rules: map[string]RuleSetting{"user.b": {Off: new(false)}, "user.a": {Score: points(100)}}}},
		}},
	}
	s := mustNew(t, settings)
	for m, want := range map[Mailbox]float64{{"m", "z.test"}: 3, {"x", "y.test"}: 30, {"m", "y.test"}: 122} {
		if d := s.Decide(&Case{Scope: s.Scope(m), Size: 6}); d.Score != want {
			t.Errorf("%s: score %v, want %v", m.Local+"@"+m.Domain, d.Score, want)
		}
	}
	off := Settings{Level: Level{UserRules: []UserRule{{Name: "a", When: "true"}}, Rules: map[string]RuleSetting{"user.a": {Off: new(true)}}}}
	if a, b := mustNew(t, off), mustNew(t, Settings{}); a.Scope(Mailbox{}).ID() != b.Scope(Mailbox{}).ID() {
		t.Error("a rule that is off makes another class")
	}
}

// Of a field an expression sees a bounded part, in whole characters.
func TestUserRuleLongFields(t *testing.T) {
	settings := site()
	settings.UserRules = []UserRule{{Name: "r", When: `len(headers("x")) == 200 and all(headers("x"), len(#) == 1024 and # endsWith "ä")`}}
	c := userCase()
	c.Header = func(string) []string { return slices.Repeat([]string{strings.Repeat("ä", 5000)}, 500) }
	mustNew(t, settings).Decide(c)
	if f := c.Findings[len(c.Findings)-1]; f.Rule != "user.r" {
		t.Errorf("%+v", f)
	}
	if got := cut("x" + strings.Repeat("ä", 5000)); len(got) != 2047 {
		t.Errorf("cut to %d octets", len(got))
	}
}

// Check names what a rule asks for.
func TestUserRuleCheck(t *testing.T) {
	has, err := (&UserRule{When: `has("a.x") && (has("b.y") || size > 5)`}).Check()
	if err != nil || !slices.Equal(has, []string{"a.x", "b.y"}) {
		t.Errorf("%q, %v", has, err)
	}
}

// FuzzUserRule: whatever is compiled gives an answer or fails, and soon.
func FuzzUserRule(f *testing.F) {
	for _, when := range []string{
		`from == "a"`, `any(recipients, # endsWith "@y.test") and size > 5`, `let x = split(from, "."); len(x) > 2`,
		`count(headers("x"), len(#) > 3) in [1, 2]`, `has("a.x") ? score > 1 : peer_in("::/0")`, `helo matches "^a+$"`, `first(recipients)[0:3] == "abc"`,
		`from in ["a", "b"]`, `(from | lower | trim) contains "x"`, `none(split(from, ""), # == "@")`, `-size ** 3 > 1e9`, `indexOf(from, "@") % 0 == 1`, `not (from not in recipients)`,
	} {
		f.Add(when)
	}
	f.Fuzz(func(t *testing.T, when string) {
		s, err := New(Settings{Level: Level{UserRules: []UserRule{{Name: "r", When: when}}}})
		if err != nil {
			return
		}
		c := userCase()
		found := len(c.Findings)
		s.Decide(c)
		if len(c.Findings) > found+1 {
			t.Errorf("%v", c.Findings)
		}
	})
}
