package stream

import (
	"sluice/stream/wire"
)

// A claim is the 250 to an end of data that the sender may not have yet. It
// is settled when the sender's TCP has acknowledged the reply's last octet:
// octets that came in may have been sent before, and a close alone proves
// nothing (Postfix pipelines QUIT behind the terminator and hangs up).
type claim struct {
	open    bool // there is a 250
	stored  bool // the reply came from the guard and stands there still
	subject Subject
	known   bool      // subject is set: the message may be remembered
	parts   []Subject // single recipients who had the message before, and stand in the guard
	net     string
	reply   wire.Reply
	mark    int64 // the connection's count of written octets behind the reply; 0: not written
}

// sent notes that the replies of all claims have been written.
func (s *session) sent() {
	for i := range s.claims {
		if c := &s.claims[i]; c.mark == 0 {
			c.mark = s.conn.written()
		}
	}
}

// settled tells whether the sender has the reply.
func (c *claim) settled(conn *conn) bool {
	if c.mark == 0 {
		return false
	}
	yes, known := conn.acknowledged(c.mark)
	return yes || !known
}

// settle is called whenever the sender was heard, and at the end: what is not
// settled then is remembered at once (RFC 1047).
func (s *session) settle(atEnd bool) {
	open := s.claims[:0]
	for _, c := range s.claims {
		switch {
		case c.settled(s.conn):
			if c.stored {
				s.server.Guard.Forget(c.subject)
			}
			for _, part := range c.parts {
				s.server.Guard.Forget(part)
			}
		case !atEnd:
			open = append(open, c)
		case c.known && !c.stored:
			s.server.Guard.Remember(c.subject, c.net, c.reply)
			remembered.Inc()
		}
	}
	clear(s.claims[len(open):])
	s.claims = open
}
