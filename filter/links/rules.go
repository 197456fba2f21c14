package links

import "sluice/filter"

// Rules of this module.
const (
	RuleMismatch   = "links.mismatch"
	RuleMixed      = "links.mixed"
	RuleUserinfo   = "links.userinfo"
	RuleAddress    = "links.address"
	RuleRedirector = "links.redirector"
	RuleLayers     = "links.layers"
	RuleObfuscated = "links.obfuscated"
	RuleDefanged   = "links.defanged"
	RuleData       = "links.data"
	RuleScript     = "links.script"
	RuleFile       = "links.file"
	RuleSmuggling  = "html.smuggling"
	RuleLimit      = "limit.links"
)

// Places of the rules in Rules.
const (
	mismatch = iota
	mixed
	userinfo
	rawAddress
	redirector
	layers
	obfuscated
	defanged
	dataLink
	scriptLink
	fileLink
	smuggling
	overLimit
	ruleCount
)

// Rules are the module's rules. The scores are such that no single one but
// smuggling comes near an ordinary threshold.
var Rules = []filter.Rule{
	mismatch:   {Name: RuleMismatch, Score: 0.7, Text: "A link shows the address of one site and leads to another."},
	mixed:      {Name: RuleMixed, Score: 2.5, Text: "A host name mixes scripts or is spelled in letters that look like others."},
	userinfo:   {Name: RuleUserinfo, Score: 1.5, Text: "A link has a user name before its host, which readers take for the host."},
	rawAddress: {Name: RuleAddress, Score: 1.2, Text: "A link leads to an IP address instead of a name."},
	redirector: {Name: RuleRedirector, Score: 0.1, Text: "A link leads to its target through another site."},
	layers:     {Name: RuleLayers, Score: 1, Text: "A link is wrapped in more than three others."},
	obfuscated: {Name: RuleObfuscated, Score: 2, Text: "The host of a link is hidden by escapes, numbers, invisible or control characters."},
	defanged:   {Name: RuleDefanged, Score: 0.3, Text: "An address in the text is written so that programs do not see it: hxxp, [.], (dot)."},
	dataLink:   {Name: RuleData, Score: 1.5, Text: "A link leads to a page that is contained in the link itself."},
	scriptLink: {Name: RuleScript, Score: 0.5, Text: "A link runs a script."},
	fileLink:   {Name: RuleFile, Score: 1.5, Text: "A link leads to a file server, which is told the reader's credentials."},
	smuggling:  {Name: RuleSmuggling, Score: 3, Text: "A page carries a program or an archive in a script or a data: address."},
	overLimit:  {Name: RuleLimit, Score: 0.5, Text: "The message has more links, or more embedded data, than are looked at."},
}
