package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/policy"
)

// policyConfig says something at every level; %s is a file of a list.
const policyConfig = `tenants:
  - name: one
    domains: [y.test]
    thresholds: {reject: 8}
    unscannable: tag
    attachments: {}
    block: [spam.test, "file:%[1]s"]
    user_rules: [{name: big, when: size > 10, score: 3}]
    domain_settings: {y.test: {subject_mark: "", rules: {user.big: {score: 4, text: big}}}}
    mailboxes: {"m@y.test": {thresholds: {tag: 3.5}, allow: ["friend@spam.test 192.0.2.0/24"], rules: {literal.gtube: {off: false, action: tag}}}}
    aliases: {"old@y.test": m@y.test}
attachments: {default: false, ban: {extensions: [exe]}, allow: {types: [pe]}}
thresholds: {tag: 5, reject: 10}
subject_mark: "[spam] "
block: ["file:%[1]s"]
rules: {literal.gtube: {off: true}}
mailboxes: {"\"q r\"@y.test": {shadow: true}}
`

func policySource(t *testing.T) source {
	list := filepath.Join(t.TempDir(), "block")
	writeFile(t, list, "foe.test # why\n")
	return goodConfig(t, fmt.Sprintf(policyConfig, list))
}

// What is written at the levels arrives in policy.
func TestPolicySettings(t *testing.T) {
	l := mustLoad(t, policySource(t))
	p := l.policy
	box := func(local, domain string) policy.Mailbox { return policy.Mailbox{Local: local, Domain: domain} }
	m, other, elsewhere := p.Scope(box("m", "y.test")), p.Scope(box("x", "y.test")), p.Scope(box("x", "z.test"))
	if m.Tenant != "one" || other.Tenant != "one" || elsewhere.Tenant != "" || m == other {
		t.Errorf("tenants %q %q %q", m.Tenant, other.Tenant, elsewhere.Tenant)
	}
	if other.SubjectMark() != "" || elsewhere.SubjectMark() != "[spam] " {
		t.Errorf("marks %q %q", other.SubjectMark(), elsewhere.SubjectMark())
	}
	if to, ok := p.Alias(box("Old", "Y.test")); !ok || to != box("m", "y.test") {
		t.Error("alias")
	}
	near, far := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	friend := box("friend", "spam.test")
	for _, c := range []struct {
		scope *policy.Scope
		from  policy.Mailbox
		peer  netip.Addr
		want  policy.Listing
	}{
		{m, friend, near, policy.Allowed}, {m, friend, far, policy.Blocked}, {other, friend, near, policy.Blocked},
		{elsewhere, friend, near, policy.Unlisted}, {elsewhere, box("a", "foe.test"), near, policy.Blocked},
	} {
		if got := c.scope.Listed(c.from, c.peer); got != c.want {
			t.Errorf("%s from %s: %d, want %d", c.from.Local, c.peer, got, c.want)
		}
	}
	gtube := policy.Finding{Rule: "literal.gtube", Force: policy.Reject}
	for _, c := range []struct {
		scope *policy.Scope
		size  int64
		found policy.Finding
		want  policy.Disposition
	}{
		{elsewhere, 20, gtube, policy.Disposition{}},
		{other, 20, gtube, policy.Disposition{Score: 4}},
		{m, 20, policy.Finding{}, policy.Disposition{Action: policy.Tag, Rule: "user.big", Score: 4}},
		{m, 5, gtube, policy.Disposition{Action: policy.Tag, Rule: "literal.gtube"}},
		{other, 5, policy.Finding{Rule: "a.x", Score: 9}, policy.Disposition{Action: policy.Reject, Rule: "a.x", Score: 9}},
		{elsewhere, 5, policy.Finding{Rule: "a.x", Score: 9}, policy.Disposition{Action: policy.Tag, Rule: "a.x", Score: 9, Mark: "[spam] "}},
		{other, 5, policy.Finding{Rule: "a.x", Class: policy.Unscannable}, policy.Disposition{Action: policy.Tag, Rule: "a.x", Class: policy.Unscannable}},
		{p.Scope(box("q r", "y.test")), 5, policy.Finding{Rule: "a.x", Force: policy.Reject}, policy.Disposition{Rule: "a.x", Would: policy.Reject, Shadow: true}},
	} {
		if got := p.Decide(&policy.Case{Scope: c.scope, Size: c.size, Findings: []policy.Finding{c.found}}); got != c.want {
			t.Errorf("%+v:\n got %+v\nwant %+v", c.found, got, c.want)
		}
	}
}

// A dump says the same again, an empty mark and a rule that is not off too.
func TestPolicyDump(t *testing.T) {
	s := policySource(t)
	l := mustLoad(t, s)
	for _, all := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "dump.yaml")
		writeFile(t, file, strings.ReplaceAll(l.dump(all), redacted, "hunter2"))
		again := mustLoad(t, source{file: file})
		for _, m := range []policy.Mailbox{{Local: "m", Domain: "y.test"}, {Local: "x", Domain: "y.test"}, {Local: "x", Domain: "z.test"}, {Local: "q r", Domain: "y.test"}} {
			if a, b := l.policy.Scope(m).ID(), again.policy.Scope(m).ID(); a != b {
				t.Errorf("%s@%s: another policy after\n%s", m.Local, m.Domain, l.dump(all))
			}
		}
	}
}

// Attachments are said whole by the most specific level that says anything, in
// the environment too.
func TestAttachmentSettings(t *testing.T) {
	s := policySource(t)
	lists := func(l *loaded) (y, z any) {
		return l.policy.Scope(policy.Mailbox{Local: "x", Domain: "y.test"}).Attachments(), l.policy.Scope(policy.Mailbox{Local: "x", Domain: "z.test"}).Attachments()
	}
	y, z := lists(mustLoad(t, s))
	if y == nil || z == nil || y == z {
		t.Errorf("%v %v", y, z)
	}
	s = goodConfig(t, "")
	if y, _ := lists(mustLoad(t, s)); y != nil {
		t.Error("nothing is set, and there is a list")
	}
	s.environ = []string{"SLUICE_ATTACHMENTS__BAN__EXTENSIONS=html, svg"}
	l := mustLoad(t, s)
	if y, _ := lists(l); y == nil || !strings.Contains(l.dump(false), "extensions: [html, svg]") {
		t.Errorf("%v from the environment\n%s", y, l.dump(false))
	}
}

// A file of a list is part of the configuration: another content, another hash.
func TestListFileInHash(t *testing.T) {
	s := policySource(t)
	before := mustLoad(t, s)
	for name := range before.listSums {
		writeFile(t, name, "foe.test\nother.test\n")
	}
	if after := mustLoad(t, s); after.hash == before.hash || len(before.listSums) != 1 {
		t.Errorf("hash %s stays, with %d files", after.hash, len(before.listSums))
	}
}

func TestLastKey(t *testing.T) {
	for path, want := range map[string]string{
		"hostname": "hostname", "routes[0].tls": "tls", "routes[2].domains[11]": "domains[11]",
		"rules[literal.gtube]": "rules", "rules[literal.gtube].route": "route",
		"tenants[1].mailboxes[a.b@y.test]": "mailboxes", "domain_settings[[1.2.3.4]]": "domain_settings",
		"tenants[0].domain_settings[y.test].thresholds.tag": "tag", "tenants[0]": "tenants[0]",
	} {
		if got := lastKey(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// Modules of the chain and groups of rules are the same.
func TestRuleGroups(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range ruleGroups {
		for _, r := range g.all() {
			if seen[r.Name] {
				t.Errorf("%s is there twice", r.Name)
			}
			seen[r.Name] = true
			if r.Text == "" || !strings.HasSuffix(r.Text, ".") {
				t.Errorf("%s: no sentence: %q", r.Name, r.Text)
			}
		}
	}
	for _, e := range modules(mustLoad(t, goodConfig(t, "")), nil) {
		if name := e.Module.Name(); !seen[name+".failed"] {
			t.Errorf("module %s has no group of rules", name)
		}
	}
}

// Every example of the page is a configuration without a warning.
func TestPolicyExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/howto/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, rest := range strings.Split(string(page), "```yaml\n")[1:] {
		example, _, _ := strings.Cut(rest, "```")
		n++
		routes := "  - {name: aside, servers: [{address: \"127.0.0.1:9\"}]}\n"
		file := filepath.Join(t.TempDir(), "sluice.yaml")
		writeFile(t, file, baseConfig+routes+example)
		if _, found := (source{file: file}).load(); len(found) > 0 {
			t.Errorf("%s%v", example, found)
		}
	}
	if n < 4 {
		t.Errorf("%d examples", n)
	}
}
