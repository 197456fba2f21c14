package stream_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/smtptest"
)

// frontOf starts a Sluice in front of s, which the test's end stops.
func frontOf(t *testing.T, s *smtptest.Server, change func(*smtptest.DialogSetup)) *smtptest.Instance {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	d := &smtptest.DialogSetup{Hostname: "mx.test", CA: smtptest.TheCA(), Routes: []smtptest.DialogRoute{{
		Domains: []string{"y.test"}, Tenant: "t", TLS: "none", Protocol: "smtp", Identity: "none",
		Servers: []smtptest.DialogServer{{Host: "U", Address: s.Addr()}},
	}}}
	if change != nil {
		change(d)
	}
	inst := startDialog(t, d)
	inst.Stop = sync.OnceFunc(inst.Stop)
	t.Cleanup(func() {
		inst.Stop()
		s.Close()
		smtptest.CheckCanary(t, "log", inst.Log())
	})
	return inst
}

// smuggled follows each false end of row 1.
const smuggled = "MAIL FROM:<canary-evil@x.test>\r\nRCPT TO:<canary-evil@y.test>\r\nDATA\r\ncanary evil\r\n.\r\n"

// falseEnds are the ends of data that are none: every pair of row 1 but the two
// that hold CRLF.CRLF.
func falseEnds() (ends []string) {
	for _, left := range []string{"\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\x00", "\r\n "} {
		for _, right := range []string{"\r\n", "\n", "\r", "\r\r\n", "\x00\r\n", " \r\n"} {
			if end := left + "." + right; !strings.Contains(end, "\r\n.\r\n") {
				ends = append(ends, end)
			}
		}
	}
	return ends
}

// TestI5FalseEnds is rows 1 and 2 of PROTOCOL section 12: however a dot stands
// between line ends, the sender's octets are one message or refused, both sides
// stay in step, and the server sees one transaction at most, even a server
// that takes LF.LF for an end.
func TestI5FalseEnds(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, lf := range []bool{false, true} {
		for _, newline := range []string{"reject", "normalise"} {
			for _, lookahead := range []int64{0, -1} {
				t.Run(fmt.Sprintf("%s lf=%v lookahead=%d", newline, lf, lookahead), func(t *testing.T) {
					s := &smtptest.Server{LFDotLF: lf}
					inst := frontOf(t, s, func(d *smtptest.DialogSetup) { d.BareNewline, d.Lookahead = newline, lookahead })
					if ends := falseEnds(); len(ends) != 40 {
						t.Fatalf("%d false ends, want 7 x 6 - 2", len(ends))
					}
					for _, end := range falseEnds() {
						falseEnd(t, inst.Addr, s, end, newline == "reject")
					}
					if slices.ContainsFunc(s.Commands(), func(c smtptest.Command) bool { return strings.Contains(c.Line, "evil") }) {
						t.Error("the server saw a second transaction")
					}
				})
			}
		}
	}
}

// falseEnd sends one message with a false end in it.
func falseEnd(t *testing.T, addr string, s *smtptest.Server, end string, reject bool) {
	t.Helper()
	had := len(s.Messages())
	c := smtptest.Dial(t, addr)
	c.Hello()
	c.Envelope(smtptest.CanarySender, smtptest.CanaryRecipient)
	c.Send("DATA")
	c.Want("354 *")
	body := "Subject: x\r\n\r\nbefore" + end + smuggled
	c.Write(body)
	reply := c.Reply()
	c.Quit()
	got := s.Messages()[had:]
	switch {
	case strings.HasPrefix(reply, "550 5.5.2 ") && reject && len(got) == 0:
	case strings.HasPrefix(reply, "250 ") && len(got) == 1:
		wire := strings.TrimSuffix(body, ".\r\n")
		if reject && !bytes.HasSuffix(got[0].Wire, []byte(wire)) {
			t.Errorf("end %q: the server got %q", end, got[0].Wire)
		}
		if bad := strings.NewReplacer("\r\n", "").Replace(string(got[0].Wire)); strings.ContainsAny(bad, "\r\n") {
			t.Errorf("end %q: a stray CR or LF left in %q", end, got[0].Wire)
		}
	default:
		t.Errorf("end %q: %d messages and %q", end, len(got), reply)
	}
}

// TestI2CutAtEveryOctet is row 8: wherever the sender leaves, and however, the
// server commits nothing.
func TestI2CutAtEveryOctet(t *testing.T) {
	smtptest.CheckLeaks(t)
	const message = "Subject: canary\r\n\r\n..\r\nbody\r\n.\r\n"
	leave := map[string]func(*smtptest.Client){
		"close": (*smtptest.Client).Close, "reset": (*smtptest.Client).Reset, "half-close": (*smtptest.Client).HalfClose,
	}
	for _, name := range slices.Sorted(maps.Keys(leave)) {
		for _, secure := range []bool{false, true} {
			for _, lookahead := range []int64{0, -1} {
				t.Run(fmt.Sprintf("%s tls=%v lookahead=%d", name, secure, lookahead), func(t *testing.T) {
					s := &smtptest.Server{}
					inst := frontOf(t, s, func(d *smtptest.DialogSetup) {
						d.Lookahead = lookahead
						if secure {
							d.TLS = "implicit"
						}
					})
					for n := range len(message) {
						c := sendPart(t, inst.Addr, secure, message[:n])
						leave[name](c)
						c.Close()
					}
					c := sendPart(t, inst.Addr, secure, message)
					c.Want("250 *")
					c.Quit()
					inst.Stop() // all sessions are over now
					if got := len(s.Messages()); got != 1 {
						t.Errorf("%d messages, want only the whole one", got)
					}
				})
			}
		}
	}
}

// sendPart begins a transaction and sends octets of its data.
func sendPart(t *testing.T, addr string, secure bool, octets string) *smtptest.Client {
	t.Helper()
	c := smtptest.Dial(t, addr)
	if secure {
		c.Secure(smtptest.TheCA().ClientConfig("mx.test"))
	}
	c.Hello()
	c.Envelope(smtptest.CanarySender, smtptest.CanaryRecipient)
	c.Send("DATA")
	c.Want("354 *")
	c.Write(octets)
	return c
}

// TestChunksWithoutEnd is row 24: one-octet chunks end the session with 421
// long before a million.
func TestChunksWithoutEnd(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := &smtptest.Server{Extensions: []string{"CHUNKING"}}
	inst := frontOf(t, s, nil)
	c := withOffer(t, inst.Addr, "CHUNKING")
	c.Envelope(smtptest.CanarySender, smtptest.CanaryRecipient)
	var sending sync.WaitGroup
	sending.Go(func() {
		for range 1000 { // a million chunks
			if _, err := c.Conn().Write(bytes.Repeat([]byte("BDAT 1\r\nx"), 1000)); err != nil {
				return
			}
		}
	})
	chunks := 0
	reply := c.Reply()
	for ; strings.HasPrefix(reply, "250 "); reply = c.Reply() {
		chunks++
	}
	if !strings.HasPrefix(reply, "421 4.7.0 ") || chunks < 1000 || chunks > 20_000 {
		t.Errorf("after %d chunks: %q", chunks, reply)
	}
	c.Closed()
	sending.Wait()
	if got := len(s.Messages()); got != 0 {
		t.Errorf("%d messages", got)
	}
}

// withOffer returns a session that offers the keyword: the server may still be
// about to be asked.
func withOffer(t *testing.T, addr, keyword string) *smtptest.Client {
	t.Helper()
	for range 1000 {
		c := smtptest.Dial(t, addr)
		c.Hello()
		if c.Offers(keyword) {
			return c
		}
		c.Quit()
	}
	t.Fatalf("%s is never offered", keyword)
	return nil
}

// TestLateReplyIsRemembered is F4: the server's 250 comes after we said 451. The
// exact retry gets 451 while nobody knows, and then the stored 250; the server
// has one copy.
func TestLateReplyIsRemembered(t *testing.T) {
	smtptest.CheckLeaks(t)
	gate := make(chan struct{})
	s := &smtptest.Server{Hook: func(c smtptest.Command) smtptest.Answer {
		if c.Verb == "." {
			return smtptest.Answer{Reply: "250 2.0.0 Late", Wait: gate}
		}
		return smtptest.Answer{}
	}}
	inst := frontOf(t, s, func(d *smtptest.DialogSetup) {
		d.Timeouts = map[string]time.Duration{"server_commit": 100 * time.Millisecond}
	})
	attempt := func() string {
		c := smtptest.Dial(t, inst.Addr)
		c.Hello()
		c.Envelope(smtptest.CanarySender, smtptest.CanaryRecipient)
		reply := c.Data("Message-ID: <canary-1@x.test>\r\n\r\nbody\r\n")
		c.Quit()
		return reply
	}
	for range 2 { // uncertain, and the retry while it is uncertain
		if got := attempt(); !strings.HasPrefix(got, "451 4.4.2 ") {
			t.Fatalf("got %q, want 451 4.4.2", got)
		}
	}
	close(gate)
	got := attempt()
	for n := 0; strings.HasPrefix(got, "451 ") && n < 1000; n++ {
		got = attempt()
	}
	if !strings.HasPrefix(got, "250 2.0.0 Late (id=") {
		t.Errorf("the retry got %q", got)
	}
	if n := len(s.Messages()); n != 1 {
		t.Errorf("the server has %d copies", n)
	}
}

// TestRowsAreCovered holds the rows of PROTOCOL sections 12 and 13 against what
// tests them here: a dialog whose name begins with the row, or what is named.
func TestRowsAreCovered(t *testing.T) {
	paths, err := filepath.Glob("../testdata/dialogs/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{
		"h02": true, // TestI5FalseEnds
		"h05": true, // each dialog's bytewise variant
		"h24": true, // TestChunksWithoutEnd
		"f08": true, // h45-slow-data
		"f09": true, // h09 and h10
	}
	name := regexp.MustCompile(`^[hf][0-9]{2}a?`)
	for _, p := range paths {
		if row := name.FindString(filepath.Base(p)); row != "" {
			covered[row] = true
		}
		if filepath.Base(p) == "deliver-three-in-one-session.txt" {
			covered["h07"] = true
		}
	}
	var missing []string
	for n := 1; n <= 47; n++ {
		if row := fmt.Sprintf("h%02d", n); !covered[row] {
			missing = append(missing, row)
		}
	}
	// The others of section 13 need clusters, clocks, or the whole program.
	for _, row := range []string{"h30a", "f01", "f02", "f03", "f04", "f05", "f06", "f07", "f08", "f09", "f11", "f15", "f20"} {
		if !covered[row] {
			missing = append(missing, row)
		}
	}
	if len(missing) > 0 {
		t.Errorf("nothing tests %v", missing)
	}
}
