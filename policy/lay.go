package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
)

// rules are the settings of rules at one place, resolved.
type rules struct {
	byName map[string]rule
	digest string
}

func (r *rules) of(name string) (rule, bool) {
	if r == nil {
		return rule{}, false
	}
	one, ok := r.byName[name]
	return one, ok
}

// lay lays a level over the scope before it, nil for the first, and returns
// the Scope that says the result.
func (b *builder) lay(before *Scope, tenant string, level *Level, path string) *Scope {
	sc := Scope{ambiguity: ScanAll, overLimit: RejectOver}
	if before != nil {
		sc = *before
		if level.Contact != "" {
			sc.contact = level.Contact
		}
	}
	sc.Tenant = tenant
	where := levelAt(path)
	if path != "" {
		path += "."
	}
	b.checkWords(path+"contact", level.Contact)
	sc.shadow = sc.shadow || level.Shadow
	sc.soft = sc.soft || level.Soft
	if level.SubjectMark != nil {
		if sc.mark = *level.SubjectMark; strings.ContainsFunc(sc.mark, unicode.IsControl) {
			b.fail(path+"subject_mark", "must be one line without control characters")
		}
	}
	if level.Attachments != nil {
		sc.attachments = level.Attachments
	}
	if level.Quarantine != "" {
		if sc.quarantine = b.byName[level.Quarantine]; sc.quarantine == nil {
			b.fail(path+"quarantine", "no route has this name")
		}
	}
	layWord(b, &sc.ambiguity, level.Ambiguity, ambiguities, path+"ambiguity", errAmbiguity)
	layWord(b, &sc.overLimit, level.OverLimit, overLimits, path+"over_limit", errOverLimit)
	if level.Unscannable != nil {
		sc.unscannable = *level.Unscannable
	}
	b.layRules(&sc, level, path)
	b.layUserRules(&sc, level, path)
	b.layThresholds(&sc, level, path)
	if l := (lists{level.Allow, level.Block, where}); !l.empty() {
		sc.lists = append([]lists{l}, sc.lists...)
		sc.listDigest = fmt.Sprintf("%s %x/%x %s", where, digestOf(l.allow), digestOf(l.block), sc.listDigest)
	}
	return b.intern(&sc)
}

// levelAt names the level whose settings stand at path.
func levelAt(path string) string {
	if _, below, ok := strings.Cut(path, "]."); ok && strings.HasPrefix(path, "tenants[") {
		path = below
	}
	switch {
	case path == "":
		return "top level"
	case strings.HasPrefix(path, "tenants["):
		return "tenant"
	case strings.HasPrefix(path, "domain_settings["):
		return "domain"
	}
	return "mailbox"
}

func digestOf(l *List) [2]uint64 {
	if l == nil {
		return [2]uint64{}
	}
	return l.digest
}

// layWord lays a word over the one before.
func layWord[W ~string](b *builder, to *W, word W, known map[W]Action, path string, problem error) {
	if word == "" {
		return
	}
	if _, ok := known[word]; !ok {
		b.fail(path, problem.Error())
		return
	}
	*to = word
}

// layRules lays settings of rules over those before.
func (b *builder) layRules(sc *Scope, level *Level, path string) {
	if len(level.Rules)+len(level.UserRules) == 0 && sc.rules != nil {
		return
	}
	out := &rules{byName: make(map[string]rule, len(level.Rules))}
	if sc.rules != nil {
		maps.Copy(out.byName, sc.rules.byName)
	}
	for i := range level.UserRules {
		u, r := &level.UserRules[i], rule{}
		b.layRule(&r, RuleSetting{Action: u.Action, Score: u.Score, Route: u.Route, Text: u.Text}, sc.quarantine, index(path+"user_rules", i))
		out.byName[userPrefix+u.Name] = r
	}
	for _, name := range slices.Sorted(maps.Keys(level.Rules)) { // errors in a steady order
		if name == "" {
			b.fail(path+"rules[]", "a rule needs a name")
		}
		r := out.byName[name]
		b.layRule(&r, level.Rules[name], sc.quarantine, path+"rules["+name+"]")
		out.byName[name] = r
	}
	out.sum()
	sc.rules = out
}

// layRule lays one setting over r.
func (b *builder) layRule(r *rule, set RuleSetting, quarantine *Route, path string) {
	if set.Action != nil || set.Route != "" {
		r.route = nil
	}
	if set.Route != "" {
		if r.route = b.byName[set.Route]; r.route == nil {
			b.fail(path+".route", "no route has this name")
		}
	}
	if set.Off != nil {
		r.off = *set.Off
	}
	if set.Score != nil {
		if math.IsNaN(*set.Score) || math.Abs(*set.Score) > maxScore {
			b.fail(path+".score", "not a number between -1000000 and 1000000")
		}
		r.score, r.scored = *set.Score, true
	}
	if set.Action != nil {
		r.action, r.acts = *set.Action, true
		switch {
		case r.action > Discard:
			b.fail(path+".action", ErrAction.Error())
		case r.action == Divert && set.Route == "":
			b.fail(path+".route", "divert needs the name of a route")
		case r.action == Quarantine && set.Route == "" && quarantine == nil:
			b.fail(path+".action", "there is no quarantine route")
		}
	}
	if set.Text != "" {
		b.checkWords(path+".text", set.Text)
		r.text = set.Text
	}
	r.soft = r.soft || set.Soft
	r.shadow = r.shadow || set.Shadow
}

// sum makes the digest: rules that say nothing, and what an Off hides, do not
// show in it.
func (r *rules) sum() {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		one := r.byName[name]
		switch {
		case one == rule{}:
		case one.off && strings.HasPrefix(name, userPrefix) && name != RuleUserFailed: // as if it were not there
		case one.off:
			fmt.Fprintf(h, "%q off\n", name)
		default:
			fmt.Fprintf(h, "%q %t %s %q %t %d %t %t %q\n", name,
				one.acts, one.action, one.route.name(), one.scored, grains(one.score), one.soft, one.shadow, one.text)
		}
	}
	r.digest = digestHex(h)
}

func digestHex(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

func (rt *Route) name() string {
	if rt == nil {
		return ""
	}
	return rt.Name
}

// layThresholds lays thresholds over those before and looks at all three.
func (b *builder) layThresholds(sc *Scope, level *Level, path string) {
	last, lastName := 0.0, ""
	for _, t := range []struct {
		name string
		to   *float64
		set  *float64
	}{
		{"tag", &sc.thresholds.tag, level.Thresholds.Tag},
		{"quarantine", &sc.thresholds.quarantine, level.Thresholds.Quarantine},
		{"reject", &sc.thresholds.reject, level.Thresholds.Reject},
	} {
		at := path + "thresholds." + t.name
		if t.set != nil {
			*t.to = *t.set
		}
		switch score := *t.to; {
		case math.IsNaN(score) || score < 0 || score > maxScore:
			if t.set != nil {
				b.fail(at, "not a number between 0 and 1000000")
			}
		case score == 0: // never
		case score < last && level.Thresholds != Thresholds{}:
			b.fail(at, "below thresholds."+lastName)
		default:
			last, lastName = score, t.name
		}
	}
	if set := level.Thresholds.Quarantine; set != nil && *set != 0 && sc.quarantine == nil {
		b.fail(path+"thresholds.quarantine", "there is no quarantine route")
	}
}

// intern returns the one Scope that says what sc says.
func (b *builder) intern(sc *Scope) *Scope {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d %d %q %q %q %s %s %s %s %s %t %t", sc.Tenant,
		grains(sc.thresholds.tag), grains(sc.thresholds.quarantine), grains(sc.thresholds.reject),
		sc.mark, sc.contact, sc.quarantine.name(), sc.rules.digest, sc.listDigest,
		sc.ambiguity, sc.overLimit, sc.unscannable, sc.shadow, sc.soft)
	if user := sc.user.digest(sc.rules); user != "" {
		fmt.Fprintf(h, " user %s", user)
	}
	if sc.attachments != nil {
		fmt.Fprintf(h, " attachments %q", sc.attachments.Name)
	}
	sc.id = digestHex(h)
	if same := b.interned[sc.id]; same != nil {
		return same
	}
	b.interned[sc.id] = sc
	return sc
}
