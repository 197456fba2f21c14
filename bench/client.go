package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Stages of an attempt: where it ended. stageEnd is the reply to the end of
// data, or its absence after the terminator was written.
const (
	stageConnect  = "connect"
	stageGreeting = "greeting"
	stageTLS      = "tls"
	stageEhlo     = "ehlo"
	stageMail     = "mail"
	stageRcpt     = "rcpt"
	stageData     = "data"
	stageBody     = "body" // the connection failed while data was written
	stageEnd      = "end"
)

// replyWait bounds the wait for any reply: longer than a proxy's own time-out
// for a commit would be useless in a test.
const replyWait = 120 * time.Second

// A dialer says how sessions are opened.
type dialer struct {
	address  string
	tls      *tls.Config // nil: clear text
	implicit bool        // TLS before the greeting; otherwise STARTTLS
}

// A client is one session. It is not safe for concurrent use.
type client struct {
	conn net.Conn
	r    *bufio.Reader

	pipelining, chunking, starttls bool
	resumed                        bool // the TLS session was
}

// A stageError says where a session failed and with which reply.
type stageError struct {
	stage string
	code  int // 0: no reply
	text  string
	err   error
}

func (e *stageError) Error() string {
	if e.err != nil {
		return e.stage + ": " + e.err.Error()
	}
	return fmt.Sprintf("%s: %d %s", e.stage, e.code, e.text)
}

func (e *stageError) Unwrap() error { return e.err }

// dial opens a session up to EHLO. Its errors are *stageError.
func (d *dialer) dial(ctx context.Context) (*client, error) {
	var nd net.Dialer
	conn, err := nd.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, &stageError{stage: stageConnect, err: err}
	}
	c := &client{conn: conn}
	c.setConn(conn)
	if err := c.open(ctx, d); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// clientBuffer holds a few replies; thousands of clients may be open at once.
const clientBuffer = 1 << 10

func (c *client) setConn(conn net.Conn) {
	c.conn = conn
	c.r = bufio.NewReaderSize(conn, clientBuffer)
}

// open does TLS as asked for, the greeting and EHLO.
func (c *client) open(ctx context.Context, d *dialer) error {
	if d.tls != nil && d.implicit {
		if err := c.handshake(ctx, d.tls); err != nil {
			return err
		}
	}
	if err := c.expect(stageGreeting, 220); err != nil {
		return err
	}
	if err := c.ehlo(); err != nil {
		return err
	}
	if d.tls == nil || d.implicit {
		return nil
	}
	if !c.starttls {
		return &stageError{stage: stageTLS, err: errors.New("STARTTLS is not offered")}
	}
	if err := c.command(stageTLS, 220, "STARTTLS"); err != nil {
		return err
	}
	if err := c.handshake(ctx, d.tls); err != nil {
		return err
	}
	return c.ehlo()
}

func (c *client) handshake(ctx context.Context, config *tls.Config) error {
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return &stageError{stage: stageTLS, err: err}
	}
	c.resumed = conn.ConnectionState().DidResume
	c.setConn(conn)
	return nil
}

// ehlo reads what the server offers.
func (c *client) ehlo() error {
	if _, err := io.WriteString(c.conn, "EHLO generator.test\r\n"); err != nil {
		return &stageError{stage: stageEhlo, err: err}
	}
	code, text, err := c.reply()
	if err != nil || code != 250 {
		return &stageError{stage: stageEhlo, code: code, text: text, err: err}
	}
	c.pipelining, c.chunking, c.starttls = false, false, false
	for line := range strings.SplitSeq(text, "\n") {
		word, _, _ := strings.Cut(line, " ")
		switch strings.ToUpper(word) {
		case "PIPELINING":
			c.pipelining = true
		case "CHUNKING":
			c.chunking = true
		case "STARTTLS":
			c.starttls = true
		}
	}
	return nil
}

// command sends one line and expects one code.
func (c *client) command(stage string, want int, line string) error {
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		return &stageError{stage: stage, err: err}
	}
	return c.expect(stage, want)
}

func (c *client) expect(stage string, want int) error {
	code, text, err := c.reply()
	if err != nil || code != want {
		return &stageError{stage: stage, code: code, text: text, err: err}
	}
	return nil
}

// reply reads one reply; the lines of its text are separated by "\n".
func (c *client) reply() (code int, text string, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(replyWait)); err != nil {
		return 0, "", err
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, "", err
		}
		s := strings.TrimRight(string(line), "\r\n")
		if len(s) < 3 {
			return 0, "", errors.New("reply line too short")
		}
		n, err := strconv.Atoi(s[:3])
		if err != nil || (code != 0 && n != code) {
			return 0, "", errors.New("reply without one code")
		}
		if code != 0 {
			text += "\n"
		}
		code = n
		text += strings.TrimLeft(s[3:], " -")
		if len(s) == 3 || s[3] != '-' {
			return code, text, nil
		}
	}
}

// quit ends the session politely, without waiting long.
func (c *client) quit() {
	c.conn.SetDeadline(time.Now().Add(5 * time.Second)) //nolint:errcheck // closing anyway
	io.WriteString(c.conn, "QUIT\r\n")                  //nolint:errcheck // closing anyway
	c.reply()                                           //nolint:errcheck // closing anyway
	c.conn.Close()
}
