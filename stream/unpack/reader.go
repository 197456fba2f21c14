package unpack

// A Reader takes one container apart. It is written the container's octets in
// pieces of any size, in order, and closed once, also when the message was cut
// short. Slices are the caller's. Neither call fails or waits for a network.
type Reader interface {
	Write(b []byte)
	// Close ends the container. Complete is false if its end never came; then
	// nothing more is told.
	Close(complete bool)
}

// A Sink is told what a container holds, on the goroutine of Write and Close.
// Members do not nest: each is closed before the next is opened. Slices are
// valid during the call.
type Sink interface {
	Open(m *Member)
	Data(m *Member, b []byte)
	Close(m *Member)
	// Note is a fact about the container.
	Note(n Note)
	// Link is an address that the container refers to.
	Link(url []byte)
}

// A Member is one piece of content in a container.
type Member struct {
	Index     int      // in order of telling, from 0
	Names     []string // each name it is known by, as UTF-8 where possible, path included; may be empty
	Types     []string // each media type it was declared as, lower case; mostly none
	Size      int64    // octets as declared; -1: not declared
	Encrypted bool     // its content cannot be read, for a key or a method that is missing: there will be no Data
	Text      bool     // made by the reader, such as a macro's source: no file of its own
	Rare      bool     // packed as few programs do: in a zip neither deflated nor stored with its size before it
}

// A Note is a fact about a container or a file.
type Note struct {
	Rule   string // one of the rules in rules.go: "zip.mismatch"
	Class  Class
	Detail string // a fixed word or a number; never input
}

// Class is what kind of fact a Note is.
type Class uint8

const (
	Low         Class = iota // recorded
	Middle                   // scored
	Ambiguous                // programs may see different content
	Exhausted                // the same content would exhaust a budget again
	Strained                 // time or memory ran out: it depends on load
	Unsupported              // nothing looked inside
	Failed                   // a fault of ours: nobody knows what is inside
)
