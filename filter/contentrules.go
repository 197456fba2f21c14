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

// A contentRule is what a defect or a note means.
type contentRule struct {
	Rule
	force policy.Action
	class policy.Class
}

// contentRules are the rules about a message's make-up, with what they do
// where an operator says nothing else. Those that say "ambiguous" are also
// decided by his ambiguity setting, those that say "over the limit" by
// over_limit.
var contentRules = []contentRule{
	// Structure. What mail programs read differently is scored, because good
	// mail hardly has it.
	{Rule{mime.RuleHeaderEnd, 2, "The header's end is not where every program sees it (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleField, 0.5, "A header line is no field, or a field's name has blanks or control characters."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleDuplicate, 2, "A field that says what the content is stands there twice (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleParam, 2, "A parameter has two values (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleBoundary, 1.5, "A boundary is written so that programs read it differently (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleNoBoundary, 1.5, "A multipart has no boundary, or it never appears (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleOutside, 1, "There are header fields outside the parts of a multipart."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleEncoding, 2, "A transfer encoding is unknown, doubled, or not allowed for its type (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleType, 0.5, "A media type is malformed."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleViews, 4, "There are more readings of the message than are followed (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleBase64, 0.5, "base64 has characters that do not belong there."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleQP, 0, "quoted-printable has escapes that are none."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleUU, 0, "Text holds a uuencoded file."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleYEnc, 0, "Text holds a yEnc file."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleCharset, 0.5, "A charset is unknown, or contradicts the text."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleWord, 0.3, "An encoded word in a header field is malformed."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleTNEF, 0.5, "A TNEF attachment is damaged."}, policy.Deliver, policy.Plain},
	{Rule{mime.RulePartial, 0, "A piece of a message cut in several: none can be scanned whole."}, policy.Reject, policy.Plain},
	{Rule{mime.RuleExternal, 1, "The content lies elsewhere, at an address in the part."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleEncrypted, 0, "The mail itself is encrypted (S/MIME, PGP)."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleFrom, 1, "From names several authors, or none."}, policy.Deliver, policy.Plain},
	{Rule{mime.RuleHeader, 3, "A header is larger than is read (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{mime.RuleParts, 3, "The message has more parts than are read (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{ruleSubmitted, 3, "Parts hide more content than is looked at (over the limit)."}, policy.Deliver, policy.OverLimit},

	// Containers.
	{Rule{unpack.RuleBomb, 0, "An archive grows beyond all measure."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleBroken, 0.5, "A container is damaged; what follows the damage was not read."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RuleSplit, 0, "A volume of a split archive: none can be scanned whole."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleMismatch, 2, "A zip's two directories differ (ambiguous)."}, policy.Deliver, policy.Ambiguous},
	{Rule{unpack.RuleMethod, 0, "A member is compressed in a way that cannot be opened."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleUnsupported, 0, "A container of a kind that cannot be opened."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleDictionary, 0, "A member asks for more memory to be opened than any gets."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleOutput, 0, "The message unpacks to more than is read (over the limit)."}, policy.Deliver, policy.OverLimit},
	{Rule{unpack.RuleDepth, 0, "Messages or containers are nested deeper than is read (over the limit)."}, policy.Deliver, policy.OverLimit},
	{Rule{unpack.RuleEntries, 0, "Archives have more members than are read (over the limit)."}, policy.Deliver, policy.OverLimit},
	{Rule{unpack.RuleTime, 0, "Unpacking took longer than it may."}, policy.Defer, policy.Plain},
	{Rule{unpack.RuleMemory, 0, "There was no memory left for unpacking."}, policy.Defer, policy.Plain},
	{Rule{unpack.RuleName, 1, "A member's name is longer than is read."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RuleEncrypted, 0, "A member of an archive is encrypted."}, policy.Tag, policy.Plain},
	{Rule{unpack.RuleHiddenNames, 0, "An archive is encrypted with the names of its members."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleEncryptedDoc, 0, "A document is encrypted."}, policy.Tag, policy.Plain},
	{Rule{unpack.RulePolyglot, 2, "A file is of several types at once."}, policy.Deliver, policy.Plain},

	// Documents.
	{Rule{unpack.RuleMacro, 2, "An Office document has macros."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RuleAutoRun, 0, "An Office document has macros that run by themselves."}, policy.Reject, policy.Plain},
	{Rule{unpack.RuleExternal, 2, "An Office document loads something from elsewhere."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RuleDDE, 3, "An Office document starts another program (DDE)."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RuleObject, 1.5, "A document holds an embedded object."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RulePDFScript, 2, "A PDF has a script."}, policy.Deliver, policy.Plain},
	{Rule{unpack.RulePDFLaunch, 0, "A PDF starts a program."}, policy.Reject, policy.Plain},
	{Rule{unpack.RulePDFFile, 1, "A PDF holds an embedded file."}, policy.Deliver, policy.Plain},
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

// note publishes what a defect or a note means.
func (b *body) note(rule, detail, place string) {
	times := 0
	for _, told := range b.told {
		if told == rule {
			times++
		}
	}
	if times >= maxTold {
		return
	}
	b.told = append(b.told, rule)
	f := policy.Finding{Rule: rule, Detail: detail, Place: place}
	if r := contentRuleByName[rule]; r != nil {
		f.Force, f.Class = r.force, r.class
		if times == 0 {
			f.Score = r.Score
		}
	}
	b.channel.Publish(f)
}
