package policy

import (
	"math"
	"net"
	"slices"
	"strconv"
)

// A builder fills a Snapshot and notes every setting that cannot be used.
type builder struct {
	*Snapshot
	errors Errors
	seen   map[string]string // path of each domain pattern so far
}

func (b *builder) fail(path, problem string) {
	b.errors = append(b.errors, &Error{Path: path, Problem: problem})
}

func (b *builder) addRoute(path string, rt Route) {
	route := &rt
	rt.Domains = slices.Clone(rt.Domains)
	rt.Servers = slices.Clone(rt.Servers)
	rt.Pins = slices.Clone(rt.Pins)
	if rt.Name == "" && len(rt.Domains) > 0 {
		rt.Name = rt.Domains[0]
	}
	switch {
	case rt.Name == "":
		b.fail(path, "needs domains, or a name by which rules send mail to it")
	case b.byName[rt.Name] != nil:
		b.fail(path+".name", "another route has this name")
	default:
		b.byName[rt.Name] = route
	}
	for i, text := range rt.Domains {
		b.addDomain(index(path+".domains", i), text, route)
	}
	b.checkServers(path, route)
	b.checkManners(path, route)
	b.routes = append(b.routes, route)
}

func (b *builder) addDomain(path, text string, rt *Route) {
	p, problem := parsePattern(text)
	if problem == "" && b.seen[p.key] != "" {
		problem = "the same domain as " + b.seen[p.key]
	}
	if problem == "" && p.key == anyDomain && rt.MX {
		problem = `"*" with mx would relay for everybody (open relay)`
	}
	if problem != "" {
		b.fail(path, problem)
		return
	}
	b.seen[p.key] = path
	switch {
	case p.key == anyDomain:
		b.domains.otherwise = rt
	case p.suffix:
		b.domains.suffix[p.key] = rt
		b.domains.longest = max(b.domains.longest, len(p.key))
	default:
		b.domains.exact[p.key] = rt
	}
}

func (b *builder) checkServers(path string, rt *Route) {
	switch {
	case rt.MX && len(rt.Servers) > 0:
		b.fail(path+".mx", "servers are given as well")
	case rt.MX && rt.Protocol == LMTP:
		b.fail(path+".protocol", "servers found by MX speak SMTP (RFC 2033 section 5)")
	case !rt.MX && len(rt.Servers) == 0:
		b.fail(path, "needs servers, or mx")
	}
	for i := range rt.Servers {
		b.checkServer(index(path+".servers", i), &rt.Servers[i])
	}
}

func (b *builder) checkServer(path string, s *Server) {
	host, port, err := net.SplitHostPort(s.Address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || portErr != nil || n == 0 {
		b.fail(path+".address", "not host:port")
	}
	if s.Weight == 0 {
		s.Weight = 1
	}
	if s.MaxConnections == 0 {
		s.MaxConnections = DefaultMaxConnections
	}
	if s.Priority < 0 {
		b.fail(path+".priority", "below 0")
	}
	if s.Weight < 0 {
		b.fail(path+".weight", "below 1")
	}
	if s.MaxConnections < 0 {
		b.fail(path+".max_connections", "below 1")
	}
}

// checkManners checks how the servers are to be spoken to.
func (b *builder) checkManners(path string, rt *Route) {
	if rt.TLS == TLSPin && len(rt.Pins) == 0 {
		b.fail(path+".pins", "tls: pin needs at least one")
	}
	if rt.TLS != TLSPin && len(rt.Pins) > 0 {
		b.fail(path+".pins", "only used with tls: pin")
	}
	if rt.Username == "" && rt.Password != "" {
		b.fail(path+".auth", "a password without a username")
	}
	if rt.Username != "" && rt.TLS == TLSNone {
		b.fail(path+".auth", "a password is never sent without TLS")
	}
	if rt.MaxMessage < 0 {
		b.fail(path+".max_message", "below 0")
	}
}

func (b *builder) addQuarantine(name string) {
	if name == "" {
		return
	}
	if b.quarantine = b.byName[name]; b.quarantine == nil {
		b.fail("quarantine", "no route has this name")
	}
}

func (b *builder) addRule(name string, setting RuleSetting) {
	path := "rules[" + name + "]"
	if name == "" {
		b.fail(path, "a rule needs a name")
	}
	r := rule{RuleSetting: setting}
	if setting.Route != "" {
		if r.route = b.byName[setting.Route]; r.route == nil {
			b.fail(path+".route", "no route has this name")
		}
	}
	if setting.Score != nil && (math.IsNaN(*setting.Score) || math.Abs(*setting.Score) > maxScore) {
		b.fail(path+".score", "not a number between -1000000 and 1000000")
	}
	switch {
	case setting.Action == nil:
	case *setting.Action > Discard:
		b.fail(path+".action", ErrAction.Error())
	case *setting.Action == Divert && setting.Route == "":
		b.fail(path+".route", "divert needs the name of a route")
	case *setting.Action == Quarantine && setting.Route == "" && b.quarantine == nil:
		b.fail(path+".action", "there is no quarantine route")
	}
	b.rules[name] = r
}

func (b *builder) checkThresholds() {
	last, lastName := 0.0, ""
	for _, t := range []struct {
		name  string
		score float64
	}{
		{"tag", b.thresholds.Tag},
		{"quarantine", b.thresholds.Quarantine},
		{"reject", b.thresholds.Reject},
	} {
		path := "thresholds." + t.name
		switch {
		case math.IsNaN(t.score) || t.score < 0 || t.score > maxScore:
			b.fail(path, "not a number between 0 and 1000000")
		case t.score == 0: // never
		case t.score < last:
			b.fail(path, "below thresholds."+lastName)
		default:
			last, lastName = t.score, t.name
		}
	}
	if b.thresholds.Quarantine != 0 && b.quarantine == nil {
		b.fail("thresholds.quarantine", "there is no quarantine route")
	}
}
