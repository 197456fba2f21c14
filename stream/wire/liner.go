package wire

import "bytes"

// A Liner checks content that has no dots and no end mark, as in BDAT (RFC
// 3030), for the faults that a Framer finds. The zero value is ready.
type Liner struct {
	// Faults of all octets done with.
	Faults Fault
	// EndsInCRLF says that the last octets done with are a CRLF: without it
	// the content cannot be sent by DATA unchanged.
	EndsInCRLF bool

	line int // octets of the current line so far
}

// Reset makes l ready for the next message.
func (l *Liner) Reset() { *l = Liner{} }

// Scan checks p, the next octets, and returns how many of them are done with.
// p[n:] is empty or a "\r", and must be the start of the next p. final says
// that no more octets follow in the whole message; then n is len(p), and a CR
// at the end is a fault.
func (l *Liner) Scan(p []byte, final bool) (n int) {
	pos, crlfs := 0, 0
	for {
		lf := bytes.IndexByte(p[pos:], '\n')
		if lf < 0 {
			break
		}
		next := pos + lf + 1
		if next >= 2 && p[next-2] == '\r' {
			crlfs++
			if l.line+lf-1 > maxTextLine {
				l.Faults |= FaultLongLine
			}
			l.line = 0
		} else {
			l.Faults |= FaultBareLF
			l.line += lf + 1
		}
		pos = next
	}
	if n = len(p); !final {
		n = withoutCR(p, pos)
	}
	l.line += n - pos
	if l.line > maxTextLine {
		l.Faults |= FaultLongLine
	}
	l.Faults |= octetFaults(p[:n], crlfs)
	if n > 0 {
		l.EndsInCRLF = l.line == 0
	}
	return n
}
