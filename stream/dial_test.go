package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// A testCA signs what a test needs.
type testCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newTestCA(t *testing.T) *testCA {
	ca := &testCA{}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	ca.key = newKey(t)
	ca.cert = signed(t, tmpl, tmpl, ca.key, ca.key)
	return ca
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t *testing.T, tmpl, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (ca *testCA) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

func (ca *testCA) server(t *testing.T, name string) *tls.Config {
	key := newKey(t)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leaf := signed(t, tmpl, ca.cert, key, ca.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}}}
}

func startTLSScripted(t *testing.T, cfg *tls.Config, scripts ...[]string) *scriptedServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startScriptedOn(t, l, cfg, scripts...)
}

var (
	helloTLS  = []string{"220 x", "> EHLO", "250-x|250-PIPELINING|250 STARTTLS", "> STARTTLS", "220 go"}
	underTLS  = []string{"> EHLO", "250-x|250-PIPELINING|250-AUTH LOGIN PLAIN|250 REQUIRETLS"}
	wholeMail = script(begin, takesData)
)

func TestSTARTTLS(t *testing.T) {
	ca, other := newTestCA(t), newTestCA(t)
	good := ca.server(t, "y.test")
	pin := sha256.Sum256(good.Certificates[0].Leaf.RawSubjectPublicKeyInfo)
	for _, tt := range []struct {
		name     string
		route    policy.Route
		scripts  [][]string
		reply    wire.Reply // Code 0: delivered
		verified bool
	}{
		{"verify", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool()}, [][]string{script(helloTLS, []string{"tls"}, underTLS, wholeMail)}, wire.Reply{}, true},
		// Row 16: the keyword in lower case must not mean clear text.
		{"lower case", policy.Route{TLS: policy.TLSMay}, [][]string{script([]string{"220 x", "> EHLO", "250-x|250-PIPELINING|250 starttls", "> STARTTLS", "220 go", "tls"}, underTLS, wholeMail)}, wire.Reply{}, false},
		{"name", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), TLSName: "y.test"}, [][]string{script(helloTLS, []string{"tls"}, underTLS, wholeMail)}, wire.Reply{}, true},
		// Row 17: no cleartext, R4.
		{"wrong name", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), TLSName: "z.test"}, [][]string{script(helloTLS, []string{"tls fails"})}, replyInsecure, false},
		{"wrong root", policy.Route{TLS: policy.TLSVerify, Roots: other.pool()}, [][]string{script(helloTLS, []string{"tls fails"})}, replyInsecure, false},
		{"missing", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool()}, [][]string{script(hello, []string{"eof"})}, replyInsecure, false},
		{"454", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool()}, [][]string{script(helloTLS[:4], []string{"454 not now", "eof"})}, replyInsecure, false},
		{"HELO only", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool()}, [][]string{{"220 x", "> EHLO", "502 no", "> HELO", "250 x", "eof"}}, replyInsecure, false},
		{"pin", policy.Route{TLS: policy.TLSPin, Pins: [][32]byte{{1}, pin}}, [][]string{script(helloTLS, []string{"tls"}, underTLS, wholeMail)}, wire.Reply{}, true},
		{"wrong pin", policy.Route{TLS: policy.TLSPin, Pins: [][32]byte{{1}}}, [][]string{script(helloTLS, []string{"tls fails"})}, replyInsecure, false},
		{"no pins", policy.Route{TLS: policy.TLSPin}, [][]string{script(helloTLS, []string{"tls fails"})}, replyInsecure, false},
		{"may, 454", policy.Route{TLS: policy.TLSMay}, [][]string{script(helloTLS[:4], []string{"454 not now"}, wholeMail)}, wire.Reply{}, false},
		{"may, missing", policy.Route{TLS: policy.TLSMay}, [][]string{script(hello, wholeMail)}, wire.Reply{}, false},
		{"may, broken", policy.Route{TLS: policy.TLSMay}, [][]string{script(helloTLS, []string{"close"}), script(hello, wholeMail)}, wire.Reply{}, false},
		// Row 15: octets behind the 220.
		{"injected", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool()}, [][]string{script(helloTLS[:4], []string{"220 go|250 injected", "eof"})}, replyInsecure, false},
		{"injected, may", policy.Route{TLS: policy.TLSMay}, [][]string{script(helloTLS[:4], []string{"220 go|250 injected", "eof"})}, replyInsecure, false},
		{"implicit", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), ImplicitTLS: true}, [][]string{script([]string{"tls"}, hello, wholeMail)}, wire.Reply{}, true},
		{"AUTH", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), Username: "u", Password: "p"}, [][]string{script(helloTLS, []string{"tls"}, underTLS, []string{"> AUTH PLAIN AHUAcA==", "235 ok"}, wholeMail)}, wire.Reply{}, true},
		{"AUTH LOGIN", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), Username: "u", Password: "p"}, [][]string{script(helloTLS, []string{"tls", "> EHLO", "250-x|250-PIPELINING|250 AUTH LOGIN", "> AUTH LOGIN", "334 x", "> dQ==", "334 x", "> cA==", "235 ok"}, wholeMail)}, wire.Reply{}, true},
		{"AUTH refused", policy.Route{TLS: policy.TLSVerify, Roots: ca.pool(), Username: "u", Password: "p"}, [][]string{script(helloTLS, []string{"tls"}, underTLS, []string{"> AUTH PLAIN", "535 no", "eof"})}, replyUnreachable, false},
		{"AUTH, not verified", policy.Route{TLS: policy.TLSNone, Username: "u", Password: "p"}, [][]string{script(hello, []string{"eof"})}, replyInsecure, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testServers(t)
			s := startTLSScripted(t, good, tt.scripts...)
			rt := tt.route
			rt.Name, rt.Servers = "y.test", []policy.Server{{Address: s.addr(), MaxConnections: 5}}
			u, _, _, err := p.open(context.Background(), testSetup(), &rt, "", testSender(), testMail(t), testRcpts(t))
			if tt.reply.Code != 0 {
				if got := replyFor(err); got != tt.reply {
					t.Errorf("reply %+v for %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if u.verified != tt.verified || (u.tls != "") != strings.Contains(s.lines(), "STARTTLS") && !rt.ImplicitTLS && !strings.Contains(tt.name, "may") {
				t.Errorf("verified %v, tls %q", u.verified, u.tls)
			}
			deliver(t, u)
			p.drop(u)
		})
	}
}

// A host that tried to inject is left alone, also after its breaker's pause.
func TestInjectionIsDistrusted(t *testing.T) {
	now := time.Now()
	p := newServers(func() time.Time { return now }, nil, nil)
	defer p.close()
	s := startTLSScripted(t, nil, script(helloTLS[:4], []string{"220 go|250 injected", "eof"}))
	rt := testRoute(s.addr())
	rt.TLS = policy.TLSVerify
	before := injectedOctets.Get()
	for range 2 {
		if _, err := p.acquire(context.Background(), testSetup(), rt, "", nil); err == nil {
			t.Fatal("no error")
		}
		now = now.Add(9 * time.Minute)
	}
	if injectedOctets.Get() != before+1 {
		t.Error("not counted")
	}
}

// TLS sessions are resumed, and kept ones reused.
func TestTLSResumption(t *testing.T) {
	ca := newTestCA(t)
	p := testServers(t)
	one := script(helloTLS, []string{"tls"}, underTLS, wholeMail)
	s := startTLSScripted(t, ca.server(t, "y.test"), script(one, again, takesData), one)
	rt := testRoute(s.addr())
	rt.TLS, rt.Roots = policy.TLSVerify, ca.pool()
	setup := testSetup()
	for i := range 3 {
		u := openOne(t, p, setup, rt)
		if got := u.c.tls.ConnectionState().DidResume; got != (i == 2) {
			t.Errorf("transaction %d: resumed %v", i, got)
		}
		deliver(t, u)
		if i == 0 {
			p.release(u)
		} else {
			p.drop(u)
		}
	}
}

// F1: the next host, then R4.
func TestFailover(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, first := range map[string][]string{
		"greets 421":   {"421 busy", "eof"},
		"greets 554":   {"554 no", "eof"},
		"no greeting":  {"close"},
		"early octets": {"220 hi|250 ok", "eof"},
		"EHLO 421":     {"220 hi", "> EHLO", "421 no", "eof"},
		"EHLO closed":  {"220 hi", "> EHLO", "close"},
		"not there":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			p := testServers(t)
			addr := closed.Addr().String()
			if first != nil {
				addr = startScripted(t, first, first).addr()
			}
			good := startScripted(t, script(hello, wholeMail))
			u := openOne(t, p, testSetup(), testRoute(addr, good.addr()))
			deliver(t, u)
			p.drop(u)
			_, err := p.acquire(context.Background(), testSetup(), testRoute(addr), "", nil)
			if replyFor(err) != replyUnreachable {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

func TestGreetingTimesOut(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, []string{"wait end"})
	setup := testSetup()
	setup.Timeouts.ServerGreeting = 50 * time.Millisecond
	_, err := p.acquire(context.Background(), setup, testRoute(s.addr()), "", nil)
	if !errors.Is(err, errServerLate) || replyFor(err) != replyUnreachable {
		t.Error(err)
	}
	s.open("end")
}

// Row 36, the route that leads to ourselves: known by greeting or by address.
func TestRouteToSelf(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, []string{"220 MX.test ESMTP Sluice id=1", "eof"}, script([]string{"220 mx.test ESMTP Postfix"}, hello[1:], wholeMail))
	rt := testRoute(s.addr())
	if _, err := p.acquire(context.Background(), testSetup(), rt, "", nil); replyFor(err) != replyRoutingLoop {
		t.Error(err)
	}
	u := openOne(t, p, testSetup(), rt) // the name alone proves nothing
	deliver(t, u)
	p.drop(u)
	p.own = func(a netip.AddrPort) bool { return a.String() == s.addr() }
	if _, err := p.acquire(context.Background(), testSetup(), rt, "", nil); replyFor(err) != replyRoutingLoop {
		t.Error(err)
	}
}

func TestIdentity(t *testing.T) {
	other := testSender()
	other.addr, other.helo, other.ptr = netip.MustParseAddrPort("[2001:db8::1]:99"), "a b\r\nQUIT=+", ""
	t.Run("XCLIENT", func(t *testing.T) {
		ehlo := "250-x|250-PIPELINING|250 XCLIENT NAME ADDR PORT PROTO HELO"
		p := testServers(t)
		s := startScripted(t, script(
			[]string{"220 x", "> EHLO mx.test", ehlo, "> XCLIENT NAME=mail.x.test ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP HELO=helo.x.test\r\n", "220 x", "> EHLO helo.x.test", ehlo},
			wholeMail, again, takesData,
			[]string{"> XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PORT=99 PROTO=ESMTP HELO=a+20b+0D+0AQUIT+3D+2B\r\n", "220 x", "> EHLO mx.test", ehlo}, wholeMail))
		rt := testRoute(s.addr())
		rt.Identity = policy.IdentityXCLIENT
		for range 2 {
			u := openOne(t, p, testSetup(), rt)
			deliver(t, u)
			p.release(u)
		}
		u, _, _, err := p.open(context.Background(), testSetup(), rt, "", other, testMail(t), testRcpts(t))
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, u)
		p.drop(u)
	})
	t.Run("XFORWARD", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script([]string{"220 x", "> EHLO mx.test", "250-x|250-PIPELINING|250 XFORWARD NAME ADDR PROTO HELO",
			">> XFORWARD NAME=mail.x.test ADDR=192.0.2.7 PROTO=ESMTP HELO=helo.x.test|MAIL|RCPT", "501 no|250 ok|250 ok"}, takesData,
			[]string{">> RSET|XFORWARD|MAIL|RCPT", "250 ok|250 ok|250 ok|250 ok"}, takesData))
		rt := testRoute(s.addr())
		rt.Identity = policy.IdentityXFORWARD
		for i := range 2 {
			u := openOne(t, p, testSetup(), rt)
			deliver(t, u)
			if i == 0 {
				p.release(u)
			} else {
				p.drop(u)
			}
		}
	})
	t.Run("PROXY v1", func(t *testing.T) {
		header := "> PROXY TCP4 192.0.2.7 192.0.2.25 4711 25\r\n"
		p := testServers(t)
		s := startScripted(t, script([]string{header}, hello, wholeMail, again, takesData, []string{"eof"}),
			script([]string{"> PROXY TCP6 2001:db8::1 "}, hello, wholeMail))
		rt := testRoute(s.addr())
		rt.Identity = policy.IdentityProxyV1
		for range 2 {
			u := openOne(t, p, testSetup(), rt) // the same sender: the same session
			deliver(t, u)
			p.release(u)
		}
		u, _, _, err := p.open(context.Background(), testSetup(), rt, "", other, testMail(t), testRcpts(t))
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, u)
		p.drop(u)
		for _, u := range p.hosts[s.addr()].close() {
			u.c.Close()
		}
	})
	t.Run("PROXY v2", func(t *testing.T) {
		b, err := proxyHeader(2, testSender(), nil)
		if err != nil || hex.EncodeToString(b) != "0d0a0d0a000d0a515549540a2111000cc0000207c00002191267"+"0019" {
			t.Errorf("%x, %v", b, err)
		}
	})
}

// Row 47: two tenants on one host share no session.
func TestTenantsApart(t *testing.T) {
	p := testServers(t)
	one := script(hello, wholeMail, []string{"eof"})
	s := startScripted(t, one, one)
	a, b := testRoute(s.addr()), testRoute(s.addr())
	b.Tenant = "other"
	ua := openOne(t, p, testSetup(), a)
	deliver(t, ua)
	p.release(ua)
	ub := openOne(t, p, testSetup(), b)
	if ua == ub || ub.kept {
		t.Error("session shared")
	}
	deliver(t, ub)
	p.drop(ub)
	h := p.hosts[s.addr()]
	if h.total != 1 || len(h.idle) != 1 {
		t.Errorf("%d connections, %d idle", h.total, len(h.idle))
	}
	for _, u := range h.close() {
		u.c.Close()
	}
}

// Rows 31 and 32: what the server lacks is said for good only when the whole
// route is known to lack it.
func TestMismatch(t *testing.T) {
	full := wire.Mail{Size: -1}
	for _, tt := range []struct {
		name   string
		mail   func(m *wire.Mail)
		notify string
		routes int // hosts
		want   wire.Reply
	}{
		{"SMTPUTF8", func(m *wire.Mail) { m.SMTPUTF8 = true }, "", 1, replyNoUTF8},
		{"SMTPUTF8, other host unknown", func(m *wire.Mail) { m.SMTPUTF8 = true }, "", 2, replyShrunkOffer},
		{"REQUIRETLS", func(m *wire.Mail) { m.RequireTLS = true }, "", 1, replyNoRequireTLS},
		{"SIZE", func(m *wire.Mail) { m.Size = 1000001 }, "", 1, replyTooBig(1000000)},
		{"SIZE fits", func(m *wire.Mail) { m.Size = 1000000 }, "", 1, wire.Reply{}},
		{"8BITMIME", func(m *wire.Mail) { m.Body = wire.Body8BitMIME }, "", 1, wire.Reply{}},
		{"NOTIFY=SUCCESS", func(m *wire.Mail) {}, "SUCCESS,FAILURE", 1, replyNoDSN},
		{"NOTIFY=NEVER", func(m *wire.Mail) {}, "NEVER", 2, replyShrunkOffer},
		{"NOTIFY=FAILURE", func(m *wire.Mail) {}, "FAILURE", 1, wire.Reply{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testServers(t)
			ehlo := []string{"220 x", "> EHLO", "250-x|250-PIPELINING|250 SIZE 1000000"}
			rest := []string{"eof"}
			switch {
			case tt.want.Code == 0:
				rest = []string{"> MAIL FROM:<a@x.test>", "> RCPT TO:<b@y.test>\r\n", "250 ok|250 ok", "eof"}
			case tt.notify != "":
				rest = []string{"> MAIL", "250 ok", "eof"}
			}
			s := startScripted(t, script(ehlo, rest))
			rt := testRoute(s.addr(), "127.0.0.1:1")
			rt.Servers = rt.Servers[:tt.routes]
			m := full
			m.From = path(t, "a@x.test")
			tt.mail(&m)
			rcpts := testRcpts(t)
			rcpts[0].Notify = tt.notify
			u, _, rc, err := p.open(context.Background(), testSetup(), rt, "", nil, m, rcpts)
			got := wire.Reply{}
			switch {
			case err != nil:
				got = replyFor(err)
			case rc[0].Class() != 2:
				got = rc[0]
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if u != nil {
				p.drop(u)
			}
			for _, u := range p.hosts[s.addr()].close() {
				u.c.Close()
			}
		})
	}
}
