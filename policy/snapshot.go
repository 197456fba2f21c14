package policy

// A Snapshot is all policy at one moment. Immutable; read without locks.
type Snapshot struct{}

// Route returns the route for a recipient domain (any case, ASCII or UTF-8), or nil.
func (s *Snapshot) Route(domain string) *Route { return nil }

// Routes returns every route, in configuration order.
func (s *Snapshot) Routes() []*Route { return nil }

// Decide turns findings into one disposition for mail of the given route.
func (s *Snapshot) Decide(rt *Route, findings []Finding) Disposition { return Disposition{} }
