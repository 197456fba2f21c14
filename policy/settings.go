package policy

import (
	"strconv"
	"strings"
)

// Settings are all that an operator can say, as New takes them. New copies
// what it keeps; zero fields have the meaning given here.
type Settings struct {
	// Routes in configuration order. Their order decides nothing: a domain
	// belongs to one route, and the most exact pattern wins.
	Routes []Route
	// Level is for all mail.
	Level
	Tenants []Tenant
	// DomainLevels is by domain as in Route.Domains; the most exact pattern
	// alone counts for a recipient. Tenants may have theirs.
	DomainLevels map[string]Level
	// Mailboxes is by address, "local@domain". Tenants may have theirs.
	Mailboxes map[string]Level
	// Aliases is by address what mailbox it stands for: recipients are
	// rewritten before routing. An alias may stand for another.
	Aliases map[string]string
}

// An Error is one setting that cannot be used.
type Error struct {
	// Path names the setting as the configuration's keys nest, counted from
	// zero: "routes[2].domains[0]", "tenants[0].rules[literal.gtube].route",
	// "domain_settings[y.test].shadow".
	Path    string
	Problem string
}

func (e *Error) Error() string { return e.Path + ": " + e.Problem }

// Errors are all settings that cannot be used, in the order of Settings.
type Errors []*Error

func (e Errors) Error() string {
	var b strings.Builder
	for i, one := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.Error())
	}
	return b.String()
}

// Unwrap lets errors.As find an *Error.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// index names element i of a list at path.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
