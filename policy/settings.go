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
	// Rules changes what single rules do, by rule name ("literal.gtube"). A
	// rule that is not named does what its module says.
	Rules map[string]RuleSetting
	// Thresholds turn a message's score into an action.
	Thresholds Thresholds
	// Quarantine names the route quarantined mail goes to. Empty: there is
	// none, and what should be quarantined is deferred.
	Quarantine string
	// Soft makes our 5xx a 4xx. Routes and rules can ask for it as well.
	Soft bool
	// Shadow lets no finding change anything. Routes and rules can ask for it
	// as well.
	Shadow bool
	// Contact is shown to senders of refused mail: an address of the
	// operator's, or a page. A route's own wins.
	Contact string
}

// Thresholds are scores from which on a message is treated so. Zero: never.
type Thresholds struct {
	Tag, Quarantine, Reject float64
}

// A RuleSetting is an operator's word on one rule.
type RuleSetting struct {
	Off    bool     // the finding has no effect; it is still logged
	Action *Action  // replaces Finding.Force; nil: as the module says
	Score  *float64 // replaces Finding.Score; nil: as the module says
	// Route names the target of Divert, or of Quarantine when that is not
	// Settings.Quarantine.
	Route  string
	Soft   bool   // a 5xx of this rule is a 4xx
	Shadow bool   // the finding changes nothing; what it would do is told
	Text   string // what a refused sender reads; empty: the program's text
}

// An Error is one setting that cannot be used.
type Error struct {
	// Path names the setting as the fields of Settings nest, in lower case and
	// counted from zero: "routes[2].domains[0]", "rules[literal.gtube].route".
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
