package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/filter/antivirus"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/stream"
)

// setAside is a configuration with a quarantine, which viruses go to. The first
// %q is its server's address, %%q the recipients' server's.
const setAside = `
hostname: mx.test
listeners: [{address: "127.0.0.1:0"}]
lookahead: 64KiB
routes:
  - {domains: [y.test], servers: [{address: %%q}], tls: none}
  - {name: aside, servers: [{address: %q}], tls: none}
quarantine: aside
rules: {%s: {action: quarantine}}
`

// setAsideLate sends a message twice whose virus stands far beyond the window:
// the first time it flows to the recipients' server and is deferred, the second
// time it goes to the quarantine, whole.
func setAsideLate(t *testing.T, rule, extra string, virus []byte) {
	t.Helper()
	smtptest.CheckLeaks(t)
	aside := &smtptest.Server{Extensions: []string{"PIPELINING", "8BITMIME", "SIZE"}}
	if err := aside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(aside.Close)
	s := startStandIn(t, fmt.Sprintf(setAside, aside.Addr(), rule)+extra)
	message := strings.Replace(attached("a.txt", "text/plain", virus), "See the file.\r\n",
		strings.Repeat("There is much to say before the file.\r\n", 10_000), 1)

	reply, r := s.send(t, message)
	if !strings.HasPrefix(reply, "451 4.7.1 ["+rule+"]") || r.Verdict != stream.Deferred || r.Detour != stream.DetourNoted {
		t.Fatalf("at first: %q, %s, detour %q", reply, r.Verdict, r.Detour)
	}
	reply, r = s.send(t, message)
	if !strings.HasPrefix(reply, "250 2.0.0 Accepted") || r.Verdict != stream.Quarantined || r.Detour != stream.DetourTaken {
		t.Fatalf("the retry: %q, %s, detour %q", reply, r.Verdict, r.Detour)
	}
	if n := len(s.server.Messages()); n != 0 {
		t.Errorf("%d messages at the recipients' server", n)
	}
	kept := aside.Messages()
	if len(kept) != 1 || !bytes.HasSuffix(kept[0].Content, []byte(message)) {
		t.Errorf("%d messages at the quarantine, or not as they were sent", len(kept))
	}
}

func TestQuarantineBeyondTheWindow(t *testing.T) {
	setAsideLate(t, literal.RuleEICAR, "", []byte(literal.EICAR()))
}

// TestQuarantineOfAnEngineBeyondTheWindow has a real clamd find it.
func TestQuarantineOfAnEngineBeyondTheWindow(t *testing.T) {
	clamd := smtptest.StartClamd(t, literal.EICAR(), "")
	setAsideLate(t, antivirus.RuleInfected, fmt.Sprintf("antivirus: {engines: [{name: clamav, address: %q}]}\n", clamd.Addr),
		[]byte(smtptest.VirusMark+"-bad"))
}
