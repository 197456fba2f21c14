package smtptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Server is a scripted mail server that remembers what it committed. It
// accepts everything unless its hook says otherwise. Fields are set before
// Start.
type Server struct {
	// Name is in the greeting; empty: u.test.
	Name string
	// Extensions are the EHLO keywords, with their parameters. XCLIENT and
	// XFORWARD commands are recorded, STARTTLS works if TLS is set.
	Extensions []string
	// LMTP greets LHLO and answers the end of data once for each recipient.
	LMTP bool
	// TLS is what STARTTLS uses; with Implicit it starts before the greeting.
	TLS      *tls.Config
	Implicit bool
	// LFDotLF makes the server take LF . LF for the end of data as well, as some did.
	LFDotLF bool
	// Hook is asked before each answer, by one goroutine a connection. Nil, and
	// a zero Answer: the usual one.
	Hook func(c Command) Answer

	l       net.Listener
	closing chan struct{}
	running sync.WaitGroup

	mu       sync.Mutex // guards all below
	count    int
	open     map[net.Conn]struct{}
	most     int
	messages []*Message
	cut      [][]byte
	commands []Command
	changed  chan struct{}
}

// A Command is one line a Server got, or one of the events "greeting" (a
// connection stands), "." (the end of data) and "BDAT" (a whole chunk).
type Command struct {
	Conn        int    // 1 for the server's first connection
	Transaction int    // 1 for the connection's first MAIL; 0 before it
	Verb        string // upper case
	Line        string // without CRLF
	Recipient   int    // of an LMTP answer, from 0
}

// An Answer is what a Hook wants to happen.
type Answer struct {
	// Reply is sent as it is, CRLF added. Empty: the usual reply. A command
	// whose reply is no 2xx or 3xx has no effect.
	Reply string
	// Wait is waited for before the reply, but not beyond Close.
	Wait <-chan struct{}
	// Cut closes the connection instead of a reply, Reset with a RST.
	Cut, Reset bool
	// CutAfter closes the connection after the reply. For DATA, with CutBody.
	CutAfter bool
	// CutBody, for DATA: closes when at least so many octets of data came.
	CutBody int
}

// A Message is one that was committed: its 2xx was written, or at least tried.
type Message struct {
	Conn       int
	Mail       string   // the MAIL command's line
	Rcpt       []string // the accepted RCPT commands' lines
	From       string   // address without brackets
	To         []string
	Content    []byte // dots unstuffed
	Wire       []byte // as it came, without the terminator; of BDAT, the chunks
	BDAT       bool
	Client     []string // XCLIENT and XFORWARD lines of the session
	TLS        bool
	ReplyWrote bool // the reply to the end of data could be written
}

// Start listens on a free loopback port.
func (s *Server) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.l = l
	s.open = map[net.Conn]struct{}{}
	s.changed = make(chan struct{})
	s.closing = make(chan struct{})
	s.running.Go(s.accept)
	return nil
}

// Addr returns the listening address.
func (s *Server) Addr() string { return s.l.Addr().String() }

// Close ends listening and all connections, and waits for them.
func (s *Server) Close() {
	s.l.Close()
	close(s.closing)
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Messages returns what was committed so far, in order. A message is in it
// before its reply is written.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Message, len(s.messages))
	for i, m := range s.messages {
		all[i] = *m
	}
	return all
}

// Incomplete returns the data octets of messages that never ended.
func (s *Server) Incomplete() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cut)
}

// Commands returns all lines so far, in the order in which they came.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Connections returns how many there were, how many are open, and the most
// that were open at once.
func (s *Server) Connections() (total, open, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, len(s.open), s.most
}

// Changed returns a channel that is closed when a message is committed or a
// connection begins or ends: what tests wait on instead of sleeping.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// change wakes those who wait. The caller holds mu.
func (s *Server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.count++
		n := s.count
		s.open[c] = struct{}{}
		s.most = max(s.most, len(s.open))
		s.change()
		s.mu.Unlock()
		s.running.Go(func() {
			x := &serverConn{s: s, raw: c, conn: c, n: n}
			x.serve()
			c.Close()
			s.mu.Lock()
			delete(s.open, c)
			s.change()
			s.mu.Unlock()
		})
	}
}

// A serverConn is one connection to a Server.
type serverConn struct {
	s         *Server
	raw, conn net.Conn
	r         *bufio.Reader
	n         int // of the connection
	tx        int
	tls       bool

	client  []string
	mail    string
	rcpt    []string
	chunks  []byte // of BDAT so far
	hasData bool
}

// errCut ends a connection as the hook wants it.
var errCut = errors.New("cut")

// serve speaks until the connection ends. Any error ends it: a scripted server
// has nobody to tell.
func (x *serverConn) serve() {
	if x.s.Implicit {
		if x.handshake() != nil {
			return
		}
	}
	x.r = bufio.NewReader(x.conn)
	name := x.s.Name
	if name == "" {
		name = "u.test"
	}
	if _, err := x.answer("greeting", "", 0, "220 "+name+" ESMTP"); err != nil {
		return
	}
	for {
		line, err := x.r.ReadString('\n')
		if err != nil {
			x.note()
			return
		}
		if x.command(strings.TrimSuffix(line, "\r\n"), name) != nil {
			return
		}
	}
}

// note keeps the chunks of a message that never ended.
func (x *serverConn) note() {
	if x.hasData {
		x.s.mu.Lock()
		x.s.cut = append(x.s.cut, x.chunks)
		x.s.mu.Unlock()
	}
}

// command does one line.
func (x *serverConn) command(line, name string) error {
	verb, arg, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	usual := ""
	switch verb {
	case "EHLO", "LHLO":
		x.reset()
		usual = strings.TrimSuffix(string(ehloReply(x.keywords())), "\r\n")
	case "HELO", "NOOP", "VRFY":
		usual = "250 " + name
	case "MAIL":
		usual = "250 2.1.0 Sender ok"
		if x.mail != "" {
			usual = "503 5.5.1 Nested MAIL"
		} else {
			x.tx++
		}
	case "RCPT":
		usual = "250 2.1.5 Recipient ok"
		if x.mail == "" {
			usual = "503 5.5.1 MAIL first"
		}
	case "DATA":
		usual = "354 Go ahead"
		if len(x.rcpt) == 0 {
			usual = "503 5.5.1 RCPT first"
		}
	case "BDAT":
		return x.bdat(line, arg)
	case "RSET":
		usual = "250 2.0.0 Reset"
		x.note()
		x.reset()
	case "XCLIENT":
		usual = "220 " + name + " ESMTP"
		x.client = append(x.client, line)
	case "XFORWARD":
		usual = "250 2.0.0 Ok"
		x.client = append(x.client, line)
	case "AUTH":
		usual = "235 2.7.0 Authenticated"
	case "STARTTLS":
		usual = "220 2.0.0 Go ahead"
	case "QUIT":
		usual = "221 2.0.0 Bye"
	default:
		usual = "502 5.5.1 Unknown command"
	}
	a, err := x.answer(verb, line, 0, usual)
	if err != nil || a.Reply[0] > '3' {
		return err
	}
	switch verb {
	case "MAIL":
		x.mail = line
	case "RCPT":
		x.rcpt = append(x.rcpt, line)
	case "DATA":
		return x.data(a.CutBody)
	case "STARTTLS":
		return x.handshake()
	case "QUIT":
		return io.EOF
	}
	return nil
}

// keywords are what EHLO offers now.
func (x *serverConn) keywords() []string {
	if x.s.TLS == nil || x.tls {
		return x.s.Extensions
	}
	return append(slices.Clone(x.s.Extensions), "STARTTLS")
}

func (x *serverConn) reset() { x.mail, x.rcpt, x.chunks, x.hasData = "", nil, nil, false }

func (x *serverConn) handshake() error {
	t := tls.Server(x.raw, x.s.TLS)
	if err := t.Handshake(); err != nil {
		return err
	}
	x.conn, x.tls = t, true
	x.r = bufio.NewReader(t)
	return nil
}

// answer asks the hook, and replies. The Answer it returns holds the reply.
func (x *serverConn) answer(verb, line string, recipient int, usual string) (Answer, error) {
	a := x.ask(verb, line, recipient, usual)
	return a, x.say(a)
}

// ask notes the command, asks the hook, and waits as it says.
func (x *serverConn) ask(verb, line string, recipient int, usual string) Answer {
	c := Command{x.n, x.tx, verb, line, recipient}
	x.s.mu.Lock()
	x.s.commands = append(x.s.commands, c)
	x.s.mu.Unlock()
	var a Answer
	if x.s.Hook != nil {
		a = x.s.Hook(c)
	}
	if a.Reply == "" {
		a.Reply = usual
	}
	if a.Wait != nil {
		select {
		case <-a.Wait:
		case <-x.s.closing:
		}
	}
	return a
}

// say replies, or ends the connection, as a wants it.
func (x *serverConn) say(a Answer) error {
	if t, ok := x.raw.(*net.TCPConn); ok && a.Reset {
		if err := t.SetLinger(0); err != nil {
			return err
		}
	}
	if a.Cut || a.Reset {
		return errCut
	}
	if _, err := io.WriteString(x.conn, a.Reply+"\r\n"); err != nil {
		return err
	}
	if a.CutAfter {
		return errCut
	}
	return nil
}

// data reads the message behind a 354, octet by octet: the plainest reading
// there is, to hold a clever one against.
func (x *serverConn) data(cutBody int) error {
	var wire []byte
	ends := func() int {
		for _, end := range []string{"\r\n.\r\n", "\n.\n"} {
			if end == "\n.\n" && !x.s.LFDotLF {
				break
			}
			if bytes.HasSuffix(wire, []byte(end)) {
				return len(end) - strings.IndexByte(end, '.')
			}
		}
		// The short test first: the race detector reads all of wire otherwise.
		if len(wire) <= 3 && (string(wire) == ".\r\n" || x.s.LFDotLF && string(wire) == ".\n") {
			return len(wire)
		}
		return 0
	}
	for ends() == 0 {
		b, err := x.r.ReadByte()
		if err == nil {
			wire = append(wire, b)
		}
		if err != nil || cutBody > 0 && len(wire) >= cutBody {
			x.chunks, x.hasData = wire, true
			x.note()
			return errCut
		}
	}
	wire = wire[:len(wire)-ends()]
	return x.commit(wire, unstuff(wire), false)
}

// unstuff takes the first dot from lines that begin with one (RFC 5321 section 4.5.2).
func unstuff(wire []byte) []byte {
	var out []byte
	for i, l := range bytes.Split(wire, []byte("\r\n")) {
		if i > 0 {
			out = append(out, "\r\n"...)
		}
		out = append(out, bytes.TrimPrefix(l, []byte("."))...)
	}
	return out
}

// bdat reads one chunk (RFC 3030).
func (x *serverConn) bdat(line, arg string) error {
	size, last, _ := strings.Cut(arg, " ")
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 {
		return fmt.Errorf("chunk size: %w", err)
	}
	chunk := make([]byte, n)
	got, err := io.ReadFull(x.r, chunk)
	x.chunks, x.hasData = append(x.chunks, chunk[:got]...), true
	if err != nil {
		x.note()
		return err
	}
	if strings.EqualFold(last, "LAST") {
		return x.commit(x.chunks, x.chunks, true)
	}
	_, err = x.answer("BDAT", line, 0, "250 2.0.0 Chunk ok")
	return err
}

// commit answers the end of data, and remembers the message if that is a 2xx.
func (x *serverConn) commit(wire, content []byte, bdat bool) error {
	m := &Message{
		Conn: x.n, Mail: x.mail, From: address(x.mail), Content: content,
		Wire: wire, BDAT: bdat, Client: slices.Clone(x.client), TLS: x.tls,
	}
	groups := [][]string{x.rcpt} // of recipients, one for each answer
	if x.s.LMTP {
		groups = slices.Collect(slices.Chunk(x.rcpt, 1))
	}
	var failed error
	for i, rcpt := range groups {
		a := x.ask(".", "", i, "250 2.0.0 Committed")
		if a.Reply[0] == '2' {
			x.s.keep(m, rcpt)
		}
		err := x.say(a)
		failed = errors.Join(failed, err)
		if a.Reply[0] == '2' && (err == nil || a.CutAfter) {
			x.s.mu.Lock()
			m.ReplyWrote = true
			x.s.mu.Unlock()
		}
	}
	x.reset()
	return failed
}

// keep notes that m is committed for these recipients.
func (s *Server) keep(m *Message, rcpt []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(m.Rcpt) == 0 {
		s.messages = append(s.messages, m)
	}
	for _, r := range rcpt {
		m.Rcpt = append(m.Rcpt, r)
		m.To = append(m.To, address(r))
	}
	s.change()
}

// address returns what stands between the first < and the last > of a command.
func address(line string) string {
	a, b := strings.IndexByte(line, '<'), strings.LastIndexByte(line, '>')
	if a < 0 || b < a {
		return ""
	}
	return line[a+1 : b]
}
