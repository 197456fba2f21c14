package policy

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// relay returns a route that New accepts.
func relay(name string, domains ...string) Route {
	return Route{Name: name, Domains: domains, Servers: []Server{{Address: "127.0.0.1:25"}}}
}

func mustNew(t testing.TB, s Settings) *Snapshot {
	t.Helper()
	p, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestZeroSnapshot(t *testing.T) {
	var s Snapshot
	if s.Route("y.test") != nil || len(s.Routes()) != 0 || s.RouteNamed("x") != nil {
		t.Error("has routes")
	}
	if d := s.Decide(&Case{}); d != (Disposition{}) {
		t.Errorf("decides %+v", d)
	}
}

func TestDefaults(t *testing.T) {
	given := Settings{Routes: []Route{
		{Domains: []string{"Y.test", "x.test"}, Servers: []Server{{Address: "h:25"}, {Address: "[::1]:25", Weight: 3, MaxConnections: 7, Priority: 2}}},
	}}
	s := mustNew(t, given)
	rt := s.Routes()[0]
	if rt.Name != "Y.test" || s.RouteNamed("Y.test") != rt {
		t.Errorf("name %q", rt.Name)
	}
	want := []Server{{"h:25", 0, 1, DefaultMaxConnections}, {"[::1]:25", 2, 3, 7}}
	if !slices.Equal(rt.Servers, want) {
		t.Errorf("servers %+v, want %+v", rt.Servers, want)
	}
	if given.Routes[0].Servers[0].Weight != 0 || given.Routes[0].Name != "" {
		t.Error("the caller's settings were changed")
	}
	given.Routes[0].Domains[0] = "z.test"
	if rt.Domains[0] != "Y.test" {
		t.Error("the snapshot follows the caller's settings")
	}
}

// Every fault has the path of its setting, and all are told at once.
func TestFaults(t *testing.T) {
	server := []Server{{Address: "h:25"}}
	action := func(a Action) *Action { return &a }
	nan := math.NaN()
	for _, c := range []struct {
		name     string
		settings Settings
		want     string // paths
	}{
		{"good", Settings{Routes: []Route{relay("", "y.test", ".y.test", "*", "[1.2.3.4]", "bücher.test")}}, ""},
		{"target only", Settings{Routes: []Route{relay("q")}, Level: Level{Quarantine: "q"}}, ""},
		{"mx", Settings{Routes: []Route{{Domains: []string{"y.test"}, MX: true}}}, ""},
		{"open relay", Settings{Routes: []Route{{Domains: []string{"y.test", "*"}, MX: true}}}, "routes[0].domains[1]"},
		{"no name", Settings{Routes: []Route{{Servers: server}}}, "routes[0]"},
		{"no servers", Settings{Routes: []Route{{Domains: []string{"y.test"}}}}, "routes[0]"},
		{"mx and servers", Settings{Routes: []Route{{Domains: []string{"y.test"}, MX: true, Servers: server}}}, "routes[0].mx"},
		{"mx and lmtp", Settings{Routes: []Route{{Domains: []string{"y.test"}, MX: true, Protocol: LMTP}}}, "routes[0].protocol"},
		{"twice", Settings{Routes: []Route{relay("a", "y.test"), relay("b", "x.test", "Y.TEST.")}}, "routes[1].domains[1]"},
		{"twice, in two scripts", Settings{Routes: []Route{relay("a", "bücher.test"), relay("b", "XN--bcher-kva.test")}}, "routes[1].domains[0]"},
		{"same name", Settings{Routes: []Route{relay("a", "y.test"), relay("a", "x.test")}}, "routes[1].name"},
		{"bad domains", Settings{Routes: []Route{relay("a", "", ".", "*.y.test", "a@y.test", "a..b", "..b", "[1.2.3.4", "a b",
			strings.Repeat("a.", 140)+"test", "xn--a-ä.test", "10.0.0.0/8", "y.test:25")}},
			"routes[0].domains[0] routes[0].domains[1] routes[0].domains[2] routes[0].domains[3] routes[0].domains[4] routes[0].domains[5] " +
				"routes[0].domains[6] routes[0].domains[7] routes[0].domains[8] routes[0].domains[9] routes[0].domains[10] routes[0].domains[11]"},
		{"bad servers", Settings{Routes: []Route{{Name: "a", Servers: []Server{{Address: "h"}, {Address: ":25"}, {Address: "h:0"}, {Address: "h:65536"},
			{Address: "h:smtp"}, {Address: "h:25", Weight: -1, MaxConnections: -1, Priority: -1}}}}},
			"routes[0].servers[0].address routes[0].servers[1].address routes[0].servers[2].address routes[0].servers[3].address routes[0].servers[4].address " +
				"routes[0].servers[5].priority routes[0].servers[5].weight routes[0].servers[5].max_connections"},
		{"pins", Settings{Routes: []Route{{Name: "a", Servers: server, TLS: TLSPin}, {Name: "b", Servers: server, Pins: make([][32]byte, 1)}}},
			"routes[0].pins routes[1].pins"},
		{"auth", Settings{Routes: []Route{{Name: "a", Servers: server, TLS: TLSNone, Username: "u"}, {Name: "b", Servers: server, Password: "p"}}},
			"routes[0].auth routes[1].auth"},
		// What goes to senders is ASCII; a line feed makes another line of the reply.
		{"words", Settings{
			Routes: []Route{{Name: "a", Servers: server, Contact: "Müller"}},
			Level: Level{
				Contact: "a\rb", SubjectMark: new("[two\nlines]"),
				UserRules: []UserRule{{Name: "u", When: "true", Text: "für"}},
				Rules:     map[string]RuleSetting{"a.x": {Text: "two\nlines"}, "a.y": {Text: "\x00"}},
			},
		}, "routes[0].contact contact subject_mark user_rules[0].text rules[a.y].text"},
		{"size", Settings{Routes: []Route{{Name: "a", Servers: server, MaxMessage: -1}}}, "routes[0].max_message"},
		{"quarantine", Settings{Level: Level{Quarantine: "q"}}, "quarantine"},
		{"rules", Settings{Level: Level{Rules: map[string]RuleSetting{
			"": {}, "a": {Route: "x"}, "b": {Action: action(Divert)}, "c": {Action: action(Quarantine)},
			"d": {Score: &nan}, "e": {Action: action(99)}, "f": {Action: action(Discard)}}}},
			"rules[] rules[a].route rules[b].route rules[c].action rules[d].score rules[e].action"},
		{"thresholds", Settings{Level: Level{Thresholds: Thresholds{Tag: points(-1), Quarantine: points(5), Reject: points(4)}}},
			"thresholds.tag thresholds.reject thresholds.quarantine"},
		{"threshold is no number", Settings{Level: Level{Thresholds: Thresholds{Tag: &nan, Reject: points(math.Inf(1))}}}, "thresholds.tag thresholds.reject"},
		{"equal thresholds", Settings{Level: Level{Thresholds: Thresholds{Tag: points(5), Reject: points(5)}}}, ""},
	} {
		s, err := New(c.settings)
		var all Errors
		if err != nil && !errors.As(err, &all) {
			t.Fatalf("%s: error of type %T", c.name, err)
		}
		var paths []string
		for _, e := range all {
			paths = append(paths, e.Path)
			if e.Problem == "" || !strings.Contains(err.Error(), e.Error()) {
				t.Errorf("%s: %q lacks %q", c.name, err, e)
			}
		}
		if got := strings.Join(paths, " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if (s == nil) != (err != nil) {
			t.Errorf("%s: snapshot %v with error %v", c.name, s, err)
		}
		var single *Error
		if err != nil && !errors.As(err, &single) {
			t.Errorf("%s: no *Error inside", c.name)
		}
	}
}

func TestWords(t *testing.T) {
	for a := Deliver; a <= Discard; a++ {
		text, _ := a.MarshalText()
		var b Action
		if err := b.UnmarshalText(text); err != nil || a != b {
			t.Errorf("%s became %s, %v", a, b, err)
		}
	}
	for p, force := range map[FailurePolicy]Action{Closed: Defer, Open: Deliver, TagIt: Tag, 99: Defer} {
		if p.Force() != force {
			t.Errorf("%s forces %s", p, p.Force())
		}
		text, _ := p.MarshalText()
		var q FailurePolicy
		if err := q.UnmarshalText(text); err != nil || p.Force() != q.Force() {
			t.Errorf("%s became %s, %v", p, q, err)
		}
	}
	var a Action
	var p FailurePolicy
	if !errors.Is(a.UnmarshalText([]byte("Reject")), ErrAction) || !errors.Is(p.UnmarshalText(nil), ErrFailurePolicy) {
		t.Error("unknown words are taken")
	}
}
