package wire

// A Reply is one SMTP reply (RFC 5321 section 4.2), the only type for replies
// in the program. The zero value is no reply.
type Reply struct {
	Code     int    // three digits, 200 to 599
	Enhanced string // RFC 3463 code such as "5.7.1", or empty
	Text     string // lines separated by "\n"; anything: AppendTo makes it safe
}
