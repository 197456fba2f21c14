package smtptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxEarly is more connections than any proxy makes before a dialog begins.
const maxEarly = 100

// A host is one scripted server. Until begin it answers whatever comes.
type host struct {
	name     string
	l        net.Listener
	routes   int           // that lead here
	keywords []string      // offered before begin
	asked    chan struct{} // one for each connection that ended before begin

	mu      sync.Mutex // guards the rest
	started bool
	count   int // connections since begin
	early   []net.Conn
}

// listen opens a socket for each host the routes name, and writes its address
// into the setup.
func (d *dialog) listen() error {
	for i := range d.setup.Routes {
		for j := range d.setup.Routes[i].Servers {
			s := &d.setup.Routes[i].Servers[j]
			h := d.hosts[s.Host]
			if h == nil {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				h = &host{name: s.Host, l: l, keywords: d.offers(s.Host), asked: make(chan struct{}, maxEarly)}
				d.hosts[s.Host] = h
				if d.isDown(s.Host) {
					l.Close()
				}
				d.servers.Go(func() { d.accept(h) })
			}
			h.routes++
			s.Address = h.l.Addr().String()
		}
	}
	return nil
}

// closeHosts ends listening.
func (d *dialog) closeHosts() {
	for _, h := range d.hosts {
		h.l.Close()
	}
}

// begin makes the host's next connection the script's first.
func (h *host) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
	for _, c := range h.early {
		c.Close()
	}
}

// accept gives each connection its side.
func (d *dialog) accept(h *host) {
	for {
		c, err := h.l.Accept()
		if err != nil {
			return
		}
		p := newPeer(c, d.variant == "bytewise")
		d.adopt(p)
		h.mu.Lock()
		early := !h.started
		if early {
			h.early = append(h.early, c)
		} else {
			h.count++
		}
		n := h.count
		h.mu.Unlock()
		if early {
			d.servers.Go(func() { h.polite(p) })
			continue
		}
		side := h.name
		if n > 1 {
			side += strconv.Itoa(n)
		}
		if len(d.sides[side]) == 0 {
			d.fail(side, 0, errors.New("a connection that the script does not know"))
			c.Close()
			continue
		}
		d.servers.Go(func() { d.server(side, p) })
	}
}

// A server is one connection of a host at work.
type server struct {
	*dialog
	side  string
	p     *peer
	extra []string // verbs that "U~", as the last line, allows to the end
}

// server plays one connection to its end and beyond.
func (d *dialog) server(side string, p *peer) {
	defer p.raw.Close()
	s := &server{dialog: d, side: side, p: p}
	line, over, err := s.steps(d.sides[side])
	if err == nil {
		d.finished(side)
		if !over {
			err = s.after()
		}
	}
	if err != nil {
		d.fail(side, line, err)
	}
}

// steps plays the lines and returns the last one begun, and whether the
// connection is over.
func (s *server) steps(steps []step) (line int, over bool, err error) {
	var out []byte
	for i, st := range steps {
		if s.ctx.Err() != nil {
			return st.line, true, s.ctx.Err()
		}
		s.at(s.side, st)
		if st.op != ">" && st.op != "?" {
			err = s.p.endChunks()
		}
		switch {
		case err != nil:
		case st.op == "~" && i == len(steps)-1:
			s.extra = st.words
		case st.op == "<":
			b, _ := st.pat.exact()
			out = append(out, b...)
			if i+1 < len(steps) && steps[i+1].op == "<" {
				continue
			}
			err = s.say(out)
			out = nil
		case st.op == "!":
			over, err = s.action(st)
		default:
			err = s.step(st)
		}
		if err != nil {
			return st.line, true, err
		}
	}
	return steps[len(steps)-1].line, over, s.p.endChunks()
}

// say sends octets, and notes that data begins.
func (s *server) say(b []byte) error {
	if strings.HasPrefix(string(b), "354") {
		s.p.seen = slices.Clone(s.p.in)
	}
	return s.p.write(b)
}

// step plays one line that neither sends nor acts.
func (s *server) step(st step) error {
	switch st.op {
	case ">":
		return s.expect(st.pat, st.text)
	case "~":
		return s.tolerate(st.words)
	case "=":
		return s.meet(s.ctx, st.text)
	case "?":
		text := strings.Join(st.words[2:], " ")
		unfolded := strings.Join(strings.Fields(s.p.trace), " ")
		if strings.Contains(unfolded, text) != (st.words[1] == "has") {
			return fmt.Errorf("the trace fields were %q", s.p.trace)
		}
	}
	return nil
}

// expect matches the next line, or octets.
func (s *server) expect(pat pattern, text string) error {
	if pat.macro != "" {
		return s.p.readMacro(pat.macro)
	}
	if want, ok := pat.exact(); ok {
		return s.p.exact(want)
	}
	b, err := s.p.line()
	if err != nil {
		return fmt.Errorf("%w, want %q", err, text)
	}
	if !pat.matches(b) {
		return fmt.Errorf("got %q, want %q", brief(b), text)
	}
	return nil
}

// tolerate answers any number of the given commands.
func (s *server) tolerate(verbs []string) error {
	for {
		b, err := s.p.peek()
		if err != nil {
			if isClosed(err) && len(b) == 0 {
				return nil
			}
			return err
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(string(b))), " ")
		if !slices.Contains(verbs, verb) {
			return nil
		}
		s.p.in = s.p.in[len(b):]
		if err := s.p.write([]byte("250 2.0.0 ok\r\n")); err != nil {
			return err
		}
	}
}

// action plays an "U!" line.
func (s *server) action(st step) (over bool, err error) {
	switch st.words[0] {
	case "hello":
		return false, s.hello(st.words[1:])
	case "transaction", "envelope":
		return false, s.transaction(st.text == "transaction")
	case "tls", "tls,":
		return strings.HasSuffix(st.text, ", fails"), s.tls(st.text)
	case "close":
		return true, s.p.conn.Close()
	case "reset":
		return true, s.p.reset()
	case "half-close":
		return true, s.p.halfClose()
	}
	switch st.text {
	case "closed, no terminator":
		return true, s.p.cutShort()
	case "closed between chunks":
		return true, s.p.cutBetweenChunks()
	}
	if b, err := s.p.peek(); err == nil && string(b) == "QUIT\r\n" {
		s.p.in = s.p.in[len(b):]
		if err := s.p.write([]byte("221 2.0.0 bye\r\n")); err != nil || len(s.p.in) == 0 {
			return true, err
		}
	}
	return true, s.p.ends()
}

// hello greets, reads EHLO and offers keywords: SIZE=1000 is "SIZE 1000".
func (s *server) hello(keywords []string) error {
	if err := s.p.write([]byte("220 u.test ESMTP\r\n")); err != nil {
		return err
	}
	verb := "EHLO"
	if s.lmtp(s.side[:1]) {
		verb = "LHLO"
	}
	if err := s.p.exact([]byte(verb + " " + s.setup.Hostname + "\r\n")); err != nil {
		return err
	}
	return s.p.write(ehloReply(keywords))
}

// ehloReply lists keywords.
func ehloReply(keywords []string) []byte {
	lines := append([]string{"u.test"}, keywords...)
	var b []byte
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		b = append(b, "250"+sep+strings.NewReplacer("=", " ", ",", " ").Replace(l)+"\r\n"...)
	}
	return b
}

// transaction accepts an envelope: up to the 354, or MAIL and one RCPT.
func (s *server) transaction(data bool) error {
	if err := s.tolerate([]string{"RSET", "NOOP"}); err != nil {
		return err
	}
	for {
		b, err := s.p.line()
		if err != nil {
			return err
		}
		verb, _, _ := strings.Cut(strings.ToUpper(string(b)), ":")
		switch verb {
		case "MAIL FROM":
			err = s.p.write([]byte("250 2.1.0 ok\r\n"))
		case "RCPT TO":
			err = s.p.write([]byte("250 2.1.5 ok\r\n"))
			if !data {
				return err
			}
		case "DATA":
			return s.say([]byte("354 go ahead\r\n"))
		default:
			return fmt.Errorf("got %q, want an envelope", brief(b))
		}
		if err != nil {
			return err
		}
	}
}

// tls does the server's half of a handshake.
func (s *server) tls(text string) error {
	kind, _, fails := strings.Cut(text, ", fails")
	ca, name := s.setup.CA, "u.test"
	switch kind {
	case "tls untrusted":
		ca = NewCA()
	case "tls wrongname":
		name = "other.test"
	}
	err := s.p.secure(tls.Server(s.p.raw, ca.ServerConfig(name)))
	if fails {
		if err == nil {
			return errors.New("the handshake succeeded")
		}
		return nil
	}
	return err
}

// after answers what a proxy may still say on a connection it keeps, until the
// connection ends.
func (s *server) after() error {
	if err := s.tolerate(append(s.extra, "RSET", "NOOP")); err != nil && !isClosed(err) {
		return err
	}
	b, err := s.p.peek()
	switch {
	case err != nil && len(b) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("after the last line: %q, then %w", brief(b), err)
	case string(b) != "QUIT\r\n":
		return fmt.Errorf("after the last line: %q", brief(b))
	}
	s.p.in = s.p.in[len(b):]
	return s.p.write([]byte("221 2.0.0 bye\r\n"))
}

// learned waits until the proxy has asked each host what it offers: once for
// each route that leads there.
func (d *dialog) learned() error {
	for _, h := range d.hosts {
		for range h.routes {
			if d.isDown(h.name) {
				continue
			}
			select {
			case <-h.asked:
			case <-d.ctx.Done():
				return fmt.Errorf("host %s was not asked what it offers", h.name)
			}
		}
	}
	return nil
}

// offers returns the keywords a host answers EHLO with before the dialog.
func (sc *script) offers(host string) (keywords []string) {
	for _, r := range sc.setup.Routes {
		for _, s := range r.Servers {
			if s.Host != host {
				continue
			}
			for _, l := range sc.learn {
				if slices.Contains(r.Domains, l.domain) {
					keywords = append(keywords, l.keywords...)
				}
			}
			if r.TLS != "none" {
				keywords = append(keywords, "STARTTLS")
			}
		}
	}
	return keywords
}

// polite answers every command with 250 until the host is begun.
func (h *host) polite(p *peer) {
	defer func() { h.asked <- struct{}{} }()
	defer p.raw.Close()
	err := p.write([]byte("220 u.test ESMTP\r\n"))
	for err == nil {
		var b []byte
		if b, err = p.line(); err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(string(b)), " ")
		switch verb {
		case "EHLO", "LHLO":
			err = p.write(ehloReply(h.keywords))
		case "STARTTLS":
			if err = p.write([]byte("220 2.0.0 go\r\n")); err == nil {
				err = p.secure(tls.Server(p.raw, TheCA().ServerConfig("u.test")))
			}
		case "QUIT":
			_ = p.write([]byte("221 2.0.0 bye\r\n")) // it leaves either way
			return
		default:
			err = p.write([]byte("250 2.0.0 ok\r\n"))
		}
	}
}
