// Package policy is what an operator decided: routes, tenants, lists, rules and
// what follows from findings, as one immutable Snapshot.
//
// The program fills Settings from its configuration; New checks them whole and
// gives a Snapshot, or Errors that name each setting at fault (settings.go,
// check.go). Settings of rules, thresholds and lists stand at four levels:
// global, tenant, domain, mailbox (level.go). New lays them over each other once
// (tenant.go, lay.go), so that at run time each recipient has one Scope, and
// recipients whose policies cannot end differently have the same (scope.go).
//
// The Snapshot answers four questions about plain data:
//
//	Alias   which mailbox a recipient stands for   (alias.go)
//	Route   which servers take mail for a domain   (domain.go)
//	Scope   what is set for a recipient            (scope.go)
//	Decide  what becomes of a message              (decide.go)
//
// Decide asks the lists (list.go) and the operator's own rules (userrule.go)
// itself; their answers are findings like those of modules. It never looks at a
// message or a connection and knows no protocol, so replies are made elsewhere
// from a Disposition.
package policy
