// Package policy is what an operator decided: routes, rules and what follows
// from findings, as one immutable Snapshot.
//
// It looks at plain data and never at a message or a connection.
package policy
