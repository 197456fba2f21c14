package stream_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// A heldServer lets the test say when, and what, the server answers to the
// end of data.
type heldServer struct {
	ends   chan int // the recipient's number, at each end of data
	mu     sync.Mutex
	answer func(smtptest.Command) smtptest.Answer // nil: as usual
}

func (h *heldServer) hook(c smtptest.Command) smtptest.Answer {
	if c.Verb != "." {
		return smtptest.Answer{}
	}
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	if answer == nil {
		return smtptest.Answer{}
	}
	a := answer(c)
	h.ends <- c.Recipient
	return a
}

func (h *heldServer) set(answer func(smtptest.Command) smtptest.Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func startHeld(t testing.TB, change ...func(*smtptest.Server)) (*heldServer, *smtptest.Server) {
	h := &heldServer{ends: make(chan int, 100)}
	return h, startServer(t, h.hook, change...)
}

// loseReply sends octets behind an envelope and resets the connection once the
// server has the message.
func (s *sluice) loseReply(h *heldServer, c *smtptest.Client, octets string) {
	s.t.Helper()
	release := make(chan struct{})
	h.set(func(smtptest.Command) smtptest.Answer { return smtptest.Answer{Wait: release} })
	n := len(s.records(0))
	c.Envelope("a@x.test", "b@y.test")
	if octets[0] != 'B' {
		c.Send("DATA")
		c.Want("354 *")
	}
	c.Write(octets)
	<-h.ends
	c.Reset()
	h.set(nil)
	close(release)
	s.records(n + 1)
	s.awaitSessions(0)
}

// awaitSessions waits until so many senders are connected.
func (s *sluice) awaitSessions(n int) {
	s.t.Helper()
	smtptest.Await(s.t, promiseGuard, "the sessions' end", func() bool { return s.server.Sessions() == n })
}

// TestI7LostReplyIsRepeated: the exact repetition of a message whose reply was
// lost gets it from memory, once; whatever differs is delivered.
func TestI7LostReplyIsRepeated(t *testing.T) {
	smtptest.CheckLeaks(t)
	stored := 1
	for name, retry := range map[string]struct {
		from, to, content, address string
		copies                     int
	}{
		"exact":            {"a@x.test", "b@y.test", shortMessage, "127.0.0.1", 1},
		"other host, net":  {"a@x.test", "b@y.test", shortMessage, "127.0.0.9", 1},
		"other net":        {"a@x.test", "b@y.test", shortMessage, "127.0.1.1", 2},
		"octet more":       {"a@x.test", "b@y.test", shortMessage + "x\r\n", "127.0.0.1", 2},
		"other octet":      {"a@x.test", "b@y.test", strings.Replace(shortMessage, "body", "bodi", 1), "127.0.0.1", 2},
		"recipient more":   {"a@x.test", "b@y.test c@y.test", shortMessage, "127.0.0.1", 2},
		"other recipient":  {"a@x.test", "c@y.test", shortMessage, "127.0.0.1", 2},
		"other sender":     {"", "b@y.test", shortMessage, "127.0.0.1", 2},
		"case of sender":   {"A@x.test", "b@y.test", shortMessage, "127.0.0.1", 2},
		"over the window":  {"a@x.test", "b@y.test", longMessage, "127.0.0.1", 1},
		"without an id":    {"a@x.test", "b@y.test", "Subject: no id\r\n\r\nbody\r\n", "127.0.0.1", 2},
		"empty, so no id ": {"a@x.test", "b@y.test", "", "127.0.0.1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, up := startHeld(t)
			s := startSluice(t, up, lookahead(1000))
			first := shortMessage
			if retry.copies == stored || strings.Contains(name, "id") {
				first = retry.content
			}
			s.loseReply(h, s.dial(), smtptest.Stuff(first)+".\r\n")
			c := s.dial(retry.address)
			c.Envelope(retry.from, strings.Fields(retry.to)...)
			if got := c.Data(retry.content); !strings.HasPrefix(got, "250 2.0.0 Committed") {
				t.Fatalf("got %q", got)
			}
			c.Quit()
			r := s.records(2)[1]
			if r.Duplicate != (retry.copies == stored) || r.Verdict != stream.Delivered {
				t.Errorf("verdict %s, duplicate %v", r.Verdict, r.Duplicate)
			}
			s.messages(retry.copies)
			if retry.copies != stored {
				return
			}
			// That the sender has it now ends the matter: sent again, it is meant.
			s.awaitSessions(0)
			if n := s.guard.Len(); n != 0 {
				t.Fatalf("%d entries in the guard", n)
			}
			s.delivers(retry.content)
		})
	}
}

// TestI7AcknowledgedIsForgotten: identical messages whose replies arrived are
// all delivered, however the sender leaves.
func TestI7AcknowledgedIsForgotten(t *testing.T) {
	smtptest.CheckLeaks(t)
	for name, leave := range map[string]func(*smtptest.Client){
		// Not a reset: it may overtake TCP's acknowledgement.
		"QUIT":  (*smtptest.Client).Quit,
		"close": (*smtptest.Client).Close,
	} {
		for _, pipelined := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", name, pipelined), func(t *testing.T) {
				t.Parallel()
				s := startSluice(t, startServer(t, nil), listenTLS(false))
				for i := range 3 {
					c := s.dial()
					if i == 2 {
						c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
						c.Send("EHLO client.test")
						c.Want("250 *")
					}
					c.Envelope("a@x.test", "b@y.test")
					c.Send("DATA")
					c.Want("354 *")
					if pipelined { // as Postfix does
						c.Write(shortMessage + ".\r\nQUIT\r\n")
						c.Want("250 *", "221 *")
						c.Close()
					} else {
						c.Write(shortMessage + ".\r\n")
						c.Want("250 *")
						leave(c)
					}
					s.awaitSessions(0)
					if n := s.guard.Len(); n != 0 {
						t.Fatalf("%d entries in the guard", n)
					}
				}
				s.messages(3)
			})
		}
	}
}

// TestI7ClaimsAreApart: what is remembered of a lost reply names its own
// message only.
func TestI7ClaimsAreApart(t *testing.T) {
	smtptest.CheckLeaks(t)
	h, up := startHeld(t)
	s := startSluice(t, up)
	c := s.dial()
	if got := attempt(c, false, shortMessage, "b@y.test"); got[0] != '2' {
		t.Fatalf("got %q", got)
	}
	s.loseReply(h, c, "Subject: no id\r\n\r\nbody\r\n.\r\n")
	if n := s.guard.Len(); n != 0 {
		t.Errorf("%d entries in the guard for a message without Message-ID", n)
	}
	s.delivers(shortMessage) // again, and meant

	// Two whole transactions behind each other, both replies lost.
	s.awaitSessions(0)
	second := strings.Replace(shortMessage, "1@", "2@", 1)
	chunk := func(m string) string { return fmt.Sprintf("BDAT %d LAST\r\n%s", len(m), m) }
	n := len(s.messages(3))
	s.loseReply(h, s.dial(), chunk(shortMessage)+"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n"+chunk(second))
	if got := s.guard.Len(); got != len(s.up.Messages())-n || got == 0 {
		t.Errorf("%d entries in the guard for %d messages", got, len(s.up.Messages())-n)
	}
}

// A tellingGuard says when something changes.
type tellingGuard struct {
	stream.Guard
	told chan string
}

func (g tellingGuard) Remember(subject stream.Subject, net string, r wire.Reply) {
	g.Guard.Remember(subject, net, r)
	g.told <- "remembered"
}

func (g tellingGuard) Forget(subject stream.Subject) {
	g.Guard.Forget(subject)
	g.told <- "forgotten"
}

// TestI7LateReply: a reply that comes too late is still learned. Meanwhile the
// exact repetition gets 451 and the server nothing; then it gets the stored
// reply, or is delivered if the late one was a refusal.
func TestI7LateReply(t *testing.T) {
	smtptest.CheckLeaks(t)
	for name, late := range map[string]struct {
		reply, told, retry string
		lmtp               bool
		copies             int
	}{
		"2xx":       {"250 2.6.0 Late", "remembered", "250 2.6.0 Late*", false, 1},
		"4xx":       {"451 4.2.0 Late", "forgotten", "250 2.0.0 Committed*", false, 1},
		"garbage":   {"4xx later", "forgotten", "250 2.0.0 Committed*", false, 1},
		"half LMTP": {"250 2.6.0 Late", "remembered", "250 2.*", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, up := startHeld(t, func(s *smtptest.Server) { s.LMTP = late.lmtp })
			guard := tellingGuard{told: make(chan string, 10)}
			s := startSluice(t, up, func(c *config) {
				c.guard = func(g stream.Guard) stream.Guard { guard.Guard = g; return guard }
				c.Setup.Timeouts.ServerCommit = 100 * time.Millisecond
				if late.lmtp {
					c.Route.Protocol = policy.LMTP
				}
			})
			release := make(chan struct{})
			h.set(func(c smtptest.Command) smtptest.Answer {
				if late.lmtp && c.Recipient == 0 {
					return smtptest.Answer{}
				}
				return smtptest.Answer{Wait: release, Reply: late.reply}
			})
			to := []string{"b@y.test", "c@y.test"}
			c := s.dial()
			if got := attempt(c, false, shortMessage, to...); !strings.HasPrefix(got, "451 4.4.2 ") {
				t.Fatalf("got %q", got)
			}
			if r := s.records(1)[0]; !r.Uncertain {
				t.Error("not recorded as uncertain")
			}
			if got := attempt(c, false, shortMessage, to...); !strings.HasPrefix(got, "451 4.4.2 ") {
				t.Fatalf("retry in doubt: %q", got)
			}
			h.set(nil)
			inTime := *s.setup.Load()
			inTime.Timeouts.ServerCommit = promiseGuard
			s.setup.Store(&inTime)
			close(release)
			if got := <-guard.told; got != late.told {
				t.Fatalf("the late reply was %s, want %s", got, late.told)
			}
			c.Envelope("a@x.test", to...)
			c.Send("DATA")
			c.Want("354 *")
			c.Write(shortMessage + ".\r\n")
			c.Want(late.retry)
			c.Quit()
			s.messages(late.copies)
		})
	}
}

// TestI7SenderGoneBeforeTheEnd: a sender that has left before the terminator
// could go out is not delivered for; the terminator it sent stands behind.
func TestI7SenderGoneBeforeTheEnd(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, content := range []string{shortMessage, longMessage} {
		for _, end := range []string{"close", "reset", "QUIT and close"} {
			opened, vote := make(chan struct{}, 1), make(chan struct{})
			s := startSluice(t, startServer(t, nil), lookahead(1000), withGate(t, opened, vote))
			c := s.dial()
			c.Envelope("a@x.test", "b@y.test")
			c.Send("DATA")
			c.Want("354 *")
			c.Write(smtptest.Stuff(content) + ".\r\n")
			<-opened
			switch end {
			case "reset":
				c.Reset()
			case "close":
				c.Close()
			default:
				c.Write("QUIT\r\n")
				c.Close()
			}
			close(vote)
			if r := s.records(1)[0]; r.Verdict != stream.Aborted {
				t.Errorf("%s: verdict %s", end, r.Verdict)
			}
			s.stop()
			if n := len(s.up.Messages()); n != 0 {
				t.Errorf("%s: %d messages at the server", end, n)
			}
		}
	}
}
