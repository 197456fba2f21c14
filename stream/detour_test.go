package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/filter"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// A swaying module finds what a test tells it to: one rule with the first
// octets, another when it has seen the message's end.
type swaying struct{ early, late atomic.Pointer[string] }

func (*swaying) Name() string { return "sway" }

func (m *swaying) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	return &swayingScanner{swaying: m, channel: ch}
}

type swayingScanner struct {
	*swaying
	channel *filter.Channel
	begun   bool
}

func (s *swayingScanner) find(rule *string) {
	if rule != nil && *rule != "" {
		s.channel.Publish(policy.Finding{Rule: "sway." + *rule})
	}
}

func (s *swayingScanner) Write([]byte) {
	if !s.begun {
		s.begun = true
		s.find(s.early.Load())
	}
}

func (s *swayingScanner) Finish(context.Context) error {
	s.find(s.late.Load())
	return nil
}

func (*swayingScanner) Close() {}

// A junction is a Server with three ways out.
type junction struct {
	*sluice
	module       swaying
	aside, other *smtptest.Server
	config       config
}

// settings are those of a junction, without the routes that are named.
func (j *junction) settings(without ...string) policy.Settings {
	settings := policy.Settings{Routes: []policy.Route{j.config.Route}}
	quarantine, divert := policy.Quarantine, policy.Divert
	rules := map[string]policy.RuleSetting{}
	for name, action := range map[string]policy.Action{"reject": policy.Reject, "defer": policy.Defer, "discard": policy.Discard, "tag": policy.Tag} {
		rules["sway."+name] = policy.RuleSetting{Action: &action}
	}
	for name, server := range map[string]*smtptest.Server{"aside": j.aside, "other": j.other} {
		if len(without) > 0 && without[0] == name {
			continue
		}
		settings.Routes = append(settings.Routes, policy.Route{
			Name: name, TLS: policy.TLSNone, Servers: []policy.Server{{Address: server.Addr()}},
		})
		rules["sway.to-"+name] = policy.RuleSetting{Action: &divert, Route: name}
		rules["sway.quarantine-"+name] = policy.RuleSetting{Action: &quarantine, Route: name}
	}
	settings.Level.Rules = rules
	return settings
}

// reload puts settings in force.
func (j *junction) reload(settings policy.Settings) {
	j.t.Helper()
	next := *j.sluice.setup.Load()
	next.Policy = newPolicy(j.t, settings)
	j.sluice.setup.Store(&next)
}

func startJunction(t testing.TB, window int64, change ...func(*smtptest.Server)) *junction {
	t.Helper()
	j := &junction{aside: startServer(t, nil, change...), other: startServer(t, nil)}
	j.sluice = startSluice(t, startServer(t, nil), withModules(t, filter.Entry{Module: &j.module}), lookahead(window), func(c *config) {
		j.config = *c
		c.Setup.Policy = newPolicy(t, j.settings())
	})
	for _, up := range []*smtptest.Server{j.aside, j.other} {
		(&sluice{t: t, up: up}).awaitProbe() // CHUNKING is offered when all have it
	}
	return j
}

// large is a message larger than any window of these tests.
var large = "Subject: x\r\nMessage-ID: <1@x.test>\r\n\r\n" + strings.Repeat(".0123456789\r\n", 9000)

// send hands in content from a@x.test, by DATA or in chunks, and returns the
// reply and the record.
func (j *junction) send(content string, chunks bool) (string, stream.Record) {
	j.t.Helper()
	c := j.dial()
	c.Envelope("a@x.test", "b@y.test")
	var reply string
	if chunks {
		half := len(content) / 2
		c.Write(fmt.Sprintf("BDAT %d\r\n%s", half, content[:half]))
		if reply = c.Reply(); strings.HasPrefix(reply, "250") {
			c.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content)-half, content[half:]))
			reply = c.Reply()
		}
	} else {
		reply = c.Data(content)
	}
	c.Quit()
	return reply, j.last()
}

// last is the record of the latest transaction. It is told before the session
// reads the next command.
func (j *junction) last() stream.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.list[len(j.list)-1]
}

// committed tells how many messages each server has.
func (j *junction) committed() [3]int {
	return [3]int{len(j.up.Messages()), len(j.aside.Messages()), len(j.other.Messages())}
}

// A passage is one transmission of a message and what comes of it.
type passage struct {
	early, late string // findings
	reply       string
	verdict     stream.Verdict
	detour      stream.Detour
	committed   [3]int // from the beginning: at its own server, aside, other
}

// The table of detour.go, row by row: what is larger than the window is
// committed where its final verdict sends it, in the second attempt at the
// latest after each change of mind.
func TestI1I2Detours(t *testing.T) {
	smtptest.CheckLeaks(t)
	const (
		again = "451 4.7.1 "
		there = "250 2.0.0 Accepted"
	)
	for name, passages := range map[string][]passage{
		"quarantine": {
			{"", "quarantine-aside", again + "[sway.quarantine-aside]", stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "quarantine-aside", there, stream.Quarantined, stream.DetourTaken, [3]int{0, 1, 0}},
			// Its end has come: the same header is a new message.
			{"", "", "250 ", stream.Delivered, "", [3]int{1, 1, 0}},
		},
		"divert": {
			{"", "to-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"tag", "to-aside", there, stream.Diverted, stream.DetourTaken, [3]int{0, 1, 0}},
		},
		"from one to another": {
			{"to-other", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"to-other", "quarantine-aside", there, stream.Quarantined, stream.DetourTaken, [3]int{0, 1, 0}},
		},
		"provisional verdict now says so itself": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"quarantine-aside", "", there, stream.Quarantined, "", [3]int{0, 1, 0}},
		},
		"clean after all": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "", again + "[sway.quarantine-aside]", stream.Deferred, stream.DetourMissed, [3]int{}},
			{"", "", "250 ", stream.Delivered, "", [3]int{1, 0, 0}},
		},
		"tagged after all": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "tag", again + "[sway.quarantine-aside]", stream.Deferred, stream.DetourMissed, [3]int{}},
			{"", "tag", "250 ", stream.Delivered, "", [3]int{1, 0, 0}},
		},
		"clean, begun elsewhere": {
			{"to-other", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"to-other", "", again, stream.Deferred, stream.DetourMissed, [3]int{}},
			{"to-other", "", there, stream.Diverted, "", [3]int{0, 0, 1}},
		},
		"another route": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "quarantine-other", again + "[sway.quarantine-other]", stream.Deferred, stream.DetourMissed, [3]int{}},
			{"", "quarantine-other", there, stream.Quarantined, stream.DetourTaken, [3]int{0, 0, 1}},
		},
		"to and fro": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "", again, stream.Deferred, stream.DetourMissed, [3]int{}},
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "", again, stream.Deferred, stream.DetourMissed, [3]int{}},
			{"", "", "250 ", stream.Delivered, "", [3]int{1, 0, 0}},
		},
		"deferred between": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "defer", again + "[sway.defer]", stream.Deferred, stream.DetourTaken, [3]int{}},
			{"defer", "", again + "[sway.defer]", stream.Deferred, "", [3]int{}},
			{"", "quarantine-aside", there, stream.Quarantined, stream.DetourTaken, [3]int{0, 1, 0}},
		},
		"refused": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "reject", "550 5.7.1 [sway.reject]", stream.Rejected, stream.DetourTaken, [3]int{}},
			{"", "", "250 ", stream.Delivered, "", [3]int{1, 0, 0}},
		},
		"discarded": {
			{"", "quarantine-aside", again, stream.Deferred, stream.DetourNoted, [3]int{}},
			{"", "discard", "250 ", stream.Discarded, stream.DetourTaken, [3]int{}},
			{"", "", "250 ", stream.Delivered, "", [3]int{1, 0, 0}},
		},
	} {
		for _, chunks := range []bool{false, true} {
			for _, window := range []int64{4000, -1} {
				t.Run(fmt.Sprintf("%s, chunks %t, window %d", name, chunks, window), func(t *testing.T) {
					j := startJunction(t, window)
					for i, a := range passages {
						j.module.early.Store(&a.early)
						j.module.late.Store(&a.late)
						reply, r := j.send(large, chunks)
						if !strings.HasPrefix(reply, a.reply) {
							t.Errorf("attempt %d: got %q, want %q", i+1, reply, a.reply)
						}
						if r.Verdict != a.verdict || r.Detour != a.detour || r.Rule != ruleIn(a.reply, r.Rule) {
							t.Errorf("attempt %d: recorded %s, detour %q, rule %s, want %s, %q", i+1, r.Verdict, r.Detour, r.Rule, a.verdict, a.detour)
						}
						if got := j.committed(); got != a.committed {
							t.Fatalf("attempt %d: %v messages at the servers, want %v", i+1, got, a.committed)
						}
					}
					for _, up := range []*smtptest.Server{j.up, j.aside, j.other} {
						for _, m := range up.Messages() {
							if !bytes.HasSuffix(m.Content, []byte(large)) {
								t.Errorf("%d octets arrived, not all of them or not as they were sent", len(m.Content))
							}
						}
					}
				})
			}
		}
	}
}

// ruleIn is the rule that a reply names, else other.
func ruleIn(reply, other string) string {
	if _, rest, found := strings.Cut(reply, "["); found {
		return strings.TrimSuffix(rest, "]")
	}
	return other
}

// noted sends large once, so that it is to go aside, and leaves it wanted there.
func (j *junction) noted() {
	j.t.Helper()
	late := "quarantine-aside"
	j.module.late.Store(&late)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "451 4.7.1 ") || r.Detour != stream.DetourNoted {
		j.t.Fatalf("got %q, detour %q", reply, r.Detour)
	}
}

// What a quarantine gets of a message larger than the window is the same as
// of a small one: all that it takes to let it go.
func TestDetourTellsTheEnvelope(t *testing.T) {
	j := startJunction(t, 4000)
	j.noted()
	if reply, _ := j.send(large, false); !strings.HasPrefix(reply, "250 2.0.0 Accepted") {
		t.Fatalf("got %q", reply)
	}
	if head := headOf(j.aside); !tellsEnvelope(head) {
		t.Errorf("no envelope in\n%s", head)
	}
}

// headOf is what stands before the only message that a server has.
func headOf(up *smtptest.Server) string {
	head, _, _ := strings.Cut(string(up.Messages()[0].Content), "\r\nSubject: ")
	return head
}

func tellsEnvelope(head string) bool {
	for _, want := range []string{"X-Sluice-Envelope-From: <a@x.test>", "X-Sluice-Envelope-To: <b@y.test>", "X-Sluice-Client: "} {
		if !strings.Contains(head, want) {
			return false
		}
	}
	return true
}

// A route can be a quarantine and more. The envelope goes with what the final
// verdict quarantines, and with nothing else: it names recipients to each other.
func TestDetourWithinARoute(t *testing.T) {
	smtptest.CheckLeaks(t)
	for name, test := range map[string]struct {
		early, late string
		told        bool
	}{
		"quarantine": {"to-aside", "quarantine-aside", true},
		"divert":     {"quarantine-aside", "to-aside", true}, // the severer of the two stays
	} {
		t.Run(name, func(t *testing.T) {
			j := startJunction(t, 4000)
			j.module.early.Store(&test.early)
			j.module.late.Store(&test.late)
			for range 2 {
				if reply, _ := j.send(large, false); strings.HasPrefix(reply, "250 ") {
					break
				}
			}
			if got := j.committed(); got != [3]int{0, 1, 0} {
				t.Fatalf("%v messages at the servers", got)
			}
			if head := headOf(j.aside); tellsEnvelope(head) != test.told {
				t.Errorf("the envelope: %t, want %t", !test.told, test.told)
			}
		})
	}
	t.Run("own", func(t *testing.T) {
		j := startJunction(t, 4000)
		quarantine := policy.Quarantine
		j.config.Route.Name = "home"
		settings := j.settings()
		settings.Rules["sway.quarantine-home"] = policy.RuleSetting{Action: &quarantine, Route: "home"}
		j.reload(settings)
		late, clean := "quarantine-home", ""
		j.module.late.Store(&late)
		if reply, _ := j.send(large, false); !strings.HasPrefix(reply, "451 ") {
			t.Errorf("got %q", reply)
		}
		j.module.late.Store(&clean)
		for range 2 {
			if reply, _ := j.send(large, false); strings.HasPrefix(reply, "250 ") {
				break
			}
		}
		if got := j.committed(); got != [3]int{1, 0, 0} {
			t.Fatalf("%v messages at the servers", got)
		}
		if tellsEnvelope(headOf(j.up)) {
			t.Error("a recipient is told the envelope")
		}
	})
}

// Only the same message again is meant: not one with another header, another
// envelope, or from another net.
func TestDetourOfAnotherMessage(t *testing.T) {
	smtptest.CheckLeaks(t)
	j := startJunction(t, 4000)
	j.noted()
	clean := ""
	j.module.late.Store(&clean)
	for name, test := range map[string]struct {
		content, from, to string
		local             []string
	}{
		"header":     {content: strings.Replace(large, "<1@", "<2@", 1)},
		"sender":     {from: "a2@x.test"},
		"recipient":  {to: "b2@y.test"},
		"sender net": {local: []string{"127.0.1.1"}},
	} {
		c := j.dial(test.local...)
		c.Envelope(orElse(test.from, "a@x.test"), orElse(test.to, "b@y.test"))
		if reply := c.Data(orElse(test.content, large)); !strings.HasPrefix(reply, "250 ") {
			t.Errorf("another %s: got %q", name, reply)
		}
		c.Quit()
		if r := j.last(); r.Verdict != stream.Delivered || r.Detour != "" {
			t.Errorf("another %s: %s, detour %q", name, r.Verdict, r.Detour)
		}
	}
	// What fits into the window needs no detour, whatever is known.
	next := *j.setup.Load()
	next.Lookahead = 1 << 20
	j.setup.Store(&next)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "250 ") || r.Verdict != stream.Delivered || r.Detour != "" {
		t.Errorf("inside the window: got %q, detour %q", reply, r.Detour)
	}
	if got := j.committed(); got != [3]int{5, 0, 0} {
		t.Errorf("%v messages at the servers", got)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// A header beyond what is looked at names a message as far as it is looked at.
func TestDetourOfALongHeader(t *testing.T) {
	j := startJunction(t, 4000)
	late := "quarantine-aside"
	j.module.late.Store(&late)
	long := strings.Repeat("X-Long: "+strings.Repeat("x", 992)+"\r\n", 300) + large
	for i, want := range []string{"451 4.7.1 ", "250 2.0.0 Accepted"} {
		if reply, _ := j.send(long, false); !strings.HasPrefix(reply, want) {
			t.Errorf("attempt %d: got %q", i+1, reply)
		}
	}
}

// A reload that has taken the route away, or put all or the rule into shadow,
// leaves nothing of what was known in force.
func TestDetourAfterReload(t *testing.T) {
	smtptest.CheckLeaks(t)
	shadow := policy.Quarantine
	for name, test := range map[string]struct {
		early   string
		change  func(j *junction, s *policy.Settings)
		want    []stream.Detour
		servers [3]int
	}{
		"the same":               {"", func(*junction, *policy.Settings) {}, []stream.Detour{stream.DetourTaken}, [3]int{0, 1, 0}},
		"without it":             {"", func(j *junction, s *policy.Settings) { *s = j.settings("aside") }, []stream.Detour{""}, [3]int{1, 0, 0}},
		"without it, to another": {"to-other", func(j *junction, s *policy.Settings) { *s = j.settings("aside") }, []stream.Detour{""}, [3]int{0, 0, 1}},
		"shadow":                 {"", func(_ *junction, s *policy.Settings) { s.Shadow = true }, []stream.Detour{""}, [3]int{1, 0, 0}},
		"route shadow":           {"", func(_ *junction, s *policy.Settings) { s.Routes[0].Shadow = true }, []stream.Detour{""}, [3]int{1, 0, 0}},
		"rule shadow": {"", func(_ *junction, s *policy.Settings) {
			s.Rules["sway.quarantine-aside"] = policy.RuleSetting{Action: &shadow, Route: "aside", Shadow: true}
		}, []stream.Detour{stream.DetourMissed, ""}, [3]int{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			j := startJunction(t, 4000)
			j.noted()
			settings := j.settings()
			test.change(j, &settings)
			j.reload(settings)
			j.module.early.Store(&test.early)
			for i, want := range test.want {
				reply, r := j.send(large, false)
				if strings.HasPrefix(reply, "250 ") != (i == len(test.want)-1) || r.Detour != want {
					t.Errorf("attempt %d: got %q, detour %q, want %q", i+2, reply, r.Detour, want)
				}
			}
			if got := j.committed(); got != test.servers {
				t.Errorf("%v messages at the servers, want %v", got, test.servers)
			}
		})
	}
}

// In shadow mode a late finding defers nothing and leaves nothing behind.
func TestNoDetourInShadow(t *testing.T) {
	j := startJunction(t, 4000)
	late := "quarantine-aside"
	j.module.late.Store(&late)
	settings := j.settings()
	settings.Shadow = true
	j.reload(settings)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "250 ") || r.Detour != "" || r.Shadow != policy.Quarantine {
		t.Fatalf("got %q, detour %q, shadow %v", reply, r.Detour, r.Shadow)
	}
	j.reload(j.settings())
	j.noted()
}

// A quarantine that cannot take the message now gets it when it can: what is
// known stays, and its server's 5xx is not the recipient's.
func TestDetourToADeadServer(t *testing.T) {
	smtptest.CheckLeaks(t)
	var refuses atomic.Pointer[string]
	j := startJunction(t, 4000, func(s *smtptest.Server) {
		s.Hook = func(c smtptest.Command) smtptest.Answer {
			if p := refuses.Load(); p != nil && c.Verb == *p {
				return smtptest.Answer{Reply: "550 5.7.1 not here"}
			}
			return smtptest.Answer{}
		}
	})
	j.noted()
	for _, verb := range []string{"RCPT", "DATA", "."} {
		refuses.Store(&verb)
		if reply, r := j.send(large, false); !strings.HasPrefix(reply, "451 ") || r.Detour != stream.DetourTaken {
			t.Errorf("%s refused: got %q, detour %q", verb, reply, r.Detour)
		}
	}
	refuses.Store(nil)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "250 2.0.0 Accepted") || r.Verdict != stream.Quarantined {
		t.Errorf("got %q, %s", reply, r.Verdict)
	}
	if got := j.committed(); got != [3]int{0, 1, 0} {
		t.Errorf("%v messages at the servers", got)
	}
}

// A sender that leaves in mid-message has committed nothing, and what was
// known of it stays.
func TestI2DetourAborted(t *testing.T) {
	smtptest.CheckLeaks(t)
	j := startJunction(t, 4000)
	j.noted()
	c := j.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Send("DATA")
	c.Want("354 *")
	c.Write(smtptest.Stuff(large))
	c.Close()
	if r := j.records(2)[1]; r.Verdict != stream.Aborted || r.Detour != stream.DetourTaken {
		t.Errorf("%s, detour %q", r.Verdict, r.Detour)
	}
	if reply, _ := j.send(large, false); !strings.HasPrefix(reply, "250 2.0.0 Accepted") {
		t.Errorf("got %q", reply)
	}
	if got := j.committed(); got != [3]int{0, 1, 0} {
		t.Errorf("%v messages at the servers", got)
	}
}

// A late verdict that sends a message to the very route it flows to anyway
// delays nothing.
func TestNoDetourToTheOwnRoute(t *testing.T) {
	smtptest.CheckLeaks(t)
	j := startJunction(t, 4000)
	divert := policy.Divert
	j.config.Route.Name = "home"
	settings := j.settings()
	settings.Rules["sway.to-home"] = policy.RuleSetting{Action: &divert, Route: "home"}
	j.reload(settings)
	late := "to-home"
	j.module.late.Store(&late)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "250 2.0.0 Accepted") || r.Verdict != stream.Diverted || r.Detour != "" {
		t.Errorf("got %q, %s, detour %q", reply, r.Verdict, r.Detour)
	}
	j.noted()
	j.module.late.Store(&late)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "451 4.7.1 [sway.to-home]") || r.Detour != stream.DetourMissed {
		t.Errorf("got %q, detour %q", reply, r.Detour)
	}
	clean := ""
	j.module.late.Store(&clean)
	if reply, r := j.send(large, false); !strings.HasPrefix(reply, "250 ") || r.Verdict != stream.Delivered {
		t.Errorf("got %q, %s, detour %q", reply, r.Verdict, r.Detour)
	}
	if got := j.committed(); got != [3]int{2, 0, 0} {
		t.Errorf("%v messages at the servers", got)
	}
}

// A server of policy's choice may answer each recipient by itself, too: who has
// the message is not told it again (RFC 1047), small or larger than the window.
func TestI1MixedLMTPElsewhere(t *testing.T) {
	smtptest.CheckLeaks(t)
	to := []string{"b@y.test", "c@y.test"}
	for name, content := range map[string]string{"small": "Subject: x\r\nMessage-ID: <1@x.test>\r\n\r\nx\r\n", "large": large} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Bool
			full.Store(true)
			j := startJunction(t, 4000, func(s *smtptest.Server) {
				s.LMTP = true
				s.Hook = func(c smtptest.Command) smtptest.Answer {
					if c.Verb == "." && c.Recipient == 1 && full.Load() {
						return smtptest.Answer{Reply: "452 4.2.2 full"}
					}
					return smtptest.Answer{}
				}
			})
			settings := j.settings()
			for i := range settings.Routes {
				if settings.Routes[i].Name == "aside" {
					settings.Routes[i].Protocol = policy.LMTP
				}
			}
			j.reload(settings)
			rule := "quarantine-aside"
			j.module.late.Store(&rule)
			send := func(want string) {
				t.Helper()
				c := j.dial()
				if got := attempt(c, false, content, to...); !strings.HasPrefix(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				c.Quit()
			}
			if name == "large" {
				send("451 4.7.1 ")
			}
			send("451 ")
			full.Store(false)
			want := map[string]int{"b@y.test": 1, "c@y.test": 1}
			if name == "large" {
				send("451 ") // it waits, as at an LMTP server of the recipient's
				delete(want, "c@y.test")
			} else {
				send("250 ")
			}
			copies := map[string]int{}
			for _, m := range j.aside.Messages() {
				for _, r := range m.To {
					copies[r]++
				}
			}
			if !maps.Equal(copies, want) {
				t.Errorf("copies: %v, want %v", copies, want)
			}
		})
	}
}
