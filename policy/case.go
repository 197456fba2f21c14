package policy

import "net/netip"

// A Case is what is known of one message, for Decide. Fields that are not
// known are left zero. All recipients are of one class: they share Scope.
type Case struct {
	Route *Route // the recipients' own; nil: not known yet
	Scope *Scope // theirs; nil: the installation's
	// Sender is the reverse-path.
	Sender     Mailbox
	Peer       netip.Addr
	PTR        string // its confirmed name, or ""
	Helo       string
	Recipients []Mailbox
	Size       int64 // octets of content, as far as they have come
	// Findings are those of the modules. Decide appends what lists and user
	// rules found, so a Case is decided once.
	Findings []Finding
	// Header returns the values of the message's header fields of that name, in
	// order, unfolded and decoded to UTF-8; names compare without case. nil:
	// there is no header yet. It is called only for user rules.
	Header func(name string) []string
}

// scope returns the Scope that c is decided by.
func (c *Case) scope(s *Snapshot) *Scope {
	switch {
	case c.Scope != nil:
		return c.Scope
	case s.global != nil:
		return s.global
	}
	return noScope
}
