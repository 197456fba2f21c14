package policy

import (
	"maps"
	"slices"
)

// A Snapshot is all policy at one moment. Immutable; read without locks. The
// zero Snapshot has no routes and no rules.
type Snapshot struct {
	routes     []*Route
	byName     map[string]*Route
	domains    table
	rules      map[string]rule
	thresholds Thresholds
	quarantine *Route // nil: none
	soft       bool
	shadow     bool
	contact    string
}

// Route returns the route for a recipient domain, or nil. An exact pattern
// beats the longest subdomain pattern beats "*". Domains compare without case,
// A-labels equal their U-labels, a final dot is ignored and address literals
// match as written. The empty domain (a bare Postmaster) has no route.
func (s *Snapshot) Route(domain string) *Route { return s.domains.find(domain) }

// Routes returns every route, in configuration order. The slice must not be
// changed.
func (s *Snapshot) Routes() []*Route { return s.routes }

// RouteNamed returns the route of that name, or nil.
func (s *Snapshot) RouteNamed(name string) *Route { return s.byName[name] }

// Shadow tells whether mail for rt (nil: not known yet) is only watched.
// Replies that modules made at CONNECT, HELO, MAIL or RCPT must then not be
// spoken either.
func (s *Snapshot) Shadow(rt *Route) bool { return s.shadow || rt != nil && rt.Shadow }

// Soft tells whether our 5xx must be a 4xx for mail for rt (nil: not known yet).
func (s *Snapshot) Soft(rt *Route) bool { return s.soft || rt != nil && rt.Soft }

// Contact returns what a refused sender may be told to turn to, or "".
func (s *Snapshot) Contact(rt *Route) string {
	if rt != nil && rt.Contact != "" {
		return rt.Contact
	}
	return s.contact
}

// New checks settings and makes a Snapshot of them. The error is Errors, with
// everything that is wrong.
func New(settings Settings) (*Snapshot, error) {
	b := builder{
		Snapshot: &Snapshot{
			byName:     make(map[string]*Route, len(settings.Routes)),
			rules:      make(map[string]rule, len(settings.Rules)),
			thresholds: settings.Thresholds,
			soft:       settings.Soft,
			shadow:     settings.Shadow,
			contact:    settings.Contact,
		},
		seen: make(map[string]string),
	}
	b.domains = table{exact: make(map[string]*Route), suffix: make(map[string]*Route)}
	for i := range settings.Routes {
		b.addRoute(index("routes", i), settings.Routes[i])
	}
	b.addQuarantine(settings.Quarantine)
	for _, name := range slices.Sorted(maps.Keys(settings.Rules)) { // errors in a steady order
		b.addRule(name, settings.Rules[name])
	}
	b.checkThresholds()
	if len(b.errors) > 0 {
		return nil, b.errors
	}
	return b.Snapshot, nil
}
