package stream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// peerGuard ends a test that hangs on a real peer: 60 s, since Postfix itself
// retries after seconds only.
const peerGuard = 60 * time.Second

// A between is a Sluice in front of a real server, with its books.
type between struct {
	addr  string
	guard *openGuard
	setup atomic.Pointer[stream.Setup]

	mu      sync.Mutex // guards records
	records []stream.Record

	stop func() // ends it in order; called at the test's end at the latest
}

// A config is what a test may change before the start.
type config struct {
	stream.Setup
	stream.Listener
	policy.Route
	guard func(stream.Guard) stream.Guard // puts another one before it
}

// startBetween puts a Sluice in front of server, for y.test in clear text.
func startBetween(t *testing.T, server string, change ...func(*config)) *between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config{
		Setup:    stream.Setup{Hostname: "mx.test"},
		Listener: stream.Listener{Listener: l},
		Route:    policy.Route{Domains: []string{"y.test"}, TLS: policy.TLSNone},
	}
	for _, f := range change {
		f(&c)
	}
	b := &between{addr: l.Addr().String(), guard: &openGuard{open: map[stream.Subject]bool{}}}
	b.route(t, c, server)
	s := &stream.Server{
		Setup:  b.setup.Load,
		Record: b.record,
		Guard:  b.guard,
		Log:    slog.New(slog.DiscardHandler),
	}
	served := make(chan error, 1)
	go serve(s, &c.Listener, served)
	b.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), peerGuard)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

func serve(s *stream.Server, l *stream.Listener, served chan<- error) { served <- s.Serve(l) }

// route makes c with server behind it the settings in force.
func (b *between) route(t *testing.T, c config, server string) {
	t.Helper()
	c.Route.Servers = []policy.Server{{Address: server, Weight: 1, MaxConnections: 50}}
	snapshot, err := policy.New(policy.Settings{Routes: []policy.Route{c.Route}})
	if err != nil {
		t.Fatal(err)
	}
	c.Setup.Policy = snapshot
	b.setup.Store(c.Setup.WithDefaults())
}

func (b *between) record(r *stream.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, *r)
}

// delivered ends the Sluice and returns the records of delivered messages.
func (b *between) delivered() []stream.Record {
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []stream.Record
	for _, r := range b.records {
		if r.Verdict == stream.Delivered {
			found = append(found, r)
		}
	}
	return found
}

// An openGuard knows nothing of earlier replies, and which ones it would.
type openGuard struct {
	mu   sync.Mutex // guards open
	open map[stream.Subject]bool
}

func (g *openGuard) set(subject stream.Subject, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open {
		g.open[subject] = true
	} else {
		delete(g.open, subject)
	}
}

func (g *openGuard) Remember(subject stream.Subject, _ string, _ wire.Reply) { g.set(subject, true) }
func (g *openGuard) Doubt(subject stream.Subject, _ string)                  { g.set(subject, true) }
func (g *openGuard) Forget(subject stream.Subject)                           { g.set(subject, false) }
func (g *openGuard) Key() []byte                                             { return make([]byte, 32) }
func (g *openGuard) Lookup(stream.Subject) (wire.Reply, stream.Known) {
	return wire.Reply{}, stream.Unknown
}

func (g *openGuard) entries() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open)
}

// A client is a sender that writes exactly what it is told.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

// dial connects from a loopback address and reads the greeting.
func dial(t testing.TB, addr, from string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(peerGuard))
	c := &client{t: t, Conn: conn, in: bufio.NewReader(conn)}
	c.want("220")
	return c
}

// reply reads one reply, all its lines.
func (c *client) reply() (string, error) {
	var all strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		all.WriteString(line)
		if err != nil || len(line) < 4 || line[3] != '-' {
			return all.String(), err
		}
	}
}

// want reads a reply that must begin so, and returns it.
func (c *client) want(prefix string) string {
	c.t.Helper()
	reply, err := c.reply()
	if err != nil || !strings.HasPrefix(reply, prefix) {
		c.t.Fatalf("got reply %q, %v, want %s", reply, err, prefix)
	}
	return reply
}

// say writes a command and wants a reply that begins so.
func (c *client) say(command, prefix string) string {
	c.t.Helper()
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	return c.want(prefix)
}

// envelope begins a transaction to b@y.test.
func (c *client) envelope(parameters string) {
	c.t.Helper()
	c.say("EHLO client.test", "250")
	c.say("MAIL FROM:<a@x.test>"+parameters, "250")
	c.say("RCPT TO:<b@y.test>", "250")
}

// data sends a message with DATA and returns the reply to its end.
func (c *client) data(message string) string {
	c.t.Helper()
	c.say("DATA", "354")
	stuffed := strings.ReplaceAll("\r\n"+message, "\r\n.", "\r\n..")[2:]
	if _, err := io.WriteString(c, stuffed+".\r\n"); err != nil {
		c.t.Fatal(err)
	}
	return c.want("")
}

// chunks sends a message with BDAT in pieces and returns the reply to the last.
func (c *client) chunks(message string, size int) string {
	c.t.Helper()
	for len(message) > size {
		fmt.Fprintf(c, "BDAT %d\r\n%s", size, message[:size])
		c.want("250")
		message = message[size:]
	}
	fmt.Fprintf(c, "BDAT %d LAST\r\n%s", len(message), message)
	return c.want("")
}

// tlsFor makes a listener's configuration out of one certificate.
func tlsFor(certificate tls.Certificate) func() *tls.Config {
	return func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate}} }
}
