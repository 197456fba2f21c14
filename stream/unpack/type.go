package unpack

// A Type is what content really is, by its own octets: "zip", "pe", "pdf".
// The empty Type is unknown.
type Type string

// HeadSize is how many first octets of some content Detect looks at: 4 KiB.
// A type that shows later has to be asked for by name.
const HeadSize = 4 << 10

// Detect returns every type whose mark stands in head, the first HeadSize
// octets of some content or all of it: the most certain first, nil if none.
func Detect(head []byte) []Type { return nil }
