package smtptest

import (
	"net"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
)

func startServer(t *testing.T, s *Server) *Server {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const testContent = "From: canary\r\n\r\n.dot\r\n..\r\nlast\r\n"

func TestServerRecords(t *testing.T) {
	CheckLeaks(t)
	s := startServer(t, &Server{Extensions: []string{"PIPELINING", "XCLIENT NAME ADDR"}})
	c := Dial(t, s.Addr())
	c.Bytewise()
	c.Hello()
	if !c.Offers("xclient") || c.Offers("SIZE") {
		t.Error("keywords")
	}
	c.Send("XCLIENT NAME=x ADDR=192.0.2.1")
	c.Want("220 *")
	c.Envelope(CanarySender, CanaryRecipient, "canary-two@y.test")
	if got := c.Data(testContent); got != "250 2.0.0 Committed" {
		t.Error(got)
	}
	c.Quit()
	if total, open, most := s.Connections(); total != 1 || most != 1 || open > 1 {
		t.Errorf("connections %d, %d, %d", total, open, most)
	}
	ms := s.Messages()
	if len(ms) != 1 {
		t.Fatalf("%d messages", len(ms))
	}
	m := ms[0]
	if string(m.Content) != testContent || string(m.Wire) != Stuff(testContent) {
		t.Errorf("content %q, wire %q", m.Content, m.Wire)
	}
	if m.From != CanarySender || strings.Join(m.To, " ") != CanaryRecipient+" canary-two@y.test" || len(m.Client) != 1 {
		t.Errorf("envelope %+v", m)
	}
}

// TestServerAgrees sends through two independent clients.
func TestServerAgrees(t *testing.T) {
	CheckLeaks(t)
	s := startServer(t, &Server{Extensions: []string{"8BITMIME"}, TLS: TheCA().ServerConfig("u.test")})
	if err := gosmtp.SendMail(s.Addr(), nil, CanarySender, []string{CanaryRecipient}, strings.NewReader(testContent)); err == nil {
		t.Error("go-smtp trusted an unknown authority") // SendMail uses STARTTLS when offered
	}
	c, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(TheCA().ClientConfig("u.test")); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail(CanarySender); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt(CanaryRecipient); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(testContent))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ms := s.Messages(); len(ms) != 1 || string(ms[0].Content) != testContent || !ms[0].TLS {
		t.Errorf("%+v", ms)
	}
}

func TestServerBDAT(t *testing.T) {
	CheckLeaks(t)
	s := startServer(t, &Server{Extensions: []string{"CHUNKING"}})
	c := Dial(t, s.Addr())
	c.Hello()
	c.Envelope("", CanaryRecipient)
	c.Write("BDAT 3\r\na\r\nBDAT 4 LAST\r\n.\r\n.")
	c.Want("250 *", "250 *")
	if ms := s.Messages(); len(ms) != 1 || string(ms[0].Content) != "a\r\n.\r\n." || !ms[0].BDAT || ms[0].From != "" {
		t.Errorf("%+v", ms)
	}
	c.Envelope("", CanaryRecipient)
	c.Write("BDAT 5\r\nhello")
	c.Want("250 *")
	c.Close()
	waitFor(s, func() bool { return len(s.Incomplete()) == 1 })
	if got := s.Incomplete()[0]; string(got) != "hello" {
		t.Errorf("incomplete %q", got)
	}
}

// waitFor waits until ok, which a change of the server brings about.
func waitFor(s *Server, ok func() bool) {
	for {
		changed := s.Changed()
		if ok() {
			return
		}
		<-changed
	}
}

func TestServerHook(t *testing.T) {
	CheckLeaks(t)
	gate := make(chan struct{})
	openGate := sync.OnceFunc(func() { close(gate) })
	for _, c := range []struct {
		verb   string
		answer Answer
		want   string // last reply; empty: the connection ends
		kept   int
	}{
		{"RCPT", Answer{Reply: "550 5.1.1 no"}, "550 5.1.1 no", 0},
		{"MAIL", Answer{Cut: true}, "", 0},
		{"MAIL", Answer{Reset: true}, "", 0},
		{"DATA", Answer{CutAfter: true}, "", 0},
		{"DATA", Answer{CutBody: 5}, "", 0},
		{".", Answer{Cut: true}, "", 1},
		{".", Answer{Reply: "451 4.3.0 later", CutAfter: true}, "451 4.3.0 later", 0},
		{".", Answer{Wait: gate}, "250 2.0.0 Committed", 1},
	} {
		s := startServer(t, &Server{Hook: func(got Command) Answer {
			if got.Verb == c.verb {
				return c.answer
			}
			return Answer{}
		}})
		got := deliver(t, s.Addr(), openGate)
		if got != c.want {
			t.Errorf("%s %+v: got %q, want %q", c.verb, c.answer, got, c.want)
		}
		waitFor(s, func() bool { _, open, _ := s.Connections(); return open == 0 })
		if n := len(s.Messages()); n != c.kept {
			t.Errorf("%s %+v: %d messages, want %d", c.verb, c.answer, n, c.kept)
		}
	}
}

// deliver says one transaction and returns the last reply it got.
func deliver(t *testing.T, addr string, openGate func()) (last string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := newPeer(conn, false)
	for _, line := range []string{"", "EHLO a", "MAIL FROM:<>", "RCPT TO:<b@y.test>", "DATA", "hello\r\n."} {
		if line != "" {
			p.write([]byte(line + "\r\n"))
		}
		if strings.HasSuffix(line, ".") {
			openGate()
		}
		r, err := p.reply()
		if err != nil {
			return ""
		}
		if last = r.String(); r.code[0] > '3' {
			return last
		}
	}
	return last
}

func TestServerLFDotLF(t *testing.T) {
	CheckLeaks(t)
	for lf, want := range map[bool]int{true: 2, false: 1} {
		s := startServer(t, &Server{LFDotLF: lf})
		c := Dial(t, s.Addr())
		c.Hello()
		c.Envelope("", CanaryRecipient)
		c.Send("DATA")
		c.Want("354 *")
		c.Write("a\n.\nMAIL FROM:<>\r\nRCPT TO:<c@y.test>\r\nDATA\r\nb\r\n.\r\n")
		c.Want("250 *")
		if lf {
			c.Want("250 *", "250 *", "354 *", "250 *")
		}
		if got := len(s.Messages()); got != want {
			t.Errorf("LF.LF %v: %d messages, want %d", lf, got, want)
		}
	}
}

func TestServerLMTP(t *testing.T) {
	CheckLeaks(t)
	s := startServer(t, &Server{LMTP: true, Hook: func(c Command) Answer {
		if c.Verb == "." && c.Recipient == 0 {
			return Answer{Reply: "452 4.2.2 full"}
		}
		return Answer{}
	}})
	c := Dial(t, s.Addr())
	c.Want("220 *")
	c.Send("LHLO a")
	c.Want("250 *")
	c.Envelope("", "canary-a@y.test", "canary-b@y.test")
	c.Send("DATA")
	c.Want("354 *")
	c.Send("hello", ".")
	c.Want("452 *", "250 *")
	if ms := s.Messages(); len(ms) != 1 || len(ms[0].To) != 1 || ms[0].To[0] != "canary-b@y.test" {
		t.Errorf("%+v", ms)
	}
}
