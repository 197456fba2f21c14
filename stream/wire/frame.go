package wire

// Fault is a set of things that message data should not hold.
type Fault uint8

// The faults of message data. A bare CR or LF is not part of a CRLF (RFC 5321
// section 2.3.8); servers that take one for a line end can be made to see two
// messages in one (CVE-2023-51764).
const (
	FaultBareCR Fault = 1 << iota
	FaultBareLF
	FaultNUL
	FaultLongLine // over 998 octets without its CRLF (RFC 5321 section 4.5.3.1.6)
)

// A Framer finds the end of data in the octets after DATA, however they are
// cut (RFC 5321 section 4.1.1.4). The zero value is ready.
//
//	state       octets       content    then
//	line start  . CR LF      –          done
//	line start  .            –          inside
//	any         CR LF        CR LF      line start
//	any         any octet    the octet  inside
//
// The first row that fits counts. So only CRLF "." CRLF ends data, or "." CRLF
// at its very start, and only a dot behind a true CRLF is stuffing.
type Framer struct {
	// Faults of all octets done with since the start of data.
	Faults Fault

	lines lines // without the dots that stuffing added
}

// Reset makes f ready for the next message.
func (f *Framer) Reset() { *f = Framer{} }

// Scan looks at p, the next unread octets. It appends to content the pieces of
// p that are message content, dots unstuffed: sub-slices of p, none empty. It
// allocates only to grow content.
//
// n is how many octets of p are done with. When done, p[:n] ends with the
// terminator, ".\r\n", whose three octets are no content, and p[n:] is what
// the peer sent behind it; Reset comes before the next Scan. Else p[n:], which
// is empty or "\r", "." or ".\r", must be the start of the next p. All of p[:n]
// without the terminator is message octets as they go on the wire.
func (f *Framer) Scan(p []byte, content [][]byte) (_ [][]byte, n int, done bool) {
	piece := 0 // start of the content that was not appended yet
	for n < len(p) {
		if f.lines.length == 0 && p[n] == '.' {
			dot := dotAt(p[n:])
			if dot == dotCut {
				break
			}
			content = appendPiece(content, p[piece:n])
			if dot == dotEnd {
				return content, n + len(".\r\n"), true
			}
			n++
			piece = n
		}
		n += f.lines.scan(p[n:], true)
		f.Faults = f.lines.faults
		if n < len(p) && p[n] == '\r' {
			break
		}
	}
	return appendPiece(content, p[piece:n]), n, false
}

// What a dot at the start of a line can be.
type dotKind uint8

const (
	dotStuffed dotKind = iota // to be removed
	dotEnd                    // the terminator
	dotCut                    // the octets that decide are still to come
)

func dotAt(p []byte) dotKind {
	switch {
	case len(p) == 1, len(p) == 2 && p[1] == '\r':
		return dotCut
	case p[1] == '\r' && p[2] == '\n':
		return dotEnd
	}
	return dotStuffed
}

func appendPiece(content [][]byte, p []byte) [][]byte {
	if len(p) == 0 {
		return content
	}
	return append(content, p)
}
