package main

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// A sink is a mail server that keeps nothing but a book of what it took, and
// fails as planned. Fields are set before the first serve.
type sink struct {
	name     string
	tls      *tls.Config // nil: STARTTLS is not offered
	implicit bool        // TLS before the greeting
	plan     plan
	book     *ledgerBook // nil: nothing is noted, nothing hashed

	messages, resumed, handshakes atomic.Int64

	mu      sync.Mutex // guards the rest
	tries   map[string]int
	greeted int
	conns   map[net.Conn]struct{}
	closed  bool
	running sync.WaitGroup
}

// serve takes sessions until l is closed.
func (s *sink) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.add(conn) {
			s.running.Go(func() { s.session(conn) })
		}
	}
}

// close drops all sessions and waits for them. The listener is the caller's.
func (s *sink) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *sink) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	if s.conns == nil {
		s.conns, s.tries = map[net.Conn]struct{}{}, map[string]int{}
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *sink) drop(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// nth counts the transactions of a message.
func (s *sink) nth(id string) int {
	if len(s.plan.rates) == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[id]++
	return s.tries[id]
}

// greetBadly decides about one connection. Its share is of connections.
func (s *sink) greetBadly() bool {
	for _, r := range s.plan.rates {
		if r.failure == failGreeting {
			s.mu.Lock()
			s.greeted++
			n := s.greeted
			s.mu.Unlock()
			only := plan{seed: s.plan.seed, rates: []rate{r}}
			f, _ := only.choose("greeting", n)
			return f == failGreeting
		}
	}
	return false
}
