package unpack

import (
	"slices"
	"sync"
	"time"
)

// maxWait is how long one message waits for memory in all: 10 s, well within
// what senders wait for a reply to the end of data, and longer than a decoder
// may run.
const maxWait = 10 * time.Second

// Memory is what all messages together may hold. Where it is short, the
// network that holds least is served first, so a flood from one does not keep
// others waiting.
type Memory struct {
	mu    sync.Mutex // guards all below
	limit int64
	held  int64
	nets  map[string]*share // who holds or waits
	queue []*waiter         // in order of arrival
}

// A share is what one network holds.
type share struct {
	held    int64
	waiters int
}

// A waiter waits for n octets.
type waiter struct {
	net   string
	n     int64
	share *share
	ready chan struct{} // closed when it has them
}

// NewMemory returns a Memory of so many octets.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, nets: make(map[string]*share)}
}

// SetLimit changes the limit. What is held above it stays until it is given
// back.
func (m *Memory) SetLimit(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
	m.serve()
}

// Held returns how many octets are in use, for a metric.
func (m *Memory) Held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// take takes n octets for a network and waits for them as long as it may. It
// returns how long that was, and whether it has them.
func (m *Memory) take(net string, n int64, wait time.Duration) (time.Duration, bool) {
	m.mu.Lock()
	if n > m.limit {
		m.mu.Unlock()
		return 0, false
	}
	w := m.enqueue(net, n)
	m.serve()
	m.mu.Unlock()

	select {
	case <-w.ready:
		return 0, true
	default:
	}
	start := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.ready:
		return time.Since(start), true
	case <-timer.C:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.queue, w)
	if i < 0 {
		return time.Since(start), true // served in the last instant
	}
	m.dequeue(i)
	m.forget(w.net, w.share)
	m.serve() // it may have stood before smaller ones
	return time.Since(start), false
}

// give gives n octets of a network back.
func (m *Memory) give(net string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.nets[net]
	m.held -= n
	s.held -= n
	m.forget(net, s)
	m.serve()
}

// enqueue puts a waiter at the end of the queue.
func (m *Memory) enqueue(net string, n int64) *waiter {
	s := m.nets[net]
	if s == nil {
		s = &share{}
		m.nets[net] = s
	}
	s.waiters++
	w := &waiter{net: net, n: n, share: s, ready: make(chan struct{})}
	m.queue = append(m.queue, w)
	return w
}

func (m *Memory) dequeue(i int) {
	m.queue[i].share.waiters--
	m.queue = slices.Delete(m.queue, i, i+1)
}

// forget drops a network that neither holds nor waits.
func (m *Memory) forget(net string, s *share) {
	if s.held == 0 && s.waiters == 0 {
		delete(m.nets, net)
	}
}

// serve gives to those who wait: the network with the least first, then who
// came first. If that one wants more than there is, the others wait with it,
// or it would never be served.
func (m *Memory) serve() {
	for len(m.queue) > 0 {
		least := -1
		for i, w := range m.queue {
			if w.n <= m.limit && (least < 0 || w.share.held < m.queue[least].share.held) {
				least = i // the limit may have been lowered since it came
			}
		}
		if least < 0 || m.queue[least].n > m.limit-m.held {
			return
		}
		w := m.queue[least]
		m.held += w.n
		w.share.held += w.n
		m.dequeue(least)
		close(w.ready)
	}
}
