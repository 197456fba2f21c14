package filter

import (
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// A Part is one piece of a message as modules see it: an entity of its MIME
// structure, or a member of a container inside one. Content gives parts to
// every Scanner that implements PartScanner. A Part may be kept until the
// Scanner's Close.
type Part struct {
	// Path is the part's place in the message: "" the message itself, "1.2" as
	// in RFC 9051 section 6.4.5, members behind a slash: "1.2/3".
	Path   string
	Parent *Part      // nil: the whole message
	MIME   *mime.Part // nil for members of containers
	Kind   mime.Kind
	Depth  int // parents above

	Names    []string      // each candidate file name, as UTF-8; not canonicalised
	Declared []string      // each media type it was given, lower case
	Types    []unpack.Type // what its octets say it is, the most certain first; nil: unknown. Until ClosePart there may come more
	Head     []byte        // its first octets, at most unpack.HeadSize; valid during OpenPart

	// Text tells that OpenPart is followed by Text calls as well.
	Text bool
	// HTML tells that the text is HTML, by what a reader would take it for.
	HTML bool
	// Reading counts the charsets that the text is told in, from 0: programs
	// could take different ones, and the text begins anew with each.
	Reading int
	// Made tells that the octets were made by a reader of ours, such as a
	// macro's source: there is no such file.
	Made bool
	// Encrypted tells that the octets cannot be read: there is no data.
	Encrypted bool
	// Doubtful tells that not every mail program sees these octets: a further
	// reading, a defective encoding, TNEF. Until ClosePart it may become true.
	Doubtful bool
	// Odd tells that the part, or what lies in it, is not put together as
	// programs commonly do: it has a defect of structure or encoding, it is a
	// container with anything to be noted, there is another reading of it. Other
	// programs may find other content in it. Until the message ends it may become
	// true.
	Odd bool
	// Rare tells that few programs find this where it is: it was not listed as a
	// member but found by its looks, or is packed in an uncommon way.
	Rare bool

	// Known when the part closes.
	Size   int64    // decoded octets
	SHA256 [32]byte // of them; zero unless somebody wants it (HashScanner)

	declared [1]string // where Declared lies if it is one
}

// A PartScanner is a Scanner that also sees the message taken apart. Calls come
// on the session's goroutine; like Write they never wait. Parts nest, and two
// may be open beside each other. Slices are reused: copy what you keep.
type PartScanner interface {
	Scanner
	// OpenPart begins a part. What its octets are is known already.
	OpenPart(p *Part)
	// PartData is decoded content of a leaf.
	PartData(p *Part, b []byte)
	ClosePart(p *Part)
}

// A HashScanner also wants Part.SHA256 of leaves. It is had once for all who do,
// and so is that of topic Leaves; a message that nobody asks about is not
// hashed, as this is a large part of what reading it costs.
type HashScanner interface {
	PartScanner
	WantsHash()
}

// A FieldScanner also sees the header fields of messages, of the whole one and
// of those inside it, behind OpenPart of their part.
type FieldScanner interface {
	PartScanner
	Field(p *Part, f mime.Field)
}

// A TextScanner also sees text as UTF-8, whatever its charset was, in whole
// characters, between OpenPart and ClosePart. Where programs could take different
// charsets for it, the readings follow each other: Part.Reading tells them
// apart. At most TextSize octets of each.
type TextScanner interface {
	PartScanner
	Text(p *Part, b []byte)
}

// TextSize is how much of one part's text is given as text: 2 MiB, a long book.
const TextSize = 2 << 20

// A LinkScanner also sees the addresses that documents refer to without
// showing them: of PDF, Office relationships, external bodies, shortcuts.
type LinkScanner interface {
	PartScanner
	Link(p *Part, url []byte)
}

// An Overflower is a Scanner that wants to know when the message has outgrown
// its window and flows on. From then on its Write and PartData may hold the
// message back, for the module's deadline in all.
type Overflower interface {
	Scanner
	Overflow()
}

// A Rule is one rule of a module, for its documentation and for check-config.
// Each module has them in one table, Rules.
type Rule struct {
	Name  string
	Score float64 // as the module publishes it
	Text  string  // what it means, for operators: a sentence
}
