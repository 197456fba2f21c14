package stream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/filter"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// promiseGuard ends a promise test that hangs, by the wall clock.
const promiseGuard = 20 * time.Second

// A sluice is a Server in front of a scripted one, with its books.
type sluice struct {
	t      testing.TB
	addr   string
	up     *smtptest.Server
	server *stream.Server
	guard  *stream.MemoryGuard
	setup  atomic.Pointer[stream.Setup] // in force
	stop   func()                       // ends it in order; called at the test's end at the latest
	served chan error
	books
}

// books are what a Server says about itself.
type books struct {
	mu      sync.Mutex // guards what follows
	text    bytes.Buffer
	list    []stream.Record
	changed chan struct{}
}

func (b *books) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *books) record(r *stream.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, *r)
	close(b.changed)
	b.changed = make(chan struct{})
}

// records waits until there are n, and returns them.
func (s *sluice) records(n int) []stream.Record {
	s.t.Helper()
	guard := time.After(promiseGuard)
	for {
		s.mu.Lock()
		list, changed := s.list[:len(s.list):len(s.list)], s.changed
		s.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-guard:
			s.t.Fatalf("%d records, want %d", len(list), n)
		}
	}
}

// allExtensions is what the scripted servers offer where nothing else is said.
var allExtensions = []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "SIZE 104857600", "ENHANCEDSTATUSCODES"}

// startServer starts a scripted server.
func startServer(t testing.TB, hook func(smtptest.Command) smtptest.Answer, change ...func(*smtptest.Server)) *smtptest.Server {
	t.Helper()
	up := &smtptest.Server{Extensions: allExtensions, Hook: hook}
	for _, f := range change {
		f(up)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.Close)
	return up
}

// startSluice puts a Server in front of up, for y.test in clear text, and
// waits until it has asked up what it offers. A nil up is a closed port.
func startSluice(t testing.TB, up *smtptest.Server, change ...func(*config)) *sluice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config{
		Setup:    stream.Defaults(),
		Listener: stream.Listener{Listener: l},
		Route:    policy.Route{Domains: []string{"y.test"}, TLS: policy.TLSNone},
	}
	c.Setup.Hostname = "mx.test"
	c.Route.Servers = []policy.Server{{Address: closedPort(t)}}
	if up != nil {
		c.Route.Servers[0].Address = up.Addr()
	}
	for _, f := range change {
		f(&c)
	}
	if c.Setup.Policy == nil {
		c.Setup.Policy = newPolicy(t, policy.Settings{Routes: []policy.Route{c.Route}})
	}
	setup := c.Setup.WithDefaults()
	s := &sluice{t: t, addr: l.Addr().String(), up: up, guard: stream.NewMemoryGuard(), served: make(chan error, 1)}
	s.changed = make(chan struct{})
	s.setup.Store(setup)
	s.server = &stream.Server{
		Setup:  s.setup.Load,
		Record: s.record,
		Guard:  s.guard,
		Log:    slog.New(slog.NewTextHandler(&s.books, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if c.guard != nil {
		s.server.Guard = c.guard(s.guard)
	}
	total, open := 0, 0
	if up != nil {
		total, open, _ = up.Connections()
	}
	go serve(s.server, &c.Listener, s.served)
	s.stop = sync.OnceFunc(func() { s.shutdown(setup) })
	t.Cleanup(s.stop)
	if up != nil {
		s.await("the probe", func() bool {
			n, left, _ := up.Connections()
			return n > total && left <= open
		})
	}
	return s
}

func (s *sluice) shutdown(setup *stream.Setup) {
	ctx, cancel := context.WithTimeout(context.Background(), promiseGuard)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		s.t.Errorf("shutdown: %v", err)
	}
	if err := <-s.served; err != nil {
		s.t.Errorf("serve: %v", err)
	}
	if err := setup.Chain.Wait(ctx); err != nil {
		s.t.Errorf("scanners: %v", err)
	}
}

// awaitProbe returns once the first connection to the server has ended.
func (s *sluice) awaitProbe() {
	s.t.Helper()
	s.await("the probe", func() bool {
		total, open, _ := s.up.Connections()
		return total > 0 && open == 0
	})
}

// await waits until something is so at the server.
func (s *sluice) await(what string, so func() bool) {
	s.t.Helper()
	awaitServer(s.t, s.up, what, so)
}

func awaitServer(t testing.TB, up *smtptest.Server, what string, so func() bool) {
	t.Helper()
	guard := time.After(promiseGuard)
	for {
		changed := up.Changed()
		if so() {
			return
		}
		select {
		case <-changed:
		case <-guard:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// messages returns what the server has committed once it is n.
func (s *sluice) messages(n int) []smtptest.Message {
	s.t.Helper()
	s.await("messages at the server", func() bool { return len(s.up.Messages()) >= n })
	ms := s.up.Messages()
	if len(ms) != n {
		s.t.Fatalf("%d messages at the server, want %d", len(ms), n)
	}
	return ms
}

// dial connects as a sender and says EHLO.
func (s *sluice) dial(from ...string) *smtptest.Client {
	s.t.Helper()
	c := smtptest.Dial(s.t, s.addr, from...)
	c.Hello()
	return c
}

// delivers proves that the proxy works, and returns the server's copy.
func (s *sluice) delivers(content string) smtptest.Message {
	s.t.Helper()
	n := len(s.up.Messages())
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	if got := c.Data(content); !strings.HasPrefix(got, "250 ") {
		s.t.Fatalf("got %q", got)
	}
	c.Quit()
	return s.messages(n + 1)[n]
}

func newPolicy(t testing.TB, settings policy.Settings) *policy.Snapshot {
	t.Helper()
	p, err := policy.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// closedPort is an address that refuses connections.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// stripTrace returns what stands behind our trace fields, which end with
// X-Sluice-Verdict, or X-Sluice-Id in a message over its window.
func stripTrace(t testing.TB, b []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("Received: ")) {
		t.Fatalf("no trace: %.80q", b)
	}
	i := bytes.Index(b, []byte("\r\nX-Sluice-Id: "))
	if i < 0 {
		t.Fatalf("no id: %.200q", b)
	}
	for rest := b[i+2:]; ; {
		line, after, _ := bytes.Cut(rest, []byte("\r\n"))
		if !bytes.HasPrefix(line, []byte("X-Sluice-")) {
			return rest
		}
		rest = after
	}
}

// listenTLS makes the listener offer STARTTLS, or TLS at once.
func listenTLS(implicit bool) func(*config) {
	return func(c *config) {
		cfg := smtptest.TheCA().ServerConfig("mx.test")
		c.Listener.TLS = func() *tls.Config { return cfg }
		c.Listener.Implicit = implicit
	}
}

// withModules sets the chain.
func withModules(t testing.TB, entries ...filter.Entry) func(*config) {
	return func(c *config) {
		chain, err := filter.New(entries...)
		if err != nil {
			t.Fatal(err)
		}
		c.Setup.Chain = chain
	}
}

// lookahead sets the window.
func lookahead(n int64) func(*config) { return func(c *config) { c.Setup.Lookahead = n } }
