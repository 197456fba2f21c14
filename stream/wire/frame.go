package wire

import "bytes"

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

	line int // content octets of the current line so far; 0: line start
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
	pos := 0   // start of the line, or of its part in p
	crlfs := 0
	for {
		if f.line == 0 && pos < len(p) && p[pos] == '.' {
			content = appendPiece(content, p[piece:pos])
			switch dotAt(p[pos:]) {
			case dotEnd:
				n = pos + len(".\r\n")
				f.Faults |= octetFaults(p[:n], crlfs+1)
				return content, n, true
			case dotCut:
				f.Faults |= octetFaults(p[:pos], crlfs)
				return content, pos, false
			}
			pos++
			piece = pos
		}
		lf := bytes.IndexByte(p[pos:], '\n')
		if lf < 0 {
			break
		}
		next := pos + lf + 1
		if next >= 2 && p[next-2] == '\r' {
			crlfs++
			if f.line+lf-1 > maxTextLine {
				f.Faults |= FaultLongLine
			}
			f.line = 0
		} else {
			f.Faults |= FaultBareLF
			f.line += lf + 1
		}
		pos = next
	}
	n = withoutCR(p, pos)
	f.line += n - pos
	if f.line > maxTextLine {
		f.Faults |= FaultLongLine
	}
	f.Faults |= octetFaults(p[:n], crlfs)
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

// withoutCR returns the end of p, before its last octet if that is a CR at or
// behind pos: what it is, the next octet will say.
func withoutCR(p []byte, pos int) int {
	if n := len(p); n > pos && p[n-1] == '\r' {
		return n - 1
	}
	return len(p)
}

// octetFaults checks p, which holds crlfs CRLFs, for other CRs and for NULs.
// Two passes that the processor does 32 octets at a time cost less than one
// look at every octet.
func octetFaults(p []byte, crlfs int) (faults Fault) {
	if bytes.Count(p, crByte) != crlfs {
		faults |= FaultBareCR
	}
	if bytes.IndexByte(p, 0) >= 0 {
		faults |= FaultNUL
	}
	return faults
}

var crByte = []byte{'\r'}

func appendPiece(content [][]byte, p []byte) [][]byte {
	if len(p) == 0 {
		return content
	}
	return append(content, p)
}
