package policy

import (
	"net/netip"
)

// A Scope is the effective policy of some recipients: all levels laid over
// each other. Recipients whose policies cannot end differently have the same
// *Scope, so to compare pointers of one Snapshot is to compare classes.
type Scope struct {
	// Tenant is the owner's name, or "".
	Tenant string

	id          string
	thresholds  thresholds
	mark        string
	contact     string // "": the route's, or the installation's
	quarantine  *Route // nil: none
	rules       *rules
	user        *userRules // nil: none
	lists       []lists    // most specific first; none empty
	listDigest  string
	ambiguity   AmbiguityPolicy
	overLimit   OverLimitPolicy
	unscannable FailurePolicy
	attachments *Opaque
	shadow      bool
	soft        bool
}

// thresholds are Thresholds in points, resolved. 0: never.
type thresholds struct{ tag, quarantine, reject float64 }

// noScope is the Scope of the zero Snapshot.
var noScope = &Scope{}

// ID names what the Scope says: the same settings give the same id in every
// process. 16 hexadecimal digits; empty for the zero Scope.
func (sc *Scope) ID() string { return sc.id }

// Attachments returns what was set for the module that judges attachments; nil:
// nothing.
func (sc *Scope) Attachments() any {
	if sc == nil || sc.attachments == nil {
		return nil
	}
	return sc.attachments.Value
}

// Listed tells what the lists say of an envelope sender at a peer, before any
// content is there. Decide asks them itself.
func (sc *Scope) Listed(sender Mailbox, peer netip.Addr) Listing {
	found, _ := sc.listed(sender, peer)
	return found
}

func (sc *Scope) listed(sender Mailbox, peer netip.Addr) (found Listing, level string) {
	if sc == nil {
		return Unlisted, ""
	}
	return listed(sc.lists, sender, peer)
}

// UserRules tells whether Decide reads the Recipients, PTR and Header of a Case: the
// operator has rules of his own. Without them nobody needs to fill these in.
func (sc *Scope) UserRules() bool { return sc != nil && sc.user != nil }

// SubjectMark returns what is put before the subject of tagged mail, or "".
func (sc *Scope) SubjectMark() string {
	if sc == nil {
		return ""
	}
	return sc.mark
}

// Scope returns the effective policy of one recipient: of its mailbox, else of
// its domain, else of the tenant whose domain it is, else the installation's.
// Never nil. It takes two look-ups and does not allocate for ASCII addresses.
func (s *Snapshot) Scope(m Mailbox) *Scope {
	if s.mailboxes.n > 0 {
		var space [keySpace]byte
		key, _ := m.appendKey(space[:0])
		if i, ok := s.mailboxes.find(key); ok {
			return s.ofMailbox[i]
		}
	}
	return s.scopeOf(m.Domain)
}

func (s *Snapshot) scopeOf(domain string) *Scope {
	if sc := s.scopes.find(domain); sc != nil {
		return sc
	}
	if s.global == nil {
		return noScope
	}
	return s.global
}

// Alias returns the mailbox that a recipient is rewritten to before routing,
// and whether it is one. Aliases of aliases are followed already.
func (s *Snapshot) Alias(m Mailbox) (Mailbox, bool) {
	if s.aliases.n == 0 {
		return m, false
	}
	var space [keySpace]byte
	key, _ := m.appendKey(space[:0])
	i, ok := s.aliases.find(key)
	if !ok {
		return m, false
	}
	return s.targets[i], true
}
