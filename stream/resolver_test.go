package stream

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// dnsPorts listens on one port by UDP and by TCP; the first that is free for
// one may be taken for the other.
func dnsPorts(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if packets, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return packets, l
		}
		l.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// startDNS serves records by name and type; a name that begins with "bogus" is
// SERVFAIL, one with "plain" has no AD, one with "long" is cut over UDP.
func startDNS(t *testing.T, records ...string) string {
	t.Helper()
	packets, l := dnsPorts(t)
	var all []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	answer := func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		m.AuthenticatedData = q.AuthenticatedData && !strings.Contains(name, "plain")
		m.RecursionAvailable = true
		exists := false
		for _, rr := range all {
			if strings.EqualFold(rr.Header().Name, name) {
				exists = true
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		}
		switch {
		case strings.Contains(name, "bogus"):
			m = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		case !exists:
			m.Rcode = dns.RcodeNameError
		case strings.Contains(name, "long") && w.RemoteAddr().Network() == "udp":
			m.Answer, m.Truncated = nil, true
		}
		w.WriteMsg(m)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: dns.HandlerFunc(answer)}, {Listener: l, Handler: dns.HandlerFunc(answer)}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go s.ActivateAndServe()
		<-up
		t.Cleanup(func() { s.Shutdown() })
	}
	return packets.LocalAddr().String()
}

func TestSystemResolver(t *testing.T) {
	server := startDNS(t,
		"y.test. 60 IN MX 20 b.test.", "y.test. 60 IN MX 10 a.test.", "null.test. 60 IN MX 0 .", "plain.test. 60 IN MX 1 a.test.",
		"long.test. 60 IN MX 1 a.test.", "a.test. 60 IN A 192.0.2.1", "a.test. 60 IN AAAA 2001:db8::1", "plain.test. 60 IN A 192.0.2.2",
		"_25._tcp.a.test. 60 IN TLSA 3 1 1 AABB", "_25._tcp.plain.test. 60 IN TLSA 3 1 1 AABB", "b.test. 60 IN A 192.0.2.3",
		"c.test. 60 IN A 192.0.2.4", "_25._tcp.bogus.c.test. 60 IN TLSA 3 1 1 AA")
	r := &SystemResolver{Server: server, Net: net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}}
	ctx := context.Background()
	for _, authentic := range []bool{false, true} {
		mx, secure, err := r.MX(ctx, "y.test", authentic)
		slices.SortFunc(mx, func(a, b MX) int { return int(a.Preference) - int(b.Preference) })
		if err != nil || secure != authentic || len(mx) != 2 || mx[0] != (MX{"a.test", 10}) {
			t.Errorf("MX: %v, secure %v, %v", mx, secure, err)
		}
		if mx, _, err = r.MX(ctx, "null.test", authentic); err != nil || len(mx) != 1 || mx[0].Host != "" {
			t.Errorf("null MX: %v, %v", mx, err)
		}
		if _, _, err = r.MX(ctx, "none.test", authentic); err != ErrNoName {
			t.Errorf("no name: %v", err)
		}
		if _, _, err = r.MX(ctx, "a.test", authentic); err != ErrNoName {
			t.Errorf("no MX: %v", err)
		}
		if _, _, err = r.MX(ctx, "bogus.test", authentic); err == nil || errors.Is(err, ErrNoName) {
			t.Errorf("SERVFAIL: %v", err)
		}
		if mx, _, err = r.MX(ctx, "long.test", authentic); err != nil || len(mx) != 1 {
			t.Errorf("over TCP: %v, %v", mx, err)
		}
	}
	if _, secure, err := r.MX(ctx, "plain.test", true); err != nil || secure {
		t.Errorf("not validated: secure %v, %v", secure, err)
	}
	if a, err := r.Addresses(ctx, "a.test"); err != nil || len(a) != 2 {
		t.Errorf("addresses: %v, %v", a, err)
	}
	if _, err := r.Addresses(ctx, "none.test"); err != ErrNoName {
		t.Errorf("no addresses: %v", err)
	}
	for _, tt := range []struct {
		host    string
		records int
		secure  bool
		fails   bool
	}{
		{"a.test", 1, true, false},
		{"plain.test", 0, false, false}, // its addresses are not authentic
		{"b.test", 0, true, false},
		{"none.test", 0, true, false},
		{"bogus.test", 0, false, true},
	} {
		records, secure, err := r.TLSA(ctx, tt.host, 25)
		if len(records) != tt.records || secure != tt.secure || (err != nil) != tt.fails {
			t.Errorf("%s: %v, secure %v, %v", tt.host, records, secure, err)
		}
		if len(records) > 0 && records[0] != (TLSA{3, 1, 1, "aabb"}) {
			t.Errorf("%v", records)
		}
	}
}
