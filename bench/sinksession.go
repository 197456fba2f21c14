package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// sinkIdle bounds the wait for a client: longer than any test holds one.
	sinkIdle = 30 * time.Minute
	// sinkBuffer is what one read takes, and the longest command line.
	sinkBuffer = 64 << 10
	// sinkIdleBuffer serves a session until its first data.
	sinkIdleBuffer = 4 << 10
)

// errHangUp ends a session without a word.
var errHangUp = errors.New("hang up")

// A sinkSession is one connection to a sink.
type sinkSession struct {
	*sink
	raw  net.Conn // for reset
	conn net.Conn
	r    *bufio.Reader
	out  []byte // replies of a pipelined group

	secure bool
	from   string
	to     []string
	id     string // of the transaction, from its addresses
	fail   failure
	random *rand.Rand
	begun  bool // fail is chosen
	early  bool // refused in the middle of the data
	mailed bool // a transaction is open
	chunk  *digest
	broken int // reply that ended a BDAT message; 0: none
}

func (s *sink) session(raw net.Conn) {
	defer s.drop(raw)
	c := &sinkSession{sink: s, raw: raw, conn: raw}
	if s.tls != nil && s.implicit {
		if c.handshake() != nil {
			return
		}
	}
	c.r = bufio.NewReaderSize(c.conn, sinkIdleBuffer)
	if s.greetBadly() {
		io.WriteString(c.conn, "421 4.3.0 sink does not feel well\r\n") //nolint:errcheck // hanging up
		return
	}
	c.say("220 sink.test ESMTP")
	for c.step() == nil {
	}
}

func (c *sinkSession) handshake() error {
	conn := tls.Server(c.raw, c.sink.tls)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		return err
	}
	c.handshakes.Add(1)
	if conn.ConnectionState().DidResume {
		c.resumed.Add(1)
	}
	c.conn, c.secure = conn, true
	return nil
}

// step answers one command; an error ends the session.
func (c *sinkSession) step() error {
	if c.r.Buffered() == 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	verb, rest, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
	switch strings.ToUpper(verb) {
	case "EHLO", "HELO", "LHLO":
		c.forget()
		c.capabilities()
	case "MAIL":
		return c.mail(rest)
	case "RCPT":
		return c.rcpt(rest)
	case "DATA":
		return c.data()
	case "BDAT":
		return c.bdat(rest)
	case "RSET":
		c.forget()
		c.say("250 2.0.0 forgotten")
	case "NOOP":
		c.say("250 2.0.0 ok")
	case "STARTTLS":
		return c.startTLS()
	case "QUIT":
		c.say("221 2.0.0 bye")
		c.flush() //nolint:errcheck // hanging up
		return errHangUp
	default:
		c.say("502 5.5.1 what?")
	}
	return nil
}

// say adds a reply to the group that leaves with the next flush.
func (c *sinkSession) say(format string, args ...any) {
	c.out = fmt.Appendf(c.out, format+"\r\n", args...)
}

func (c *sinkSession) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.conn.SetDeadline(time.Now().Add(sinkIdle)) //nolint:errcheck // the write tells
	n, err := c.conn.Write(c.out)
	if err == nil && n < len(c.out) {
		err = io.ErrShortWrite
	}
	c.out = c.out[:0]
	return err
}

func (c *sinkSession) capabilities() {
	c.say("250-sink.test")
	for _, k := range []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"} {
		c.say("250-%s", k)
	}
	if c.sink.tls != nil && !c.secure {
		c.say("250-STARTTLS")
	}
	c.say("250 SIZE 4294967296")
}

func (c *sinkSession) startTLS() error {
	if c.sink.tls == nil || c.secure {
		c.say("503 5.5.1 no")
		return nil
	}
	c.say("220 2.0.0 go on")
	if err := c.flush(); err != nil {
		return err
	}
	if c.r.Buffered() > 0 {
		return errHangUp
	}
	if err := c.handshake(); err != nil {
		return err
	}
	c.r = bufio.NewReaderSize(c.conn, sinkIdleBuffer)
	c.forget()
	return nil
}

func (c *sinkSession) forget() {
	c.from, c.to, c.id, c.fail, c.random = "", nil, "", failNothing, nil
	c.begun, c.early, c.mailed, c.chunk, c.broken = false, false, false, nil, 0
}

// refuse says a negative reply that was planned, and notes it.
func (c *sinkSession) refuse(stage string, code int) {
	c.note(stage, code)
	c.say("%d %d.3.0 refused on purpose", code, code/100)
}

func (c *sinkSession) note(stage string, code int) {
	if c.book != nil {
		c.book.refuse(refusal{ID: c.id, Stage: stage, Code: code, At: time.Now()})
	}
}

// pathIn returns the address between angle brackets.
func pathIn(argument string) string {
	_, after, _ := strings.Cut(argument, "<")
	path, _, _ := strings.Cut(after, ">")
	return path
}

func (c *sinkSession) mail(argument string) error {
	c.forget()
	c.from = pathIn(argument)
	c.begin(idIn(c.from))
	if c.fail == failMail4 {
		c.refuse(stageMail, 451)
		c.forget()
		return nil
	}
	c.mailed = true
	c.say("250 2.1.0 ok")
	return nil
}

// begin chooses the failure as soon as the message's id is known.
func (c *sinkSession) begin(id string) {
	if c.begun || id == "" {
		return
	}
	c.id, c.begun = id, true
	c.fail, c.random = c.plan.choose(id, c.nth(id))
}

func (c *sinkSession) rcpt(argument string) error {
	if !c.mailed {
		c.say("503 5.5.1 MAIL first")
		return nil
	}
	to := pathIn(argument)
	c.begin(idIn(to))
	switch c.fail {
	case failRcpt4:
		c.refuse(stageRcpt, 450)
	case failRcpt5:
		c.refuse(stageRcpt, 550)
	case failRcptCut:
		return errHangUp
	default:
		c.to = append(c.to, to)
		c.say("250 2.1.5 ok")
	}
	return nil
}

func (c *sinkSession) data() error {
	switch {
	case len(c.to) == 0:
		c.say("503 5.5.1 no recipients")
		return nil
	case c.fail == failData4:
		c.refuse(stageData, 451)
		c.forget()
		return nil
	}
	c.say("354 go on")
	if err := c.flush(); err != nil {
		return err
	}
	c.grow()
	var d digest
	if err := c.body(&d); err != nil {
		return err
	}
	err := c.end(&d)
	c.forget()
	return err
}

// grow gives a session that moves data a buffer to match.
func (c *sinkSession) grow() {
	if c.r.Size() < sinkBuffer {
		waiting, _ := c.r.Peek(c.r.Buffered()) // cannot fail: they are buffered
		rest := bytes.Clone(waiting)
		c.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(rest), c.conn), sinkBuffer)
	}
}

// body reads up to the terminator: a dot alone between two CRLFs, nothing else
// (RFC 5321 section 4.1.1.4).
func (c *sinkSession) body(d *digest) error {
	budget := c.bodyBudget()
	start := true // at the start of a line, after CRLF
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if start && len(line) > 0 && line[0] == '.' {
			if string(line) == ".\r\n" {
				return nil
			}
			line = line[1:]
		}
		if c.book != nil {
			d.write(line)
		}
		start = bytes.HasSuffix(line, []byte("\r\n"))
		if budget -= len(line); budget < 0 {
			if err := c.failInBody(); err != nil {
				return err
			}
			budget = int(^uint(0) >> 1)
		}
	}
}

// bodyBudget is how many octets pass before a failure in the middle of data.
func (c *sinkSession) bodyBudget() int {
	if c.fail == failBodyCut || c.fail == failEarly {
		return c.random.IntN(8 << 10)
	}
	return int(^uint(0) >> 1)
}

// failInBody resets the connection, or refuses early and reads on.
func (c *sinkSession) failInBody() error {
	if c.fail == failBodyCut {
		c.reset()
		return errHangUp
	}
	c.early = true
	c.refuse(stageBody, 552)
	return c.flush()
}

// reset makes the close a TCP reset.
func (c *sinkSession) reset() {
	if t, ok := c.raw.(*net.TCPConn); ok {
		t.SetLinger(0) //nolint:errcheck // then it is a plain close
	}
}

// bdat takes one chunk (RFC 3030 section 2).
func (c *sinkSession) bdat(argument string) error {
	count, last, _ := strings.Cut(argument, " ")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 0 {
		return errHangUp // out of step for good
	}
	if c.chunk == nil {
		c.chunk = &digest{}
	}
	c.grow()
	if err := c.copyChunk(n); err != nil {
		return err
	}
	switch {
	case len(c.to) == 0 || c.broken != 0:
		c.say("503 5.5.1 no transaction")
	case c.fail == failData4:
		c.broken = 451
		c.refuse(stageData, 451)
	case !strings.EqualFold(last, "LAST"):
		c.say("250 2.0.0 %d octets", n)
	default:
		err := c.end(c.chunk)
		c.forget()
		return err
	}
	return nil
}

func (c *sinkSession) copyChunk(n int64) error {
	for n > 0 {
		p, err := c.r.Peek(int(min(n, int64(max(1, c.r.Buffered())))))
		if err != nil {
			return err
		}
		if c.book != nil {
			c.chunk.write(p)
		}
		n -= int64(len(p))
		c.r.Discard(len(p)) //nolint:errcheck // just peeked
	}
	return nil
}

// end answers a complete message.
func (c *sinkSession) end(d *digest) error {
	switch c.fail {
	case failEnd4:
		c.refuse(stageEnd, 451)
		return nil
	case failEnd5:
		c.refuse(stageEnd, 554)
		return nil
	case failEarly:
		if c.early {
			return errHangUp // a second reply would answer nothing
		}
		c.refuse(stageEnd, 552) // the data was shorter than the budget
		return nil
	case failCut:
		return errHangUp
	}
	c.messages.Add(1)
	place := -1
	if c.book != nil {
		place = c.book.commit(commit{ID: d.id, Recipients: c.to, Length: d.length, Sum: d.hex(), At: time.Now(), Sink: c.name})
	}
	return c.confirm(place)
}

// confirm says that the message is taken, or loses the reply on purpose.
func (c *sinkSession) confirm(place int) error {
	switch c.fail {
	case failLostCut:
		return errHangUp
	case failHalfCut:
		io.WriteString(c.conn, "250 2.0") //nolint:errcheck // hanging up
		return errHangUp
	case failDelay:
		time.Sleep(time.Duration(c.random.Int64N(int64(max(c.plan.delay, 1)))))
	}
	c.say("250 2.0.0 taken")
	if err := c.flush(); err != nil {
		return err
	}
	if place >= 0 {
		c.book.replied(place)
	}
	if c.fail == failReplyCut {
		c.reset()
		return errHangUp
	}
	return nil
}
