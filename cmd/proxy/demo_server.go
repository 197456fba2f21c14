package main

import (
	"io"
	"net"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"
)

// maxDemoMessage bounds what the demo's server takes: 64 MiB, beyond Sluice's
// own limit.
const maxDemoMessage = 64 << 20

// A demoServer is a mail server in memory that counts what it accepts and
// keeps nothing. It knows every user but nobody@.
type demoServer struct {
	addr string
	dies bool // closes the connection instead of answering the end of data
	smtp *smtp.Server

	mu       sync.Mutex // guards the rest
	messages int
	octets   int64
}

func startDemoServer(dies bool) (*demoServer, error) {
	s := &demoServer{dies: dies}
	s.smtp = smtp.NewServer(s)
	s.smtp.Domain = "mail.example.test"
	s.smtp.MaxMessageBytes = maxDemoMessage
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = l.Addr().String()
	go func() { _ = s.smtp.Serve(l) }()
	return s, nil
}

func (s *demoServer) close() { _ = s.smtp.Close() }

// accepted returns how many messages the server has taken.
func (s *demoServer) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages
}

// NewSession implements smtp.Backend.
func (s *demoServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &demoSession{server: s, conn: c}, nil
}

// A demoSession implements smtp.Session.
type demoSession struct {
	server *demoServer
	conn   *smtp.Conn
}

func (*demoSession) Mail(string, *smtp.MailOptions) error { return nil }

func (*demoSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	}
	return nil
}

func (d *demoSession) Data(r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	if d.server.dies {
		return d.conn.Conn().Close()
	}
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	d.server.messages++
	d.server.octets += n
	return nil
}

func (*demoSession) Reset()        {}
func (*demoSession) Logout() error { return nil }

// silent drops what go-smtp would print of broken connections: the demo
// breaks some on purpose.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
