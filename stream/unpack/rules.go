package unpack

// Rules, by which a Note is known in configuration and logs.
const (
	RuleBomb          = "archive.bomb"
	RuleBroken        = "archive.broken" // damaged or cut short: the rest was not read
	RuleUnread        = "archive.unread" // so damaged that nobody looked inside
	RuleSplit         = "archive.split"
	RuleMismatch      = "zip.mismatch"
	RuleMethod        = "unpack.method"
	RuleUnsupported   = "unpack.unsupported"
	RuleOutput        = "limit.output"
	RuleDepth         = "limit.depth"
	RuleEntries       = "limit.entries"
	RuleTime          = "limit.time"
	RuleMemory        = "limit.memory"
	RuleDictionary    = "limit.dictionary"
	RuleName          = "limit.name"
	RuleEncrypted     = "encrypted.archive"
	RuleHiddenNames   = "encrypted.names" // not even the names of the members can be read
	RuleEncryptedDoc  = "encrypted.document"
	RuleEncryptedMail = "encrypted.mail" // OpenPGP in a file; package mime has the same rule
	RulePolyglot      = "type.polyglot"
	RuleMacro         = "office.macro"
	RuleAutoRun       = "office.autorun" // a macro that runs by itself
	RuleExternal      = "office.external"
	RuleDDE           = "office.dde"
	RuleObject        = "office.object"
	RulePDFScript     = "pdf.script"
	RulePDFLaunch     = "pdf.launch"
	RulePDFFile       = "pdf.file"

	RuleKind       = "type.kind"       // what a compound file or document is, in the Detail
	RuleOverlay    = "type.overlay"    // octets behind the end of the format
	RuleMacroCalls = "office.calls"    // a macro that reaches out of its document
	RuleShortcut   = "shortcut.target" // what a shortcut starts
	RulePDFAction  = "pdf.action"      // something happens when a page or the document is opened
	RulePDFForm    = "pdf.form"        // an XFA form
)
