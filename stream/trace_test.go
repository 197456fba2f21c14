package stream

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// tracing is a transaction that has what its trace fields say.
func tracing(t testing.TB, helo, ptr, tls, host string) *transaction {
	p, err := policy.New(policy.Settings{Routes: []policy.Route{{Domains: []string{"y.test"}, Servers: []policy.Server{{Address: "u.test:25"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{helo: helo, esmtp: true, info: filter.Session{
		ID: "0123456789ABC", Peer: netip.MustParseAddrPort("[2001:db8:1111:2222:3333:4444:5555:6666]:25"), PTR: ptr, TLS: tls,
	}}
	s.tx = transaction{session: s, setup: &Setup{Hostname: host, Policy: p}, id: "0123456789ABC.1", began: time.Unix(1e9, 0).UTC()}
	return &s.tx
}

func TestTrace(t *testing.T) {
	tx := tracing(t, "client.test", "mail.x.test", "TLS 1.3 TLS_AES_128_GCM_SHA256", "mx.test")
	want := "Received: from client.test\r\n" +
		"\t(mail.x.test [IPv6:2001:db8:1111:2222:3333:4444:5555:6666])\r\n" +
		"\tby mx.test (Sluice) with ESMTPS id 0123456789ABC.1\r\n" +
		"\t(TLS 1.3 TLS_AES_128_GCM_SHA256); Sun, 09 Sep 2001 01:46:40 +0000\r\n"
	rest := "X-Sluice-Id: 0123456789ABC.1\r\n"
	verdict := "X-Sluice-Verdict: tag; rule=a.b; score=1.50\r\n"
	if got := string(tx.appendTrace(nil, &policy.Disposition{}, false)); got != want+rest {
		t.Errorf("got %q", got)
	}
	d := &policy.Disposition{Action: policy.Tag, Rule: "a.b\r\nX: y", Score: 1.5}
	if got := string(tx.appendTrace(nil, d, true)); got != want+rest+strings.Replace(verdict, "a.b", "a.bX:y", 1)+"X-Spam-Flag: YES\r\n" {
		t.Errorf("got %q", got)
	}
	tx.session.esmtp = false
	if got := string(tx.appendTrace(nil, &policy.Disposition{}, false)); !strings.Contains(got, " with SMTP id ") {
		t.Errorf("got %q", got)
	}
	if got := readHeader(tx.appendTrace(nil, &policy.Disposition{}, false), "mx.test"); got.own != 1 {
		t.Error("our own field is not known again")
	}
}

func TestTraceOfShadow(t *testing.T) {
	tx := tracing(t, "client.test", "", "", "mx.test")
	p, err := policy.New(policy.Settings{Level: policy.Level{Shadow: true}})
	if err != nil {
		t.Fatal(err)
	}
	tx.setup.Policy = p
	got := string(tx.appendTrace(nil, &policy.Disposition{}, true))
	if strings.Count(got, "\r\n") != strings.Count(got, "\r\n\t")+1 || !strings.HasPrefix(got, "Received:") {
		t.Errorf("more than Received in shadow mode: %q", got)
	}
}

// TestTraceFolds puts names of every length, and octets that must not stand
// in a header, into the fields.
func TestTraceFolds(t *testing.T) {
	foreign := "a\r\nX-Evil: 1\x00\x7f\x80 (b)<c>;\t\"é"
	for n := range 300 {
		for _, name := range []string{strings.Repeat("n", n), strings.Repeat("n", n) + foreign} {
			tx := tracing(t, name, name, "TLS 1.2 "+strings.Repeat("X", n%67), "mx."+strings.Repeat("h", n%50)+".test")
			tx.setup.ReceivedFor = n%2 == 0
			tx.accepted = []wire.Rcpt{{To: path(t, strings.Repeat("b", 1+n%64)+"@y.test")}}
			got := string(tx.appendTrace(nil, &policy.Disposition{}, true))
			if len(got) > maxTrace {
				t.Fatalf("%d octets", len(got))
			}
			for i, l := range strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n") {
				if strings.Trim(l, " \t") == "" || strings.ContainsFunc(l, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
					t.Fatalf("line %q", l)
				}
				head, _, _ := strings.Cut(l, " ")
				if l[0] != '\t' && head != "X-Sluice-Id:" && head != "X-Sluice-Verdict:" && i > 0 {
					t.Fatalf("a field of somebody else's: %q", l)
				}
				// One group of words, as a name and its address, stays on a line.
				group := n >= 15 && (strings.Contains(l, "from n") || strings.Contains(l, "IPv6"))
				if len(l) > foldAt && !group && !strings.Contains(l, "for <") {
					t.Fatalf("line of %d octets: %q", len(l), l)
				}
			}
		}
	}
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"": "unknown", "mail.x.test": "mail.x.test", "[192.0.2.1]": "[192.0.2.1]", "\r\n": "unknown",
		"a b": "ab", "é": "unknown", strings.Repeat("a", 300): strings.Repeat("a", 255), "a_b-c:1": "a_b-c:1",
	} {
		if got := cleanName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
