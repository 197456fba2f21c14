package stream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// cutAt makes a server close its connection instead of answering the commands
// that are listed, as "connection verb", the probe's connection not counted.
func cutAt(where ...string) func(smtptest.Command) smtptest.Answer {
	return func(c smtptest.Command) smtptest.Answer {
		for _, w := range where {
			if w == fmt.Sprintf("%d %s", c.Conn-1, c.Line) || w == fmt.Sprintf("%d %s", c.Conn-1, c.Verb) {
				return smtptest.Answer{Cut: true}
			}
		}
		return smtptest.Answer{}
	}
}

// A recipient that was accepted is part of the transaction for good, also if
// the server's session died twice at a later one.
func TestI1RecipientsSurviveTheServersSession(t *testing.T) {
	up := startServer(t, cutAt("1 RCPT TO:<b2@y.test>", "2 RCPT TO:<b2@y.test>"))
	s := startSluice(t, up)
	c := s.dial()
	c.Envelope("a@x.test", "b1@y.test")
	c.Send("RCPT TO:<b2@y.test>")
	c.Want("451 4.4.2 *")
	c.Send("RCPT TO:<b3@y.test>")
	c.Want("250 *")
	if got := c.Data("Subject: x\r\n\r\n"); !strings.HasPrefix(got, "250 ") {
		t.Fatalf("got %q", got)
	}
	c.Quit()
	if to := up.Messages()[0].To; strings.Join(to, " ") != "b1@y.test b3@y.test" {
		t.Errorf("delivered to %v", to)
	}
}

// The same without a further recipient: the server's session is opened anew at
// the end of data.
func TestServerGoneAtLaterRecipient(t *testing.T) {
	for _, command := range []string{"DATA", "BDAT"} {
		t.Run(command, func(t *testing.T) {
			up := startServer(t, cutAt("1 RCPT TO:<b2@y.test>", "2 RCPT TO:<b2@y.test>"))
			s := startSluice(t, up)
			c := s.dial()
			c.Envelope("a@x.test", "b1@y.test")
			c.Send("RCPT TO:<b2@y.test>")
			c.Want("451 4.4.2 *")
			if command == "DATA" {
				c.Send("DATA")
				c.Want("354 *")
				c.Write("Subject: x\r\n\r\n.\r\n")
			} else {
				c.Write("BDAT 14 LAST\r\nSubject: x\r\n\r\n")
			}
			c.Want("250 *")
			c.Quit()
		})
	}
}

// A message that goes by BDAT is replayed too as long as the server has seen
// nothing of it.
func TestServerGoneBeforeBDAT(t *testing.T) {
	up := startServer(t, func(c smtptest.Command) smtptest.Answer {
		return smtptest.Answer{CutAfter: c.Conn == 2 && c.Verb == "RCPT"}
	})
	s := startSluice(t, up)
	c := s.dial()
	c.Envelope("a@x.test", "b1@y.test")
	s.await("the server's end", func() bool { total, open, _ := up.Connections(); return total == 2 && open == 0 })
	c.Write("BDAT 14 LAST\r\nSubject: x\r\n\r\n")
	c.Want("250 *")
	c.Quit()
}

// Where policy sends a message stays its destination when the session there
// dies: replaying it to the recipient's own server would by-pass the verdict.
func TestI5ReplayOfADivertedMessageStaysDiverted(t *testing.T) {
	for _, action := range []policy.Action{policy.Divert, policy.Quarantine} {
		t.Run(action.String(), func(t *testing.T) {
			up := startServer(t, nil)
			aside := startServer(t, cutAt("1 DATA"))
			s := startSluice(t, up, func(c *config) {
				withModules(t, filter.Entry{Module: literal.Module{}})(c)
				c.Route.Servers[0].Weight = 1
				c.Setup.Policy = newPolicy(t, policy.Settings{
					Routes: []policy.Route{c.Route, {
						Name: "aside", TLS: policy.TLSNone, Servers: []policy.Server{{Address: aside.Addr()}},
					}},
					Level: policy.Level{
						Quarantine: "aside",
						Rules:      map[string]policy.RuleSetting{literal.RuleGTUBE: {Action: &action, Route: "aside"}},
					},
				})
			})
			(&sluice{t: t, up: aside}).awaitProbe()
			c := s.dial()
			c.Envelope("a@x.test", "b@y.test")
			if got := c.Data("Subject: x\r\n\r\n" + literal.GTUBE() + "\r\n"); !strings.HasPrefix(got, "250 2.0.0 Accepted") {
				t.Errorf("got %q", got)
			}
			c.Quit()
			if n := len(up.Messages()); n != 0 {
				t.Errorf("%d messages at the recipient's server", n)
			}
			if n := len(aside.Messages()); n != 1 {
				t.Errorf("%d messages where policy sent it", n)
			}
		})
	}
}

// RCPT behind a chunk is out of sequence: while the message flows its line
// would become a part of the message (RFC 3030 section 2).
func TestI3NoRecipientBehindAChunk(t *testing.T) {
	up := startServer(t, nil)
	s := startSluice(t, up, func(c *config) { c.Setup.Lookahead = -1 })
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	first := "Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", 20_000)
	c.Write(fmt.Sprintf("BDAT %d\r\n%s", len(first), first))
	c.Want("250 *")
	c.Send("RCPT TO:<b2@y.test>")
	c.Want("503 *")
	c.Write("BDAT 5 LAST\r\nend\r\n")
	c.Want("250 *")
	c.Quit()
	if m := up.Messages()[0]; len(m.To) != 1 || string(stripTrace(t, m.Content)) != first+"end\r\n" {
		t.Errorf("to %v, %d octets", m.To, len(m.Content))
	}
}

// What was refused at connect is not forgiven by a HELO that nobody minds.
func TestI5RefusalAtConnectStands(t *testing.T) {
	s := startSluice(t, startServer(t, nil), listenTLS(false),
		withModules(t, filter.Entry{Module: refuseConnect{}}))
	refused := func(c *smtptest.Client) {
		t.Helper()
		c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "RSET")
		c.Want("250 *", "550 5.7.1 *", "250 *")
	}
	c := s.dial()
	refused(c)
	c.Send("HELO again.test")
	c.Want("250 *")
	refused(c)
	c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
	c.Send("EHLO client.test")
	c.Want("250 *")
	refused(c)
	c.Quit()
}

// refuseConnect knows its mind before HELO and says nothing more then.
type refuseConnect struct{ refuseAll }

func (m refuseConnect) CheckSession(ctx context.Context, s *filter.Session, ch *filter.Channel) *wire.Reply {
	if s.Helo != "" {
		return nil
	}
	return m.refuseAll.CheckSession(ctx, s, ch)
}

// A BDAT message whose last line ended in a bare LF ends in a CRLF when it has
// been normalised: it needs no further one to go by DATA.
func TestNormalisedChunksEndOnce(t *testing.T) {
	up := startServer(t, func(c smtptest.Command) (a smtptest.Answer) {
		if c.Verb == "EHLO" && c.Conn > 1 { // behind the probe
			a.Reply = "250-u.test\r\n250 PIPELINING"
		}
		return a
	})
	s := startSluice(t, up, func(c *config) { c.Setup.BareNewline = stream.NormaliseBareNewline })
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Write("BDAT 10\r\nSubject: xBDAT 6 LAST\r\n\n\n.y.\n")
	c.Want("250 *", "250 *")
	c.Quit()
	if got := string(stripTrace(t, up.Messages()[0].Content)); got != "Subject: x\r\n\r\n.y.\r\n" {
		t.Errorf("got %q", got)
	}
}

// XCLIENT and XFORWARD know only SMTP and ESMTP; Postfix refuses the whole
// command for another word.
func TestIdentityNamesThePlainProtocol(t *testing.T) {
	up := startServer(t, nil, func(u *smtptest.Server) {
		u.Extensions = []string{"PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO"}
	})
	s := startSluice(t, up, listenTLS(false), func(c *config) { c.Route.Identity = policy.IdentityXCLIENT })
	c := s.dial()
	c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
	c.Send("EHLO client.test")
	c.Want("250 *")
	c.Envelope("a@x.test", "b@y.test")
	c.Data("Subject: x\r\n\r\n")
	c.Quit()
	if got := up.Messages()[0].Client; len(got) != 1 || !strings.Contains(got[0], " PROTO=ESMTP ") {
		t.Errorf("got %q", got)
	}
}

// Nothing follows the 421 that ends a session, not even in a pipelined group.
func TestNoReplyBehind421(t *testing.T) {
	s := startSluice(t, startServer(t, nil))
	c := s.dial()
	c.Send(append([]string{"MAIL FROM:<a@x.test>"}, slices.Repeat([]string{"RCPT TO:<bad"}, 30)...)...)
	c.Want("250 *")
	for range 9 {
		c.Want("501 *")
	}
	c.Want("421 *")
	c.Closed()
}

// Who is refused again and again in one transaction must not fill the memory.
func TestRefusedRecipientsHaveAnEnd(t *testing.T) {
	s := startSluice(t, startServer(t, nil))
	c := s.dial()
	c.Send("MAIL FROM:<a@x.test>")
	c.Want("250 *")
	for range 10 {
		c.Send(slices.Repeat([]string{"RCPT TO:<b@elsewhere.test>"}, 100)...)
		for range 100 {
			c.Want("550 5.7.1 *")
		}
	}
	c.Send("RCPT TO:<b@y.test>")
	c.Want("421 4.7.0 *")
	c.Closed()
}

// The last reply reaches a sender that is still writing.
func TestLastReplyIsNotReset(t *testing.T) {
	s := startSluice(t, startServer(t, nil))
	for range 20 {
		c := s.dial()
		c.Write(strings.Repeat("NOOP\r\n", 5000))
		for range 99 { // one less, for the EHLO
			c.Want("250 *")
		}
		c.Want("421 *")
		c.Closed()
	}
}

// The log's line has who took the message, and where the time went.
func TestRecordIsComplete(t *testing.T) {
	up := startServer(t, nil)
	s := startSluice(t, up)
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Data("Subject: x\r\n\r\n")
	c.Quit()
	r := s.records(1)[0]
	if r.Upstream != up.Addr() || r.Verdict != stream.Delivered || r.Code != 250 {
		t.Errorf("upstream %s, verdict %s, code %d", r.Upstream, r.Verdict, r.Code)
	}
	if r.Connect <= 0 || r.Server < r.Connect || r.Own <= 0 || r.Total < r.Server+r.Own {
		t.Errorf("connect %v, server %v, own %v, total %v", r.Connect, r.Server, r.Own, r.Total)
	}
}

// A server's refusal of DATA is the outcome also where it comes before our 354.
func TestRecordOfRefusedDATA(t *testing.T) {
	up := startServer(t, func(c smtptest.Command) (a smtptest.Answer) {
		if c.Verb == "DATA" {
			a.Reply = "554 5.7.1 no"
		}
		return a
	})
	s := startSluice(t, up, func(c *config) { c.Setup.Lookahead = -1 })
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Send("DATA")
	c.Want("554 5.7.1 no *")
	c.Quit()
	if r := s.records(1)[0]; r.Verdict != stream.RefusedByServer || r.Stage != "data" || r.Reply != "no" {
		t.Errorf("verdict %s at %s, reply %q", r.Verdict, r.Stage, r.Reply)
	}
}

// Who said the refusal that stands in the log.
func TestRecordNamesWhoRefused(t *testing.T) {
	up := startServer(t, func(c smtptest.Command) (a smtptest.Answer) {
		if c.Verb == "RCPT" {
			a.Reply = "550 5.1.1 none"
		}
		return a
	})
	s := startSluice(t, up)
	c := s.dial()
	c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "RCPT TO:<b@elsewhere.test>", "RSET")
	c.Want("250 *", "550 5.1.1 *", "550 5.7.1 *", "250 *")
	c.Quit()
	if r := s.records(1)[0]; r.Verdict != stream.Rejected || r.Reply != "" {
		t.Errorf("verdict %s, reply %q", r.Verdict, r.Reply)
	}
}

// An LMTP server that dies between its replies has delivered to the first
// recipient: the exact retry goes to the second only, and nothing is left to
// remember when the sender has its 250.
func TestI7LMTPServerDiesBetweenReplies(t *testing.T) {
	const content = "Message-ID: <1@x.test>\r\n\r\nx\r\n"
	for name, size := range map[string]int64{"window": 1000, "no window": -1} {
		t.Run(name, func(t *testing.T) {
			up := startServer(t, func(c smtptest.Command) smtptest.Answer {
				return smtptest.Answer{Cut: c.Conn == 2 && c.Verb == "." && c.Recipient == 1}
			}, func(u *smtptest.Server) { u.LMTP = true })
			s := startSluice(t, up, lookahead(size), func(c *config) { c.Route.Protocol = policy.LMTP })
			c := s.dial()
			for _, want := range []string{"451 ", "250 "} {
				c.Envelope("a@x.test", "b1@y.test", "b2@y.test")
				if got := c.Data(content); !strings.HasPrefix(got, want) {
					t.Fatalf("got %q, want %s", got, want)
				}
			}
			c.Quit()
			if n := s.guard.Len(); n != 0 {
				t.Errorf("%d entries stay", n)
			}
			ms := up.Messages()
			if to := ms[len(ms)-1].To; len(to) != 1 || to[0] != "b2@y.test" {
				t.Errorf("the retry went to %v", to)
			}
		})
	}
}
