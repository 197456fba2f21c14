package policy

import "github.com/expr-lang/expr/vm"

// A Snapshot is all policy at one moment. Immutable; read without locks. The
// zero Snapshot has no routes and no rules.
type Snapshot struct {
	routes  []*Route
	byName  map[string]*Route
	domains table[Route]
	contact string

	global    *Scope // nil in the zero Snapshot
	scopes    table[Scope]
	mailboxes keySet // the number is an index of ofMailbox
	ofMailbox []*Scope
	aliases   keySet // the number is an index of targets
	targets   []Mailbox
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

// Shadow tells whether mail for recipients of sc on rt (nil: not known yet) is
// only watched. Replies that modules made at CONNECT, HELO, MAIL or RCPT must
// then not be spoken either.
func (s *Snapshot) Shadow(rt *Route, sc *Scope) bool {
	return s.global != nil && s.global.shadow || rt != nil && rt.Shadow || sc != nil && sc.shadow
}

// Soft tells whether our 5xx must be a 4xx for mail for recipients of sc on rt
// (nil: not known yet).
func (s *Snapshot) Soft(rt *Route, sc *Scope) bool {
	return s.global != nil && s.global.soft || rt != nil && rt.Soft || sc != nil && sc.soft
}

// Contact returns what a refused sender may be told to turn to, or "": the
// recipients', else the route's, else the installation's.
func (s *Snapshot) Contact(rt *Route, sc *Scope) string {
	switch {
	case sc != nil && sc.contact != "":
		return sc.contact
	case rt != nil && rt.Contact != "":
		return rt.Contact
	}
	return s.contact
}

// New checks settings and makes a Snapshot of them. The error is Errors, with
// everything that is wrong.
func New(settings Settings) (*Snapshot, error) {
	b := builder{
		Snapshot: &Snapshot{
			byName:  make(map[string]*Route, len(settings.Routes)),
			contact: settings.Contact,
		},
		seen:     make(map[string]string),
		tenants:  make(map[string]*owner),
		owned:    make(map[string]*owner),
		levels:   make(map[string]*domainLevel),
		interned: make(map[string]*Scope),
		programs: make(map[string]*vm.Program),
	}
	for i := range settings.Routes {
		b.addRoute(index("routes", i), settings.Routes[i])
	}
	b.addScopes(&settings)
	if len(b.errors) > 0 {
		return nil, b.errors
	}
	return b.Snapshot, nil
}
