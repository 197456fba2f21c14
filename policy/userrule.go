package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// A UserRule is a rule of an operator's own: an expression over the facts of a
// message, in the language of expr-lang.org, and what follows if it is true.
// What it follows with can be changed in Level.Rules like any rule's.
//
// These facts have names; addresses, domains and host names are in lower case:
//
//	from, from_domain   text      the envelope sender; "" for the null sender
//	helo, ptr, peer     text      the sending host: its HELO, confirmed name, address
//	recipients          texts     of this transaction, as far as they share this policy
//	size                number    octets of content so far
//	score               number    of what modules found
//	listed              text      "allow", "block" or "": what the lists say
//	has("rule")         truth     a module found this; not if the rule is off or in shadow
//	header("name")      text      the first such field, or ""; at most maxValue octets
//	headers("name")     texts     all of them, at most maxValues
//	peer_in("network")  truth     the peer's address is in it
//
// and of the language's functions: len lower upper trim trimPrefix trimSuffix
// hasPrefix hasSuffix indexOf lastIndexOf split first last int abs, and any all
// none one count, which take a condition on each element.
//
// An expression cannot run long or grow: it has at most maxNodes nodes and
// maxConditions conditions, of maxCondition nodes each and none inside another;
// texts are not joined, lists hold no lists, there are no maps and no ranges, and
// the right side of matches is written out. One that fails all the same is the
// finding RuleUserFailed, which defers like any module that failed.
type UserRule struct {
	Name   string // of a-z, 0-9, "_", "-"; in findings and Rules it is "user." + Name
	When   string
	Score  *float64
	Action *Action // nil: only the score
	Route  string  // as RuleSetting.Route
	Text   string  // as RuleSetting.Text
}

// RuleUserFailed is the rule of a user rule that could not be evaluated. Its
// Detail names the rule.
const RuleUserFailed = userPrefix + "failed"

const userPrefix = "user."

// What bounds one expression. A condition is evaluated for each element of a
// list, which are at most the octets of a field, and each time may read a field
// again: 2,048 times 2,048 octets take a tenth of a second where they are
// matched with a pattern, and next to nothing else.
const (
	maxNodes      = 500  // nodes: some fifty lines
	maxConditions = 8    // conditions
	maxCondition  = 50   // nodes of one
	maxValue      = 2048 // octets of a field that an expression sees: any subject
	maxValues     = 200  // fields of one name: more than a loop makes of Received
)

// maxUserRules bounds how many user rules one message is put to: 500.
const maxUserRules = 500

// userRules are the operator's own rules at one place, compiled.
type userRules struct{ all []userRule }

type userRule struct {
	name    string // with prefix
	when    string
	program *vm.Program
}

// facts are what an expression can name.
type facts struct {
	From       string                `expr:"from"`
	FromDomain string                `expr:"from_domain"`
	Helo       string                `expr:"helo"`
	PTR        string                `expr:"ptr"`
	Peer       string                `expr:"peer"`
	Recipients []string              `expr:"recipients"`
	Size       int                   `expr:"size"`
	Score      float64               `expr:"score"`
	Listed     string                `expr:"listed"`
	Has        func(string) bool     `expr:"has"`
	Header     func(string) string   `expr:"header"`
	Headers    func(string) []string `expr:"headers"`
	PeerIn     func(string) bool     `expr:"peer_in"`
}

// functions are those of the language that an expression may use. None makes
// more out of what it is given.
var functions = strings.Fields("len lower upper trim trimPrefix trimSuffix hasPrefix hasSuffix indexOf lastIndexOf split " +
	"first last int abs any all none one count")

// options are how every expression is compiled.
func options(g *guard) []expr.Option {
	o := []expr.Option{expr.Env(facts{}), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(), expr.Patch(g)}
	for _, name := range functions {
		o = append(o, expr.EnableBuiltin(name))
	}
	return o
}

// Check compiles the expression and returns the rules it asks for by has. The
// error says line and column within the expression.
func (r *UserRule) Check() (has []string, err error) {
	_, has, err = compile(r.When)
	return has, err
}

func compile(when string) (*vm.Program, []string, error) {
	g := &guard{}
	p, err := expr.Compile(when, options(g)...)
	if err == nil {
		err = g.err
	}
	if err == nil {
		return p, g.has, nil
	}
	if e, ok := errors.AsType[*file.Error](err); ok { // without its drawing of the place
		err = fmt.Errorf("line %d, column %d: %s", e.Line, e.Column+1, e.Message)
	}
	return nil, nil, err
}

// A guard refuses what could make an expression run long or grow.
type guard struct {
	err        error
	has        []string
	conditions int
}

// Visit looks at a node after those below it.
func (g *guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		g.operator(n)
	case *ast.PredicateNode:
		g.condition(n)
	case *ast.ArrayNode:
		if slices.ContainsFunc(n.Nodes, func(n ast.Node) bool { return !simple(n) }) {
			g.refuse("a list may hold texts, numbers and truths only")
		}
	case *ast.MapNode:
		g.refuse("maps cannot be used")
	case *ast.BuiltinNode:
		// Those that take a condition cannot be disabled in the language.
		if !slices.Contains(functions, n.Name) {
			g.refuse(n.Name + " cannot be used")
		}
	case *ast.CallNode:
		g.call(n)
	}
}

func (g *guard) condition(n *ast.PredicateNode) {
	inner := &counter{}
	ast.Walk(&n.Node, inner)
	switch g.conditions++; {
	case inner.conditions > 0:
		g.refuse("a condition inside the condition of another")
	case inner.nodes > maxCondition:
		g.refuse("a condition is too long")
	case g.conditions > maxConditions:
		g.refuse("too many conditions")
	}
}

func (g *guard) operator(n *ast.BinaryNode) {
	_, constant := n.Right.(*ast.StringNode)
	switch {
	case n.Operator == "..":
		g.refuse("ranges cannot be used")
	case n.Operator == "+" && !(number(n.Left) && number(n.Right)):
		g.refuse("+ is for numbers; texts cannot be joined")
	case n.Operator == "matches" && !constant:
		g.refuse("the pattern of matches must be written out")
	}
}

func (g *guard) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || len(n.Arguments) != 1 || callee.Value != "has" && callee.Value != "peer_in" {
		return
	}
	argument, ok := n.Arguments[0].(*ast.StringNode)
	switch {
	case !ok:
		g.refuse("the argument of " + callee.Value + " must be written out")
	case callee.Value == "has":
		g.has = append(g.has, argument.Value)
	default:
		if _, err := parseNetwork(argument.Value); err != nil {
			g.refuse("the argument of peer_in: " + err.Error())
		}
	}
}

func (g *guard) refuse(why string) {
	if g.err == nil {
		g.err = errors.New(why)
	}
}

// number reports whether a node is known to be a number.
func number(n ast.Node) bool {
	t := n.Type()
	return t != nil && (t.Kind() == reflect.Int || t.Kind() == reflect.Float64)
}

// simple reports whether a node is known to be no list. Lists of lists can
// stand for more than could ever be compared.
func simple(n ast.Node) bool {
	t := n.Type()
	return number(n) || t != nil && (t.Kind() == reflect.String || t.Kind() == reflect.Bool)
}

// A counter counts nodes, and conditions among them.
type counter struct{ nodes, conditions int }

func (c *counter) Visit(node *ast.Node) {
	c.nodes++
	if _, ok := (*node).(*ast.PredicateNode); ok {
		c.conditions++
	}
}

// layUserRules adds a level's user rules to those before; of one name the
// newer stays, in the older's place.
func (b *builder) layUserRules(sc *Scope, level *Level, path string) {
	if len(level.UserRules) == 0 {
		return
	}
	out := &userRules{}
	if sc.user != nil {
		out.all = slices.Clone(sc.user.all)
	}
	here := map[string]bool{}
	for i := range level.UserRules {
		r, at := &level.UserRules[i], index(path+"user_rules", i)
		name := userPrefix + r.Name
		switch {
		case r.Name == "" || strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || name == RuleUserFailed:
			b.fail(at+".name", `not a name of a-z, 0-9, "_" and "-", other than "failed"`)
			continue
		case here[name]:
			b.fail(at+".name", "another user rule has this name")
			continue
		}
		here[name] = true
		program, err := b.compile(r.When)
		if err != nil {
			b.fail(at+".when", err.Error())
			continue
		}
		one := userRule{name, r.When, program}
		if old := slices.IndexFunc(out.all, func(o userRule) bool { return o.name == name }); old >= 0 {
			out.all[old] = one
		} else {
			out.all = append(out.all, one)
		}
	}
	if len(out.all) > maxUserRules {
		b.fail(path+"user_rules", fmt.Sprintf("with those above, more than %d", maxUserRules))
	}
	sc.user = out
}

// compile compiles each text once.
func (b *builder) compile(when string) (*vm.Program, error) {
	if p := b.programs[when]; p != nil {
		return p, nil
	}
	p, _, err := compile(when)
	if err == nil {
		b.programs[when] = p
	}
	return p, err
}

// digest tells what the rules that are not off ask for.
func (u *userRules) digest(set *rules) string {
	if u == nil {
		return ""
	}
	h, some := sha256.New(), false
	for _, r := range u.all {
		if s, _ := set.of(r.name); !s.off {
			some = true
			fmt.Fprintf(h, "%q %q\n", r.name, r.when)
		}
	}
	if !some {
		return ""
	}
	return digestHex(h)
}

// ask evaluates the rules that are not off, and returns a finding for each that
// is true. All see what the modules and lists found, and not each other, so
// their order does not matter. c is a copy, as closures hold it.
func (u *userRules) ask(j judge, c Case) (found []Finding) {
	env := j.facts(&c)
	machine := vm.VM{}
	for i := range u.all {
		r := &u.all[i]
		if set, _ := j.scope.rules.of(r.name); set.off {
			continue
		}
		holds, ok := r.holds(&machine, env)
		switch {
		case !ok:
			found = append(found, Finding{
				Module: "user", Rule: RuleUserFailed, Detail: strings.TrimPrefix(r.name, userPrefix), Force: Defer,
			})
			machine = vm.VM{} // whatever state it was left in
		case holds:
			found = append(found, Finding{Module: "user", Rule: r.name})
		}
	}
	return found
}

// holds evaluates one rule. ok is false if it cannot be: what it would have
// said is unknown, and errors may quote the message, so none is kept.
func (r *userRule) holds(machine *vm.VM, env *facts) (holds, ok bool) {
	defer func() {
		if recover() != nil {
			holds, ok = false, false
		}
	}()
	result, err := machine.Run(r.program, env)
	holds, ok = result.(bool)
	return holds, ok && err == nil
}

// facts are those of c.
func (j judge) facts(c *Case) *facts {
	f := &facts{
		Helo: strings.ToLower(c.Helo), PTR: strings.ToLower(strings.TrimSuffix(c.PTR, ".")),
		Size: int(c.Size), Score: float64(j.seen(c.Findings)) / grainsPerPoint,
		Headers: c.headers(),
	}
	if !c.Sender.IsNull() {
		key, at := c.Sender.appendKey(nil)
		f.From, f.FromDomain = string(key), string(key[at:])
	}
	for _, m := range c.Recipients {
		key, _ := m.appendKey(nil)
		f.Recipients = append(f.Recipients, string(key))
	}
	peer := c.Peer.Unmap().WithZone("")
	if peer.IsValid() {
		f.Peer = peer.String()
	}
	switch j.scope.Listed(c.Sender, c.Peer) {
	case Allowed:
		f.Listed = "allow"
	case Blocked:
		f.Listed = "block"
	}
	found := c.Findings
	f.Has = func(rule string) bool {
		set, _ := j.scope.rules.of(rule)
		return !set.off && !set.shadow && slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == rule })
	}
	f.Header = func(name string) string {
		if all := f.Headers(name); len(all) > 0 {
			return all[0]
		}
		return ""
	}
	f.PeerIn = func(network string) bool {
		p, err := parseNetwork(network)
		return err == nil && peer.IsValid() && p.Contains(peer)
	}
	return f
}

// seen is the score of findings that are neither off nor in shadow.
func (j judge) seen(findings []Finding) (sum int64) {
	for i := range findings {
		r, _ := j.scope.rules.of(findings[i].Rule)
		if !r.off && !r.shadow {
			sum += findings[i].grains(&r)
		}
	}
	return sum
}

// headers returns Header, asked once for each name: a condition on many
// elements may ask for it each time.
func (c *Case) headers() func(string) []string {
	known := map[string][]string{}
	return func(name string) []string {
		name = strings.ToLower(name)
		values, ok := known[name]
		if !ok && c.Header != nil {
			for _, v := range c.Header(name) {
				if values = append(values, cut(v)); len(values) == maxValues {
					break
				}
			}
			known[name] = values
		}
		return values
	}
}

// cut returns the first maxValue octets of s, in whole characters.
func cut(s string) string {
	if len(s) <= maxValue {
		return s
	}
	n := maxValue
	for n > maxValue-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
