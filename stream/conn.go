package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// errPeerSpoke ends a watched write: the peer sent something, or closed,
// although it was our turn.
var errPeerSpoke = errors.New("peer spoke out of turn")

// errInputFull means a peer sent a full chunk without giving anything to use.
var errInputFull = errors.New("input full")

// A conn is one leg's connection, in clear or under TLS. Besides reading and
// writing it can wait for octets without holding a buffer, tell without
// waiting whether the peer is still there, and write with a deadline that
// progress renews. One goroutine uses a conn at a time.
//
// Under TLS the record layer sits on the socket, so what a look at the
// descriptor finds there is kept for it and never lost.
type conn struct {
	sock *socket
	tls  *tls.Conn // nil in clear
}

func newConn(c net.Conn) *conn { return &conn{sock: newSocket(c)} }

func (c *conn) RemoteAddr() net.Addr { return c.sock.inner.RemoteAddr() }
func (c *conn) LocalAddr() net.Addr  { return c.sock.inner.LocalAddr() }

// Read waits for octets as a net.Conn does.
func (c *conn) Read(p []byte) (int, error) {
	if c.tls == nil {
		return c.sock.Read(p)
	}
	for {
		n, err := c.readRecord(p, fromAhead)
		if n > 0 || !errors.Is(err, errWouldBlock) {
			return n, err
		}
		if err := c.sock.fill(&c.sock.ahead); err != nil {
			return 0, err
		}
	}
}

// readRecord reads what the record layer makes of octets read as how says.
func (c *conn) readRecord(p []byte, how uint8) (int, error) {
	c.sock.reading = how
	n, err := c.tls.Read(p)
	c.sock.reading = fromPeer
	return n, err
}

// Write writes all of p under the deadline set before.
func (c *conn) Write(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Write(p)
	}
	return c.sock.Write(p)
}

// Close closes the socket at once. Under TLS no close_notify is sent: a peer
// must not take an aborted message for an ended one.
func (c *conn) Close() error { return c.sock.inner.Close() }

// shutdownWrite sends a FIN (and close_notify) and goes on reading.
func (c *conn) shutdownWrite() {
	if c.tls != nil {
		_ = c.tls.CloseWrite()
	}
	if c.sock.tcp != nil {
		_ = c.sock.tcp.CloseWrite()
	}
}

// closeNotify says goodbye under TLS, as far as the socket takes it, and closes.
func (c *conn) closeNotify() error {
	if c.tls != nil {
		_ = c.sock.inner.SetWriteDeadline(time.Now().Add(closeNotifyWait))
		_ = c.tls.CloseWrite()
	}
	return c.Close()
}

// closeNotifyWait bounds the farewell under TLS: it needs no answer, only
// room in the socket's buffer.
const closeNotifyWait = time.Second

func (c *conn) SetDeadline(t time.Time) error      { return c.sock.inner.SetDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.sock.inner.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.sock.inner.SetWriteDeadline(t) }

// startTLSServer makes the handshake as a server. Nothing may be unused in
// the session's input.
func (c *conn) startTLSServer(ctx context.Context, cfg *tls.Config) error {
	t := tls.Server(c.sock, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	c.tls = t
	return nil
}

// startTLSClient makes the handshake as a client.
func (c *conn) startTLSClient(ctx context.Context, cfg *tls.Config) error {
	t := tls.Client(c.sock, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	c.tls = t
	return nil
}

// fill reads at least one octet into in, under the read deadline set before.
// While it waits, in holds no chunk unless it has unused octets.
func (c *conn) fill(in *input) error {
	if c.tls == nil {
		return c.sock.fill(in)
	}
	for {
		n, err := c.fillFrom(in, fromAhead)
		if n > 0 || !errors.Is(err, errWouldBlock) {
			return err
		}
		in.release()
		if err := c.sock.fill(&c.sock.ahead); err != nil {
			return err
		}
	}
}

// fillNow reads what is there without waiting. It returns errWouldBlock, and
// n = 0, when nothing is.
func (c *conn) fillNow(in *input) (n int, err error) {
	if c.tls == nil && c.sock.ahead.len() > 0 {
		return 1, c.sock.fill(in)
	}
	return c.fillFrom(in, fromSocket)
}

func (c *conn) fillFrom(in *input, how uint8) (n int, err error) {
	p := in.space()
	if len(p) == 0 {
		return 0, errInputFull
	}
	if c.tls == nil {
		n, err = c.sock.readNow(p)
	} else {
		n, err = c.readRecord(p, how)
	}
	in.w += n
	if n > 0 {
		err = nil
	}
	return n, err
}

// gone tells, without waiting, whether the peer has closed or reset its side,
// even behind octets it sent before, which are put into in as far as they fit
// (RFC 1047; a Go Read under a past deadline makes no system call and so
// proves nothing). A peer that keeps in full is alive.
func (c *conn) gone(in *input) bool {
	if !c.sock.canLook() {
		return false
	}
	for {
		_, err := c.fillNow(in)
		switch {
		case err == nil:
			continue
		case errors.Is(err, errWouldBlock), errors.Is(err, errInputFull):
			return false
		default:
			return true
		}
	}
}

// quiet tells, without waiting, that the peer is there and has sent nothing
// unread: a kept session may be used again. TLS session tickets do not count.
func (c *conn) quiet() bool {
	if !c.sock.canLook() {
		return true
	}
	if c.tls == nil {
		return c.sock.silent()
	}
	// The record layer is asked, too: it may hold a record already.
	var b [1]byte
	n, err := c.readRecord(b[:], fromSocket)
	return n == 0 && errors.Is(err, errWouldBlock)
}

// heard tells, without waiting, whether the peer has said something already
// or has closed. What it said is put into in.
func (c *conn) heard(in *input) bool {
	if !c.sock.canLook() || c.tls == nil && c.sock.silent() {
		return in.len() > 0
	}
	n, err := c.fillNow(in)
	in.release()
	return n > 0 || !errors.Is(err, errWouldBlock)
}

// acknowledged tells whether the peer's TCP has acknowledged the first n
// octets ever written (conn.written). known is false where there is no TCP.
func (c *conn) acknowledged(n int64) (yes, known bool) { return c.sock.acknowledged(n) }

// written counts the octets given to the socket, TLS records and all.
func (c *conn) written() int64 { return c.sock.written }

// send writes all of p. It fails with os.ErrDeadlineExceeded after stall
// without progress.
func (c *conn) send(p []byte, stall time.Duration) error {
	c.sock.stall = stall
	_, err := c.Write(p)
	c.sock.stall = 0
	return err
}

// writeBuffers writes all of bufs, in one writev where it can. It fails with
// os.ErrDeadlineExceeded after stall without progress and, if watch is set,
// with errPeerSpoke when the peer sends or closes first. bufs is consumed.
func (c *conn) writeBuffers(bufs net.Buffers, stall time.Duration, watch bool) error {
	if watch && c.tls == nil && !c.sock.silent() {
		return errPeerSpoke // under TLS the caller has looked: an octet found here would be lost
	}
	c.sock.stall, c.sock.watch = stall, watch
	defer func() { c.sock.stall, c.sock.watch = 0, false }()
	if c.tls == nil {
		return c.sock.writev(bufs)
	}
	return c.writeRecords(bufs)
}

// batchSize is what the records of a chunk take: 64 KiB in records of 16 KiB,
// each with a header, a type and a tag (RFC 8446 section 5.2).
const batchSize = chunkSize + 1<<10

var batches = sync.Pool{New: func() any { return new([batchSize]byte) }}

// writeRecords writes bufs under TLS. They are gathered first, so that a
// message and its terminator do not become a record each, and the records of
// a chunk leave in one system call.
func (c *conn) writeRecords(bufs net.Buffers) error {
	out, batch := getChunk(), batches.Get().(*[batchSize]byte)
	defer putChunk(out)
	defer batches.Put(batch)
	c.sock.cork = batch[:0]
	defer func() { c.sock.cork = nil }()
	n := 0
	for _, b := range bufs {
		for len(b) > 0 {
			m := copy(out[n:], b)
			b, n = b[m:], n+m
			if n == chunkSize {
				if _, err := c.tls.Write(out[:n]); err != nil {
					return c.sock.writeError(err)
				}
				n = 0
			}
		}
	}
	if n > 0 {
		if _, err := c.tls.Write(out[:n]); err != nil {
			return c.sock.writeError(err)
		}
	}
	return c.sock.uncork()
}

// isTimeout tells whether err is a deadline that passed.
func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
