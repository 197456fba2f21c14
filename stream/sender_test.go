package stream_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

const shortMessage = "Message-ID: <1@x.test>\r\nSubject: one\r\n\r\nbody\r\n"

// A BDAT that was refused for its place is not the first chunk of the
// transaction that follows, and spoils the one it stands in.
func TestRefusedChunkBeginsNothing(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil))
	chunk := fmt.Sprintf("BDAT %d LAST\r\n%s", len(shortMessage), shortMessage)
	for _, verb := range []string{"DATA", "BDAT"} {
		c := s.dial()
		c.Write("BDAT 4\r\nabcd")
		c.Want("503 *")
		c.Envelope("a@x.test", "b@y.test")
		if verb == "DATA" {
			if got := c.Data(shortMessage); !strings.HasPrefix(got, "250 ") {
				t.Fatalf("got %q", got)
			}
		} else {
			c.Write(chunk)
			c.Want("250 *")
		}
		c.Send("MAIL FROM:<a@x.test>")
		c.Want("250 *")
		c.Write("BDAT 4\r\nabcd")
		c.Want("503 *")
		c.Send("RCPT TO:<b@y.test>")
		c.Want("250 *")
		c.Write(chunk)
		c.Want("503 *")
		c.Send("DATA")
		c.Want("503 *")
		c.Quit()
	}
	for _, m := range s.messages(2) {
		if got := string(stripTrace(t, m.Content)); got != shortMessage {
			t.Errorf("the server has %q", got)
		}
	}
}

// A recipient refused by us says nothing about the route of those behind it.
func TestRefusedRecipientLeavesTheGroupOpen(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil))
	for _, bad := range []string{"RCPT TO:<c@elsewhere.test>", "RCPT TO:<broken", "RCPT TO:<c@y.test> X=Y"} {
		c := s.dial()
		c.Send("MAIL FROM:<a@x.test>", bad, "RCPT TO:<b@y.test>")
		c.Want("250 *", "5*", "250 *")
		c.Quit()
	}
}

// Every transaction has its record, also when several stand in one group.
func TestEveryTransactionIsRecorded(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil))
	c := s.dial()
	one := fmt.Sprintf("MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nBDAT %d LAST\r\n%s", len(shortMessage), shortMessage)
	c.Write(one + "MAIL FROM:<a@x.test>\r\nRSET\r\n" + one)
	c.Want("250 *", "250 *", "250 *", "250 *", "250 *", "250 *", "250 *", "250 *")
	c.Quit()
	s.stop()
	var got []string
	for _, r := range s.records(3) {
		got = append(got, string(r.Verdict))
	}
	if want := "delivered aborted delivered"; strings.Join(got, " ") != want {
		t.Errorf("records %q, want %s", got, want)
	}
}

// What the sender pipelined before a DATA with an early body keeps its answers.
func TestEarlyBodyLeavesEarlierReplies(t *testing.T) {
	smtptest.CheckLeaks(t)
	asked, hold := make(chan struct{}), make(chan struct{})
	up := startServer(t, func(c smtptest.Command) smtptest.Answer {
		if c.Verb == "RCPT" {
			close(asked)
			return smtptest.Answer{Wait: hold}
		}
		return smtptest.Answer{}
	})
	s := startSluice(t, up)
	c := s.dial()
	c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "DATA")
	// The body comes while we wait for the server: behind DATA, not with it.
	<-asked
	c.Send("Subject: early", "", "body", ".")
	close(hold)
	c.Want("250 2.1.0 *", "250 2.1.5 *", "503 *")
	c.Closed()
	if n := len(up.Messages()); n != 0 {
		t.Errorf("%d messages at the server", n)
	}
}

// Discard over the window: what comes by BDAT is accepted chunk by chunk.
func TestDiscardOverTheWindow(t *testing.T) {
	smtptest.CheckLeaks(t)
	discard := policy.Discard
	body := "Subject: x\r\n\r\n" + literal.GTUBE() + "\r\n" + strings.Repeat("0123456789\r\n", 8000)
	for _, verb := range []string{"DATA", "BDAT"} {
		t.Run(verb, func(t *testing.T) {
			s := startSluice(t, startServer(t, nil), lookahead(1000), func(c *config) {
				withModules(t, filter.Entry{Module: literal.Module{}})(c)
				c.Setup.Policy = newPolicy(t, policy.Settings{
					Routes: []policy.Route{c.Route},
					Level:  policy.Level{Rules: map[string]policy.RuleSetting{"literal.gtube": {Action: &discard}}},
				})
			})
			c := s.dial()
			c.Envelope("a@x.test", "b@y.test")
			if verb == "DATA" {
				if got := c.Data(body); !strings.HasPrefix(got, "250 2.0.0 Accepted") {
					t.Fatalf("got %q", got)
				}
			} else {
				half := len(body) / 2
				c.Write(fmt.Sprintf("BDAT %d\r\n%s", half, body[:half]))
				c.Want("250 *")
				c.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(body)-half, body[half:]))
				c.Want("250 2.0.0 Accepted*")
			}
			c.Quit()
			if r := s.records(1)[0]; r.Verdict != stream.Discarded || len(s.up.Messages()) != 0 {
				t.Errorf("verdict %s, %d messages at the server", r.Verdict, len(s.up.Messages()))
			}
		})
	}
}

// A sender that speaks before the greeting loses nothing by being noticed.
func TestEarlyTalkerIsHeard(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil), listenTLS(true))
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	held := &heldConn{Conn: raw}
	c := smtptest.NewClient(t, held)
	c.Secure(smtptest.TheCA().ClientConfig("mx.test"))
	c.Send("NOOP") // with the last octets of the handshake
	held.release(t)
	c.Want("220 *", "250 *")
	c.Quit()
}

// A heldConn writes the first write at once, and what follows when released.
type heldConn struct {
	net.Conn
	writes   int
	held     []byte
	released bool
}

func (h *heldConn) Write(p []byte) (int, error) {
	if h.writes++; h.writes == 1 || h.released {
		return h.Conn.Write(p)
	}
	h.held = append(h.held, p...)
	return len(p), nil
}

func (h *heldConn) release(t *testing.T) {
	t.Helper()
	h.released = true
	if _, err := h.Conn.Write(h.held); err != nil {
		t.Fatal(err)
	}
}

// quarantining makes policy quarantine the test signature, to a second server.
func quarantining(t testing.TB, to *smtptest.Server, modules ...filter.Entry) func(*config) {
	return func(c *config) {
		action := policy.Quarantine
		withModules(t, append(modules, filter.Entry{Module: literal.Module{}})...)(c)
		c.Setup.Policy = newPolicy(t, policy.Settings{
			Routes: []policy.Route{c.Route, {
				Name: "quarantine", Servers: []policy.Server{{Address: to.Addr()}}, TLS: policy.TLSNone,
			}},
			Level: policy.Level{
				Quarantine: "quarantine",
				Rules:      map[string]policy.RuleSetting{"literal.gtube": {Action: &action}},
			},
		})
	}
}

// What policy sends elsewhere never reaches the recipient's own server, also
// when the session to the other one dies and is replaced, or when most of the
// message was gone before policy knew.
func TestI1QuarantineIsTheOnlyDestination(t *testing.T) {
	smtptest.CheckLeaks(t)
	bad := "Subject: x\r\n\r\n" + literal.GTUBE() + "\r\n"
	for name, test := range map[string]struct {
		content string
		dies    bool
		want    string
		kept    int
	}{
		"inside":         {bad, false, "250 2.0.0 Accepted*", 1},
		"session dies":   {bad, true, "250 2.0.0 Accepted*", 1},
		"over, late":     {"Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", 9000) + literal.GTUBE() + "\r\n", false, "451 4.7.1 *literal.gtube*", 0},
		"over, at first": {bad + strings.Repeat("0123456789\r\n", 9000), false, "250 2.0.0 Accepted*", 1},
	} {
		t.Run(name, func(t *testing.T) {
			died := !test.dies
			aside := startServer(t, func(c smtptest.Command) smtptest.Answer {
				if c.Verb == "DATA" && !died {
					died = true
					return smtptest.Answer{Cut: true}
				}
				return smtptest.Answer{}
			})
			s := startSluice(t, startServer(t, nil), quarantining(t, aside), lookahead(4000))
			c := s.dial()
			c.Envelope("a@x.test", "b@y.test")
			c.Send("DATA")
			c.Want("354 *")
			c.Write(test.content + ".\r\n")
			c.Want(test.want)
			c.Quit()
			awaitServer(t, aside, "the quarantined", func() bool { return len(aside.Messages()) == test.kept })
			if n := len(s.up.Messages()); n != 0 {
				t.Errorf("%d messages at the recipient's server", n)
			}
		})
	}
}

// The header block is held until it is judged, also where the window is small.
func TestLoopIsSeenInASmallWindow(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil), lookahead(100))
	half := strings.Repeat("Received: by a.test; date\r\n", 60)
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Write(fmt.Sprintf("BDAT %d\r\n%s", len(half), half))
	c.Want("250 *")
	last := half + "\r\nbody\r\n"
	c.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(last), last))
	c.Want("554 5.4.6 *")
	c.Quit()
	s.stop()
	for _, cmd := range s.up.Commands() {
		if cmd.Verb == "BDAT" || cmd.Verb == "DATA" || cmd.Verb == "." {
			t.Errorf("the server got %s", cmd.Verb)
		}
	}
}
