package stream

import (
	"errors"
	"time"
)

// errSenderSlow ends a session whose data comes too slowly; errSenderLong one
// whose message takes too long.
var (
	errSenderSlow = errors.New("sender below the data rate")
	errSenderLong = errors.New("message takes too long")
)

// A pace reads data and measures how fast the sender gives it. Only the time
// spent waiting for the sender counts, never the server's back-pressure.
type pace struct {
	session *session
	began   time.Time
	waited  time.Duration // since the current span began
	octets  int64
}

// read reads into b under the data time-outs.
func (p *pace) read(b []byte) (int, error) {
	s := p.session
	t := &s.setup.Timeouts
	span, rate := t.SenderData, s.setup.Limits.DataRate
	if s.server.strained() {
		span, rate = min(span, strainedData), max(rate, strainedDataRate)
	}
	before := time.Now()
	s.conn.SetReadDeadline(before.Add(span))
	if s.server.interrupted(s.phase.Load()) {
		s.conn.SetReadDeadline(longAgo)
	}
	n, err := s.conn.Read(b)
	if err != nil && n == 0 {
		return 0, err
	}
	after := time.Now()
	if after.Sub(p.began) > t.SenderMessage {
		return 0, errSenderLong
	}
	p.waited += after.Sub(before)
	s.waited(before, after)
	p.octets += int64(n)
	if p.waited >= span {
		if float64(p.octets) < float64(rate)*span.Seconds() {
			return 0, errSenderSlow
		}
		p.waited, p.octets = 0, 0
	}
	return n, nil
}
