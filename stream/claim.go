package stream

import (
	"sluice/stream/wire"
)

// A claim is the 250 to an end of data that the sender may not have yet. It
// is settled when the sender's TCP has acknowledged the reply's last octet:
// octets that came in may have been sent before, and a close alone proves
// nothing (Postfix pipelines QUIT behind the terminator and hangs up).
type claim struct {
	open    bool
	stored  bool // the reply came from the guard and stands there still
	subject Subject
	known   bool // subject is set: the message may be remembered
	net     string
	reply   wire.Reply
	mark    int64 // the connection's count of written octets behind the reply; 0: not written
}

// sent notes that the reply has been written.
func (c *claim) sent(conn *conn) {
	if c.open && c.mark == 0 {
		c.mark = conn.written()
	}
}

// settle closes the claim if the sender has the reply. It reports whether no
// claim is left open.
func (c *claim) settle(conn *conn) bool {
	if !c.open {
		return true
	}
	if c.mark == 0 {
		return false
	}
	if yes, known := conn.acknowledged(c.mark); known && !yes {
		return false
	}
	c.open = false
	return true
}

// settle is called whenever the sender was heard, and at the end: what is not
// settled then is remembered at once (RFC 1047).
func (s *session) settle(atEnd bool) {
	c := &s.claim
	if !c.open {
		return
	}
	if c.settle(s.conn) {
		if c.stored {
			s.server.Guard.Forget(c.subject)
		}
		return
	}
	if atEnd && c.known && !c.stored {
		s.server.Guard.Remember(c.subject, c.net, c.reply)
		remembered.Inc()
	}
	if atEnd {
		c.open = false
	}
}
