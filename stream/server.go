package stream

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
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
	// Log gets operational events: never message content, never an address.
	Log *slog.Logger
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

// Serve accepts on l until it is closed or the server is shut down. It
// returns nil after Shutdown.
func (s *Server) Serve(l *Listener) error { return nil }

// StopAccepting makes every Serve return without closing sessions; the
// listeners themselves stay open for whoever was handed their descriptors.
func (s *Server) StopAccepting() {}

// Shutdown ends all sessions in order (PROTOCOL: rolling restart) and returns
// when none is left or ctx ends, in which case the rest are dropped.
func (s *Server) Shutdown(ctx context.Context) error { return nil }

// Sessions returns how many senders' sessions are open.
func (s *Server) Sessions() int { return 0 }
