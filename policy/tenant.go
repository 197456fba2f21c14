package policy

import (
	"maps"
	"slices"
)

// A Tenant is one customer of an installation.
type Tenant struct {
	Name string
	// Domains are recipient domains as in Route.Domains. Those of routes that
	// name the tenant are its own as well.
	Domains []string
	Level
	// DomainLevels is by domain as in Domains; the most exact pattern alone
	// counts for a recipient. All must be the tenant's.
	DomainLevels map[string]Level
	// Mailboxes is by address. All must be in the tenant's domains.
	Mailboxes map[string]Level
	// Aliases is by address, as Settings.Aliases. All must be in the tenant's
	// domains; what they stand for need not.
	Aliases map[string]string
}

// An owner is a tenant while a Snapshot is built.
type owner struct {
	name  string
	scope *Scope
}

// A domainLevel is settings of a domain while a Snapshot is built.
type domainLevel struct {
	*Level
	path string
	p    pattern
}

// addScopes resolves every level. Routes are there already.
func (b *builder) addScopes(settings *Settings) {
	b.global = b.lay(nil, "", &settings.Level, "")
	b.addOwners(settings)
	b.addDomainLevels(settings.DomainLevels, nil, "")
	for i := range settings.Tenants {
		t := &settings.Tenants[i]
		if o := b.tenants[t.Name]; o != nil {
			b.addDomainLevels(t.DomainLevels, o, index("tenants", i)+".")
		}
	}
	b.joinDomains()
	b.addMailboxes(settings.Mailboxes, nil, "")
	b.addAliases(settings.Aliases, nil, "")
	for i := range settings.Tenants {
		t := &settings.Tenants[i]
		if o := b.tenants[t.Name]; o != nil {
			b.addMailboxes(t.Mailboxes, o, index("tenants", i)+".")
			b.addAliases(t.Aliases, o, index("tenants", i)+".")
		}
	}
	b.followAliases()
}

// addOwners notes which domains are whose: what tenants list, and what routes
// with a tenant take.
func (b *builder) addOwners(settings *Settings) {
	for i := range settings.Tenants {
		t, path := &settings.Tenants[i], index("tenants", i)
		switch {
		case t.Name == "":
			b.fail(path, "needs a name")
			continue
		case b.tenants[t.Name] != nil:
			b.fail(path+".name", "another tenant has this name")
			continue
		}
		o := &owner{t.Name, b.lay(b.global, t.Name, &t.Level, path)}
		b.tenants[t.Name] = o
		for j, text := range t.Domains {
			b.own(index(path+".domains", j), text, o)
		}
	}
	for i, rt := range b.routes {
		if rt.Tenant == "" {
			continue
		}
		o := b.tenants[rt.Tenant]
		if o == nil {
			o = &owner{rt.Tenant, b.lay(b.global, rt.Tenant, &Level{}, "")}
			b.tenants[rt.Tenant] = o
		}
		for _, text := range rt.Domains {
			b.own(index("routes", i)+".tenant", text, o)
		}
	}
}

func (b *builder) own(path, text string, o *owner) {
	p, problem := parsePattern(text)
	if other := b.owned[p.key]; problem == "" && other != nil && other != o {
		problem = "a domain of another tenant as well"
	}
	if problem != "" {
		b.fail(path, problem)
		return
	}
	b.owned[p.key] = o
	b.owners.put(p, o)
}

// addDomainLevels notes settings of domains. o is the tenant they stand under;
// nil: none, so they may be for any domain.
func (b *builder) addDomainLevels(levels map[string]Level, o *owner, path string) {
	for _, text := range slices.Sorted(maps.Keys(levels)) { // errors in a steady order
		at := path + "domain_settings[" + text + "]"
		p, problem := parsePattern(text)
		switch {
		case problem != "":
		case b.levels[p.key] != nil:
			problem = "the same domain as " + b.levels[p.key].path
		case o != nil && b.owners.findPattern(p) != o:
			problem = "not a domain of this tenant"
		}
		if problem != "" {
			b.fail(at, problem)
			continue
		}
		level := levels[text]
		d := &domainLevel{&level, at, p}
		b.levels[p.key] = d
		b.byDomain.put(p, d)
	}
}

// joinDomains makes one table of owners and settings. A pattern of either
// stands for the most exact of both kinds that match it.
func (b *builder) joinDomains() {
	patterns := make(map[string]bool, len(b.owned)+len(b.levels))
	for key := range b.owned {
		patterns[key] = true
	}
	for key := range b.levels {
		patterns[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(patterns)) {
		p := pattern{key, key[0] == '.'}
		sc := b.global
		if o := b.owners.findPattern(p); o != nil {
			sc = o.scope
		}
		if d := b.byDomain.findPattern(p); d != nil {
			sc = b.lay(sc, sc.Tenant, d.Level, d.path)
		}
		b.scopes.put(p, sc)
	}
}

func (b *builder) addMailboxes(levels map[string]Level, o *owner, path string) {
	for _, text := range slices.Sorted(maps.Keys(levels)) {
		at := path + "mailboxes[" + text + "]"
		m, key, ok := b.address(at, text, o)
		if !ok {
			continue
		}
		if _, twice := b.mailboxes.find(key); twice {
			b.fail(at, "the same mailbox again")
			continue
		}
		level, base := levels[text], b.scopeOf(m.Domain)
		if !b.mailboxes.put(key, uint32(len(b.ofMailbox))) {
			b.fail(at, "one mailbox too many")
			continue
		}
		b.ofMailbox = append(b.ofMailbox, b.lay(base, base.Tenant, &level, at))
	}
}

// address reads an address that must be o's, if o is not nil.
func (b *builder) address(path, text string, o *owner) (m Mailbox, key []byte, ok bool) {
	m, err := parseMailbox(text)
	if err != nil {
		b.fail(path, err.Error())
		return m, nil, false
	}
	if o != nil && b.owners.find(m.Domain) != o {
		b.fail(path, "not in a domain of this tenant")
		return m, nil, false
	}
	key, _ = m.appendKey(nil)
	return m, key, true
}
