package wire

// A Liner checks content that has no dots and no end mark, as in BDAT (RFC
// 3030), for the faults that a Framer finds. The zero value is ready.
type Liner struct {
	// Faults of all octets done with.
	Faults Fault
	// EndsInCRLF says that the last octets done with are a CRLF: without it
	// the content cannot be sent by DATA unchanged.
	EndsInCRLF bool

	lines lines
}

// Reset makes l ready for the next message.
func (l *Liner) Reset() { *l = Liner{} }

// Scan checks p, the next octets, and returns how many of them are done with.
// p[n:] is empty or a "\r", and must be the start of the next p. final says
// that no more octets follow in the whole message; then n is len(p), and a CR
// at the end is a fault.
func (l *Liner) Scan(p []byte, final bool) (n int) {
	n = l.lines.scan(p, false)
	if final && n < len(p) {
		l.lines.faults |= FaultBareCR
		l.lines.inside(1)
		n = len(p)
	}
	l.Faults = l.lines.faults
	if n > 0 {
		l.EndsInCRLF = l.lines.length == 0
	}
	return n
}
