package stream_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/smtptest"
	"sluice/policy"
)

// longMessage is larger than the small windows of these tests.
var longMessage = shortMessage + strings.Repeat(".0123456789 0123456789 0123456789\r\n", 4000)

// attempt sends one message and returns the reply that decided, over DATA or
// BDAT.
func attempt(c *smtptest.Client, bdat bool, content string, to ...string) string {
	lines := []string{"MAIL FROM:<a@x.test>"}
	for _, r := range to {
		lines = append(lines, "RCPT TO:<"+r+">")
	}
	accepted, last := 0, ""
	for i, l := range lines {
		if last = c.Do(l); last[0] == '2' && i > 0 {
			accepted++
		} else if i == 0 && last[0] != '2' {
			return last
		}
	}
	switch {
	case accepted == 0:
		return last
	case bdat:
		c.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content))
		return c.Reply()
	}
	if r := c.Do("DATA"); r[0] != '3' {
		return r
	}
	c.Write(smtptest.Stuff(content) + ".\r\n")
	return c.Reply()
}

// TestI1NoReplyIsOurs lets the server fail in every way at every step: the
// sender hears 2xx only if the server said so, to the end of this message, and
// 5xx only if the server said that (I4).
func TestI1NoReplyIsOurs(t *testing.T) {
	smtptest.CheckLeaks(t)
	answers := map[string]smtptest.Answer{
		"dies":           {Cut: true},
		"resets":         {Reset: true},
		"421":            {Reply: "421 4.3.2 going", CutAfter: true},
		"4xx":            {Reply: "452 4.2.2 full"},
		"5xx":            {Reply: "550 5.1.1 no"},
		"garbage":        {Reply: "fine, thanks"},
		"two digits":     {Reply: "25 ok"},
		"1xx":            {Reply: "150 go"},
		"3xx":            {Reply: "334 go"},
		"6xx":            {Reply: "650 ok"},
		"mixed codes":    {Reply: "250-ok\r\n550 no"},
		"two replies":    {Reply: "250 ok\r\n250 ok"},
		"bare LF":        {Reply: "250 ok\n250 ok"},
		"NUL":            {Reply: "250 o\x00k"},
		"half and close": {Reply: "250-ok", CutAfter: true},
	}
	for _, verb := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "."} {
		for name, answer := range answers {
			for _, content := range []string{shortMessage, longMessage} {
				t.Run(fmt.Sprintf("%s %s %d", verb, name, len(content)), func(t *testing.T) {
					t.Parallel()
					up := startServer(t, func(c smtptest.Command) smtptest.Answer {
						if c.Conn > 1 && c.Verb == verb {
							return answer
						}
						return smtptest.Answer{}
					})
					s := startSluice(t, up, lookahead(1000))
					c := s.dial()
					got := attempt(c, false, content, "b@y.test")
					if helo := verb == "EHLO" && name == "5xx"; helo != (got[0] == '2') {
						t.Errorf("got %q", got) // a server may do without EHLO
					}
					if got[0] == '5' && (name != "5xx" || verb == "greeting" || verb == "EHLO") {
						t.Errorf("5xx of ours: %q", got)
					}
					c.Quit()
				})
			}
		}
	}
}

// Only the recipients the server accepted get the message, and the 2xx is for
// exactly these.
func TestI1RecipientsOfTheServer(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := startSluice(t, startServer(t, func(c smtptest.Command) smtptest.Answer {
		if strings.Contains(c.Line, "bad@") {
			return smtptest.Answer{Reply: "550 5.1.1 bad"}
		}
		return smtptest.Answer{}
	}))
	c := s.dial()
	c.Send("MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "RCPT TO:<bad@y.test>", "RCPT TO:<c@y.test>", "DATA")
	c.Want("250 *", "250 *", "550 5.1.1 bad*", "250 *", "354 *")
	c.Write(shortMessage + ".\r\n")
	c.Want("250 2.0.0 Committed*")
	c.Quit()
	if got := s.messages(1)[0].To; !slices.Equal(got, []string{"b@y.test", "c@y.test"}) {
		t.Errorf("recipients %q", got)
	}
}

// TestI1MixedLMTP has a server answer each of three recipients in every way:
// one 2xx speaks for all only if there are three, and after a second try, all
// accepted, everybody who was not refused for good has it once.
func TestI1MixedLMTP(t *testing.T) {
	smtptest.CheckLeaks(t)
	kinds := []string{"", "451 4.2.1 later", "550 5.2.1 never"}
	to := []string{"b@y.test", "c@y.test", "d@y.test"}
	for n := range 27 {
		replies := []string{kinds[n%3], kinds[n/3%3], kinds[n/9]}
		t.Run(fmt.Sprintf("%q", replies), func(t *testing.T) {
			t.Parallel()
			first := true
			up := startServer(t, func(c smtptest.Command) smtptest.Answer {
				if c.Verb != "." || !first {
					return smtptest.Answer{}
				}
				first = c.Recipient < 2
				return smtptest.Answer{Reply: replies[c.Recipient]}
			}, func(s *smtptest.Server) { s.LMTP = true })
			s := startSluice(t, up, func(c *config) { c.Route.Protocol = policy.LMTP })
			c := s.dial()
			accepted := 0
			for _, r := range replies {
				if r == "" {
					accepted++
				}
			}
			got := attempt(c, false, shortMessage, to...)
			want := "451"
			switch {
			case accepted == 3:
				want = "250"
			case accepted == 0 && slices.Contains(replies, kinds[2]):
				want = "550"
			}
			if !strings.HasPrefix(got, want) {
				t.Fatalf("got %q, want %s", got, want)
			}
			if want == "451" {
				if got = attempt(c, false, shortMessage, to...); got[0] != '2' {
					t.Fatalf("second try: %q", got)
				}
				copies := map[string]int{}
				s.await("both", func() bool { return len(up.Messages()) == min(accepted, 1)+1 })
				for _, m := range up.Messages() {
					for _, r := range m.To {
						copies[r]++
					}
				}
				for _, r := range to {
					if copies[r] != 1 {
						t.Errorf("%d copies for one recipient", copies[r])
					}
				}
			}
			c.Quit()
		})
	}
}

// A cut is one way to send a part of a message and leave.
type cut struct {
	name   string
	bdat   bool
	tls    bool
	window int64
	kept   bool // the server never sees any of it, and keeps its session
}

// TestI2CutsAndTheServersSession ends the sender's connection behind every octet of a
// small message but the last.
func TestI2CutsAndTheServersSession(t *testing.T) {
	smtptest.CheckLeaks(t)
	const content = "Message-ID: <1@x.test>\r\n\r\nab\r\n..c\r\n"
	for _, how := range []cut{
		{"DATA inside", false, false, 1 << 18, true},
		{"DATA over", false, false, -1, false},
		{"BDAT inside", true, false, 1 << 18, true},
		{"BDAT over", true, false, -1, false},
		{"TLS inside", false, true, 1 << 18, true},
		{"TLS over", false, true, -1, false},
	} {
		for _, end := range []string{"close", "reset"} {
			t.Run(how.name+" "+end, func(t *testing.T) {
				t.Parallel()
				octets := "DATA\r\n" + content + ".\r\n"
				start := len("DATA\r\n")
				if how.bdat {
					octets = fmt.Sprintf("BDAT 10\r\n%sBDAT %d LAST\r\n%s", content[:10], len(content)-10, content[10:])
					start = 0
				}
				changes := []func(*config){lookahead(how.window)}
				if how.tls {
					changes = append(changes, listenTLS(false))
				}
				s := startSluice(t, startServer(t, nil), changes...)
				for n := start; n < len(octets); n++ {
					s.sendPart(how, octets[:n], end)
					s.records(n - start + 1)
				}
				if got := s.delivers(shortMessage); string(stripTrace(t, got.Content)) != shortMessage {
					t.Errorf("the server has %q", got.Content)
				}
				if total, _, _ := s.up.Connections(); how.kept && total != 2 {
					t.Errorf("%d connections to the server; one and the probe's were enough", total)
				}
			})
		}
	}
}

// sendPart opens a transaction, says octets, and leaves.
func (s *sluice) sendPart(how cut, octets, end string) {
	c := s.dial()
	if how.tls {
		c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
		c.Send("EHLO client.test")
		c.Want("250 *")
	}
	c.Envelope("a@x.test", "b@y.test")
	if !how.bdat {
		c.Send("DATA")
		c.Want("354 *")
		octets = octets[len("DATA\r\n"):]
	}
	if octets != "" {
		c.Write(octets)
	}
	if end == "reset" {
		c.Reset()
	} else {
		c.Close()
	}
}

// Content that SMTP can carry: any octets but stray CR and LF, in lines.
var contents = rapid.Custom(func(t *rapid.T) string {
	line := rapid.OneOf(
		rapid.Just(""), rapid.Just("."), rapid.Just(".."), rapid.Just("..."), rapid.Just(". "),
		rapid.StringMatching(`[A-Za-z]{1,9}: [ -~]{0,40}`),
		rapid.StringMatching(`\.?[ -~]{0,70}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) string {
			return strings.NewReplacer("\r", "r", "\n", "n").Replace(string(b))
		}),
		rapid.Map(rapid.IntRange(1, 20_000), func(n int) string { return strings.Repeat("x.", n) }),
	)
	lines := rapid.SliceOfN(line, 0, 12).Draw(t, "lines")
	return strings.Join(append(lines, ""), "\r\n")
})

// TestI3EveryOctetArrives sends random content on every way there is.
func TestI3EveryOctetArrives(t *testing.T) {
	smtptest.CheckLeaks(t)
	up := startServer(t, nil)
	var ways []*sluice
	for _, window := range []int64{0, -1, 100, 256 << 10} {
		ways = append(ways, startSluice(t, up, lookahead(window), listenTLS(false)))
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		content := contents.Draw(rt, "content")
		s := rapid.SampledFrom(ways).Draw(rt, "way")
		c := s.dial()
		if rapid.Bool().Draw(rt, "TLS") {
			c.StartTLS(smtptest.TheCA().ClientConfig("mx.test"))
			c.Send("EHLO client.test")
			c.Want("250 *")
		}
		if len(content) < 4000 && rapid.Bool().Draw(rt, "octet by octet") {
			c.Bytewise()
		}
		c.Envelope("a@x.test", "b@y.test")
		got := ""
		if rapid.Bool().Draw(rt, "BDAT") {
			rest := content
			for len(rest) > 0 && rapid.Bool().Draw(rt, "another chunk") {
				k := rapid.IntRange(0, len(rest)).Draw(rt, "chunk")
				c.Write(fmt.Sprintf("BDAT %d\r\n%s", k, rest[:k]))
				c.Want("250 *")
				rest = rest[k:]
			}
			c.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(rest), rest))
			got = c.Reply()
		} else {
			got = c.Data(content)
		}
		if got[0] != '2' {
			rt.Fatalf("got %q", got)
		}
		c.Quit()
		n++
		if stored := stripTrace(t, s.messages(n)[n-1].Content); !bytes.Equal(stored, []byte(content)) {
			rt.Fatalf("the server has %d octets, %.300q, want %d, %.300q", len(stored), stored, len(content), content)
		}
	})
}
