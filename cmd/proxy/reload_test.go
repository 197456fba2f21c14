package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/smtptest"
)

// A thousand reloads, every second one broken, while sessions read the state:
// each finds one whole configuration, and the broken ones change nothing.
func TestReloadUnderLoad(t *testing.T) {
	src := goodConfig(t, "limits: {sessions: 1, recipients: 1}\n")
	p := newTestProgram(t, src)
	reloads := 1000
	if smtptest.Race { // 100 swap often enough for the detector
		reloads = 100
	}
	failures := reloadFailures.Get()
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					runtime.Gosched()
				}
				s := p.state.Load()
				if l := s.setup.Limits; l.Sessions != l.Recipients || s.setup.ID != s.conf.hash || s.setup.Policy.Route("y.test") == nil {
					t.Error("a state of two configurations")
					return
				}
			}
		})
	}
	good := []string{"limits: {sessions: 1, recipients: 1}\n", "limits: {sessions: 2, recipients: 2}\n"}
	for i := range reloads {
		text := baseConfig + good[i/2%2]
		if i%2 == 1 {
			text += "lisen: 1\n"
		}
		writeFile(t, src.file, text)
		before := p.state.Load()
		_, err := p.reload()
		if broken := i%2 == 1; broken != (err != nil) || broken != (p.state.Load() == before) || broken == p.reloadOK.Load() {
			t.Fatalf("reload %d: %v", i, err)
		}
	}
	close(done)
	readers.Wait()
	if got := reloadFailures.Get() - failures; got != uint64(reloads/2) {
		t.Errorf("%d failures counted, want %d", got, reloads/2)
	}
	if got := p.server.(*fakeServer).reloads; got != reloads/2 {
		t.Errorf("the server was told %d times, want %d", got, reloads/2)
	}
}

// Settings that a running process cannot change fail the reload by name.
func TestReloadNeedsRestart(t *testing.T) {
	src := goodConfig(t, "")
	p := newTestProgram(t, src)
	for _, c := range []struct{ old, new, want string }{
		{`listeners: [{address: "127.0.0.1:0"}]`, `listeners: [{address: "127.0.0.1:1"}]`, src.file + `:2:23: "listeners[0].address" has changed`},
		{`listeners: [{address: "127.0.0.1:0"}]`, `listeners: [{address: "127.0.0.1:0", name: mx}]`, src.file + `:2:44: "listeners[0].name" has changed`},
		{`listeners: [`, `listeners: [{address: "127.0.0.1:1"}, `, src.file + `:2:12: "listeners" has changed`},
		{`admin: {address: "127.0.0.1:0"}`, `admin: {address: none}`, src.file + `:3:18: "admin.address" has changed`},
		{"hostname", "log: {format: postfix}\nhostname", src.file + `:1:6: "log" has changed`},
	} {
		writeFile(t, src.file, strings.Replace(baseConfig, c.old, c.new, 1))
		if _, err := p.reload(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	writeFile(t, src.file, strings.Replace(baseConfig, "y.test", "z.test", 1))
	if _, err := p.reload(); err != nil || p.state.Load().setup.Policy.Route("z.test") == nil {
		t.Errorf("a good one after all the bad: %v", err)
	}
}

// A pseudonym outlives a reload, and a new secret is read.
func TestReloadKeepsPseudonyms(t *testing.T) {
	src := goodConfig(t, "")
	p := newTestProgram(t, src)
	get := func() string {
		return string(p.records.privacy.Load().appendAddress(nil, path(t, "u@y.test")))
	}
	first := get()
	if _, err := p.reload(); err != nil || get() != first {
		t.Errorf("pseudonym changed: %v", err)
	}
	secretFile := filepath.Join(t.TempDir(), "key")
	writeFile(t, secretFile, "0123456789abcdef\n")
	writeFile(t, src.file, baseConfig+"privacy: {key: \"${file:"+secretFile+"}\"}\n")
	if _, err := p.reload(); err != nil || get() == first {
		t.Errorf("pseudonym did not change: %v", err)
	}
}

// makeCertificate writes a certificate for name and its key.
func makeCertificate(t *testing.T, dir, file, name string, expires time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(expires.Unix()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: expires.Add(-1000 * time.Hour), NotAfter: expires,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, file+".crt"), filepath.Join(dir, file+".key")
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return certFile, keyFile
}

// served returns the serial number of the certificate a listener shows for name.
func served(t *testing.T, p *program, name string) int64 {
	t.Helper()
	cert, err := p.tls["smtp"].choose(&tls.ClientHelloInfo{
		ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.X25519},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.SerialNumber.Int64()
}

// Replaced files come into force within a minute; broken ones leave the old
// certificate, raise the counter, and are tried again.
func TestCertificatesSwap(t *testing.T) {
	dir := t.TempDir()
	day := func(n int) time.Time { return time.Date(2100, 1, n, 0, 0, 0, 0, time.UTC) }
	makeCertificate(t, dir, "a", "a.test", day(1))
	makeCertificate(t, dir, "b", "b.test", day(2))
	src := goodConfig(t, "")
	writeFile(t, src.file, strings.Replace(baseConfig, `{address: "127.0.0.1:0"}]`, `{address: "127.0.0.1:0", tls: {cert: `+dir+`/a.crt, key: `+dir+
		`/a.key, certs: [{cert: `+dir+`/b.crt, key: `+dir+`/b.key}]}}]`, 1))
	p := newTestProgram(t, src)
	if a, b, other := served(t, p, "a.test"), served(t, p, "b.test"), served(t, p, "c.test"); a != day(1).Unix() || b != day(2).Unix() || other != a {
		t.Errorf("SNI: a.test %d, b.test %d, another name %d", a, b, other)
	}
	config := p.tls["smtp"].get()
	failures := certificateFailures.Get()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go p.watchCertificates(ctx)
		synctest.Wait()

		makeCertificate(t, dir, "b", "b.test", day(20))
		time.Sleep(certificateInterval)
		synctest.Wait()
		if got := served(t, p, "b.test"); got != day(20).Unix() {
			t.Errorf("the replaced certificate is not served")
		}

		writeFile(t, dir+"/a.key", "half a k")
		for range 2 { // it is tried again and again
			time.Sleep(certificateInterval)
			synctest.Wait()
		}
		if got := served(t, p, "a.test"); got != day(1).Unix() {
			t.Errorf("the old certificate is not served any more")
		}
		if got := certificateFailures.Get() - failures; got != 2 {
			t.Errorf("%d failures, want 2", got)
		}

		makeCertificate(t, dir, "a", "a.test", day(10))
		time.Sleep(certificateInterval)
		synctest.Wait()
		if got := served(t, p, "a.test"); got != day(10).Unix() {
			t.Errorf("the repaired certificate is not served")
		}
		cancel()
		synctest.Wait()
	})
	if p.tls["smtp"].get() != config {
		t.Error("the TLS configuration changed, and session tickets with it")
	}
	var page strings.Builder
	p.writeGauges(&page)
	if !strings.Contains(page.String(), `sluice_tls_cert_expiry_timestamp_seconds{name="smtp"} 4.1032224e+09`) &&
		!strings.Contains(page.String(), `sluice_tls_cert_expiry_timestamp_seconds{name="smtp"} 4103222400`) {
		t.Errorf("expiry:\n%s", page.String())
	}
}

func TestAdmin(t *testing.T) {
	src := goodConfig(t, "")
	p := newTestProgram(t, src)
	handler := p.adminHandler()
	ask := func(method, target, from string, header ...string) (int, string) {
		r := httptest.NewRequest(method, target, nil)
		r.RemoteAddr = from
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		return w.Code, string(body)
	}
	const here, there = "127.0.0.1:1", "192.0.2.1:1"
	for _, c := range []struct {
		name, method, target, from string
		header                     []string
		code                       int
		body                       string
	}{
		{"alive", "GET", "/livez", there, nil, 200, "ok\n"},
		{"not ready yet", "GET", "/readyz", there, nil, 503, "starting\n"},
		{"metrics", "GET", "/metrics", there, nil, 200, ""},
		{"reload from elsewhere", "POST", "/-/reload", there, nil, 403, "reload is for this host only\n"},
		{"reload by GET", "GET", "/-/reload", here, nil, 405, ""},
		{"reload by a web page", "POST", "/-/reload", here, []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"reload", "POST", "/-/reload", here, nil, 200, p.state.Load().conf.hash + "\n"},
		{"reload over IPv6", "POST", "/-/reload", "[::1]:1", nil, 200, p.state.Load().conf.hash + "\n"},
		{"unknown", "GET", "/", here, nil, 404, ""},
	} {
		code, body := ask(c.method, c.target, c.from, c.header...)
		if code != c.code || c.body != "" && body != c.body {
			t.Errorf("%s: %d %q", c.name, code, body)
		}
	}
	p.unready.Store(nil)
	if code, body := ask("GET", "/readyz", there); code != http.StatusOK || body != "ready\n" {
		t.Errorf("ready: %d %q", code, body)
	}
	writeFile(t, src.file, baseConfig+"lisen: 1\n")
	want := src.file + `:9:1: unknown key "lisen"; nearest "listeners"` + "\n"
	if code, body := ask("POST", "/-/reload", here); code != http.StatusConflict || body != want {
		t.Errorf("bad reload: %d %q", code, body)
	}
	_, page := ask("GET", "/metrics", here)
	for _, want := range []string{
		"sluice_config_last_reload_success 0\n", `sluice_config_info{hash="` + p.state.Load().conf.hash + `"} 1`,
		"sluice_sessions_max 20000\n", "sluice_sessions_active 0\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in metrics", want)
		}
	}
}

// An accept loop that does not come back is dead after a while.
func TestLivenessOfAcceptLoop(t *testing.T) {
	var l watchedListener
	now := time.Now()
	if !l.alive(now) {
		t.Error("waiting, but dead")
	}
	l.left.Store(now.UnixNano())
	if !l.alive(now.Add(acceptStall - time.Nanosecond)) {
		t.Error("at work, but dead")
	}
	if l.alive(now.Add(acceptStall)) {
		t.Error("away for long, but alive")
	}
}
