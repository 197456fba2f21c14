package mime

// Rules, by which a Defect is known in configuration and logs.
const (
	RuleHeaderEnd  = "mime.header_end"
	RuleField      = "mime.field"
	RuleDuplicate  = "mime.duplicate"
	RuleParam      = "mime.param"
	RuleBoundary   = "mime.boundary"
	RuleNoBoundary = "mime.no_boundary"
	RuleOutside    = "mime.outside"
	RuleEncoding   = "mime.encoding"
	RuleType       = "mime.type"
	RuleViews      = "mime.views"
	RuleBase64     = "mime.base64"
	RuleQP         = "mime.qp"
	RuleUU         = "mime.uu"
	RuleYEnc       = "mime.yenc"
	RuleBinHex     = "mime.binhex"
	RuleCharset    = "mime.charset"
	RuleWord       = "mime.word"
	RuleTNEF       = "mime.tnef"
	RuleSMIME      = "mime.smime" // PKCS #7 that cannot be followed to its content
	RulePartial    = "mime.partial"
	RuleExternal   = "mime.external"
	RuleEncrypted  = "encrypted.mail"
	RuleFrom       = "from.multiple"
	RuleHeader     = "limit.header"
	RuleParts      = "limit.parts"
	RuleDepth      = "limit.depth"
	RuleOutput     = "limit.output"
)
