package smtptest

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sender is one S side at work.
type sender struct {
	*dialog
	side string
	p    *peer // nil until its first connection
	over bool  // the connection was closed, by either end
}

// sender plays one S side to its end.
func (d *dialog) sender(side string) {
	s := &sender{dialog: d, side: side}
	line, err := s.steps(d.sides[side])
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		d.fail(side, line, err)
		return
	}
	d.finished(side)
}

// steps plays the lines and returns the last one begun.
func (s *sender) steps(steps []step) (line int, err error) {
	var out []byte
	for i, st := range steps {
		if s.ctx.Err() != nil {
			return st.line, s.ctx.Err()
		}
		s.at(s.side, st)
		if s.p == nil && st.op != "=" && st.op != "+" {
			if err := s.connect(""); err != nil {
				return st.line, err
			}
		}
		if st.op == ">" {
			b, _ := st.pat.exact()
			out = append(out, b...)
			if i+1 < len(steps) && steps[i+1].op == ">" {
				continue
			}
			err = s.p.write(out)
			out = nil
		} else {
			err = s.step(st)
		}
		if err != nil {
			return st.line, err
		}
	}
	return steps[len(steps)-1].line, nil
}

// step plays one line that is not sent text.
func (s *sender) step(st step) error {
	switch st.op {
	case "<":
		return s.expect(st)
	case "~":
		return s.skip(st.pat)
	case "=":
		return s.meet(s.ctx, st.text)
	case "?":
		has := slices.ContainsFunc(s.p.last.lines, func(l string) bool {
			word, _, _ := strings.Cut(l, " ")
			return strings.EqualFold(word, st.words[1])
		})
		if has != (st.words[0] == "offers") {
			return fmt.Errorf("the reply was %q", s.p.last)
		}
	case "+":
		if err := s.finish(); err != nil {
			return err
		}
		from := ""
		if len(st.words) == 2 {
			from = st.words[1]
		}
		return s.connect(from)
	case "!":
		return s.action(st.words, st.text)
	}
	return nil
}

// expect reads one reply and matches it.
func (s *sender) expect(st step) error {
	r, err := s.p.reply()
	if err != nil {
		return fmt.Errorf("%w, want %q", err, st.text)
	}
	if !st.pat.matches([]byte(r.String())) {
		return fmt.Errorf("got %q, want %q", r, st.text)
	}
	return nil
}

// action plays an "S!" line.
func (s *sender) action(words []string, text string) error {
	switch words[0] {
	case "hello":
		name := "client.test"
		if len(words) == 2 {
			name = words[1]
		}
		return s.hello(name)
	case "tls", "tls,":
		err := s.p.secure(tls.Client(s.p.raw, s.setup.CA.ClientConfig("mx.test")))
		if text == "tls, fails" {
			s.over = true
			if err == nil {
				return fmt.Errorf("the handshake succeeded")
			}
			return nil
		}
		return err
	case "shutdown":
		s.servers.Go(s.inst.Shutdown)
		return nil
	case "envelope", "transaction":
		return s.begin(words[0] == "transaction", words[1:])
	case "recorded":
		return s.recorded(words[1])
	case "half-close":
		return s.p.halfClose()
	}
	s.over = true
	switch words[0] {
	case "close":
		return s.p.conn.Close()
	case "reset":
		return s.p.reset()
	}
	return s.p.ends()
}

// hello reads the greeting and says EHLO.
func (s *sender) hello(name string) error {
	if r, err := s.p.reply(); err != nil || r.code != "220" {
		return fmt.Errorf("greeting %q (%v)", r, err)
	}
	if err := s.p.write([]byte("EHLO " + name + "\r\n")); err != nil {
		return err
	}
	if r, err := s.p.reply(); err != nil || r.code != "250" {
		return fmt.Errorf("reply to EHLO %q (%v)", r, err)
	}
	return nil
}

// skip reads replies as long as they match.
func (s *sender) skip(pat pattern) error {
	for {
		r, err := s.p.reply()
		if err != nil && (len(s.p.in) > 0 || s.ctx.Err() != nil) {
			return err
		}
		if err != nil {
			return nil // the end, which the next line judges
		}
		if !pat.matches([]byte(r.String())) {
			s.unread(r)
			return nil
		}
	}
}

// unread puts a reply back, which the next line is to match.
func (s *sender) unread(r reply) {
	var b []byte
	for i, l := range r.lines {
		sep := "-"
		if i == len(r.lines)-1 {
			sep = " "
		}
		b = append(b, r.code+sep+l+"\r\n"...)
	}
	s.p.in = append(b, s.p.in...)
}

// begin says MAIL and RCPT, and DATA; all must be accepted.
func (s *sender) begin(data bool, rcpt []string) error {
	if len(rcpt) == 0 {
		rcpt = []string{CanaryRecipient}
	}
	cmds := []string{"MAIL FROM:<" + CanarySender + ">"}
	for _, r := range rcpt {
		cmds = append(cmds, "RCPT TO:<"+r+">")
	}
	if data {
		cmds = append(cmds, "DATA")
	}
	for _, cmd := range cmds {
		if err := s.p.write([]byte(cmd + "\r\n")); err != nil {
			return err
		}
		want := "250"
		if cmd == "DATA" {
			want = "354"
		}
		if r, err := s.p.reply(); err != nil || r.code != want {
			return fmt.Errorf("%s got %q (%v)", cmd, r, err)
		}
	}
	return nil
}

// recordPoll is how often recorded looks.
const recordPoll = 2 * time.Millisecond

// recorded waits until so many transactions of this dialog have been recorded.
func (s *sender) recorded(count string) error {
	n, _ := strconv.Atoi(count) // checked by the parser
	tick := time.NewTicker(recordPoll)
	defer tick.Stop()
	for len(s.inst.Records()) < n {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return nil
}

// connect opens the side's next connection, from an address of this machine if
// one is given.
func (s *sender) connect(from string) error {
	p, err := s.dial(from)
	s.p, s.over = p, false
	return err
}

// dial opens a sender's connection.
func (d *dialog) dial(from string) (*peer, error) {
	var nd net.Dialer
	if from != "" {
		nd.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := nd.DialContext(d.ctx, "tcp", d.inst.Addr)
	if err != nil {
		return nil, err
	}
	p := newPeer(c, d.variant == "bytewise")
	d.adopt(p)
	if d.variant == "tls" {
		return p, p.secure(tls.Client(c, d.setup.CA.ClientConfig("mx.test")))
	}
	return p, nil
}

// finish proves that a connection which is still open is in step: QUIT gets
// 221, and then it ends. The socket is closed in any case.
func (s *sender) finish() error {
	if s.p == nil {
		return nil
	}
	defer s.p.raw.Close()
	if s.over {
		return nil
	}
	if len(s.p.in) > 0 {
		return fmt.Errorf("unread at the end: %q", brief(s.p.in))
	}
	if err := s.p.write([]byte("QUIT\r\n")); err != nil {
		return err
	}
	r, err := s.p.reply()
	if err != nil || r.code != "221" {
		return fmt.Errorf("QUIT at the end got %q (%v), want 221", r, err)
	}
	return s.p.ends()
}
