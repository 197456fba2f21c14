package stream_test

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// The tests in this file have real programs on one side or on both: Postfix
// 3.7, HAProxy and swaks, none of which was written by us.

// messages are what real mail and attackers make of the format, by name. Each
// begins with X-Ledger and its name; what follows must arrive octet by octet.
var messages = map[string]string{
	"empty body":  "\r\n",
	"header only": "Subject: x\r\n",
	"dots":        "\r\n.\r\n..\r\n...\r\n.first\r\nlast.\r\n.\r\n",
	"long line":   "\r\n" + strings.Repeat("x", 1<<20) + "\r\n",
	"8 bit":       "Subject: \xff\xfe\r\n\r\n\x80\x81\xff\r\n",
	"UTF-8":       "Subject: Grüße 世界\r\n\r\nÜ\r\n",
	"tabs, ends":  "X-Folded: a\r\n\tb \r\n\r\n \t\r\n\r\n\r\n",
	"commands":    "\r\nQUIT\r\nMAIL FROM:<c@x.test>\r\n",
	"window":      "\r\n" + strings.Repeat("x", 256<<10) + "\r\n",
	"large":       "\r\n" + strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789\r\n", 100_000),
}

func TestI3PostfixGetsEveryOctet(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config){
		"window":    func(*config) {},
		"no window": func(c *config) { c.Lookahead = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
			sluice := startBetween(t, postfix.Addr, change)
			learn(t, sluice)
			want := map[string]string{}
			for name, text := range messages {
				for framing, send := range framings {
					id := "X-Ledger: " + name + " by " + framing + "\r\n"
					want[id] = id + text
					c := dial(t, sluice.addr, "127.0.0.1")
					c.envelope(" BODY=8BITMIME")
					if reply := send(c, id+text); !strings.HasPrefix(reply, "250 2.0.0 ") {
						t.Errorf("%s: %s", id, reply)
					}
					c.say("QUIT", "221")
				}
			}
			checkStored(t, sluice, postfix, want)
		})
	}
}

// framings are the ways a message can be sent.
var framings = map[string]func(c *client, message string) string{
	"DATA":           (*client).data,
	"one BDAT":       func(c *client, message string) string { return c.chunks(message, 1<<30) },
	"BDAT in pieces": func(c *client, message string) string { return c.chunks(message, 4099) },
}

// learn sends one message so that the server's abilities are known and
// CHUNKING is offered.
func learn(t *testing.T, sluice *between) {
	t.Helper()
	c := dial(t, sluice.addr, "127.0.0.1")
	c.envelope("")
	c.say("RSET", "250")
	if reply := c.say("EHLO client.test", "250"); !strings.Contains(reply, "CHUNKING") {
		t.Fatalf("CHUNKING is not offered with a server that has it: %q", reply)
	}
	c.say("QUIT", "221")
}

// checkStored compares the mailbox with what was sent, by first line.
func checkStored(t *testing.T, sluice *between, postfix *smtptest.Postfix, want map[string]string) {
	t.Helper()
	postfix.AwaitDelivered(len(want))
	sluice.stop() // closes kept sessions, so that nothing more can come
	postfix.AwaitQuiet()
	left := maps.Clone(want)
	for _, stored := range postfix.Delivered() {
		got := string(smtptest.Content(stored, "X-Ledger: "))
		id, _, _ := strings.Cut(got, "\r\n")
		id += "\r\n"
		if text, ok := left[id]; !ok {
			t.Errorf("%q was stored twice, or never sent", id)
		} else if got != text {
			t.Errorf("%q was altered: %d octets at the server, %d sent", id, len(got), len(text))
		}
		delete(left, id)
	}
	for id := range left {
		t.Errorf("%q is not at the server", id)
	}
}

// A UTF-8 address needs the parameter on both legs.
func TestPostfixTakesUTF8Addresses(t *testing.T) {
	t.Parallel()
	postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	sluice := startBetween(t, postfix.Addr)
	c := dial(t, sluice.addr, "127.0.0.1")
	c.say("EHLO client.test", "250")
	c.say("MAIL FROM:<grüße@x.test> SMTPUTF8", "250")
	c.say("RCPT TO:<b\u00fc@y.test>", "250")
	if reply := c.data("X-Ledger: 1\r\nSubject: ü\r\n\r\n"); !strings.HasPrefix(reply, "250") {
		t.Errorf("reply %q", reply)
	}
	postfix.AwaitDelivered(1)
}

// Line ends that some server somewhere takes for CRLF, before and after a dot.
var (
	before = []string{"\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\x00", "\r\n "}
	after  = []string{"\r\n", "\n", "\r", "\r\r\n", "\x00\r\n", " \r\n"}
)

// A second transaction hidden behind a false end of data must never come to
// life at a server that believes in it (CVE-2023-51764).
func TestI5NothingIsSmuggledToPostfix(t *testing.T) {
	t.Parallel()
	for name, forbid := range map[string]bool{"server trusting": false, "server strict": true} {
		for mode, change := range map[string]func(*config){
			"reject":               func(*config) {},
			"reject, no window":    func(c *config) { c.Lookahead = -1 },
			"normalise":            func(c *config) { c.BareNewline = stream.NormaliseBareNewline },
			"normalise, no window": func(c *config) { c.BareNewline, c.Lookahead = stream.NormaliseBareNewline, -1 },
		} {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{ForbidBareNewline: forbid})
				sluice := startBetween(t, postfix.Addr, change)
				accepted := 0
				for _, b := range before {
					for _, a := range after {
						if !strings.Contains(b+"."+a, "\r\n.\r\n") && smuggle(t, sluice.addr, b+"."+a) {
							accepted++
						}
					}
				}
				checkSmuggled(t, sluice, postfix, accepted)
			})
		}
	}
}

// smuggle sends a message with a false end and a transaction behind it, and
// tells whether it was accepted. It must get one reply and stay in step.
func smuggle(t *testing.T, addr, end string) bool {
	t.Helper()
	c := dial(t, addr, "127.0.0.1")
	c.envelope("")
	c.say("DATA", "354")
	io.WriteString(c, "X-Ledger: 1\r\n\r\nbait"+end+
		"MAIL FROM:<smuggler@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nX-Ledger: 2\r\n\r\nhook\r\n.\r\n")
	reply := c.want("")
	if !strings.HasPrefix(reply, "250 2.") && !strings.HasPrefix(reply, "550 5.5.2 ") {
		t.Errorf("after %q: reply %q, want 250 or 550 5.5.2", end, reply)
	}
	c.say("NOOP", "250")
	c.say("QUIT", "221")
	return reply[0] == '2'
}

// checkSmuggled compares what senders were told with the server's books.
func checkSmuggled(t *testing.T, sluice *between, postfix *smtptest.Postfix, accepted int) {
	t.Helper()
	if accepted == 0 {
		t.Error("nothing was accepted: some pairs have no stray CR or LF")
	}
	sluice.stop() // closes kept sessions, so that the server's log is complete
	postfix.AwaitQuiet()
	stored := postfix.Delivered()
	if len(stored) != accepted {
		t.Errorf("%d messages at the server, %d accepted", len(stored), accepted)
	}
	if strings.Contains(postfix.Log(), "smuggler@") {
		t.Error("the server saw the hidden envelope")
	}
}

// What a sender does not finish is not there, wherever it is cut.
func TestI2PostfixNeverStoresACutMessage(t *testing.T) {
	t.Parallel()
	postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	sluice := startBetween(t, postfix.Addr, func(c *config) { c.Lookahead = -1 })
	learn(t, sluice)
	const text = "X-Ledger: 1\r\nSubject: cut\r\n\r\nbody\r\n.\r\n"
	for n := range len(text) { // all but the whole
		for _, start := range []string{"DATA\r\n", fmt.Sprintf("BDAT %d LAST\r\n", len(text)), fmt.Sprintf("BDAT %d\r\n", max(n, 1))} {
			c := dial(t, sluice.addr, "127.0.0.1")
			c.envelope("")
			io.WriteString(c, start)
			if start == "DATA\r\n" {
				c.want("354")
			}
			io.WriteString(c, text[:n])
			c.Close()
		}
	}
	sluice.stop()
	postfix.AwaitQuiet()
	if n := len(postfix.Delivered()); n != 0 {
		t.Errorf("%d cut messages were stored", n)
	}
}

// The server's own refusals reach the sender, code and text.
func TestPostfixRefusalsAreRelayed(t *testing.T) {
	t.Parallel()
	postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{Settings: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{{bad@y.test=550 5.1.1 no Bob here}}, permit_mynetworks",
		"header_checks":                "regexp:{{/^X-Bad:/ REJECT not this}}",
		"message_size_limit":           "20000",
	}})
	sluice := startBetween(t, postfix.Addr)
	c := dial(t, sluice.addr, "127.0.0.1")
	c.envelope("")
	if reply := c.say("RCPT TO:<bad@y.test>", "550 5.1.1 "); !strings.Contains(reply, "no Bob here") {
		t.Errorf("reply %q lacks the server's text", reply)
	}
	if reply := c.data("X-Bad: 1\r\n\r\n"); !strings.HasPrefix(reply, "550 5.7.1 ") || !strings.Contains(reply, "not this") {
		t.Errorf("reply %q is not the server's", reply)
	}
	c.say("MAIL FROM:<a@x.test>", "250")
	c.say("RCPT TO:<b@y.test>", "250")
	if reply := c.data("X-Large: 1\r\n\r\n" + strings.Repeat("x\r\n", 10_000)); !strings.HasPrefix(reply, "552 5.3.4 ") {
		t.Errorf("reply %q to a message over the server's SIZE", reply)
	}
	c.say("QUIT", "221")
	sluice.stop()
	postfix.AwaitQuiet()
	if n := len(postfix.Delivered()); n != 0 {
		t.Errorf("%d refused messages were stored", n)
	}
}

// Postfix writes QUIT right behind the terminator and hangs up on reading the
// reply. Its TCP has acknowledged the reply, so nothing is remembered: else
// every message of the world's commonest sender would be.
func TestPostfixSenderOverTLSLeavesNoGuardEntry(t *testing.T) {
	t.Parallel()
	ca := smtptest.NewCA()
	server := smtptest.StartPostfix(t, smtptest.PostfixOptions{Settings: map[string]string{
		"smtpd_tls_security_level": "encrypt",
		"smtpd_tls_chain_files":    smtptest.KeyPairFile(t, ca.Certificate("server.test")),
	}})
	sluice := startBetween(t, server.Addr, func(c *config) {
		c.Listener.TLS = tlsFor(ca.Certificate("mx.test"))
		c.Route.TLS, c.TLSName, c.Roots = policy.TLSVerify, "server.test", ca.Pool()
	})
	sender := smtptest.StartPostfix(t, smtptest.PostfixOptions{
		Hostname: "sender.test",
		Relay:    sluice.addr,
		Settings: map[string]string{"smtp_tls_security_level": "encrypt"},
	})
	want := map[string]string{}
	for i := range 20 {
		id := fmt.Sprintf("X-Ledger: %d\r\n", i)
		want[id] = id + fmt.Sprintf("Message-ID: <%d@x.test>\r\n\r\n.\r\n", i)
		c := dial(t, sender.Addr, "127.0.0.1")
		c.envelope("")
		c.data(want[id])
		c.say("QUIT", "221")
	}
	checkStored(t, sluice, server, want)
	delivered := sluice.delivered()
	for _, r := range delivered {
		if r.TLS == "" {
			t.Error("a message came in clear text")
		}
	}
	if len(delivered) != len(want) {
		t.Errorf("%d records of delivery, want %d", len(delivered), len(want))
	}
	if n := sluice.guard.entries(); n != 0 {
		t.Errorf("%d acknowledged replies are still remembered", n)
	}
}

// A server that is away is a 4xx, the sender's queue keeps the mail, and it
// arrives once when a reload has put another server in its place.
func TestI4PostfixQueueSurvivesADeadServer(t *testing.T) {
	t.Parallel()
	server := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	var settings config
	sluice := startBetween(t, smtptest.FreeAddr(t), func(c *config) { settings = *c })
	sender := smtptest.StartPostfix(t, smtptest.PostfixOptions{Hostname: "sender.test", Relay: sluice.addr})
	c := dial(t, sender.Addr, "127.0.0.1")
	c.envelope("")
	c.data("X-Ledger: 1\r\n\r\n")
	c.say("QUIT", "221")
	smtptest.Await(t, peerGuard, "deferral in the sender's log", func() bool {
		return strings.Contains(sender.Log(), "status=deferred")
	})
	sluice.route(t, settings, server.Addr)
	checkStored(t, sluice, server, map[string]string{"X-Ledger: 1\r\n": "X-Ledger: 1\r\n\r\n"})
	if strings.Contains(sender.Log(), "status=bounced") {
		t.Error("the sender was told to give up")
	}
}

// Behind a balancer the peer is the client, for the log, the trace field and
// whatever the server is told.
func TestHAProxyTellsTheClientsAddress(t *testing.T) {
	t.Parallel()
	postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	for _, header := range []string{"send-proxy", "send-proxy-v2"} {
		sluice := startBetween(t, postfix.Addr, func(c *config) {
			c.Listener.Proxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		})
		front := smtptest.StartHAProxy(t, sluice.addr, header)
		c := dial(t, front, "127.0.0.5")
		c.envelope("")
		c.data("X-Ledger: " + header + "\r\n\r\n")
		c.say("QUIT", "221")
		delivered := sluice.delivered()
		if len(delivered) != 1 || delivered[0].Peer.Addr() != netip.MustParseAddr("127.0.0.5") {
			t.Errorf("%s: delivered %d, not one message of 127.0.0.5", header, len(delivered))
		}
	}
	for _, stored := range postfix.AwaitDelivered(2) {
		if !strings.Contains(string(stored), "[127.0.0.5]") {
			t.Errorf("no trace of the client in\n%s", stored)
		}
	}
}

// Postfix logs whom it believes to be the client.
func TestPostfixLearnsTheClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		identity policy.Identity
		settings map[string]string
		log      string
	}{
		"XCLIENT":  {policy.IdentityXCLIENT, map[string]string{"smtpd_authorized_xclient_hosts": "127.0.0.1"}, ": client=unknown[127.0.0.5]"},
		"XFORWARD": {policy.IdentityXFORWARD, map[string]string{"smtpd_authorized_xforward_hosts": "127.0.0.1"}, "orig_client=unknown[127.0.0.5]"},
		"PROXY v1": {policy.IdentityProxyV1, map[string]string{"smtpd_upstream_proxy_protocol": "haproxy"}, "[127.0.0.5]"},
		"PROXY v2": {policy.IdentityProxyV2, map[string]string{"smtpd_upstream_proxy_protocol": "haproxy"}, "[127.0.0.5]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{Settings: c.settings})
			sluice := startBetween(t, postfix.Addr, func(s *config) { s.Identity = c.identity })
			for range 2 { // the second may find a kept session
				s := dial(t, sluice.addr, "127.0.0.5")
				s.envelope("")
				if reply := s.data("X-Ledger: 1\r\n\r\n"); !strings.HasPrefix(reply, "250") {
					t.Fatalf("reply %q", reply)
				}
				s.say("QUIT", "221")
			}
			postfix.AwaitDelivered(2)
			if n := strings.Count(postfix.Log(), c.log); n < 2 {
				t.Errorf("%q is %d times in the server's log, want 2", c.log, n)
			}
		})
	}
}

// Load from Postfix's own generator: every message once, sessions in parallel.
func TestSMTPSourceThroughSluiceToPostfix(t *testing.T) {
	t.Parallel()
	postfix := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	sluice := startBetween(t, postfix.Addr)
	const total = 200
	smtptest.SMTPSource(t, sluice.addr, "-m", "200", "-s", "10", "-l", "3000", "-f", "a@x.test", "-t", "b@y.test")
	sluice.stop()
	postfix.AwaitDelivered(total)
	postfix.AwaitQuiet()
	if n := len(postfix.Delivered()); n != total {
		t.Errorf("%d messages at the server, want %d", n, total)
	}
}

// swaks is a client of nobody's family, and pipelines in its own way.
func TestSwaksIsServed(t *testing.T) {
	t.Parallel()
	program := smtptest.NeedPeer(t, "swaks")
	sluice := startBetween(t, smtptest.SMTPSink(t))
	arguments := []string{"--server", sluice.addr, "--from", "a@x.test", "--to", "b@y.test", "--helo", "client.test"}
	for _, more := range [][]string{{}, {"--pipeline"}} {
		if out, err := exec.CommandContext(t.Context(), program, slices.Concat(arguments, more)...).CombinedOutput(); err != nil {
			t.Errorf("swaks %v: %v\n%s", more, err, out)
		}
	}
	if n := len(sluice.delivered()); n != 2 {
		t.Errorf("%d messages delivered, want 2", n)
	}
}
