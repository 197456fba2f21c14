package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/filter"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// A faulty module fails in one of its hooks.
type faulty struct {
	hook string // where
	how  string // panic, or hang until its time is up
}

func (f faulty) Name() string { return "faulty" }

func (f faulty) fail(ctx context.Context, hook string) {
	if hook != f.hook {
		return
	}
	if f.how == "hang" {
		<-ctx.Done()
		return
	}
	panic(smtptest.CanaryWord)
}

func (f faulty) CheckSession(ctx context.Context, s *filter.Session, _ *filter.Channel) *wire.Reply {
	f.fail(ctx, map[bool]string{true: "connect", false: "helo"}[s.Helo == ""])
	return nil
}

func (f faulty) CheckSender(ctx context.Context, _ *filter.Session, _ *filter.Envelope, _ *filter.Channel) *wire.Reply {
	f.fail(ctx, "sender")
	return nil
}

func (f faulty) CheckRecipient(ctx context.Context, _ *filter.Session, _ *filter.Envelope, _ wire.Path, _ *filter.Channel) *wire.Reply {
	f.fail(ctx, "recipient")
	return nil
}

func (f faulty) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	f.fail(context.Background(), "open")
	return f
}

func (f faulty) Write([]byte) { f.fail(context.Background(), "write") }
func (f faulty) Close()       { f.fail(context.Background(), "close") }
func (f faulty) Finish(ctx context.Context) error {
	f.fail(ctx, "finish")
	return ctx.Err()
}

// TestI4ModuleFaults: whatever a module does wrong is a 4xx, or a 250 where
// the operator said so, inside and over the window.
func TestI4ModuleFaults(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, how := range []string{"panic", "hang"} {
		for _, hook := range []string{"connect", "helo", "sender", "recipient", "open", "write", "finish", "close"} {
			if how == "hang" && (hook == "open" || hook == "write" || hook == "close") {
				continue // they have no context, and promise not to wait
			}
			for _, onFailure := range []policy.FailurePolicy{policy.Closed, policy.Open} {
				for _, content := range []string{shortMessage, longMessage} {
					t.Run(fmt.Sprintf("%s in %s, %s, %d", how, hook, onFailure, len(content)), func(t *testing.T) {
						t.Parallel()
						s := startSluice(t, startServer(t, nil), lookahead(1000),
							withModules(t, filter.Entry{Module: faulty{hook, how}, Deadline: 20 * time.Millisecond, OnFailure: onFailure}))
						c := s.dial()
						got := attempt(c, false, content, "b@y.test")
						c.Quit()
						want := "451"
						if onFailure == policy.Open || hook == "close" {
							want = "250"
						}
						if !strings.HasPrefix(got, want) {
							t.Errorf("got %q, want %s", got, want)
						}
						if n := len(s.up.Messages()); want == "451" && n != 0 {
							t.Errorf("%d messages at the server", n)
						}
						smtptest.CheckCanary(t, "log", s.log())
					})
				}
			}
		}
	}
}

// A panickyGuard stands for a bug of ours, right before the terminator.
type panickyGuard struct{ stream.Guard }

func (panickyGuard) Lookup(stream.Subject) (wire.Reply, stream.Known) { panic(smtptest.CanaryWord) }

// TestI4PanicOfOurs: a bug in the session itself is a 451, commits nothing,
// and hurts nobody else.
func TestI4PanicOfOurs(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, content := range []string{shortMessage, longMessage} {
		s := startSluice(t, startServer(t, nil), lookahead(1000), func(c *config) {
			c.guard = func(g stream.Guard) stream.Guard { return panickyGuard{g} }
		})
		c := s.dial()
		if got := attempt(c, false, content, "b@y.test"); !strings.HasPrefix(got, "451 4.3.0 ") {
			t.Errorf("got %q", got)
		}
		c.Closed()
		if n := len(s.up.Messages()); n != 0 {
			t.Errorf("%d messages at the server", n)
		}
		smtptest.CheckCanary(t, "log", s.log())
		s.delivers("Subject: no id\r\n\r\nbody\r\n")
	}
}

// TestI4NoMemory: while another message has the whole budget, MAIL gets 452,
// and works again afterwards.
func TestI4NoMemory(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, nil), func(c *config) { c.Setup.Limits.Memory = 64 << 10 })
	one := s.dial()
	one.Envelope("a@x.test", "b@y.test")
	two := s.dial()
	two.Envelope("a@x.test", "b@y.test")
	one.Send("DATA")
	one.Want("354 *")
	two.Send("DATA")
	two.Want("452 4.3.1 *")
	two.Send("MAIL FROM:<a@x.test>")
	two.Want("452 4.3.1 *")
	// The one that has a chunk goes on with it, window or not.
	one.Write(smtptest.Stuff(longMessage) + ".\r\n")
	one.Want("250 *")
	if got := attempt(two, true, longMessage, "b@y.test"); got[0] != '2' {
		t.Errorf("got %q", got)
	}
	one.Quit()
	two.Quit()
	for _, m := range s.messages(2) {
		if string(stripTrace(t, m.Content)) != longMessage {
			t.Error("the message was altered")
		}
	}
}

// TestI4ServerUnreachable: the sender keeps the message.
func TestI4ServerUnreachable(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, nil)
	c := s.dial()
	c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "DATA")
	c.Want("250 *", "451 4.4.1 *", "503 *")
	c.Quit()
}

// A counting module sees every message.
type counting struct{ opened, finished atomic.Int32 }

func (*counting) Name() string { return "counting" }

func (c *counting) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	c.opened.Add(1)
	return countingScanner{c}
}

type countingScanner struct{ c *counting }

func (countingScanner) Write([]byte) {}
func (countingScanner) Close()       {}
func (s countingScanner) Finish(context.Context) error {
	s.c.finished.Add(1)
	return nil
}

// TestI5PolicyIsAskedAgain goes every way that ends or resets a transaction;
// behind each, a bad message is refused and a good one judged.
func TestI5PolicyIsAskedAgain(t *testing.T) {
	smtptest.CheckLeaks(t)
	bad := "Message-ID: <2@x.test>\r\n\r\n" + literal.GTUBE() + "\r\n"
	begin := func(c *smtptest.Client) { c.Envelope("a@x.test", "b@y.test") }
	send := func(c *smtptest.Client, bdat bool, content, want string) {
		if got := attempt(c, bdat, content, "b@y.test"); !strings.HasPrefix(got, want) {
			t.Fatalf("got %q, want %s", got, want)
		}
	}
	ways := map[string]func(*smtptest.Client){
		"nothing":         func(*smtptest.Client) {},
		"RSET":            func(c *smtptest.Client) { begin(c); c.Send("RSET"); c.Want("250 *") },
		"EHLO":            func(c *smtptest.Client) { begin(c); c.Send("EHLO again.test"); c.Want("250 *") },
		"HELO and EHLO":   func(c *smtptest.Client) { c.Send("HELO x", "EHLO x"); c.Want("250 *", "250 *") },
		"delivered":       func(c *smtptest.Client) { send(c, false, shortMessage, "250") },
		"delivered BDAT":  func(c *smtptest.Client) { send(c, true, shortMessage, "250") },
		"refused":         func(c *smtptest.Client) { send(c, false, bad, "550") },
		"refused BDAT":    func(c *smtptest.Client) { send(c, true, bad, "550") },
		"refused, over":   func(c *smtptest.Client) { send(c, false, bad+longMessage, "550") },
		"refused at last": func(c *smtptest.Client) { send(c, false, longMessage+bad, "550") },
		"bare LF":         func(c *smtptest.Client) { send(c, false, "a\nb\r\n", "550 5.5.2") },
		"half BDAT": func(c *smtptest.Client) {
			begin(c)
			c.Write("BDAT 5\r\nabcde")
			c.Want("250 *")
			c.Send("RSET")
			c.Want("250 *")
		},
		"half BDAT, over": func(c *smtptest.Client) {
			begin(c)
			c.Write(fmt.Sprintf("BDAT %d\r\n%s", len(longMessage), longMessage))
			c.Want("250 *")
			c.Send("MAIL FROM:<a@x.test>", "DATA")
			c.Want("503 *", "503 *")
			c.Send("RSET")
			c.Want("250 *")
		},
		"BDAT refused": func(c *smtptest.Client) {
			begin(c)
			p := bad + longMessage
			c.Write(fmt.Sprintf("BDAT %d\r\n%sBDAT 3 LAST\r\nabcDATA\r\n", len(p), p))
			c.Want("550 *", "503 *", "503 *")
			c.Send("RSET")
			c.Want("250 *")
		},
		"no recipient": func(c *smtptest.Client) {
			c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@other.test>", "DATA")
			c.Want("250 *", "550 *", "503 *")
			c.Send("RSET")
			c.Want("250 *")
		},
		"pipelined resets": func(c *smtptest.Client) {
			c.Send("RSET", "MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "RSET", "RSET", "NOOP")
			c.Want("250 *", "250 *", "250 *", "250 *", "250 *", "250 *")
		},
		"STARTTLS": func(c *smtptest.Client) {
			c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
			c.Send("MAIL FROM:<a@x.test>")
			c.Want("503 *")
			c.Send("EHLO client.test")
			c.Want("250 *")
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			module := &counting{}
			s := startSluice(t, startServer(t, nil), lookahead(1000), listenTLS(false),
				withModules(t, filter.Entry{Module: module}, filter.Entry{Module: literal.Module{}}))
			c := s.dial()
			way(c)
			before := len(s.up.Messages())
			opened, finished := module.opened.Load(), module.finished.Load()
			// Also in one write: the group's replies come in order.
			group := "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nBDAT %d LAST\r\n%s"
			c.Write(fmt.Sprintf(group, len(bad), bad) + fmt.Sprintf(group, len(shortMessage), shortMessage))
			c.Want("250 *", "250 *", "550 *", "250 *", "250 *", "250 *")
			send(c, false, bad, "550")
			c.Quit()
			s.stop()
			if n := len(s.up.Messages()) - before; n > 2 { // one may have been noted late
				t.Errorf("%d more messages at the server", n)
			}
			for _, m := range s.up.Messages() {
				if bytes.Contains(m.Content, []byte(literal.GTUBE())) {
					t.Error("a refused message was delivered")
				}
			}
			if o, f := module.opened.Load()-opened, module.finished.Load()-finished; o != 3 || f != 3 {
				t.Errorf("the module saw %d messages and voted on %d, want 3", o, f)
			}
		})
	}
}

func (b *books) log() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.text.Bytes())
}

// TestI6NothingIsWritten: addresses and words of the mail are in no log line,
// no metric, no printed record and no goroutine's trace, whatever happened.
func TestI6NothingIsWritten(t *testing.T) {
	smtptest.CheckLeaks(t)
	message := "Message-ID: <canary-id@x.test>\r\nSubject: " + smtptest.CanaryWord + "\r\n\r\n" + smtptest.CanaryWord + "\r\n"
	for _, hook := range []string{"none", "sender", "recipient", "write", "finish"} {
		answer := ""
		up := startServer(t, func(c smtptest.Command) smtptest.Answer {
			if c.Verb == "." {
				return smtptest.Answer{Reply: answer}
			}
			return smtptest.Answer{}
		})
		s := startSluice(t, up, withModules(t, filter.Entry{Module: faulty{hook, "panic"}}))
		for i, reply := range []string{"", "550 5.7.1 no", "451 4.2.0 later", "garbage"} {
			answer = reply
			c := s.dial()
			c.Send("MAIL FROM:<" + smtptest.CanarySender + ">")
			c.Want("250 *")
			c.Send("RCPT TO:<"+smtptest.CanaryRecipient+">", "RCPT TO:<canary@elsewhere.test>", "RCPT TO:<canary", "CANARY word")
			c.Want("*", "550 *", "501 *", "502 *")
			if c.Do("DATA")[0] == '3' {
				c.Write(smtptest.Stuff(message) + ".\r\n")
				c.Reply()
			}
			c.Quit()
			s.records(i + 1)
		}
		cut := s.dial()
		cut.Send("MAIL FROM:<"+smtptest.CanarySender+">", "RCPT TO:<"+smtptest.CanaryRecipient+">")
		cut.Want("250 *", "*")
		cut.Send("DATA")
		cut.Reply()
		cut.Write(message[:40])
		cut.Reset()
		for _, r := range s.records(5) {
			smtptest.CheckCanary(t, "record", fmt.Appendf(nil, "%v %+v %#v %q", r, r, r.Recipients, r.From))
		}
		stacks := make([]byte, 1<<20)
		smtptest.CheckCanary(t, "stacks", stacks[:runtime.Stack(stacks, true)])
		s.stop()
		smtptest.CheckCanary(t, "log", s.log())
	}
	var b bytes.Buffer
	metrics.WritePrometheus(&b, false)
	smtptest.CheckCanary(t, "metrics", b.Bytes())
}
