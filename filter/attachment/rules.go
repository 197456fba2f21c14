package attachment

import "sluice/filter"

// Rules.
const (
	RuleBanned   = "attachment.banned"
	RuleRTL      = "name.rtl"
	RuleDouble   = "name.double"
	RuleTrick    = "name.trick"
	RuleSplit    = "archive.volume"
	RuleMismatch = "type.mismatch"
	RuleHTML     = "attachment.html"
)

// Scores of the rules that do not refuse by themselves. A threshold is usually
// 6 to mark and 12 to refuse: none of them does it alone.
const (
	doubleScore   = 4.0
	trickScore    = 4.0
	mismatchScore = 2.0
	htmlScore     = 0.5
)

// Rules are all findings of this module.
var Rules = []filter.Rule{
	{Name: RuleBanned, Text: "A file is on the list of refused attachments, by its name, its declared type or its octets, wherever it is. Refuses."},
	{Name: RuleRTL, Text: "A file name holds characters that turn the direction of writing. Refuses."},
	{Name: RuleSplit, Text: "A file is one volume of an archive in several pieces, which cannot be looked into. Refuses."},
	{Name: RuleDouble, Score: doubleScore, Text: "A refused extension is hidden behind that of a document, or behind blanks."},
	{Name: RuleTrick, Score: trickScore, Text: "A file name is longer than what programs keep of it: NUL, ::$DATA, .{CLSID}."},
	{Name: RuleMismatch, Score: mismatchScore, Text: "A file's octets are of another kind than its extension says."},
	{Name: RuleHTML, Score: htmlScore, Text: "A web page is attached as a file."},
}
