package stream

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errWouldBlock is a read that would have to wait. It is a temporary
// net.Error, so a TLS record layer above goes on after it.
var errWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "would block" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// watchEvery is how often a write without progress looks whether the peer has
// said something meanwhile: 1 s, as an early refusal spares the rest of the
// message and costs nothing else.
const watchEvery = time.Second

// A socket is the descriptor under a conn, with what package net does not
// offer: reading without waiting, waiting without a buffer, and looking at
// what TCP knows. For a net.Conn without descriptor (net.Pipe in tests) it
// does what Read can do, and every look finds nothing.
type socket struct {
	inner net.Conn
	tcp   *net.TCPConn    // nil if inner is not TCP
	raw   syscall.RawConn // nil likewise

	ahead   input  // read already: by a PROXY header's reader, or for the record layer
	reading uint8  // how it reads; see below
	cork    []byte // where its records are gathered; nil: they leave as they come
	written int64  // octets written

	// For a write in progress: the longest time without progress (0: the
	// deadline is the caller's) and whether the peer is watched.
	stall time.Duration
	watch bool
	cause error // why writev or Write gave up, behind what TLS makes of it
	one   [1][]byte

	// Arguments and results of the calls below through raw. Their functions
	// are made once, as every closure would be an allocation a read.
	buf      []byte
	in       *input
	out      net.Buffers
	n        int
	err      error
	waitFn   func(fd uintptr) bool // for Read: called again when readable
	fillFn   func(fd uintptr) bool
	writeFn  func(fd uintptr) bool // for Write: called again when writable
	readFn   func(fd uintptr)      // for Control: called once, whatever the deadline
	sendFn   func(fd uintptr)
	silentFn func(fd uintptr)
	ackedFn  func(fd uintptr)
	acked    int64
	quiet    bool
}

var _ net.Conn = (*socket)(nil)

func newSocket(c net.Conn) *socket {
	s := &socket{inner: c}
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			s.tcp, s.raw = t, raw
			s.waitFn, s.fillFn, s.writeFn = s.readOrWait, s.tryFill, s.writeOrWait
			s.readFn, s.sendFn, s.silentFn, s.ackedFn = s.tryRead, s.tryWrite, s.trySilent, s.tryAcked
		}
	}
	return s
}

// How Read gets octets. The record layer asks for a header, then a body: from
// ahead it gets them without a system call each.
const (
	fromPeer   uint8 = iota // as a net.Conn does
	fromSocket              // what is there, without waiting
	fromAhead               // what is in ahead, without a system call
)

func (s *socket) canLook() bool { return s.raw != nil }

// Read implements net.Conn for the TLS record layer.
func (s *socket) Read(p []byte) (int, error) {
	if s.ahead.len() == 0 && s.reading == fromSocket && s.raw != nil {
		if err := s.lookAhead(); err != nil {
			return 0, err
		}
	}
	if s.ahead.len() > 0 {
		n := copy(p, s.ahead.bytes())
		s.ahead.use(n)
		s.ahead.release()
		return n, nil
	}
	if s.reading == fromAhead {
		return 0, errWouldBlock
	}
	if s.raw == nil {
		return s.inner.Read(p)
	}
	s.buf, s.n, s.err = p, 0, nil
	err := s.raw.Read(s.waitFn)
	s.buf = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// lookAhead reads what is there into ahead.
func (s *socket) lookAhead() error {
	n, err := s.readNow(s.ahead.space())
	s.ahead.w += n
	s.ahead.release()
	return err
}

// Write implements net.Conn for the TLS record layer.
func (s *socket) Write(p []byte) (int, error) {
	if s.cork != nil {
		if len(p) > cap(s.cork)-len(s.cork) {
			if err := s.uncork(); err != nil {
				return 0, err
			}
		}
		if len(p) <= cap(s.cork) {
			s.cork = append(s.cork, p...)
			return len(p), nil
		}
	}
	if s.raw == nil {
		n, err := s.inner.Write(p)
		s.written += int64(n)
		return n, err
	}
	s.one[0] = p
	if s.cause = s.writev(s.one[:]); s.cause != nil {
		return 0, s.cause
	}
	return len(p), nil
}

// uncork writes what was gathered.
func (s *socket) uncork() error {
	if len(s.cork) == 0 {
		return nil
	}
	s.one[0] = s.cork
	s.cause = s.writev(s.one[:])
	s.cork = s.cork[:0]
	return s.cause
}

func (s *socket) Close() error                       { return s.inner.Close() }
func (s *socket) LocalAddr() net.Addr                { return s.inner.LocalAddr() }
func (s *socket) RemoteAddr() net.Addr               { return s.inner.RemoteAddr() }
func (s *socket) SetDeadline(t time.Time) error      { return s.inner.SetDeadline(t) }
func (s *socket) SetReadDeadline(t time.Time) error  { return s.inner.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.inner.SetWriteDeadline(t) }

// writeError is err, or what made a TLS write fail below it.
func (s *socket) writeError(err error) error {
	if s.cause != nil {
		return s.cause
	}
	return err
}

// writev writes all of bufs. With a stall the deadline is renewed as long as
// octets leave; else it is the caller's. What the socket takes at once needs
// no deadline at all.
func (s *socket) writev(bufs net.Buffers) error {
	if s.raw == nil {
		return s.writeAll(bufs)
	}
	s.out, s.n, s.err = bufs, 0, nil
	defer func() { s.out = nil }()
	if err := s.raw.Control(s.sendFn); err != nil {
		return err
	}
	s.written += int64(s.n)
	if s.err != nil || len(s.out) == 0 {
		return s.err
	}
	if s.stall == 0 {
		return s.writeRest()
	}
	return s.writeWatched()
}

// writeWatched writes what is left of out under the stall.
func (s *socket) writeWatched() error {
	slice := s.stall
	if s.watch {
		slice = min(slice, watchEvery)
	}
	for progress := time.Now(); ; {
		if err := s.inner.SetWriteDeadline(time.Now().Add(slice)); err != nil {
			return err
		}
		err := s.writeRest()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if s.n > 0 {
			progress = time.Now()
		}
		if s.watch && !s.silent() {
			return errPeerSpoke
		}
		if time.Since(progress) >= s.stall {
			return err
		}
	}
}

// writeRest writes what is left of out, waiting under the deadline that is set.
func (s *socket) writeRest() error {
	s.n, s.err = 0, nil
	err := s.raw.Write(s.writeFn)
	s.written += int64(s.n)
	if err == nil {
		err = s.err
	}
	return err
}

// writeAll is writev without a descriptor.
func (s *socket) writeAll(bufs net.Buffers) error {
	if s.stall > 0 {
		if err := s.inner.SetWriteDeadline(time.Now().Add(s.stall)); err != nil {
			return err
		}
	}
	n, err := bufs.WriteTo(s.inner)
	s.written += n
	return err
}

func (s *socket) tryWrite(fd uintptr) { s.writeOrWait(fd) }

// writeOrWait writes as much of out as the socket takes. It reports false if
// it has to wait for more room.
func (s *socket) writeOrWait(fd uintptr) bool {
	for len(s.out) > 0 {
		n, err := writeFD(fd, s.out)
		if err == errWouldBlock {
			return false
		}
		if err != nil {
			s.err = err
			return true
		}
		s.n += n
		s.out = consume(s.out, n)
	}
	return true
}

// consume takes n octets off the front of bufs.
func consume(bufs net.Buffers, n int) net.Buffers {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs[0] = nil
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs[0] = bufs[0][n:]
	}
	return bufs
}

// fill reads at least one octet into in, without a chunk while it waits.
func (s *socket) fill(in *input) error {
	if in != &s.ahead && s.ahead.len() > 0 {
		s.ahead.use(in.put(s.ahead.bytes()))
		s.ahead.release()
		return nil
	}
	if s.raw == nil {
		return s.fillWaiting(in)
	}
	s.in, s.n, s.err = in, 0, nil
	err := s.raw.Read(s.fillFn)
	s.in = nil
	if err == nil {
		err = s.err
	}
	if s.n > 0 {
		return nil
	}
	return err
}

// fillWaiting is fill without a descriptor: in holds its chunk all the time.
func (s *socket) fillWaiting(in *input) error {
	p := in.space()
	if len(p) == 0 {
		return errInputFull
	}
	n, err := s.inner.Read(p)
	in.w += n
	if n > 0 {
		return nil
	}
	in.release()
	return err
}

func (s *socket) tryFill(fd uintptr) bool {
	p := s.in.space()
	if len(p) == 0 {
		s.err = errInputFull
		return true
	}
	n, err := readFD(fd, p)
	if n > 0 {
		s.in.w += n
		s.n = n
		return true
	}
	s.in.release()
	s.err = err
	return err != errWouldBlock
}

// readNow reads into p without waiting.
func (s *socket) readNow(p []byte) (int, error) {
	if s.raw == nil {
		return 0, errWouldBlock
	}
	s.buf, s.n, s.err = p, 0, nil
	if err := s.raw.Control(s.readFn); err != nil {
		return 0, err
	}
	s.buf = nil
	return s.n, s.err
}

func (s *socket) tryRead(fd uintptr) { s.n, s.err = readFD(fd, s.buf) }

func (s *socket) readOrWait(fd uintptr) bool {
	s.n, s.err = readFD(fd, s.buf)
	return s.err != errWouldBlock
}

// silent tells that nothing can be read and the peer has not closed, also
// under a past deadline.
func (s *socket) silent() bool {
	if s.ahead.len() > 0 {
		return false
	}
	if s.raw == nil {
		return true
	}
	s.quiet = false
	return s.raw.Control(s.silentFn) == nil && s.quiet
}

func (s *socket) trySilent(fd uintptr) { s.quiet = peekFD(fd) == errWouldBlock }

// acknowledged compares n with TCP's count of acknowledged octets, which
// stays readable after FIN and reset (TCP_INFO, Linux 4.1).
func (s *socket) acknowledged(n int64) (yes, known bool) {
	s.acked = -1
	if s.raw == nil || s.raw.Control(s.ackedFn) != nil || s.acked < 0 {
		return false, false
	}
	return s.acked >= n, true
}

func (s *socket) tryAcked(fd uintptr) {
	if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		s.acked = int64(info.Bytes_acked)
	}
}
