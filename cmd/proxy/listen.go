package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// A socket is one listening socket and how it may be found again: by the
// process that takes over, and by systemd's name.
type socket struct {
	Name    string `json:"name"`    // of the listener, or adminSocket
	Address string `json:"address"` // as configured; "" if systemd chose it

	*watchedListener `json:"-"`
}

// adminSocket is the name the admin listener is handed over under.
const adminSocket = "admin"

// A watchedListener notes when its accept loop was last seen to work, for
// /livez and systemd's watchdog.
type watchedListener struct {
	*net.TCPListener
	left atomic.Int64 // when Accept last returned, Unix nanoseconds; 0: it is waiting
}

// acceptStall is how long a loop may stay away from Accept before it counts
// as stuck: it only starts sessions, and backs off for a second at most when
// descriptors run out.
const acceptStall = 10 * time.Second

// Accept waits for the next connection.
func (l *watchedListener) Accept() (net.Conn, error) {
	l.left.Store(0)
	c, err := l.TCPListener.Accept()
	l.left.Store(time.Now().UnixNano())
	return c, err
}

// alive reports whether the accept loop waits, or has just been at work.
func (l *watchedListener) alive(now time.Time) bool {
	left := l.left.Load()
	return left == 0 || now.Sub(time.Unix(0, left)) < acceptStall
}

// openSockets returns the sockets for every configured listener and for
// admin: those that were handed over or that systemd holds, and new ones for
// the rest. One name may bring several sockets. Inherited ones that nobody
// asked for are closed and named in unclaimed.
func openSockets(ctx context.Context, l *loaded, inherited []*socket) (open []*socket, unclaimed []string, err error) {
	wanted := make([]socket, 0, len(l.Listeners)+1)
	for _, c := range l.Listeners {
		wanted = append(wanted, socket{Name: c.Name, Address: string(c.Address)})
	}
	if l.Admin.Address != "" {
		wanted = append(wanted, socket{Name: adminSocket, Address: string(l.Admin.Address)})
	}
	claimed := map[*socket]bool{}
	for _, w := range wanted {
		found := false
		for _, s := range inherited {
			if !claimed[s] && s.serves(w.Name, w.Address) {
				s.Name, found, claimed[s] = w.Name, true, true
				open = append(open, s)
			}
		}
		if found {
			continue
		}
		s, err := listen(ctx, w.Name, w.Address)
		if err != nil {
			closeSockets(append(open, inherited...))
			return nil, nil, err
		}
		open = append(open, s)
	}
	for _, s := range inherited {
		if !claimed[s] {
			unclaimed = append(unclaimed, s.Name)
			s.Close()
		}
	}
	return open, unclaimed, nil
}

// serves reports whether an inherited socket is the one for a listener. What
// an older process bound must be bound as configured now; what systemd bound
// goes by its name, or by where it is bound.
func (s *socket) serves(name, address string) bool {
	if s.Address != "" {
		return s.Name == name && s.Address == address
	}
	return s.Name == name || s.Addr().String() == address
}

func closeSockets(sockets []*socket) {
	for _, s := range sockets {
		s.Close()
	}
}

func listen(ctx context.Context, name, address string) (*socket, error) {
	// Every wait for a sender has a time-out of ours, much shorter than
	// keep-alive's; setting it costs four system calls a connection.
	lc := net.ListenConfig{KeepAlive: -1}
	// The acknowledged octets that the duplicate guard reads (RFC 1047) are
	// those of a TCP socket.
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, familyOf(address), address)
	if err != nil {
		return nil, err // names the address already
	}
	return &socket{Name: name, Address: address,
		watchedListener: &watchedListener{TCPListener: ln.(*net.TCPListener)}}, nil
}

// familyOf keeps 0.0.0.0 and [::] apart, so that both can be listened on; an
// empty host stands for both.
func familyOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return "tcp"
	case addr.Is4():
		return "tcp4"
	default:
		return "tcp6"
	}
}

// systemdSockets takes what the unit's socket holds open (sd_listen_fds).
func systemdSockets() ([]*socket, error) {
	var sockets []*socket
	for _, f := range activation.Files(true) {
		s, err := socketFromFile(f)
		if err != nil {
			return sockets, fmt.Errorf("socket %q from systemd: %w", f.Name(), err)
		}
		s.Name = f.Name()
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// socketFromFile takes over f, which is closed.
func socketFromFile(f *os.File) (*socket, error) {
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		ln.Close()
		return nil, fmt.Errorf("%s is no TCP socket", ln.Addr())
	}
	return &socket{watchedListener: &watchedListener{TCPListener: tcp}}, nil
}
