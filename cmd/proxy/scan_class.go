package main

import (
	"fmt"

	"sluice/policy"
	"sluice/stream/wire"
)

// A scanClass is recipients who get the same.
type scanClass struct {
	route *policy.Route // nil: nobody's
	scope *policy.Scope // nil: the installation's
	paths []wire.Path
}

// tenant is whose the recipients are.
func (c *scanClass) tenant() string {
	switch {
	case c.scope != nil && c.scope.Tenant != "":
		return c.scope.Tenant
	case c.route != nil:
		return c.route.Tenant
	}
	return ""
}

// class returns the class that these make, a new one if need be.
func (s *mailScanner) class(route *policy.Route, scope *policy.Scope) *scanClass {
	for _, c := range s.classes {
		if c.route == route && c.scope == scope {
			return c
		}
	}
	s.classes = append(s.classes, &scanClass{route: route, scope: scope})
	return s.classes[len(s.classes)-1]
}

// nobody is who gets a message for which no recipient was named: somebody of
// whom only the installation's settings say anything.
var nobody = []*scanClass{{}}

// recipients sorts the recipients by what could become of their mail, as
// senders are told to: one class is one transaction.
func (c *scanCommand) recipients(s *mailScanner) error {
	for i, to := range s.to {
		box := mailboxOf(to)
		if as, is := s.policy.Alias(box); is {
			box = as
		}
		route, scope := s.policy.Route(box.Domain), s.policy.Scope(box)
		if routes := s.policy.Routes(); to.IsPostmaster() && len(routes) > 0 {
			route = routes[0]
		}
		if route == nil {
			return fmt.Errorf("--rcpt: no route takes %q, it would be refused: 550 5.7.1 Relay denied", c.Rcpt[i])
		}
		class := s.class(route, scope)
		class.paths = append(class.paths, wire.PathOf(box.Local, box.Domain))
	}
	return nil
}

func mailboxOf(p wire.Path) policy.Mailbox {
	return policy.Mailbox{Local: p.Local(), Domain: p.Domain()}
}
