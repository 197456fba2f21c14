package stream

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"sluice/internal/smtptest"
)

// connGuard ends a test of connections that hangs.
const connGuard = 20 * time.Second

// tcpPair is a conn and its peer, over loopback, with TLS where asked.
func tcpPair(t *testing.T, secure bool) (*conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(raw)
	t.Cleanup(func() { c.Close(); peer.Close() })
	c.SetDeadline(time.Now().Add(connGuard))
	peer.SetDeadline(time.Now().Add(connGuard))
	if !secure {
		return c, peer
	}
	client := tls.Client(peer, smtptest.TheCA().ClientConfig("mx.test"))
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := c.startTLSServer(t.Context(), smtptest.TheCA().ServerConfig("mx.test")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, client
}

// bothWays runs a test in clear and under TLS.
func bothWays(t *testing.T, f func(t *testing.T, secure bool)) {
	t.Run("clear", func(t *testing.T) { f(t, false) })
	t.Run("TLS", func(t *testing.T) { f(t, true) })
}

// arrived waits until the socket has something to read, or its end.
func arrived(t *testing.T, c *conn) {
	t.Helper()
	if err := waitReadable(c); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func TestConnFillHoldsNoBufferWhileItWaits(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		var in input
		c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if err := c.fill(&in); !isTimeout(err) || in.chunk != nil {
			t.Fatalf("%v, chunk held: %v", err, in.chunk != nil)
		}
		c.SetReadDeadline(time.Now().Add(connGuard))
		write(t, peer, "one")
		if err := c.fill(&in); err != nil || string(in.bytes()) != "one" {
			t.Fatalf("%q %v", in.bytes(), err)
		}
		in.use(1)
		write(t, peer, "two")
		if err := c.fill(&in); err != nil || string(in.bytes()) != "netwo" {
			t.Fatalf("%q %v", in.bytes(), err)
		}
		in.drop()
		peer.Close()
		if err := c.fill(&in); err == nil || isTimeout(err) || in.len() != 0 {
			t.Errorf("at the end: %v", err)
		}
		in.drop()
	})
}

func TestConnFillOfAFullInput(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		var in input
		go peer.Write(make([]byte, chunkSize+1))
		for in.len() < chunkSize {
			if err := c.fill(&in); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.fill(&in); err != errInputFull {
			t.Errorf("%v", err)
		}
		in.drop()
	})
}

// What a probe finds stays to be read.
func TestConnProbesLoseNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		var in input
		if c.gone(&in) || !c.quiet() || c.heard(&in) || in.len() != 0 {
			t.Fatal("a silent peer")
		}
		in.release()
		write(t, peer, "QU")
		arrived(t, c)
		if !c.heard(&in) || c.gone(&in) {
			t.Fatal("a peer that spoke")
		}
		write(t, peer, "IT\r\n")
		arrived(t, c)
		peer.Close()
		for deadline := time.Now().Add(connGuard); !c.gone(&in); {
			if time.Now().After(deadline) {
				t.Fatal("a peer that closed")
			}
		}
		if string(in.bytes()) != "QUIT\r\n" {
			t.Errorf("%q", in.bytes())
		}
		if c.quiet() {
			t.Error("quiet though closed")
		}
		in.drop()
	})
}

func TestConnSeesAReset(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		raw := peer
		if t, ok := peer.(*tls.Conn); ok {
			raw = t.NetConn()
		}
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
		arrived(t, c)
		var in input
		if !c.gone(&in) || c.quiet() {
			t.Error("a peer that reset the connection")
		}
		in.drop()
	})
}

// close_notify alone is a farewell, though TCP stays open.
func TestConnSeesCloseNotify(t *testing.T) {
	c, peer := tcpPair(t, true)
	if err := peer.(*tls.Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	arrived(t, c)
	var in input
	if c.quiet() {
		t.Error("quiet")
	}
	if !c.gone(&in) {
		t.Error("not gone")
	}
	in.drop()
}

// Session tickets come unasked, and mean nothing.
func TestConnTicketsAreNoWords(t *testing.T) {
	c, server := clientPair(t) // the tickets stand behind the server's flight
	var in input
	if !c.quiet() || c.heard(&in) || c.gone(&in) || in.len() != 0 {
		t.Error("a ticket was taken for words")
	}
	write(t, server, "x")
	arrived(t, c)
	if c.quiet() {
		t.Error("words were not heard")
	}
	in.drop()
}

// clientPair is a conn that is TLS's client, and its server, which has sent
// its session tickets.
func clientPair(t *testing.T) (*conn, *tls.Conn) {
	t.Helper()
	a, peer := tcpPair(t, false)
	server := tls.Server(peer, smtptest.TheCA().ServerConfig("mx.test"))
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	cfg := smtptest.TheCA().ClientConfig("mx.test")
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1) // or no tickets come
	if err := a.startTLSClient(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return a, server
}

func TestConnEarlyOctetsComeFirst(t *testing.T) {
	c, peer := tcpPair(t, false)
	c.sock.ahead.put([]byte("early"))
	write(t, peer, " late")
	var in input
	if c.quiet() || !c.heard(&in) {
		t.Error("early octets are not heard")
	}
	for in.len() < len("early late") {
		if err := c.fill(&in); err != nil {
			t.Fatal(err)
		}
	}
	if string(in.bytes()) != "early late" || c.sock.ahead.chunk != nil {
		t.Errorf("%q", in.bytes())
	}
	in.drop()
}

func TestConnAcknowledged(t *testing.T) {
	for name, leave := range map[string]func(net.Conn){
		"open":  func(net.Conn) {},
		"FIN":   func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
		"close": func(c net.Conn) { c.Close() },
		"reset": func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := tcpPair(t, false)
			if _, err := c.Write([]byte("250 ok\r\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(peer, make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
			// Octets of its own carry the acknowledgement for certain.
			write(t, peer, "QUIT\r\n")
			arrived(t, c)
			leave(peer)
			if yes, known := c.acknowledged(c.written()); !yes || !known || c.written() != 8 {
				t.Errorf("%v %v of %d", yes, known, c.written())
			}
			if yes, known := c.acknowledged(c.written() + 1); yes || !known {
				t.Errorf("one octet too many: %v %v", yes, known)
			}
			if name != "open" {
				var in input
				for deadline := time.Now().Add(connGuard); !c.gone(&in); {
					if time.Now().After(deadline) {
						t.Fatal("not gone")
					}
				}
				in.drop()
			}
			if yes, known := c.acknowledged(8); !yes || !known {
				t.Errorf("after the end: %v %v", yes, known)
			}
		})
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, known := newConn(a).acknowledged(1); known {
		t.Error("known without TCP")
	}
}

func TestConnWriteStalls(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, _ := tcpPair(t, secure)
		big := make([]byte, 64<<20)
		err := c.writeBuffers(net.Buffers{big}, 50*time.Millisecond, false)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// Progress renews the deadline, however long the whole takes.
func TestConnWriteGoesOnWithProgress(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		text := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		got := make(chan []byte, 1)
		go func() {
			b := make([]byte, 1<<16)
			var all []byte
			for len(all) < len(text) {
				n, err := peer.Read(b)
				if all = append(all, b[:n]...); err != nil {
					break
				}
			}
			got <- all
		}()
		if err := c.writeBuffers(net.Buffers{text[:10], text[10:chunkSize], text[chunkSize:]}, connGuard, true); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(<-got, text) {
			t.Error("other octets")
		}
	})
}

func TestConnWriteIsWatched(t *testing.T) {
	bothWays(t, func(t *testing.T, secure bool) {
		c, peer := tcpPair(t, secure)
		write(t, peer, "552 no\r\n")
		arrived(t, c)
		if secure {
			// The caller looks before it writes: see upstream.spoke.
			u := upstream{c: c}
			if !u.spoke() || string(u.in.bytes()) != "552 no\r\n" {
				t.Errorf("heard %q", u.in.bytes())
			}
			return
		}
		if err := c.writeBuffers(net.Buffers{[]byte("x")}, time.Second, true); err != errPeerSpoke {
			t.Errorf("%v", err)
		}
		if c.written() != 0 {
			t.Error("octets left all the same")
		}
	})
}

func TestInput(t *testing.T) {
	var in input
	if in.bytes() != nil || in.len() != 0 {
		t.Error("fresh")
	}
	in.put([]byte("abc"))
	in.use(1)
	in.release()
	if string(in.bytes()) != "bc" {
		t.Errorf("released with %q unused", in.bytes())
	}
	in.put(make([]byte, chunkSize)) // as much as fits
	if in.len() != chunkSize-1 || len(in.space()) != 1 {
		t.Errorf("%d octets, room for %d", in.len(), len(in.space()))
	}
	in.drop()
	if in.chunk != nil || in.len() != 0 {
		t.Error("dropped")
	}
}

func TestCounter(t *testing.T) {
	c := counter{perAddress: map[netip.Addr]int{}}
	l := &Limits{Sessions: 5, SessionsPerAddress: 2}
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	for i, step := range []struct {
		from   netip.Addr
		exempt bool
		want   admission
	}{
		{one, false, admitted}, {one, false, admitted}, {one, false, tooManyOfAddress},
		{one, true, admitted}, {two, false, admitted}, {two, false, admitted}, {two, false, tooManySessions},
	} {
		if got := c.enter(l, step.from, step.exempt); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
		if strained := c.strained(); strained != (c.all > 4) {
			t.Errorf("strained with %d of 5: %v", c.all, strained)
		}
	}
	c.leave(one, true)
	c.leave(one, false)
	if c.enter(l, one, false) != admitted || c.enter(l, two, false) != tooManyOfAddress {
		t.Error("after some have left")
	}
	for _, n := range []netip.Addr{one, one, two, two} {
		c.leave(n, false)
	}
	if c.all != 0 || len(c.perAddress) != 0 {
		t.Errorf("%d sessions, %d addresses left", c.all, len(c.perAddress))
	}
}

func TestExempt(t *testing.T) {
	for a, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "::1": true, "192.0.2.1": false, "::2": false} {
		if within(loopback, netip.MustParseAddr(a)) != want {
			t.Error(a)
		}
	}
}

// A claim is settled by TCP's acknowledgement, not by having been written.
func TestClaimIsSettledByAcknowledgement(t *testing.T) {
	c, peer := tcpPair(t, false)
	if _, err := c.Write([]byte("250 ok\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(peer, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	write(t, peer, "NOOP\r\n")
	arrived(t, c)
	first := claim{open: true, mark: c.written()}
	// A peer that does not read: what is behind its window is only written.
	_ = c.writeBuffers(net.Buffers{make([]byte, 64<<20)}, 50*time.Millisecond, false)
	last := claim{open: true, mark: c.written()}
	unwritten := claim{open: true}
	if !first.settled(c) || last.settled(c) || unwritten.settled(c) {
		t.Errorf("read %v, stuck %v, unwritten %v", first.settled(c), last.settled(c), unwritten.settled(c))
	}
}
