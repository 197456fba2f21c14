package stream_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/internal/smtptest"
	"sluice/stream"
)

// A gate votes when the test says so.
type gate struct {
	opened chan<- struct{} // told when it is asked to vote
	vote   <-chan struct{}
}

func withGate(t testing.TB, opened chan<- struct{}, vote <-chan struct{}) func(*config) {
	return withModules(t, filter.Entry{Module: gate{opened, vote}})
}

func (gate) Name() string { return "gate" }

func (g gate) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner { return g }

func (gate) Write([]byte) {}
func (gate) Close()       {}
func (g gate) Finish(ctx context.Context) error {
	g.opened <- struct{}{}
	select {
	case <-g.vote:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shuttable makes a stop's times short: grace for what runs, and as much again
// for what waits for the server.
func shuttable(grace time.Duration) func(*config) {
	return func(c *config) { c.Setup.Shutdown = stream.Shutdown{Grace: grace, Commit: grace} }
}

// long is a grace that no test uses up.
const long = time.Minute

// TestShutdownInEveryPhase: idle senders hear 421 at once; who is in a
// transaction may finish it.
func TestShutdownInEveryPhase(t *testing.T) {
	smtptest.CheckLeaks(t)
	release := make(chan struct{})
	committing := make(chan struct{})
	s := startSluice(t, startServer(t, func(c smtptest.Command) smtptest.Answer {
		if c.Verb == "." && c.Conn == 2 {
			close(committing)
			return smtptest.Answer{Wait: release}
		}
		return smtptest.Answer{}
	}), shuttable(long))

	waiting := sendPart(t, s.addr, false, shortMessage+".\r\n") // for the server's word
	<-committing
	idle := s.dial()
	mail := s.dial()
	mail.Send("MAIL FROM:<a@x.test>")
	mail.Want("250 *")
	data := sendPart(t, s.addr, false, "Subject: half")

	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	idle.Want("421 4.3.2 mx.test restarting")
	idle.Closed()
	data.Write(" and half\r\n\r\n.\r\n")
	data.Want("250 *", "421 4.3.2 *")
	data.Closed()
	mail.Send("RCPT TO:<b@y.test>")
	mail.Want("250 *")
	if got := mail.Do("DATA"); got[:3] != "354" {
		t.Fatalf("got %q", got)
	}
	mail.Write(shortMessage + ".\r\n")
	mail.Want("250 *", "421 4.3.2 *")
	mail.Closed()
	close(release)
	waiting.Want("250 *", "421 4.3.2 *")
	waiting.Closed()
	<-stopped
	s.messages(3)
}

// TestShutdownRunsOut: when the grace is over, 421 or 451 to whoever is not
// done, nothing committed.
func TestShutdownRunsOut(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil), func(c *config) {
		c.Setup.Shutdown = stream.Shutdown{Grace: time.Millisecond, Commit: long}
	})
	mail := s.dial()
	mail.Envelope("a@x.test", "b@y.test")
	data := sendPart(t, s.addr, false, "Subject: half")

	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	mail.Want("421 4.3.2 *")
	mail.Closed()
	data.Want("421 4.3.2 *")
	data.Closed()
	data.Close()
	<-stopped
	if n := len(s.up.Messages()); n != 0 {
		t.Errorf("%d messages at the server", n)
	}
}

// TestShutdownHoldsNobodyUp: a server that never answers is not waited for.
func TestShutdownHoldsNobodyUp(t *testing.T) {
	smtptest.CheckLeaks(t)
	never := make(chan struct{})
	committing := make(chan struct{})
	s := startSluice(t, startServer(t, func(c smtptest.Command) smtptest.Answer {
		if c.Verb == "." {
			close(committing)
			return smtptest.Answer{Wait: never, Cut: true, Reply: "451 4.3.0 Not committed"}
		}
		return smtptest.Answer{}
	}), shuttable(10*time.Millisecond))
	waiting := sendPart(t, s.addr, false, shortMessage+".\r\n")
	<-committing
	s.stop()
	waiting.Closed() // without a 250, and with nothing else to say
	close(never)
	if n := len(s.up.Messages()); n != 0 {
		t.Errorf("%d messages at the server", n)
	}
}

// TestShutdownIsHeardInData: who is still writing when the grace is over gets
// the 421, and no reset, which could take it away.
func TestShutdownIsHeardInData(t *testing.T) {
	smtptest.CheckLeaks(t)
	slow := slowToOpen{opening: make(chan struct{}), open: make(chan struct{})}
	s := startSluice(t, startServer(t, nil), withModules(t, filter.Entry{Module: slow}), func(c *config) {
		c.Setup.Shutdown = stream.Shutdown{Grace: time.Millisecond, Commit: long}
	})
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for _, command := range []string{"", "EHLO x.test\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<b@y.test>\r\n", "DATA\r\n"} {
		_, _ = io.WriteString(c, command)
		for more := true; more; {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			more = line[3] == '-'
		}
	}
	<-slow.opening
	_, _ = io.WriteString(c, shortMessage) // lies there unread
	mail := s.dial()
	mail.Envelope("a@x.test", "b@y.test")
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	mail.Want("421 4.3.2 *") // so the grace is over
	close(slow.open)
	if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "421 4.3.2 ") {
		t.Errorf("got %q, %v", line, err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection ends with %v", err)
	}
	c.Close()
	<-stopped
}

// slowToOpen takes a message when the test says so.
type slowToOpen struct{ opening, open chan struct{} }

func (slowToOpen) Name() string { return "slow" }

func (m slowToOpen) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	close(m.opening)
	<-m.open
	return nil
}

// TestShutdownWhileScanning: when the grace is over a scan counts as failed.
func TestShutdownWhileScanning(t *testing.T) {
	smtptest.CheckLeaks(t)
	opened := make(chan struct{}, 1)
	s := startSluice(t, startServer(t, nil), shuttable(100*time.Millisecond), withGate(t, opened, nil))
	c := sendPart(t, s.addr, false, shortMessage+".\r\n")
	<-opened
	s.stop()
	if got := c.Reply(); !strings.HasPrefix(got, "451 4.7.1 ") {
		t.Errorf("got %q", got)
	}
	if n := len(s.up.Messages()); n != 0 {
		t.Errorf("%d messages at the server", n)
	}
}

// TestShutdownDoesNotAwaitLateReplies: their senders have been told to retry.
func TestShutdownDoesNotAwaitLateReplies(t *testing.T) {
	smtptest.CheckLeaks(t)
	never := make(chan struct{})
	defer close(never)
	s := startSluice(t, startServer(t, func(c smtptest.Command) smtptest.Answer {
		if c.Verb == "." {
			return smtptest.Answer{Wait: never}
		}
		return smtptest.Answer{}
	}), func(c *config) { c.Setup.Timeouts.ServerCommit = 50 * time.Millisecond })
	c := s.dial()
	if got := attempt(c, false, shortMessage, "b@y.test"); !strings.HasPrefix(got, "451 4.4.2 ") {
		t.Fatalf("got %q", got)
	}
	c.Quit()
	s.stop() // fails after promiseGuard
}
