package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sluice/filter/attachment"
	"sluice/policy"
)

// listFile begins an item of a list that names a file of more.
const listFile = "file:"

// maxListFile bounds a file of a list: 256 MiB, some ten million addresses.
const maxListFile = 256 << 20

// buildPolicy makes the snapshot; policy's own complaints have paths that
// nest as ours do.
func (l *loaded) buildPolicy() {
	lists := &listReader{loaded: l, known: map[string]*policy.List{}, sums: map[string][sha256.Size]byte{}}
	settings := policy.Settings{
		Level:        withThresholds(l.level(&l.levelConfig, "", lists)),
		DomainLevels: l.levels(l.DomainSettings, "domain_settings", lists),
		Mailboxes:    l.levels(l.Mailboxes, "mailboxes", lists),
		Aliases:      l.Aliases,
	}
	for i := range l.Routes {
		settings.Routes = append(settings.Routes, l.route(&l.Routes[i], fmt.Sprintf("routes[%d]", i)))
		l.checkOwner(l.Routes[i].Tenant, fmt.Sprintf("routes[%d].tenant", i))
	}
	for i := range l.Tenants {
		t, path := &l.Tenants[i], fmt.Sprintf("tenants[%d]", i)
		settings.Tenants = append(settings.Tenants, policy.Tenant{
			Name: t.Name, Domains: t.Domains,
			Level:        l.level(&t.levelConfig, path, lists),
			DomainLevels: l.levels(t.DomainSettings, path+".domain_settings", lists),
			Mailboxes:    l.levels(t.Mailboxes, path+".mailboxes", lists),
			Aliases:      t.Aliases,
		})
	}
	l.listSums = lists.sums
	snapshot, err := policy.New(settings)
	l.policy = snapshot
	if err == nil {
		return
	}
	all, ok := errors.AsType[policy.Errors](err)
	if !ok {
		l.errorf("", "%v", err)
	}
	for _, e := range all {
		if !l.faulty[e.Path] && !l.complained(l.at(e.Path)) {
			l.errorf(e.Path, "%q: %s", lastKey(e.Path), e.Problem)
		}
	}
}

// checkOwner warns of a route whose tenant is not among those that have
// settings: a slip of the pen there leaves the route's domains without any of
// them. Without a list of tenants, routes' own words are all there is.
func (l *loaded) checkOwner(name, path string) {
	known := make([]string, len(l.Tenants))
	for i := range l.Tenants {
		known[i] = l.Tenants[i].Name
	}
	if name != "" && len(known) > 0 && !slices.Contains(known, name) {
		l.warnf(path, "no tenant of this name has settings%s", nearest(name, known))
	}
}

// Thresholds where nothing is set: 6 and 15 points, which other filters have as
// well. Of the SpamAssassin public corpus' 4,150 good messages none reaches 5
// (docs/explain/scoring.md).
var (
	defaultTag    = 6.0
	defaultReject = 15.0
)

// withThresholds completes the level of the whole installation.
func withThresholds(level policy.Level) policy.Level {
	t := &level.Thresholds
	if t.Tag == nil && t.Quarantine == nil && t.Reject == nil {
		t.Tag, t.Reject = &defaultTag, &defaultReject
	}
	return level
}

// levels turns a map of levels into policy's.
func (l *loaded) levels(in map[string]levelConfig, path string, lists *listReader) map[string]policy.Level {
	out := make(map[string]policy.Level, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) { // problems in a steady order
		c := in[name]
		out[name] = l.level(&c, fmt.Sprintf("%s[%s]", path, name), lists)
	}
	return out
}

// level turns one level into policy's, and looks at what it names.
func (l *loaded) level(c *levelConfig, path string, lists *listReader) policy.Level {
	out := policy.Level{
		Thresholds: policy.Thresholds{
			Tag: c.Thresholds.Tag.pointer(), Quarantine: c.Thresholds.Quarantine.pointer(), Reject: c.Thresholds.Reject.pointer(),
		},
		Contact: c.Contact, Quarantine: c.Quarantine, Soft: c.Soft, Shadow: c.Shadow,
		Ambiguity: policy.AmbiguityPolicy(c.Ambiguity), OverLimit: policy.OverLimitPolicy(c.OverLimit),
		Allow: lists.list(c.Allow, join(path, "allow")), Block: lists.list(c.Block, join(path, "block")),
		Rules: map[string]policy.RuleSetting{},
	}
	if _, given := l.where[join(path, "attachments")]; given {
		out.Attachments = l.attachments(&c.Attachments, join(path, "attachments"))
	}
	if c.SubjectMark.given {
		out.SubjectMark = &c.SubjectMark.text
	}
	if c.Unscannable != "" {
		var p policy.FailurePolicy
		if p.UnmarshalText([]byte(c.Unscannable)) == nil {
			out.Unscannable = &p
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rules)) {
		l.checkRule(name, c.Rules[name], fmt.Sprintf("%s[%s]", join(path, "rules"), name))
		out.Rules[name] = c.Rules[name].setting()
	}
	for i, u := range c.UserRules {
		out.UserRules = append(out.UserRules, l.userRule(u, fmt.Sprintf("%s[%d]", join(path, "user_rules"), i)))
	}
	return out
}

// attachments makes the list of refused files of one level. Its name says all
// that it was made of.
func (l *loaded) attachments(c *attachmentsConfig, path string) *policy.Opaque {
	list, err := attachment.ParseList(attachment.Settings{
		Bare: !c.Default, Ban: attachment.Choice(c.Ban), Allow: attachment.Choice(c.Allow),
	})
	if all, ok := errors.AsType[policy.Errors](err); ok {
		for _, e := range all {
			l.errorf(path+"."+e.Path, "%q: %s", lastKey(e.Path), e.Problem)
		}
		return nil
	}
	return &policy.Opaque{Name: fmt.Sprintf("%t %q %q", c.Default, c.Ban, c.Allow), Value: list}
}

// checkRule warns of what has no effect.
func (l *loaded) checkRule(name string, r ruleConfig, path string) {
	l.checkRuleName(name, path)
	if r.Route != "" && r.Action != "divert" && r.Action != "quarantine" {
		l.warnf(path+".route", "a route has no effect without action: divert or quarantine")
	}
	if r.Action == "discard" {
		l.warnf(path+".action", "discard answers 250 and delivers nothing")
	}
}

// checkRuleName warns of a rule that nobody has.
func (l *loaded) checkRuleName(name, path string) {
	known := slices.Concat(ruleNames(), l.userRuleNames())
	if !slices.Contains(known, name) {
		l.warnf(path, "there is no rule %q%s", name, nearest(name, known))
	}
}

// userRuleNames are the names of user rules at all levels.
func (l *loaded) userRuleNames() []string {
	if l.userNames != nil {
		return l.userNames
	}
	l.userNames = []string{}
	note := func(c *levelConfig) {
		for _, u := range c.UserRules {
			l.userNames = append(l.userNames, "user."+u.Name)
		}
	}
	notes := func(levels ...map[string]levelConfig) {
		for _, m := range levels {
			for _, c := range m {
				note(&c)
			}
		}
	}
	note(&l.levelConfig)
	notes(l.DomainSettings, l.Mailboxes)
	for i := range l.Tenants {
		note(&l.Tenants[i].levelConfig)
		notes(l.Tenants[i].DomainSettings, l.Tenants[i].Mailboxes)
	}
	slices.Sort(l.userNames)
	return l.userNames
}

func (l *loaded) userRule(u userRuleConfig, path string) policy.UserRule {
	out := policy.UserRule{Name: u.Name, When: u.When, Score: u.Score.pointer(), Action: action(u.Action), Route: u.Route, Text: u.Text}
	asked, err := out.Check()
	if err != nil && !l.complained(l.at(path+".when")) { // a missing key has been reported
		l.errorf(path+".when", `"when": %v`, err)
	}
	for _, name := range asked {
		l.checkRuleName(name, path+".when")
	}
	if u.Action == "" && !u.Score.given {
		l.warnf(path, "user rule %q has neither score nor action", u.Name)
	}
	return out
}

// action reads the word of an action; nil: none.
func action(word string) *policy.Action {
	var a policy.Action
	if word == "" || a.UnmarshalText([]byte(word)) != nil {
		return nil
	}
	return &a
}

func (r ruleConfig) setting() policy.RuleSetting {
	return policy.RuleSetting{
		Off: r.Off.pointer(), Action: action(r.Action), Score: r.Score.pointer(),
		Route: r.Route, Soft: r.Soft, Shadow: r.Shadow, Text: r.Text,
	}
}

// A listReader makes lists, each text of them once.
type listReader struct {
	*loaded
	known map[string]*policy.List
	sums  map[string][sha256.Size]byte // of files
}

// list makes the list of these items at path; nil if there are none.
func (r *listReader) list(items []string, path string) *policy.List {
	if len(items) == 0 {
		return nil
	}
	text := strings.Join(items, "\n")
	if l, ok := r.known[text]; ok {
		return l
	}
	var b policy.ListBuilder
	before := len(r.problems)
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if name, ok := strings.CutPrefix(item, listFile); ok {
			r.file(&b, name, at)
		} else if err := b.Add(item); err != nil {
			r.errorf(at, "%q: %v", lastKey(path), err)
		}
	}
	l := b.List()
	if len(r.problems) == before {
		r.known[text] = l // one with problems is reported wherever it stands
	}
	return l
}

// file adds the entries of a file. Problems stand at its lines.
func (r *listReader) file(b *policy.ListBuilder, name, at string) {
	f, err := os.Open(name)
	if err != nil {
		r.errorf(at, "%v", err)
		return
	}
	defer f.Close()
	sum := sha256.New()
	all := &io.LimitedReader{R: f, N: maxListFile}
	err = b.Read(io.TeeReader(all, sum))
	if all.N == 0 {
		r.errorf(at, "%s is larger than %s", name, size(maxListFile))
	}
	r.sums[name] = [sha256.Size]byte(sum.Sum(nil))
	if err == nil {
		return
	}
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		if line, ok := errors.AsType[*policy.LineError](err); ok {
			r.problems.errorf(position{file: name, line: line.Line, col: 1}, "%v", line.Err)
		} else {
			r.errorf(at, "%v", err)
		}
	}
}
