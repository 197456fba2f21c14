package stream

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// A steadySink is a server that takes everything, allocates nothing a message,
// and closes a session whose turn it is, if told so.
type steadySink struct {
	l        net.Listener
	running  sync.WaitGroup
	messages atomic.Int64
	sessions atomic.Int64
	open     atomic.Int64
	most     atomic.Int64
	cutAfter atomic.Int64 // close each session after so many messages; 0: never
}

func startSink(t testing.TB) *steadySink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &steadySink{l: l}
	s.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.running.Wait()
	})
	return s
}

func (s *steadySink) serve(c net.Conn) {
	defer c.Close()
	s.sessions.Add(1)
	if n := s.open.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.open.Add(-1)
	io.WriteString(c, "220 sink\r\n")
	buf, out := make([]byte, 64<<10), make([]byte, 0, 1024)
	r, w, data, taken := 0, 0, false, int64(0)
	for {
		n, err := c.Read(buf[w:])
		if err != nil {
			return
		}
		w += n
		out = out[:0]
		for {
			i := bytes.IndexByte(buf[r:w], '\n')
			if i < 0 {
				break
			}
			line := buf[r : r+i+1]
			r += i + 1
			switch {
			case data && len(line) == 3 && line[0] == '.':
				data = false
				s.messages.Add(1)
				taken++
				out = append(out, "250 2.0.0 Ok\r\n"...)
			case data:
			case line[0] == 'E':
				out = append(out, "250-sink\r\n250 PIPELINING\r\n"...)
			case line[0] == 'D':
				data = true
				out = append(out, "354 go\r\n"...)
			case line[0] == 'Q':
				return
			default:
				out = append(out, "250 2.1.5 Ok\r\n"...)
			}
		}
		w = copy(buf, buf[r:w])
		r = 0
		c.Write(out)
		if n := s.cutAfter.Load(); n > 0 && taken >= n && !data {
			return
		}
	}
}

var testContent = append(bytes.Repeat([]byte("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"), 30), ".\r\n"...)

// oneMessage is the hot path, without the sender's leg.
func oneMessage(p *servers, setup *Setup, rt *policy.Route, who *senderIdentity, m wire.Mail, rcpts []wire.Rcpt, bufs net.Buffers) error {
	ctx := context.Background()
	u, _, _, err := p.open(ctx, setup, rt, "", who, m, rcpts)
	if err != nil {
		return err
	}
	if _, err := u.data(ctx); err != nil {
		p.drop(u)
		return err
	}
	if _, err := u.commit(append(bufs[:0], testContent), 1, time.Now().Add(10*time.Second)); err != nil {
		p.drop(u)
		return err
	}
	p.release(u)
	return nil
}

// Many senders at once, over few connections that the server cuts again and
// again: every message arrives, and the cap holds.
func TestPoolUnderLoad(t *testing.T) {
	p := testServers(t)
	s := startSink(t)
	s.cutAfter.Store(7)
	rt, setup := testRoute(s.l.Addr().String()), testSetup()
	rt.Servers[0].MaxConnections = 4
	const senders, each = 16, 40
	var running sync.WaitGroup
	for i := range senders {
		running.Go(func() {
			who := testSender()
			who.net, who.exempt = "", i%2 == 0
			bufs := make(net.Buffers, 0, 1)
			for range each {
				if err := oneMessage(p, setup, rt, who, testMail(t), testRcpts(t), bufs); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	// A session may be cut between our last look and the terminator; then it
	// is an error above. What the sink counts must be what was confirmed.
	if n := s.messages.Load(); n != senders*each {
		t.Errorf("%d messages arrived, want %d", n, senders*each)
	}
	h := p.hosts[s.l.Addr().String()]
	if h.total != len(h.idle) || h.total > 4 || len(h.nets) != 0 {
		t.Errorf("%d connections, %d idle, nets %v", h.total, len(h.idle), h.nets)
	}
	p.close()
	if h.total != 0 {
		t.Errorf("%d connections after close", h.total)
	}
}

// A session ends after so many messages, at its age, and when nobody uses it.
func TestSessionLife(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	p := newServers(clock, nil, nil)
	defer p.close()
	s := startSink(t)
	rt, setup := testRoute(s.l.Addr().String()), testSetup()
	send := func(n int) int64 {
		t.Helper()
		for range n {
			if err := oneMessage(p, setup, rt, nil, testMail(t), testRcpts(t), nil); err != nil {
				t.Fatal(err)
			}
		}
		return s.sessions.Load()
	}
	if n := send(sessionMessages); n != 1 {
		t.Errorf("%d sessions for %d messages", n, sessionMessages)
	}
	if n := send(1); n != 2 {
		t.Errorf("%d sessions for one more", n)
	}
	for range 21 {
		pass(29 * time.Second)
		send(1)
	}
	if n := send(1); n != 3 {
		t.Errorf("%d sessions after ten minutes", n)
	}
	h := p.hosts[s.l.Addr().String()]
	pass(30 * time.Second)
	for _, u := range h.expire(clock(), nil) {
		u.quit()
	}
	if h.total != 0 {
		t.Errorf("%d sessions idle for 30 s", h.total)
	}
	pass(forgetAfter + time.Minute)
	p.forget(clock())
	if len(p.pools)+len(p.hosts) != 0 {
		t.Errorf("%d pools, %d hosts not forgotten", len(p.pools), len(p.hosts))
	}
}

// An idle session holds no buffer, and a message on a kept one allocates little.
func TestHotPathAllocations(t *testing.T) {
	p := testServers(t)
	s := startSink(t)
	rt, setup := testRoute(s.l.Addr().String()), testSetup()
	who, m, rcpts, bufs := testSender(), testMail(t), testRcpts(t), make(net.Buffers, 0, 1)
	send := func() {
		if err := oneMessage(p, setup, rt, who, m, rcpts, bufs); err != nil {
			t.Fatal(err)
		}
	}
	send()
	h := p.hosts[s.l.Addr().String()]
	if u := h.idle[0]; u.in.chunk != nil || u.unsent != nil {
		t.Error("idle session holds a buffer")
	}
	if n := testing.AllocsPerRun(90, send); n > hotPathAllocations {
		t.Errorf("%v allocations a message", n)
	}
	p.close()
}

// hotPathAllocations is what one message may cost on the server's leg: the
// writev's slice header and what the race detector or a new session adds.
const hotPathAllocations = 8

func BenchmarkHotPath(b *testing.B) {
	p := newServers(nil, nil, nil)
	defer p.close()
	s := startSink(b)
	rt, setup := testRoute(s.l.Addr().String()), testSetup()
	who, m, rcpts, bufs := testSender(), testMail(b), testRcpts(b), make(net.Buffers, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := oneMessage(p, setup, rt, who, m, rcpts, bufs); err != nil {
			b.Fatal(err)
		}
	}
}
