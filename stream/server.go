package stream

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"sluice/filter"
)

// A Server accepts senders' sessions and pairs each with a session to the
// recipient's server. Fields are set before the first Serve.
type Server struct {
	// Setup returns the settings in force. Required.
	Setup func() *Setup
	// Record is told every finished transaction, and every session that ended
	// before MAIL. It must not wait. Nil: nobody is told.
	Record func(*Record)
	// Guard remembers replies a sender may not have got. Nil: this process's memory.
	Guard Guard
	// Resolver answers the DNS questions of routes. Nil: the system's resolver,
	// which senders' names are asked of in any case (names.go).
	Resolver Resolver
	// Log gets operational events: never message content, never an address.
	// Nil: nobody.
	Log *slog.Logger

	once    sync.Once // guards the start of what follows
	ctx     context.Context
	cancel  context.CancelFunc
	servers *servers
	macs    sync.Pool // of hash.Hash: HMAC-SHA256 with Guard's key
	names   names
	detours detours
	budget  budget
	count   counter
	late    sync.WaitGroup // waits for late replies of servers
	lateCtx context.Context
	endLate context.CancelFunc // nobody waits for them any more

	deaf     atomic.Bool // Serve takes no more connections
	stopping atomic.Bool // 421 to whoever is between transactions
	cutting  atomic.Bool // the grace is over: only commits may finish
	severed  atomic.Bool // nor may they

	mu        sync.Mutex // guards the rest
	sessions  map[*session]struct{}
	listeners map[*Listener]struct{}
	idle      chan struct{} // closed when the last session ends after Shutdown
}

// A Listener is one address that senders connect to.
type Listener struct {
	net.Listener
	// TLS returns the certificate configuration in force; nil: STARTTLS is not offered.
	TLS func() *tls.Config
	// Implicit starts TLS before the greeting.
	Implicit bool
	// Proxy lists the ranges whose connections begin with a PROXY header; empty: none.
	Proxy []netip.Prefix
}

// init starts what sessions share.
func (s *Server) init() {
	s.once.Do(func() {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.lateCtx, s.endLate = context.WithCancel(context.Background())
		if s.Guard == nil {
			s.Guard = NewMemoryGuard()
		}
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		key := s.Guard.Key()
		s.macs.New = func() any { return hmac.New(sha256.New, key) }
		s.sessions = map[*session]struct{}{}
		s.listeners = map[*Listener]struct{}{}
		s.servers = newServers(nil, s.Resolver, s.isOurs)
		s.names.start(s.ctx)
		s.count.perAddress = map[netip.Addr]int{}
		s.probe()
	})
}

// Reloaded tells the server that Setup returns something new.
func (s *Server) Reloaded() {
	s.init()
	s.probe()
}

// probe asks the servers of all routes what they can do, in the background.
func (s *Server) probe() {
	setup := s.Setup()
	s.servers.probe(s.ctx, setup, setup.Policy.Routes())
}

// Serve accepts on l until it is closed or the server stops. It returns nil
// after StopAccepting and Shutdown.
func (s *Server) Serve(l *Listener) error {
	s.init()
	s.mu.Lock()
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	var pause time.Duration
	for {
		c, err := l.Accept()
		switch {
		case s.deaf.Load():
			if err == nil {
				// It was ours already when we were told to stop.
				s.start(l, c)
			}
			return nil
		case err == nil:
			pause = 0
			s.start(l, c)
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// Out of descriptors, most likely: the sender waits in the backlog
			// until a session has ended.
			pause = min(max(2*pause, acceptPause), acceptPauseMax)
			acceptErrors.Inc()
			s.Log.Warn("accept failed", "class", errnoName(err), "pause", pause)
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
				return nil
			}
		}
	}
}

// How long accepting pauses after it failed: doubling from 5 ms to 1 s.
const (
	acceptPause    = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// start makes a session of a connection.
func (s *Server) start(l *Listener, c net.Conn) {
	setup := s.Setup()
	s.budget.limit.Store(setup.Limits.Memory)
	ss := &session{
		server: s, listen: l, conn: newConn(c), setup: setup, began: time.Now(),
		info: filter.Session{ID: newID(), Peer: addrPort(c.RemoteAddr())},
	}
	ss.local = addrPort(c.LocalAddr())
	s.mu.Lock()
	s.sessions[ss] = struct{}{}
	s.mu.Unlock()
	go ss.run()
}

// run serves a session from its first octet to the close.
func (s *session) run() {
	defer s.server.ended(s)
	defer s.conn.Close()
	defer func() { s.caught(recover()) }() // what serve does not catch itself
	if s.admit() {
		defer s.leave()
		s.serve()
	}
}

// admit finds out who the sender is and whether there is room for it. It is
// apart from run because a waiting session's stack holds the frames below it.
func (s *session) admit() bool {
	if len(s.listen.Proxy) > 0 && !s.proxyHeader() {
		proxyRefused.Inc()
		return false
	}
	s.net = senderNet(s.info.Peer.Addr())
	s.exempt = within(s.setup.Limits.Exempt, s.info.Peer.Addr())
	switch s.server.count.enter(&s.setup.Limits, countedAs(s.info.Peer.Addr()), s.exempt) {
	case tooManySessions:
		s.turnAway(replyMemoryAccept.AppendTo(nil))
		return false
	case tooManyOfAddress:
		s.turnAway(replyTooMuch(s.net.String()).AppendTo(nil))
		return false
	}
	s.info.PTR = s.server.names.lookup(s.info.Peer.Addr())
	return true
}

// leave gives back what admit took.
func (s *session) leave() {
	s.server.count.leave(countedAs(s.info.Peer.Addr()), s.exempt)
}

// turnAway refuses a connection that gets no session.
func (s *session) turnAway(reply []byte) {
	turnedAway.Inc()
	s.conn.SetDeadline(time.Now().Add(turnAwayWait))
	if !s.listen.Implicit {
		_, _ = s.conn.Write(reply)
	}
}

// turnAwayWait bounds the writing of a refusal at accept: one line into an
// empty socket buffer.
const turnAwayWait = time.Second

// proxyHeaderWait is how long a trusted proxy may take for its header.
const proxyHeaderWait = 3 * time.Second

// proxyHeader reads the PROXY header (v1 or v2) that a trusted peer must send.
// Without one, or from anybody else, the connection ends without a reply.
func (s *session) proxyHeader() bool {
	if !within(s.listen.Proxy, s.info.Peer.Addr()) {
		return false
	}
	s.conn.SetReadDeadline(time.Now().Add(proxyHeaderWait))
	r := bufio.NewReaderSize(s.conn, proxyHeaderMax)
	h, err := proxyproto.Read(r)
	if err != nil {
		return false
	}
	if n := r.Buffered(); n > 0 {
		rest, _ := r.Peek(n)
		s.conn.sock.ahead.put(rest)
	}
	if h.Command.IsLocal() {
		return true // the proxy's own health check
	}
	peer := addrPort(h.SourceAddr)
	if !peer.IsValid() {
		return false
	}
	s.info.Peer = peer
	if local := addrPort(h.DestinationAddr); local.IsValid() {
		s.local = local
	}
	return true
}

// proxyHeaderMax bounds a PROXY header: version 2 with its TLVs may have
// 64 KiB, of which balancers use some hundred octets.
const proxyHeaderMax = 4 << 10

// ended forgets a session.
func (s *Server) ended(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss)
	if len(s.sessions) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// tell hands a record to whoever wants it.
func (s *Server) tell(r *Record) {
	if s.Record != nil {
		s.Record(r)
	}
}

// Sessions returns how many senders' sessions are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// strained tells that more than 80 % of sessions or memory are in use.
func (s *Server) strained() bool { return s.budget.strained() || s.count.strained() }

// isOurs tells whether an address is one we listen on.
func (s *Server) isOurs(a netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		own := addrPort(l.Addr())
		if own == a || own.Port() == a.Port() && own.Addr().IsUnspecified() && localAddress(a.Addr()) {
			return true
		}
	}
	return false
}

// localAddress tells whether an address is on one of this host's interfaces.
func localAddress(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return a.IsLoopback()
	}
	for _, i := range addrs {
		if n, ok := i.(*net.IPNet); ok && n.IP.Equal(net.IP(a.AsSlice())) {
			return true
		}
	}
	return a.IsLoopback()
}

// addrPort is a net.Addr as a value; invalid if it is not IP.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// errnoName names a system error without its text.
func errnoName(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return "other"
}
