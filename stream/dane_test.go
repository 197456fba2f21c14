package stream

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sluice/policy"
	"sluice/stream/wire"
)

func TestDANERecords(t *testing.T) {
	ca, other := newTestCA(t), newTestCA(t)
	leaf := ca.server(t, "h.test").Certificates[0].Leaf
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	long := sha512.Sum512(leaf.RawSubjectPublicKeyInfo)
	chain := []*x509.Certificate{leaf, ca.cert}
	for _, tt := range []struct {
		name   string
		record TLSA
		host   string
		want   bool
	}{
		{"3 1 1", TLSA{3, 1, 1, sum(leaf.RawSubjectPublicKeyInfo)}, "h.test", true},
		{"3 1 1 upper case", TLSA{3, 1, 1, strings.ToUpper(sum(leaf.RawSubjectPublicKeyInfo))}, "h.test", true},
		{"3 1 1, name does not count", TLSA{3, 1, 1, sum(leaf.RawSubjectPublicKeyInfo)}, "z.test", true},
		{"3 0 1", TLSA{3, 0, 1, sum(leaf.Raw)}, "h.test", true},
		{"3 0 0", TLSA{3, 0, 0, hex.EncodeToString(leaf.Raw)}, "h.test", true},
		{"3 1 2", TLSA{3, 1, 2, hex.EncodeToString(long[:])}, "h.test", true},
		{"3 1 1 of the CA", TLSA{3, 1, 1, sum(ca.cert.RawSubjectPublicKeyInfo)}, "h.test", false},
		{"2 0 1", TLSA{2, 0, 1, sum(ca.cert.Raw)}, "h.test", true},
		{"2 1 1", TLSA{2, 1, 1, sum(ca.cert.RawSubjectPublicKeyInfo)}, "h.test", true},
		{"2 1 1, other name", TLSA{2, 1, 1, sum(ca.cert.RawSubjectPublicKeyInfo)}, "z.test", false},
		{"2 0 1 of another CA", TLSA{2, 0, 1, sum(other.cert.Raw)}, "h.test", false},
		{"2 0 1 of the leaf", TLSA{2, 0, 1, sum(leaf.Raw)}, "h.test", false},
	} {
		d := &daneRecords{usable: []TLSA{tt.record}, names: []string{tt.host}}
		if err := d.verify(tls.ConnectionState{PeerCertificates: chain}); (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.record.usable() {
			t.Errorf("%s: not usable", tt.name)
		}
	}
	for _, r := range []TLSA{{0, 1, 1, "aa"}, {1, 1, 1, "aa"}, {4, 1, 1, "aa"}, {3, 2, 1, "aa"}, {3, 1, 3, "aa"}, {3, 1, 1, ""}} {
		if r.usable() {
			t.Errorf("%v usable", r)
		}
	}
	// An anchor that did not sign the leaf proves nothing, though it is there.
	sent := []*x509.Certificate{leaf, other.cert}
	d := &daneRecords{usable: []TLSA{{2, 0, 1, sum(other.cert.Raw)}}, names: []string{"h.test"}}
	if d.verify(tls.ConnectionState{PeerCertificates: sent}) == nil {
		t.Error("anchor beside the chain accepted")
	}
}

func TestDANERoute(t *testing.T) {
	ca := newTestCA(t)
	cfg := ca.server(t, "a.test")
	key := sha256.Sum256(cfg.Certificates[0].Leaf.RawSubjectPublicKeyInfo)
	right, wrong := TLSA{3, 1, 1, hex.EncodeToString(key[:])}, TLSA{3, 1, 1, strings.Repeat("00", 32)}
	for _, tt := range []struct {
		name    string
		records []TLSA
		plain   bool
		fails   bool
		script  []string // nil: no connection at all
		want    wire.Reply
	}{
		{"right", []TLSA{wrong, right}, false, false, script(helloTLS, []string{"tls"}, underTLS, wholeMail), wire.Reply{}},
		{"wrong", []TLSA{wrong}, false, false, script(helloTLS, []string{"tls fails"}), replyInsecure},
		{"no STARTTLS", []TLSA{right}, false, false, script(hello, []string{"eof"}), replyInsecure},
		{"not authentic", []TLSA{right}, true, false, nil, replyInsecure},
		{"none", nil, false, false, nil, replyInsecure},
		{"unusable", []TLSA{{1, 1, 1, "aa"}}, false, false, nil, replyInsecure},
		{"bogus", []TLSA{right}, false, true, nil, replyInsecure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var scripts [][]string
			if tt.script != nil {
				scripts = append(scripts, tt.script)
			}
			s := startTLSScripted(t, cfg, scripts...)
			z := &zone{
				mx: map[string][]MX{"y.test": {{"a.test", 1}}}, a: map[string][]string{"a.test": {"127.0.0.1"}},
				tlsa: map[string][]TLSA{"a.test": tt.records}, plain: tt.plain, fails: map[string]bool{"a.test": tt.fails},
			}
			p := newServers(nil, z, nil)
			defer p.close()
			_, port, _ := net.SplitHostPort(s.addr())
			p.mxPort = netip.MustParseAddrPort("127.0.0.1:" + port).Port()
			rt := &policy.Route{Name: "y.test", MX: true, TLS: policy.TLSDANE}
			u, _, _, err := p.open(context.Background(), testSetup(), rt, "y.test", nil, testMail(t), testRcpts(t))
			if tt.want.Code != 0 {
				if replyFor(err) != tt.want {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || !u.verified {
				t.Fatal(err)
			}
			deliver(t, u)
			p.drop(u)
		})
	}
}
