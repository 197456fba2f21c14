package policy

// userRules are the operator's own rules at one place, compiled.
type userRules struct {
	all    []userRule
	digest string
}

type userRule struct {
	name string // "user." + UserRule.Name
}

// ask evaluates the rules and adds a finding for each that is true.
func (u *userRules) ask(j judge, c *Case) {}

func (b *builder) layUserRules(sc *Scope, level *Level, path string) {}
