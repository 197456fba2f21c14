package mime

// A Parser reads one message. Set Limits and Sink, then Write the message and
// Close. Reset makes it ready for the next.
type Parser struct {
	Limits Limits
	Sink   Sink
}

// Write reads on. The slice is the caller's.
func (p *Parser) Write(b []byte) {}

// Close ends the message: every part that is open is closed.
func (p *Parser) Close() {}

// Reset makes p ready for another message, also after one that was not closed.
func (p *Parser) Reset(s Sink) { p.Sink = s }
