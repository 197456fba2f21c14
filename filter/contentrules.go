package filter

import (
	"sluice/policy"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// ruleSubmitted: modules found more content inside parts than is looked at.
const ruleSubmitted = "limit.submitted"

// maxTold is how often one rule is told of in one message: 20, enough for a
// reader of the log to see where. The score counts the first time only: a
// message with a hundred broken parts is not a hundred times as bad.
const maxTold = 20

// maxToldAll is from how many findings on only rules are told that have not
// been: 500. A message that has everything wrong must not come near
// maxFindings, or it would be deferred for ever instead of being judged.
const maxToldAll = 500

// A contentRule is what a defect or a note means.
type contentRule struct {
	Rule
	force policy.Action
}

// contentRules are the rules about a message's make-up, with what they do
// where an operator says nothing else. Those that say "ambiguous" are also
// decided by his ambiguity setting, those that say "over the limit" by
// over_limit. What is so slight that good mail has it scores nothing.
var contentRules = []contentRule{
	// Structure. What mail programs read differently is scored, because good
	// mail hardly has it.
	{Rule{mime.RuleHeaderEnd, 2, "The header's end is not where every program sees it (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleField, 0.5, "A header line is no field, or a field's name has blanks or control characters."}, policy.Deliver},
	{Rule{mime.RuleDuplicate, 2, "A field that says what the content is stands there twice (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleParam, 2, "A parameter has two values (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleBoundary, 1.5, "A boundary is written so that programs read it differently (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleNoBoundary, 1.5, "A multipart has no boundary, or it never appears (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleOutside, 1, "There are header fields outside the parts of a multipart."}, policy.Deliver},
	{Rule{mime.RuleEncoding, 2, "A transfer encoding is unknown, doubled, or not allowed for its type (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleType, 0.5, "A media type is malformed."}, policy.Deliver},
	{Rule{mime.RuleViews, 4, "There are more readings of the message than are followed (over the limit)."}, policy.Deliver},
	{Rule{mime.RuleBase64, 0.5, "base64 has characters that do not belong there."}, policy.Deliver},
	{Rule{mime.RuleQP, 0, "quoted-printable has escapes that are none."}, policy.Deliver},
	{Rule{mime.RuleUU, 0, "Text holds a uuencoded file."}, policy.Deliver},
	{Rule{mime.RuleYEnc, 0, "Text holds a yEnc file."}, policy.Deliver},
	{Rule{mime.RuleBinHex, 0, "Text holds a file in BinHex."}, policy.Deliver},
	{Rule{mime.RuleCharset, 0.5, "A charset is unknown, or contradicts the text."}, policy.Deliver},
	{Rule{mime.RuleWord, 0.3, "An encoded word in a header field is malformed."}, policy.Deliver},
	{Rule{mime.RuleTNEF, 0.5, "A TNEF attachment is damaged."}, policy.Deliver},
	{Rule{mime.RuleSMIME, 0.5, "An S/MIME container is damaged."}, policy.Deliver},
	{Rule{mime.RulePartial, 0, "A piece of a message cut in several: none can be scanned whole."}, policy.Reject},
	{Rule{mime.RuleExternal, 1, "The content lies elsewhere, at an address in the part."}, policy.Deliver},
	{Rule{mime.RuleEncrypted, 0, "The mail itself is encrypted (S/MIME, PGP)."}, policy.Deliver},
	{Rule{mime.RuleFrom, 1, "From names several authors, or none."}, policy.Deliver},
	{Rule{mime.RuleHeader, 3, "A header is larger than is read (ambiguous)."}, policy.Deliver},
	{Rule{mime.RuleParts, 3, "The message has more parts than are read (over the limit)."}, policy.Deliver},
	{Rule{ruleSubmitted, 3, "Parts hide more content than is looked at (over the limit)."}, policy.Deliver},

	// Containers.
	{Rule{unpack.RuleBomb, 0, "An archive grows beyond all measure."}, policy.Reject},
	{Rule{unpack.RuleBroken, 0.5, "A container is damaged; what follows the damage was not read."}, policy.Deliver},
	{Rule{unpack.RuleUnread, 0, "A container is so damaged that nobody looked inside, but another program might."}, policy.Reject},
	{Rule{unpack.RuleSplit, 0, "A volume of a split archive: none can be scanned whole."}, policy.Reject},
	{Rule{unpack.RuleMismatch, 2, "A zip's two directories differ (ambiguous)."}, policy.Deliver},
	{Rule{unpack.RuleMethod, 0, "A member is compressed in a way that cannot be opened."}, policy.Reject},
	{Rule{unpack.RuleUnsupported, 0, "A container of a kind that cannot be opened."}, policy.Reject},
	{Rule{unpack.RuleDictionary, 0, "A member asks for more memory to be opened than any gets."}, policy.Reject},
	{Rule{unpack.RuleOutput, 0, "The message unpacks to more than is read (over the limit)."}, policy.Deliver},
	{Rule{unpack.RuleDepth, 0, "Messages or containers are nested deeper than is read (over the limit)."}, policy.Deliver},
	{Rule{unpack.RuleEntries, 0, "Archives have more members than are read (over the limit)."}, policy.Deliver},
	{Rule{unpack.RuleTime, 0, "Unpacking took longer than it may."}, policy.Defer},
	{Rule{unpack.RuleMemory, 0, "There was no memory left for unpacking."}, policy.Defer},
	{Rule{unpack.RuleName, 1, "A member's name is longer than is read."}, policy.Deliver},
	{Rule{unpack.RuleEncrypted, 0, "A member of an archive is encrypted."}, policy.Tag},
	{Rule{unpack.RuleHiddenNames, 0, "An archive is encrypted with the names of its members."}, policy.Reject},
	{Rule{unpack.RuleEncryptedDoc, 0, "A document is encrypted."}, policy.Tag},
	{Rule{unpack.RulePolyglot, 2, "A file is of several types at once."}, policy.Deliver},
	{Rule{unpack.RuleOverlay, 1, "There is more behind the end of a file."}, policy.Deliver},
	{Rule{unpack.RuleKind, 0, "What kind of Office file it is."}, policy.Deliver},

	// Documents.
	{Rule{unpack.RuleMacro, 2, "An Office document has macros."}, policy.Deliver},
	{Rule{unpack.RuleAutoRun, 0, "An Office document has macros that run by themselves."}, policy.Reject},
	{Rule{unpack.RuleMacroCalls, 2, "An Office document has macros that start programs or load something."}, policy.Deliver},
	{Rule{unpack.RuleExternal, 2, "An Office document loads something from elsewhere."}, policy.Deliver},
	{Rule{unpack.RuleDDE, 3, "An Office document starts another program (DDE)."}, policy.Deliver},
	{Rule{unpack.RuleObject, 1.5, "A document holds an embedded object."}, policy.Deliver},
	{Rule{unpack.RulePDFScript, 2, "A PDF has a script."}, policy.Deliver},
	{Rule{unpack.RulePDFLaunch, 0, "A PDF starts a program."}, policy.Reject},
	{Rule{unpack.RulePDFFile, 0, "A PDF holds an embedded file."}, policy.Deliver},
	{Rule{unpack.RulePDFAction, 0, "A PDF does something when it is opened."}, policy.Deliver},
	{Rule{unpack.RulePDFForm, 0, "A PDF has a form of its own language (XFA)."}, policy.Deliver},
	{Rule{unpack.RuleShortcut, 1, "A shortcut starts something."}, policy.Deliver},
}

// ContentRules are the rules of Content.
var ContentRules = rulesOf(contentRules)

func rulesOf(table []contentRule) []Rule {
	rules := make([]Rule, len(table))
	for i := range table {
		rules[i] = table[i].Rule
	}
	return rules
}

var contentRuleByName = func() map[string]*contentRule {
	m := make(map[string]*contentRule, len(contentRules))
	for i := range contentRules {
		m[contentRules[i].Name] = &contentRules[i]
	}
	return m
}()

// defect publishes what a defect means.
func (b *body) defect(d mime.Defect, place string) {
	class := policy.Plain
	switch {
	case d.Class == mime.Exhausted:
		class = policy.OverLimit
	case d.Class == mime.Ambiguous:
		class = policy.Ambiguous
	}
	b.note(d.Rule, d.Detail, place, d.Class == mime.Low, class)
}

// noted publishes what a reader's note means.
func (b *body) noted(n unpack.Note, place string) {
	if n.Class == unpack.Failed {
		b.channel.fail(panicked) // what the container holds nobody has seen
		return
	}
	class := policy.Plain
	switch n.Class {
	case unpack.Ambiguous:
		class = policy.Ambiguous
	case unpack.Exhausted:
		class = policy.OverLimit
	}
	b.note(n.Rule, n.Detail, place, n.Class == unpack.Low, class)
}

// exceeded publishes that a limit of ours was reached.
func (b *body) exceeded(rule, detail, place string) {
	b.note(rule, detail, place, false, policy.OverLimit)
}

func (b *body) note(rule, detail, place string, slight bool, class policy.Class) {
	times, scored := 0, slight
	for _, t := range b.told {
		if t.rule == rule {
			times++
			scored = scored || t.scored
		}
	}
	if times >= maxTold || times > 0 && len(b.told) >= maxToldAll {
		return
	}
	b.told = append(b.told, told{rule, !slight})
	f := policy.Finding{Rule: rule, Detail: detail, Place: place, Class: class}
	if r := contentRuleByName[rule]; r != nil {
		if f.Force = r.force; r.force != policy.Deliver {
			f.Class = policy.Plain // the rule says by itself what is done
		}
		if !scored {
			f.Score = r.Score
		}
	}
	b.channel.Publish(f)
}

// told is a rule that has been told of.
type told struct {
	rule   string
	scored bool
}
