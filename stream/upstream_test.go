package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/policy"
	"sluice/stream/wire"
)

// A scriptedServer plays one script a connection, in order; further
// connections are closed at once. Steps:
//
//	"220 hello"     is said, CRLF added ("|" makes further lines)
//	"> MAIL FROM:"  the next line must begin so; "> *" is any line
//	">> a|b"        the lines must arrive in one write
//	"data"          reads up to the terminator
//	"cut"           reads until the client closes; a terminator is a failure
//	"tls"           handshake
//	"raw text"      is said as it is
//	"wait NAME"     waits until the test calls go(NAME)
//	"close"         closes at once
type scriptedServer struct {
	t       *testing.T
	l       net.Listener
	tls     *tls.Config
	mu      sync.Mutex
	got     []string // every line read, per connection, as "n: line"
	data    []string
	gates   map[string]chan struct{}
	running sync.WaitGroup
}

func startScripted(t *testing.T, scripts ...[]string) *scriptedServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startScriptedOn(t, l, nil, scripts...)
}

func startScriptedOn(t *testing.T, l net.Listener, cfg *tls.Config, scripts ...[]string) *scriptedServer {
	s := &scriptedServer{t: t, l: l, tls: cfg, gates: make(map[string]chan struct{})}
	s.running.Go(func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if i >= len(scripts) {
				t.Errorf("connection %d is one too many", i+1)
				c.Close()
				continue
			}
			s.running.Go(func() {
				if err := s.play(i, c, scripts[i]); err != nil {
					t.Errorf("connection %d: %v", i+1, err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.running.Wait()
	})
	return s
}

func (s *scriptedServer) addr() string { return s.l.Addr().String() }

func (s *scriptedServer) gate(name string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gates[name] == nil {
		s.gates[name] = make(chan struct{})
	}
	return s.gates[name]
}

func (s *scriptedServer) open(name string) { close(s.gate(name)) }

func (s *scriptedServer) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got, "\n")
}

func (s *scriptedServer) play(n int, c net.Conn, script []string) error {
	defer func() { c.Close() }()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(c)
	for _, step := range script {
		verb, arg, _ := strings.Cut(step, " ")
		switch verb {
		case ">":
			line, err := in.ReadString('\n')
			if err != nil {
				return fmt.Errorf("waiting for %q: %w", arg, err)
			}
			if err := s.note(n, line, arg); err != nil {
				return err
			}
		case ">>":
			buf := make([]byte, 4096)
			m, err := in.Read(buf)
			if err != nil {
				return fmt.Errorf("waiting for %q: %w", arg, err)
			}
			got := strings.SplitAfter(string(buf[:m]), "\n")
			want := strings.Split(arg, "|")
			if len(got) != len(want)+1 {
				return fmt.Errorf("one read gave %q, want %q", got, want)
			}
			for i := range want {
				if err := s.note(n, got[i], want[i]); err != nil {
					return err
				}
			}
		case "data", "cut":
			var b strings.Builder
			for !strings.HasSuffix("\r\n"+b.String(), "\r\n.\r\n") {
				line, err := in.ReadString('\n')
				b.WriteString(line)
				if err != nil {
					if verb == "cut" {
						return nil
					}
					return fmt.Errorf("in data: %w", err)
				}
			}
			if verb == "cut" {
				return errors.New("got a terminator")
			}
			s.mu.Lock()
			s.data = append(s.data, b.String())
			s.mu.Unlock()
		case "eof":
			if b, err := io.ReadAll(in); len(b) > 0 || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
				return fmt.Errorf("got %q, %v instead of the end", b, err)
			}
		case "tls":
			t := tls.Server(c, s.tls)
			if err := t.Handshake(); err != nil {
				if arg == "fails" {
					return nil
				}
				return fmt.Errorf("handshake: %w", err)
			}
			if arg == "fails" {
				return errors.New("handshake succeeded")
			}
			c, in = t, bufio.NewReader(t)
		case "raw":
			io.WriteString(c, arg)
		case "wait":
			<-s.gate(arg)
		case "close":
			return nil
		default:
			if _, err := io.WriteString(c, strings.ReplaceAll(step, "|", "\r\n")+"\r\n"); err != nil {
				return fmt.Errorf("saying %q: %w", step, err)
			}
		}
	}
	return nil
}

func (s *scriptedServer) note(n int, line, want string) error {
	s.mu.Lock()
	s.got = append(s.got, fmt.Sprintf("%d: %s", n+1, strings.TrimSuffix(line, "\r\n")))
	s.mu.Unlock()
	if !strings.HasSuffix(line, "\r\n") || want != "*" && !strings.HasPrefix(line, want) {
		return fmt.Errorf("got %q, want %q", line, want)
	}
	return nil
}

// Pieces of scripts.
var (
	hello     = []string{"220 y.test ready", "> EHLO mx.test", "250-y.test|250-PIPELINING|250-SIZE 1000000|250-8BITMIME|250 DSN"}
	begin     = []string{">> MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>", "250 2.1.0 Ok|250 2.1.5 Ok"}
	again     = []string{">> RSET|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>", "250 2.0.0 Ok|250 2.1.0 Ok|250 2.1.5 Ok"}
	takesData = []string{"> DATA", "354 go on", "data", "250 2.0.0 queued as 1"}
	quits     = []string{"> QUIT", "eof"}
)

func script(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func testSetup() *Setup {
	return &Setup{
		Hostname: "mx.test",
		Limits:   Limits{MaxMessage: 50 << 20},
		Timeouts: Timeouts{
			DNS: 2 * time.Second, Connect: 2 * time.Second, ConnectAll: 5 * time.Second, ServerGreeting: 5 * time.Second,
			ServerRecipient: 5 * time.Second, ServerData: 5 * time.Second, ServerWrite: 5 * time.Second,
			ServerReset: 5 * time.Second, PoolIdle: 30 * time.Second, PoolAge: 10 * time.Minute, PoolSlot: 5 * time.Second,
		},
	}
}

func testRoute(addrs ...string) *policy.Route {
	rt := &policy.Route{Name: "y.test", Tenant: "t", Domains: []string{"y.test"}, TLS: policy.TLSNone}
	for i, a := range addrs {
		rt.Servers = append(rt.Servers, policy.Server{Address: a, Priority: i, Weight: 1, MaxConnections: 10})
	}
	return rt
}

func testServers(t *testing.T) *servers {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	p := newServers(nil, nil, nil)
	t.Cleanup(func() {
		p.close()
		goleak.VerifyNone(t, ignore)
	})
	return p
}

func path(t testing.TB, s string) wire.Path {
	p, err := wire.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testMail(t testing.TB) wire.Mail { return wire.Mail{From: path(t, "a@x.test"), Size: -1} }

func testRcpts(t testing.TB, to ...string) []wire.Rcpt {
	if len(to) == 0 {
		to = []string{"b@y.test"}
	}
	var r []wire.Rcpt
	for _, a := range to {
		r = append(r, wire.Rcpt{To: path(t, a)})
	}
	return r
}

func testSender() *senderIdentity {
	return &senderIdentity{
		addr: netip.MustParseAddrPort("192.0.2.7:4711"), local: netip.MustParseAddrPort("192.0.2.25:25"),
		ptr: "mail.x.test", helo: "helo.x.test", proto: "ESMTP", net: "192.0.2.0/24",
	}
}

// openOne opens a transaction with one recipient and wants it accepted.
func openOne(t *testing.T, p *servers, setup *Setup, rt *policy.Route) *upstream {
	t.Helper()
	u, mail, rc, err := p.open(context.Background(), setup, rt, "y.test", testSender(), testMail(t), testRcpts(t))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if mail.Class() != 2 || len(rc) != 1 || rc[0].Class() != 2 {
		t.Fatalf("open: MAIL %v, RCPT %v", mail, rc)
	}
	return u
}

func deliver(t *testing.T, u *upstream) wire.Reply {
	t.Helper()
	if r, err := u.data(context.Background()); err != nil || r.Code != 354 {
		t.Fatalf("data: %v, %v", r, err)
	}
	if err := u.write(net.Buffers{[]byte("Subject: x\r\n"), []byte("\r\nbody\r\n")}); err != nil || !u.sent() {
		t.Fatalf("write: %v, sent %v", err, u.sent())
	}
	replies, err := u.commit(net.Buffers{[]byte("end\r\n"), []byte(".\r\n")}, 1, time.Now().Add(5*time.Second))
	if err != nil || len(replies) != 1 {
		t.Fatalf("commit: %v, %v", replies, err)
	}
	return replies[0]
}

func TestTransactionAndReuse(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, begin, takesData, again, takesData, quits))
	rt, setup := testRoute(s.addr()), testSetup()
	for i := range 2 {
		u := openOne(t, p, setup, rt)
		if u.sent() {
			t.Error("sent before any octet")
		}
		if r := deliver(t, u); r.Code != 250 || r.Text != "queued as 1" || r.Enhanced != "2.0.0" {
			t.Errorf("message %d: reply %+v", i, r)
		}
		if u.sent() || u.terminated {
			t.Error("sent or terminated wrong after commit")
		}
		p.release(u)
	}
	p.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := "Subject: x\r\n\r\nbody\r\nend\r\n.\r\n"; len(s.data) != 2 || s.data[1] != want {
		t.Errorf("data %q", s.data)
	}
}

func TestServerWithoutPipelining(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(
		[]string{"220 x", "> EHLO", "500 what", "> HELO mx.test", "250 x"},
		[]string{">> MAIL FROM:<a@x.test>", "250 ok", ">> RCPT TO:<b@y.test>", "250 ok", ">> RCPT TO:<c@y.test>", "550 no"},
		takesData,
		[]string{">> RSET", "250 ok", ">> MAIL FROM:<a@x.test>", "451 not now"},
		quits))
	rt, setup := testRoute(s.addr()), testSetup()
	u, _, rc, err := p.open(context.Background(), setup, rt, "", nil, testMail(t), testRcpts(t, "b@y.test", "c@y.test"))
	if err != nil || rc[0].Code != 250 || rc[1].Code != 550 || rc[1].Enhanced != "5.0.0" {
		t.Fatalf("open: %v, %v", rc, err)
	}
	deliver(t, u)
	p.release(u)
	u, mail, rc, err := p.open(context.Background(), setup, rt, "", nil, testMail(t), testRcpts(t, "b@y.test", "c@y.test"))
	if err != nil || mail.Code != 451 || len(rc) != 2 || rc[0] != mail || rc[1] != mail {
		t.Fatalf("open: %v, %v, %v", mail, rc, err)
	}
	p.release(u)
	p.close()
}

// Row 46: whatever makes a kept session useless, the next sender gets a fresh
// one and notices nothing.
func TestStaleSession(t *testing.T) {
	for name, end := range map[string][]string{
		"421 waiting":     {"421 4.4.2 idle too long", "close"},
		"closed":          {"close"},
		"RSET 503":        {">> RSET|MAIL|RCPT", "503 no|250 ok|250 ok", "eof"},
		"RSET 421":        {">> RSET|MAIL|RCPT", "421 bye", "close"},
		"EOF after RSET":  {"> RSET", "250 ok", "close"},
		"EOF after MAIL":  {"> RSET", "> MAIL", "250 ok|250 ok", "close"},
		"421 to MAIL":     {"> RSET", "> MAIL", "250 ok|421 bye", "close"},
		"EOF in a reply":  {"> RSET", "> MAIL", "raw 25", "close"},
		"EOF at once":     {"> RSET", "close"},
		"pending garbage": {"raw x", "eof"},
	} {
		t.Run(name, func(t *testing.T) {
			p := testServers(t)
			s := startScripted(t, script(hello, begin, takesData, []string{"wait release"}, end), script(hello, begin, takesData, quits))
			rt, setup := testRoute(s.addr()), testSetup()
			u := openOne(t, p, setup, rt)
			deliver(t, u)
			c := u.c
			p.release(u)
			s.open("release")
			switch end[0][0] {
			case '4', 'c', 'r': // wait until the octets or the end are here
				if err := waitReadable(c); err != nil {
					t.Fatal(err)
				}
			}
			u = openOne(t, p, setup, rt)
			if u.c == c {
				t.Error("stale session used")
			}
			deliver(t, u)
			p.release(u)
			p.close()
		})
	}
}

// F2, before any octet: one replay on a fresh session, then R4.
func TestDeathBeforeDataIsReplayedOnce(t *testing.T) {
	p := testServers(t)
	dies := script(hello, []string{"> MAIL", "> RCPT", "250 ok", "close"})
	s := startScripted(t, dies, script(hello, begin, takesData, quits), dies, dies)
	setup := testSetup()
	u := openOne(t, p, setup, testRoute(s.addr()))
	deliver(t, u)
	p.release(u)
	p.hosts[s.addr()].mu.Lock()
	idle := p.hosts[s.addr()].idle
	p.hosts[s.addr()].mu.Unlock()
	if len(idle) != 1 {
		t.Fatalf("%d idle", len(idle))
	}
	other := testRoute(s.addr())
	other.Tenant = "other"
	_, _, _, err := p.open(context.Background(), setup, other, "", nil, testMail(t), testRcpts(t))
	if r := replyFor(err); r != replyUnconfirmed {
		t.Errorf("reply %+v for %v", r, err)
	}
	p.close()
}

// Rows 37 and 38: what is no reply, or none to this, is 451 and the end.
func TestGarbledReplies(t *testing.T) {
	long := strings.Repeat("250-"+strings.Repeat("x", 500)+"\r\n", 2000)
	for name, answer := range map[string]string{
		"1 MB":         "raw " + long,
		"one line":     "raw 250 " + strings.Repeat("x", 1<<20),
		"mixed codes":  "250-ok|251 ok",
		"two digits":   "25 ok",
		"NUL":          "raw 250 a\x00b\r\n250 ok\r\n",
		"bare LF":      "raw 250 ok\n250 ok\r\n",
		"354 to MAIL":  "354 go on|250 ok",
		"354 to RCPT":  "250 ok|354 go on",
		"1xx":          "150 hm|250 ok",
		"three":        "250 ok|250 ok|250 ok",
		"no number":    "hello",
		"more octets":  "raw 250 ok\r\n250 ok\r\nx",
		"refused, 354": "550 no|354 go on",
	} {
		t.Run(name, func(t *testing.T) {
			p := testServers(t)
			s := startScripted(t, script(hello, []string{"> MAIL", "> RCPT", answer, "cut"}))
			_, _, _, err := p.open(context.Background(), testSetup(), testRoute(s.addr()), "", testSender(), testMail(t), testRcpts(t))
			if r := replyFor(err); r != replyUnconfirmed || !errors.Is(err, errReplyGarbled) {
				t.Errorf("reply %+v for %v", r, err)
			}
		})
	}
}

func TestGarbledAroundData(t *testing.T) {
	t.Run("250 to DATA", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "250 ok", "cut"}))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		if r, err := u.data(context.Background()); !errors.Is(err, errReplyGarbled) {
			t.Errorf("%v, %v", r, err)
		}
		p.drop(u)
	})
	t.Run("250 behind 354", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go|250 ok", "cut"}))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		if r, err := u.data(context.Background()); !errors.Is(err, errReplyGarbled) {
			t.Errorf("%v, %v", r, err)
		}
		p.drop(u)
	})
	t.Run("two replies", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "data", "250 ok|250 ok", "eof"}))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		u.data(context.Background())
		replies, err := u.commit(net.Buffers{[]byte(".\r\n")}, 1, time.Now().Add(5*time.Second))
		if !errors.Is(err, errReplyGarbled) || len(replies) > 0 || !u.terminated {
			t.Errorf("%v, %v, terminated %v", replies, err, u.terminated)
		}
		p.drop(u)
	})
	t.Run("354 to the end", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "data", "354 go", "eof"}))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		u.data(context.Background())
		if _, err := u.commit(net.Buffers{[]byte(".\r\n")}, 1, time.Now().Add(5*time.Second)); !errors.Is(err, errReplyGarbled) {
			t.Error(err)
		}
		p.drop(u)
	})
	t.Run("250 and a parting 421", func(t *testing.T) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "data", "250 ok|421 bye", "eof"}))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		u.data(context.Background())
		replies, err := u.commit(net.Buffers{[]byte(".\r\n")}, 1, time.Now().Add(5*time.Second))
		if err != nil || replies[0].Code != 250 || u.broken == nil {
			t.Errorf("%v, %v, broken %v", replies, err, u.broken)
		}
		p.release(u)
	})
}

// I2, row 38, F6: a server that speaks before the end of data never gets one.
func TestEarlyReply(t *testing.T) {
	for _, when := range []string{"write", "commit", "bdat last"} {
		for _, answer := range []string{"552 5.3.4 too big", "250 ok"} {
			t.Run(when+" "+answer[:3], func(t *testing.T) {
				p := testServers(t)
				s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "> first", answer, "cut"}))
				u := openOne(t, p, testSetup(), testRoute(s.addr()))
				u.data(context.Background())
				if err := u.write(net.Buffers{[]byte("first\r\n")}); err != nil {
					t.Fatal(err)
				}
				if err := waitReadable(u.c); err != nil {
					t.Fatal(err)
				}
				var err error
				switch when {
				case "write":
					err = u.write(net.Buffers{[]byte("more\r\n")})
				case "commit":
					_, err = u.commit(net.Buffers{[]byte(".\r\n")}, 1, time.Now().Add(time.Second))
				case "bdat last":
					err = u.bdat(0, true, nil)
				}
				if err != errServerSpoke || u.terminated {
					t.Errorf("error %v, terminated %v", err, u.terminated)
				}
				if r, err := u.reply(context.Background(), time.Second); err != nil || !strings.HasPrefix(answer, fmt.Sprint(r.Code)) {
					t.Errorf("early reply %v, %v", r, err)
				}
				p.drop(u)
			})
		}
	}
}

// F3, F4, F5: around the terminator.
func TestAfterTheTerminator(t *testing.T) {
	commit := func(t *testing.T, end ...string) (*servers, *scriptedServer, *upstream, []wire.Reply, error) {
		p := testServers(t)
		s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "data"}, end))
		u := openOne(t, p, testSetup(), testRoute(s.addr()))
		u.data(context.Background())
		replies, err := u.commit(net.Buffers{[]byte("x\r\n.\r\n")}, 1, time.Now().Add(300*time.Millisecond))
		return p, s, u, replies, err
	}
	t.Run("dies", func(t *testing.T) {
		p, _, u, _, err := commit(t, "close")
		if !errors.Is(err, errServerGone) || !u.terminated || replyFor(err) != replyUnconfirmed {
			t.Errorf("%v, terminated %v", err, u.terminated)
		}
		p.drop(u)
	})
	t.Run("late", func(t *testing.T) {
		p, s, u, _, err := commit(t, "raw 250 2.0.0 la", "wait late", "raw te\r\n", "eof")
		if !errors.Is(err, errServerLate) || !u.terminated || replyFor(err) != replyUnconfirmed {
			t.Errorf("%v, terminated %v", err, u.terminated)
		}
		s.open("late")
		replies, err := u.lateReplies(1, time.Now().Add(5*time.Second))
		if err != nil || len(replies) != 1 || replies[0].Text != "late" || u.terminated {
			t.Errorf("late: %v, %v", replies, err)
		}
		p.release(u)
	})
	t.Run("250, then gone", func(t *testing.T) {
		p, _, u, replies, err := commit(t, "250 ok", "close")
		if err != nil || replies[0].Code != 250 {
			t.Errorf("%v, %v", replies, err)
		}
		p.release(u)
	})
	t.Run("refused", func(t *testing.T) {
		p, _, u, replies, err := commit(t, "550 5.7.1 \x1bspam", "> QUIT", "eof")
		if err != nil || replies[0] != (wire.Reply{Code: 550, Enhanced: "5.7.1", Text: "?spam"}) {
			t.Errorf("%+v, %v", replies, err)
		}
		p.release(u)
		p.close()
	})
	t.Run("421", func(t *testing.T) {
		p, _, u, replies, err := commit(t, "421 4.3.2 going down", "eof")
		if err != nil || replies[0].Code != 451 {
			t.Errorf("%+v, %v", replies, err)
		}
		p.release(u)
	})
}

// F7: a server that stops reading.
func TestServerStopsReading(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, begin, []string{"> DATA", "354 go", "wait end", "close"}))
	setup := testSetup()
	setup.Timeouts.ServerWrite = 200 * time.Millisecond
	u := openOne(t, p, setup, testRoute(s.addr()))
	u.data(context.Background())
	chunk := make([]byte, 1<<20)
	var err error
	for range 64 {
		if err = u.write(net.Buffers{chunk}); err != nil {
			break
		}
	}
	if !errors.Is(err, errServerLate) || replyFor(err) != replyUnconfirmed {
		t.Errorf("%v", err)
	}
	p.drop(u)
	s.open("end")
}

// The end of the context ends whatever waits, but not a commit.
func TestCalledOff(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, begin, []string{"> DATA", "cut"}), script(hello, begin, []string{"> DATA", "354 go", "wait off", "data", "250 ok", "> QUIT"}))
	ctx, cancel := context.WithCancel(context.Background())
	u, _, _, err := p.open(ctx, testSetup(), testRoute(s.addr()), "", nil, testMail(t), testRcpts(t))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := u.data(ctx); !errors.Is(err, errCalledOff) || replyFor(err).Code != 451 {
		t.Errorf("%v", err)
	}
	p.drop(u)

	ctx, cancel = context.WithCancel(context.Background())
	if u, _, _, err = p.open(ctx, testSetup(), testRoute(s.addr()), "", nil, testMail(t), testRcpts(t)); err != nil {
		t.Fatal(err)
	}
	u.data(ctx)
	time.AfterFunc(20*time.Millisecond, func() { cancel(); s.open("off") })
	if r, err := u.commit(net.Buffers{[]byte(".\r\n")}, 1, time.Now().Add(5*time.Second)); err != nil || r[0].Code != 250 {
		t.Errorf("%v, %v", r, err)
	}
	p.release(u)
	p.close()
}

// Row 30a, the part that is ours: a reply for each accepted recipient.
func TestLMTP(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(
		[]string{"220 x", "> LHLO mx.test", "250-x|250 PIPELINING", "> MAIL", "> RCPT", "> RCPT", "> RCPT", "250 ok|250 ok|550 no|250 ok"},
		[]string{"> DATA", "354 go", "data", "250 b|452 c", "> RSET", "> MAIL", "> RCPT", "250 ok|250 ok|250 ok"},
		[]string{"> DATA", "354 go", "data", "250 b", "wait late", "451 c", "eof"}))
	setup, rt := testSetup(), testRoute(s.addr())
	rt.Protocol = policy.LMTP
	u, _, rc, err := p.open(context.Background(), setup, rt, "", nil, testMail(t), testRcpts(t, "a@y.test", "b@y.test", "c@y.test"))
	if err != nil || rc[1].Code != 550 || !u.lmtp {
		t.Fatal(rc, err)
	}
	u.data(context.Background())
	replies, err := u.commit(net.Buffers{[]byte(".\r\n")}, 2, time.Now().Add(5*time.Second))
	if err != nil || len(replies) != 2 || replies[0].Code != 250 || replies[1].Code != 452 {
		t.Fatal(replies, err)
	}
	p.release(u)
	u = openOne(t, p, setup, rt)
	u.data(context.Background())
	replies, err = u.commit(net.Buffers{[]byte(".\r\n")}, 2, time.Now().Add(200*time.Millisecond))
	if !errors.Is(err, errServerLate) || len(replies) != 1 || replies[0].Code != 250 {
		t.Fatal(replies, err)
	}
	s.open("late")
	replies, err = u.lateReplies(1, time.Now().Add(5*time.Second))
	if err != nil || len(replies) != 1 || replies[0].Code != 451 {
		t.Fatal(replies, err)
	}
	p.drop(u)
}

func TestBDAT(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, begin,
		[]string{">> BDAT 3|abc", "250 ok", ">> BDAT 4 LAST|de", "250 done"},
		again, []string{">> BDAT 1|", "250 ok|550 wait, no", "eof"}))
	// ">>" wants whole lines, so the chunks below end in CRLF.
	setup, rt := testSetup(), testRoute(s.addr())
	u := openOne(t, p, setup, rt)
	if err := u.bdat(3, false, net.Buffers{[]byte("abc\r\n")}); err != nil {
		t.Fatal(err)
	}
	if u.reusable(time.Now()) {
		t.Error("reusable between chunks")
	}
	if r, err := u.reply(context.Background(), time.Second); err != nil || r.Code != 250 {
		t.Fatal(r, err)
	}
	if u.reusable(time.Now()) {
		t.Error("reusable before the last chunk")
	}
	if err := u.bdat(4, true, net.Buffers{[]byte("de"), []byte("\r\n")}); err != nil || !u.terminated {
		t.Fatal(err)
	}
	if r, err := u.lateReplies(1, time.Now().Add(time.Second)); err != nil || r[0].Text != "done" || u.terminated {
		t.Fatal(r, err)
	}
	p.release(u)
	u = openOne(t, p, setup, rt)
	if err := u.bdat(1, false, net.Buffers{[]byte("\r\n")}); err != nil {
		t.Fatal(err)
	}
	if r, err := u.reply(context.Background(), time.Second); err != nil || r.Code != 250 || !u.sent() {
		t.Fatal(r, err)
	}
	if err := u.bdat(0, true, nil); err != errServerSpoke || u.terminated {
		t.Error("last chunk sent although the server had said more:", err)
	}
	p.drop(u)
}

func TestRsetAndRecipients(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, begin, []string{">> RCPT TO:<c@y.test>|RCPT TO:<d@y.test>", "250 ok|450 later", "> RSET", "250 ok"}, begin, []string{"> RSET", "500 hm", "eof"}))
	setup, rt := testSetup(), testRoute(s.addr())
	u := openOne(t, p, setup, rt)
	rc, err := u.recipients(context.Background(), testRcpts(t, "c@y.test", "d@y.test"))
	if err != nil || len(rc) != 2 || rc[0].Code != 250 || rc[1].Code != 450 {
		t.Fatal(rc, err)
	}
	if err := u.rset(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.envelope(context.Background(), testMail(t), testRcpts(t), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := u.rset(context.Background()); err == nil {
		t.Error("RSET refused and no error")
	}
	p.drop(u)
}

// The server's RCPTMAX and MAILMAX (RFC 9422) are obeyed.
func TestLimitsObeyed(t *testing.T) {
	p := testServers(t)
	limited := []string{"220 x", "> EHLO", "250-x|250-PIPELINING|250 LIMITS RCPTMAX=1 MAILMAX=1"}
	s := startScripted(t, script(limited, begin, takesData, quits), script(limited, begin, []string{"eof"}))
	setup, rt := testSetup(), testRoute(s.addr())
	u, _, rc, err := p.open(context.Background(), setup, rt, "", nil, testMail(t), testRcpts(t, "b@y.test", "c@y.test"))
	if err != nil || rc[0].Code != 250 || rc[1] != replySeparately {
		t.Fatal(rc, err)
	}
	deliver(t, u)
	p.release(u)
	u = openOne(t, p, setup, rt)
	p.drop(u)
}

// A session the server has refused much on is not for the next sender.
func TestRefusalsEndASession(t *testing.T) {
	p := testServers(t)
	no := []string{"> RCPT", "550 no"}
	s := startScripted(t, script(hello, []string{"> MAIL", "> RCPT", "250 ok|550 no"}, no, no, no, no, quits))
	u, _, _, err := p.open(context.Background(), testSetup(), testRoute(s.addr()), "", nil, testMail(t), testRcpts(t))
	if err != nil {
		t.Fatal(err)
	}
	for range sessionRefusals - 1 {
		if !u.reusable(time.Now()) {
			t.Fatal("not reusable too early")
		}
		if _, err := u.recipients(context.Background(), testRcpts(t)); err != nil {
			t.Fatal(err)
		}
	}
	p.release(u)
}

// waitReadable waits until the peer has sent something or closed, and leaves
// it unread.
func waitReadable(c *conn) error {
	return c.sock.raw.Read(func(fd uintptr) bool { return peekFD(fd) != errWouldBlock })
}
