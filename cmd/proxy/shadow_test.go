package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// A standIn is the program between a socket and a scripted server, with a
// configuration of its own.
type standIn struct {
	addr    string
	server  *smtptest.Server
	records chan *stream.Record
}

// startStandIn starts one; %s in conf is the server's address.
func startStandIn(t *testing.T, conf string) *standIn {
	t.Helper()
	s := &standIn{
		server:  &smtptest.Server{Extensions: []string{"PIPELINING", "8BITMIME", "SIZE"}},
		records: make(chan *stream.Record, 16),
	}
	if err := s.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Close)
	loaded, found := source{file: "-", stdin: strings.NewReader(fmt.Sprintf(conf, s.server.Addr()))}.load()
	if errs, _ := found.split(); len(errs) > 0 {
		t.Fatal(errs)
	}
	engines, err := loaded.engines(nil)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := chain(loaded, engines)
	if err != nil {
		t.Fatal(err)
	}
	set := setup(loaded, loaded.policy, modules)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	front := &stream.Server{
		Setup:  func() *stream.Setup { return set },
		Record: func(r *stream.Record) { s.records <- r },
	}
	ended := make(chan error, 1)
	go func() { ended <- front.Serve(&stream.Listener{Listener: l}) }()
	t.Cleanup(func() {
		if err := front.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		l.Close()
		<-ended
		succeed(engines, nil)
		if err := modules.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// send hands in a message and returns the reply and the record.
func (s *standIn) send(t *testing.T, message string) (string, *stream.Record) {
	t.Helper()
	c := smtptest.Dial(t, s.addr)
	defer c.Close()
	c.Hello()
	c.Envelope("sender@x.test", "rcpt@y.test")
	reply := c.Data(message)
	return reply, <-s.records
}

// severe is a configuration that leaves nothing as it is: what is not refused
// is tagged, and the only engine is dead.
const severe = `
hostname: mx.test
listeners: [{address: "127.0.0.1:0"}]
routes: [{domains: [y.test], servers: [{address: %q}], tls: none}]
thresholds: {tag: 0.1, reject: 50}
subject_mark: "[spam]"
ambiguity: reject
authres_forged: remove
antivirus: {engines: [{name: clamav, address: "127.0.0.1:1", in_memory: true, on_failure: closed}]}
`

// TestShadowIsAbsolute sends what would be refused, deferred or tagged: all of it
// arrives as it was sent, below one Received field.
func TestShadowIsAbsolute(t *testing.T) {
	smtptest.CheckLeaks(t)
	messages := []struct {
		name, text string
		would      policy.Action
	}{
		{"clean", scanned(plain), policy.Defer}, // the dead engine's
		{"exe", attached("run.exe", "application/octet-stream", aPE), policy.Reject},
		{"bomb", attached("a.zip", "application/zip", zipBomb()), policy.Reject},
		{"GTUBE", scanned("\r\n" + literal.GTUBE() + "\r\n"), policy.Reject},
		{"EICAR", attached("a.zip", "application/zip", zipWithEICAR()), policy.Reject},
		{"ambiguous", scanned(hiddenProgram()), policy.Reject},
		{"larger than the window", scanned("\r\n" + strings.Repeat(strings.Repeat("0123456789", 90)+"\r\n", 400) + literal.GTUBE() + "\r\n"), policy.Reject},
		{"forged", "Authentication-Results: mx.test; spf=pass\r\n" + scanned(plain), policy.Defer},
	}
	for name, shadow := range map[string]string{
		"installation":   "shadow: true\n",
		"tenant":         "tenants: [{name: a, domains: [y.test], shadow: true}]\n",
		"mailbox":        "mailboxes: {rcpt@y.test: {shadow: true}}\n",
		"without window": "shadow: true\nlookahead: 0\n",
		"not in shadow":  "",
	} {
		t.Run(name, func(t *testing.T) {
			s := startStandIn(t, severe+shadow)
			for _, m := range messages {
				if raceEnabled && m.name == "bomb" {
					continue // instrumented decoders may need more than the time they have
				}
				had := len(s.server.Messages())
				reply, record := s.send(t, m.text)
				all := s.server.Messages()[had:]
				if shadow == "" { // else none of this would show anything
					if len(all) > 0 || strings.HasPrefix(reply, "2") {
						t.Errorf("%s: %d committed, %s", m.name, len(all), reply)
					}
					continue
				}
				if len(all) != 1 || !strings.HasPrefix(reply, "250 ") {
					t.Errorf("%s: %d committed, %s", m.name, len(all), reply)
					continue
				}
				trace, same := strings.CutSuffix(string(all[0].Content), m.text)
				if !same || !strings.HasPrefix(trace, "Received: ") || strings.Count(trace, "\r\n") != strings.Count(trace, "\r\n\t")+1 {
					t.Errorf("%s: not as it was sent; above it stands\n%s", m.name, trace)
				}
				if record.Verdict != stream.Delivered || record.Shadow != m.would {
					t.Errorf("%s: %s, would %s, want %s", m.name, record.Verdict, record.Shadow, m.would)
				}
			}
		})
	}
}
