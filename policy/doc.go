// Package policy is what an operator decided: routes, rules and what follows
// from findings, as one immutable Snapshot.
//
// The program fills Settings from its configuration; New checks them whole and
// gives a Snapshot, or Errors that name each setting at fault (settings.go,
// check.go). The Snapshot answers two questions: which Route takes mail for a
// domain (domain.go), and what follows from the findings on a message
// (decide.go). It looks at plain data and never at a message or a connection;
// it knows no protocol, so replies are made elsewhere from a Disposition.
package policy
