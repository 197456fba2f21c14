package mime

import "slices"

// A Sink is told what a Parser finds. Calls come on the goroutine of Write and
// Close, in this order for each part: Open, every Field, Data, Close. Parts
// nest: one is closed after all below it. Where there are several readings,
// parts of one are open beside those of another.
//
// The first part is the message itself, the only one without Parent. A message
// inside of another has the fields of its part, then those of its own header.
// A leaf may have parts below it as well: files in TNEF, in uuencode or yEnc,
// the mail in an opaque signature. They come between its Data.
//
// A Part may be kept as long as the message is of interest; slices are valid
// during the call.
type Sink interface {
	// Open begins a part whose header has ended: everything but its content is
	// known.
	Open(p *Part)
	// Field is one header field of p, in order.
	Field(p *Part, f Field)
	// Data is decoded content of a leaf. Multiparts have none, and messages
	// none but when they could not be entered.
	Data(p *Part, b []byte)
	Close(p *Part)
	// Defect is something wrong with p, which may be the part before its Open.
	Defect(p *Part, d Defect)
}

// Kind is what a Part is.
type Kind uint8

const (
	Leaf      Kind = iota // content
	Multipart             // holds parts
	Message               // holds a header and one part: message/rfc822 and the message itself
)

// A Part is one node of a message's tree.
type Part struct {
	Parent *Part // nil: the whole message
	// Path is the part's place: "" the message, "1.2" as in RFC 9051 section
	// 6.4.5, where the multipart that is all of a message has the message's own.
	// Text before the first part is "0", behind the last "end", what was not
	// taken apart "rest". In a further reading "~" and its View follow the place
	// where it differs.
	Path string
	Kind Kind
	View int // 0: the reading that most programs share

	Type     string   // media type, lower case: "text/plain"
	Types    []string // every media type it was given, where that differs; else nil
	Charset  string   // as declared, lower case; empty: none
	Charsets []string // every charset it was given, where that differs; else nil
	Encoding string   // transfer encoding as decoded, lower case: "base64"; "" identity
	Names    []string // each candidate file name, decoded to UTF-8, as given
	Attached bool     // Content-Disposition: attachment
	// Links are the addresses of content that is elsewhere, as given: of
	// message/external-body.
	Links []string

	// Doubtful is set where not every program decodes the octets as they were
	// decoded here: a further reading, or a defective encoding. May change
	// until Close.
	Doubtful bool
}

// A Field is one header field as it stands in the message.
type Field struct {
	Name  []byte // as written, without the colon and blanks before it
	Value []byte // what follows the colon, line ends and folding included, the final one not
}

// Class is how far a Defect can lead two readers apart.
type Class uint8

const (
	Low       Class = iota // seen in good mail; recorded
	Middle                 // scored
	Ambiguous              // programs may see different content
	Exhausted              // a limit was reached: not all has been looked at
)

// A Defect is one thing that is not as it should be.
type Defect struct {
	Rule   string // one of the rules in rules.go: "mime.duplicate"
	Class  Class
	Detail string // a fixed word or a number; never input
}

// noted returns list with d in it, once.
func noted(list []Defect, d Defect) []Defect {
	if slices.Contains(list, d) {
		return list
	}
	return append(list, d)
}
