package policy

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/vm"
)

// A builder fills a Snapshot and notes every setting that cannot be used.
type builder struct {
	*Snapshot
	errors Errors
	seen   map[string]string // path of each domain pattern so far

	tenants    map[string]*owner       // by name
	owned      map[string]*owner       // by domain pattern
	owners     table[owner]            // the same
	levels     map[string]*domainLevel // by domain pattern
	byDomain   table[domainLevel]      // the same
	interned   map[string]*Scope       // by id
	programs   map[string]*vm.Program  // by text
	aliasPaths []string                // as targets
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
	b.domains.put(p, rt)
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
	b.checkWords(path+".contact", rt.Contact)
	if rt.MaxMessage < 0 {
		b.fail(path+".max_message", "below 0")
	}
}

// checkWords checks a text for senders. Replies are ASCII unless both sides
// speak SMTPUTF8 (RFC 6531 section 3.5), which nobody knows beforehand; any
// other octet would go out as a question mark. A line feed makes a reply of
// several lines.
func (b *builder) checkWords(path, text string) {
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
		b.fail(path, "must be plain ASCII: it stands in SMTP replies")
	}
}
