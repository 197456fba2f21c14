package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

func path(t testing.TB, text string) wire.Path {
	t.Helper()
	p, err := wire.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testRecord has a canary in every place where an address can stand.
func testRecord(t testing.TB) *stream.Record {
	return &stream.Record{
		Session: "4F4HGT0NQ0Y68", ID: "4F4HGT0NQ0Y68.1", Config: "bde1bac2ae74",
		Time: time.Date(2026, 11, 21, 20, 1, 2, 345678000, time.UTC),
		Peer: netip.MustParseAddrPort("[2001:db8:1:2::3]:4567"), Helo: "canary.from@evil.test\r\n{\"x\":1}", TLS: "TLS 1.3 TLS_AES_128_GCM_SHA256",
		From: path(t, "Canary.From@Sender.test"),
		Recipients: []stream.RecordRecipient{
			{To: path(t, "canary.to@y.test"), Code: 250},
			{To: path(t, `"canary to"@y.test`), Code: 550},
		},
		Size: 12345, Verdict: stream.Delivered, Stage: "end", Score: 1.5,
		Findings: []policy.Finding{{Module: "literal", Rule: "literal.gtube", Detail: "x"}},
		Shadow:   policy.Reject, Rule: "literal.gtube", Code: 250, Enhanced: "2.0.0",
		Route: "y.test", Upstream: "192.0.2.7:25",
		Reply:   "OK <canary.to@y.test> \"canary to\"@y.test CANARY.TO see http://x/?a=canary.to%40y.test queued as 4F5G \x1b[31m\x00\xff",
		Connect: 1500 * time.Microsecond, Scan: time.Millisecond, Server: 20 * time.Millisecond, Own: 250 * time.Microsecond, Total: 23 * time.Millisecond,
	}
}

// lineOf returns what a recorder writes of rec.
func lineOf(t testing.TB, format string, c privacyConfig, rec *stream.Record) string {
	t.Helper()
	var out bytes.Buffer
	ring := newLineRing(&out)
	r := newRecorder(ring, format)
	r.pod, r.pid = "pod-1", "42"
	r.setPrivacy(c)
	r.record(rec)
	ring.close(time.Minute)
	return out.String()
}

func TestMessageLine(t *testing.T) {
	key := privacyConfig{Level: "pseudonym", ClientIP: "full", Key: "0123456789abcdef"}
	got := lineOf(t, "json", key, testRecord(t))
	var parsed map[string]any
	if err := json.Unmarshal([]byte(got), &parsed); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	want := `{"time":"2026-11-21T20:01:02.345678Z","level":"INFO","msg":"message",` +
		`"id":"4F4HGT0NQ0Y68.1","session":"4F4HGT0NQ0Y68","pod":"pod-1","config":"bde1bac2ae74",` +
		`"peer":"[2001:db8:1:2::3]:4567","helo":"[address]\\r\\n{\"x\":1}","tls":"TLS 1.3 TLS_AES_128_GCM_SHA256",` +
		`"from":"HASH","rcpts":[{"to":"HASH","code":250},{"to":"HASH","code":550}],"size":12345,` +
		`"verdict":"delivered","stage":"end","rule":"literal.gtube","score":1.5,"rules":["literal.gtube"],"shadow":"reject",` +
		`"route":"y.test","upstream":"192.0.2.7:25",` +
		`"upstream_reply":"OK <[address]> [address] [address] see [address] queued as 4F5G \\x1b[31m\\x00\\xff","upstream_id":"4F5G",` +
		`"code":250,"enhanced":"2.0.0","delays":{"connect":1.500,"scan":1,"upstream":20,"own":0.250,"total":23}}` + "\n"
	hashes := regexp.MustCompile(`"(from|to)":"[0-9a-z]{16}"`)
	if got := hashes.ReplaceAllString(got, `"$1":"HASH"`); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	got = lineOf(t, "logfmt", key, testRecord(t))
	want = `time=2026-11-21T20:01:02.345Z level=INFO msg=message id=4F4HGT0NQ0Y68.1 session=4F4HGT0NQ0Y68 pod=pod-1 config=bde1bac2ae74 ` +
		`peer=[2001:db8:1:2::3]:4567 helo="[address]\\r\\n{\"x\":1}" tls="TLS 1.3 TLS_AES_128_GCM_SHA256" ` +
		`from=HASH rcpts=HASH:250,HASH:550 size=12345 verdict=delivered stage=end rule=literal.gtube score=1.5 rules=literal.gtube shadow=reject ` +
		`route=y.test upstream=192.0.2.7:25 ` +
		`upstream_reply="OK <[address]> [address] [address] see [address] queued as 4F5G \\x1b[31m\\x00\\xff" upstream_id=4F5G ` +
		`code=250 enhanced=2.0.0 delays.connect=1.500 delays.scan=1 delays.upstream=20 delays.own=0.250 delays.total=23` + "\n"
	hashes = regexp.MustCompile(`(from=|rcpts=|,)[0-9a-z]{16}\b`)
	if got := hashes.ReplaceAllString(got, `${1}HASH`); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSessionLine(t *testing.T) {
	rec := &stream.Record{
		Session: "S", Config: "c", Time: time.Date(2026, 11, 21, 20, 1, 2, 0, time.UTC), Peer: netip.MustParseAddrPort("192.0.2.9:4567"),
		Helo: "me", Verdict: stream.NoMessage, Stage: "connect", Total: time.Second,
	}
	got := lineOf(t, "json", privacyConfig{Level: "pseudonym", ClientIP: "net"}, rec)
	want := `{"time":"2026-11-21T20:01:02Z","level":"INFO","msg":"session","session":"S","pod":"pod-1","config":"c","peer":"192.0.2.0/24","helo":"me",` +
		`"verdict":"nomessage","stage":"connect","delays":{"connect":0,"scan":0,"upstream":0,"own":0,"total":1000}}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPostfixLines(t *testing.T) {
	got := lineOf(t, "postfix", privacyConfig{Level: "none", ClientIP: "full"}, testRecord(t))
	want := `Nov 21 20:01:02 pod-1 sluice/smtpd[42]: 4F4HGT0NQ0Y68.1: client=unknown[2001:db8:1:2::3]
Nov 21 20:01:02 pod-1 sluice/qmgr[42]: 4F4HGT0NQ0Y68.1: from=<>, size=12345, nrcpt=2 (queue active)
Nov 21 20:01:02 pod-1 sluice/smtp[42]: 4F4HGT0NQ0Y68.1: to=<>, relay=192.0.2.7:25, delay=0.02, delays=0.00/0.00/0.00/0.02, dsn=2.0.0, status=sent (OK <[address]> [address] [address] see [address] queued as 4F5G \x1b[31m\x00\xff)
Nov 21 20:01:02 pod-1 sluice/smtp[42]: 4F4HGT0NQ0Y68.1: to=<>, relay=192.0.2.7:25, delay=0.02, delays=0.00/0.00/0.00/0.02, dsn=5.0.0, status=bounced (refused at RCPT)
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What happened to a message stands in its line, whatever the format.
func TestTaggedAndRejectedLines(t *testing.T) {
	rec := testRecord(t)
	rec.Shadow, rec.Tagged = policy.Deliver, true
	for format, want := range map[string]string{"json": `"score":1.5,"tagged":true,"rules"`, "logfmt": " score=1.5 tagged=true rules="} {
		if got := lineOf(t, format, privacyConfig{Level: "none"}, rec); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	// A RCPT that could not be read is nobody's.
	rec.Recipients = append(rec.Recipients, stream.RecordRecipient{Code: 555})
	if got, want := lineOf(t, "json", privacyConfig{Level: "pseudonym"}, rec), `,{"code":555}],`; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	rec.Verdict, rec.Code, rec.Enhanced, rec.Reply, rec.Tagged = stream.Rejected, 550, "5.7.1", "", false
	want := "dsn=5.7.1, status=bounced (rejected by literal.gtube)\n"
	if got := lineOf(t, "postfix", privacyConfig{Level: "none"}, rec); !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// A user rule that failed shows in the alarm for mail that was not looked at.
func TestUserRuleFailureCounted(t *testing.T) {
	tagged := metrics.GetOrCreateCounter(`sluice_tagged_total{rule="literal.gtube"}`)
	errors, unscanned, tags := userErrors.Get(), userUnscanned.Get(), tagged.Get()
	rec := testRecord(t)
	rec.Tagged = true
	rec.Findings = append(rec.Findings, policy.Finding{Module: "user", Rule: policy.RuleUserFailed}, policy.Finding{Module: "user", Rule: policy.RuleUserFailed})
	new(counts).add(rec)
	if userErrors.Get() != errors+1 || userUnscanned.Get() != unscanned+1 || tagged.Get() != tags+1 {
		t.Errorf("errors %d, unscanned %d, tagged %d; want one more each than %d, %d, %d", userErrors.Get(), userUnscanned.Get(), tagged.Get(), errors, unscanned, tags)
	}
}

// I6: no address of the envelope stands in any line, whatever the settings.
func TestI6NoAddressInAnyLine(t *testing.T) {
	for _, format := range []string{"json", "logfmt", "postfix"} {
		for _, level := range []string{"pseudonym", "domain", "none"} {
			for _, ip := range []string{"full", "net", "none"} {
				rec := testRecord(t)
				got := strings.ToLower(lineOf(t, format, privacyConfig{Level: level, ClientIP: ip}, rec))
				if strings.Contains(got, "canary") {
					t.Errorf("%s, %s: an address in\n%s", format, level, got)
				}
				if level != "domain" && strings.Contains(got, "sender.test") {
					t.Errorf("%s, %s: a sender's domain in\n%s", format, level, got)
				}
				if full := strings.Contains(got, "2001:db8:1:2::3"); full != (ip == "full") {
					t.Errorf("%s, client_ip %s:\n%s", format, ip, got)
				}
			}
		}
	}
}

// One address, one pseudonym, in any case of letters; another key, another one.
func TestPseudonyms(t *testing.T) {
	a := newPrivacy(privacyConfig{Level: "pseudonym", Key: "0123456789abcdef"}, nil)
	b := newPrivacy(privacyConfig{Level: "pseudonym"}, randomKey())
	domain := newPrivacy(privacyConfig{Level: "domain", Key: "0123456789abcdef"}, nil)
	get := func(p *privacy, text string) string { return string(p.appendAddress(nil, path(t, text))) }
	if get(a, "User@Y.test") != get(a, "user@y.test") || get(a, "ÜSER@y.test") != get(a, "üser@y.test") {
		t.Error("case makes a difference")
	}
	if get(a, "user@y.test") == get(a, "user@z.test") || get(a, "user@y.test") == get(b, "user@y.test") {
		t.Error("different addresses or keys, one pseudonym")
	}
	if got, want := get(domain, "User@Y.test"), get(a, "user@y.test")+"@y.test"; got != want {
		t.Errorf("level domain: %s, want %s", got, want)
	}
	if got := string(a.appendAddress(nil, wire.Path{})); got != "<>" {
		t.Errorf("null path: %s", got)
	}
}

func TestForeign(t *testing.T) {
	rec := &stream.Record{From: path(t, "boss@x.test"), Recipients: []stream.RecordRecipient{{To: path(t, "jo.doe@y.test")}, {To: path(t, "ab@y.test")}}}
	long := strings.Repeat("x", 190) + " someone.with.a.long.name@long.example"
	for _, c := range [][2]string{
		{"", ""},
		{"250 fine", "250 fine"},
		{"<a@b> no", "<[address]> no"},
		{"a@b", "[address]"},
		{`"a b"@c d`, `[address] d`},
		{"user=40host user%40host user&#64;host", "[address] [address] [address]"},
		{"u＠h", "[address]"},
		{"User jo.doe unknown", "User [address] unknown"},
		{"JO.DOE: boss", "[address]: [address]"},
		// No word of its own: part of another.
		{"bossy ab", "bossy ab"},
		{"a\x00b\x1b[0m\tc\u202ed\xff\u0085", `a\x00b\x1b[0m\tc\xe2\x80\xaed\xff\xc2\x85`},
		// The cut comes after the removal, or half an address would stay.
		{long, strings.Repeat("x", 190) + " [address]"[:10]},
		{strings.Repeat("é", 200), strings.Repeat("é", 100)},
	} {
		if got := string(appendForeign(nil, c[0], rec)); got != c[1] {
			t.Errorf("%q: got %q, want %q", c[0], got, c[1])
		}
	}
}

func FuzzForeign(f *testing.F) {
	f.Add("<canary@y.test> \"x\"@y ", true)
	f.Fuzz(func(t *testing.T, text string, js bool) {
		out := string(appendForeign(nil, text, nil))
		if len(out) > textSpace {
			t.Errorf("%d octets", len(out))
		}
		for _, c := range out {
			if c < ' ' || c == 0x7f || c == '@' {
				t.Errorf("%q in %q", c, out)
			}
		}
		quoted := appendValue(nil, text, true)
		if js {
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				t.Errorf("%v: %s", err, quoted)
			}
		}
	})
}

func TestQueueID(t *testing.T) {
	for reply, want := range map[string]string{
		"2.0.0 Ok: queued as 4F5G6H":           "4F5G6H",
		"OK id=1tXyZ-0001Ab-2c":                "1tXyZ-0001Ab-2c",
		"queued as <x@y>":                      "",
		"ok":                                   "",
		"queued as " + strings.Repeat("a", 90): strings.Repeat("a", queueIDOctets),
	} {
		if got := queueID(reply); got != want {
			t.Errorf("%q: %q", reply, got)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// One line costs few allocations, so that logging is no reason to log less.
func TestMessageLineAllocations(t *testing.T) {
	if smtptest.Race {
		t.Skip("race: under the race detector a sync.Pool forgets on purpose")
	}
	r := newRecorder(nil, "json")
	r.setPrivacy(privacyConfig{Level: "pseudonym", ClientIP: "full"})
	rec := ordinaryRecord(t)
	b := make([]byte, 0, keepLine)
	const most = 5
	if got := testing.AllocsPerRun(100, func() { b = r.append(b[:0], rec) }); got > most {
		t.Errorf("%v allocations, want at most %d", got, most)
	}
}

func ordinaryRecord(t testing.TB) *stream.Record {
	rec := testRecord(t)
	rec.Helo, rec.Reply, rec.Findings = "mail.sender.test", "2.0.0 Ok: queued as 4F5G6H", nil
	rec.Recipients = rec.Recipients[:1]
	return rec
}

func BenchmarkMessageLine(b *testing.B) {
	ring := newLineRing(discard{})
	defer ring.close(time.Minute)
	r := newRecorder(ring, "json")
	r.setPrivacy(privacyConfig{Level: "pseudonym", ClientIP: "full"})
	rec := ordinaryRecord(b)
	b.ReportAllocs()
	for b.Loop() {
		r.record(rec)
	}
}

// Operational lines go through the ring as well.
func TestLoggerUsesRing(t *testing.T) {
	var out bytes.Buffer
	ring := newLineRing(&out)
	log := newLogger(ring, logConfig{Format: "json", Level: "warn"})
	log.Info("quiet")
	log.Warn("loud", "n", 1, slog.Any("path", path(t, "canary@y.test")))
	ring.close(time.Minute)
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"msg":"loud","n":1,"path":"[address]"`) {
		t.Errorf("got %s", got)
	}
}
