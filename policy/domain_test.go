package policy

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

func TestRoute(t *testing.T) {
	s := mustNew(t, Settings{Routes: []Route{
		relay("exact", "y.test", "Bücher.TEST", "[1.2.3.4]", "[IPv6:2001:DB8::1]", "under_score.test"),
		relay("sub", ".y.test", ".xn--bcher-kva.test"),
		relay("subsub", ".b.y.test", ".test"),
		relay("any", "*"),
	}})
	for _, c := range []struct{ domain, want string }{
		{"y.test", "exact"},
		{"Y.TeSt", "exact"},
		{"y.test.", "exact"},
		{"a.y.test", "sub"},
		{"A.Y.TEST.", "sub"},
		{"b.y.test", "sub"}, // no subdomain of itself
		{"c.b.y.test", "subsub"},
		{"d.c.B.y.test", "subsub"},
		{"ay.test", "subsub"},
		{"test", "any"},
		{"y.test.example", "any"},
		{"bücher.test", "exact"},
		{"BÜCHER.test", "exact"},
		{"bu\u0308cher.test", "exact"}, // decomposed
		{"xn--bcher-kva.test", "exact"},
		{"XN--BCHER-KVA.test.", "exact"},
		{"bücher。test", "exact"}, // the ideographic full stop separates labels (UTS 46)
		{"ｙ.test", "exact"},      // full width
		{"a.bücher.test", "sub"},
		{"ä.xn--bcher-kva.test", "sub"},
		{"[1.2.3.4]", "exact"},
		{"[1.2.3.5]", "any"},
		{"1.2.3.4", "any"},
		{"[ipv6:2001:db8::1]", "exact"},
		{"under_score.test", "exact"},
		{"a_b.y.test", "sub"},
		// Not in DNS, so nothing the operator named.
		{"a\u202e.y.test", "any"},
		{"\xff.y.test", "any"},
		// Nobody's.
		{"", ""},
		{".", ""},
		{strings.Repeat("a", 256), ""},
		{".y.test", "subsub"}, // an empty label is not the name of a host, nor of y.test's
	} {
		name := ""
		if rt := s.Route(c.domain); rt != nil {
			name = rt.Name
		}
		if name != c.want {
			t.Errorf("Route(%q) = %q, want %q", c.domain, name, c.want)
		}
	}
	if rt := mustNew(t, Settings{Routes: []Route{relay("a", "y.test")}}).Route("x.test"); rt != nil {
		t.Errorf("x.test has route %s", rt.Name)
	}
}

// slowRoute is the reference: all patterns one after the other.
func slowRoute(routes []*Route, domain string) *Route {
	clean := func(s string) (string, bool) {
		s = strings.TrimSuffix(s, ".")
		ascii := strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
		if !ascii {
			to, err := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false)).ToASCII(s)
			return strings.TrimSuffix(strings.ToLower(to), "."), err == nil && utf8.ValidString(s)
		}
		return strings.ToLower(s), true
	}
	if d := strings.TrimSuffix(domain, "."); d == "" || len(d) > maxDomain {
		return nil
	}
	d, ok := clean(domain)
	var best *Route
	rank := -1
	for _, rt := range routes {
		for _, p := range rt.Domains {
			r := -1
			if p == "*" {
				r = 0
			} else if sub, is := strings.CutPrefix(p, "."); is {
				sub, _ = clean(sub)
				if ok && len(d) > len(sub)+1 && strings.HasSuffix(d, "."+sub) {
					r = len(sub) + 1
				}
			} else if p, _ = clean(p); ok && p == d {
				r = 1 << 20
			}
			if r > rank {
				best, rank = rt, r
			}
		}
	}
	return best
}

func FuzzRoute(f *testing.F) {
	for _, d := range []string{"y.test", "A.y.TEST.", "x.bücher.test", "c.b.y.test", "[1.2.3.4]", "..", "a..y.test", "xn--a.test", "ß.test", "a。y.test", "y.test。"} {
		f.Add(d, "z.test", ".z.test")
	}
	f.Fuzz(func(t *testing.T, domain, exact, suffix string) {
		routes := []Route{relay("fixed", "y.test", ".b.y.test", ".y.test", "bücher.test", ".bücher.test", "[1.2.3.4]"), relay("any", "*")}
		for _, more := range []string{exact, suffix} {
			if _, err := New(Settings{Routes: append(routes, relay("fuzz", more))}); err == nil {
				routes = append(routes, relay("fuzz"+more, more))
			}
		}
		s, err := New(Settings{Routes: routes})
		if err != nil {
			t.Skip() // exact and suffix are the same pattern
		}
		for _, d := range []string{domain, domain + suffix, domain + ".y.test", strings.ToUpper(domain)} {
			if got, want := s.Route(d), slowRoute(s.Routes(), d); got != want {
				t.Errorf("Route(%q) = %s, want %s (patterns %q, %q)", d, nameOf(got), nameOf(want), exact, suffix)
			}
		}
	})
}

func nameOf(rt *Route) string {
	if rt == nil {
		return "none"
	}
	return rt.Name
}

func TestRouteDoesNotAllocate(t *testing.T) {
	s := mustNew(t, Settings{Routes: []Route{relay("a", "y.test", ".x.test", "*")}})
	for _, d := range []string{"y.test", "Y.test.", "a.b.c.x.test", "A.B.X.TEST", "nobody.example", "[1.2.3.4]"} {
		if n := testing.AllocsPerRun(100, func() { s.Route(d) }); n != 0 {
			t.Errorf("Route(%q): %v allocations", d, n)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	const domains = 100_000
	var routes []Route
	for i := range domains / 2 {
		routes = append(routes, relay("", fmt.Sprintf("customer%d.test", i), fmt.Sprintf(".customer%d.test", i)))
	}
	s := mustNew(b, Settings{Routes: routes})
	for name, d := range map[string]string{
		"exact":     "customer31415.test",
		"upper":     "Customer31415.Test",
		"subdomain": "mx.lab.customer31415.test",
		"unknown":   "customer31415.example",
		"deep":      strings.Repeat("a.", 120) + "example",
		"foreign":   "kundé.customer31415.test",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Route(d)
			}
		})
	}
}
