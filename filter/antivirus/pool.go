package antivirus

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// idleLife is how long an unused connection is kept: 20 s, under the 30 s
	// after which clamd closes a session without a command (CommandReadTimeout).
	idleLife = 20 * time.Second
	// maxIdle is how many unused connections are kept to one address: 16.
	maxIdle = 16
	// maxConnections is how many scans one address is given at once: 100, what
	// clamd queues (MaxQueue). More wait, for their deadline.
	maxConnections = 100
	// connectTimeout bounds a connection's start: 5 s. Engines are near.
	connectTimeout = 5 * time.Second
	// farewell bounds the last words on a connection that is closed: 100 ms.
	// They fit a socket's buffer; who does not take them has gone.
	farewell = 100 * time.Millisecond
)

// A pool is the connections to one address. Whoever has a slot may have one
// connection.
type pool struct {
	dial  func(context.Context) (net.Conn, error)
	room  int
	slots slots

	mu   sync.Mutex // guards the rest
	idle []*conn    // the one used last is the last
	shut bool       // nothing is kept any more
}

// A conn is one connection, in use by one scan.
type conn struct {
	net.Conn
	used  int       // scans before this one
	since time.Time // unused since
	buf   []byte    // read and not looked at
	room  []byte    // what buf is in
	vec   [4][]byte // for one write
}

// newPool makes a pool whose connections have room octets for an answer.
func newPool(dial func(context.Context) (net.Conn, error), room int) *pool {
	return &pool{dial: dial, room: room, slots: slots{limit: maxConnections}}
}

// dialer dials an address as Settings have it.
func dialer(address string) func(context.Context) (net.Conn, error) {
	family, where, _ := network(address) // it was found good
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: connectTimeout}
		return d.DialContext(ctx, family, where)
	}
}

// get returns an unused connection, or with fresh or without one a new one.
// The caller has a slot.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	if !fresh {
		p.reap()
		p.mu.Lock()
		if n := len(p.idle); n > 0 {
			c := p.idle[n-1]
			p.idle = p.idle[:n-1]
			p.mu.Unlock()
			return c, nil
		}
		p.mu.Unlock()
	}
	raw, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, room: make([]byte, p.room)}, nil
}

// put gives a connection back that can be used again.
func (p *pool) put(c *conn) {
	c.used++
	c.since = time.Now()
	p.mu.Lock()
	full := p.shut || len(p.idle) >= maxIdle
	if !full {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if full {
		c.Close()
	}
}

// reap closes what has been unused for too long.
func (p *pool) reap() { p.closeOlder(time.Now().Add(-idleLife)) }

// close closes what is unused, and from now on whatever is given back.
func (p *pool) close() {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	p.closeOlder(time.Now())
}

// closeOlder closes what has been unused since t or longer.
func (p *pool) closeOlder(t time.Time) {
	p.mu.Lock()
	n := slices.IndexFunc(p.idle, func(c *conn) bool { return c.since.After(t) })
	if n < 0 {
		n = len(p.idle)
	}
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.mu.Unlock()
	for _, c := range old {
		c.Close()
	}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// guard has c's reads and writes fail once ctx ends. The caller calls
// release, which tells whether the connection is still good for reads and
// writes.
func (c *conn) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) }) // closed already: as good
}

// writev sends octets in one call where the system can.
func (c *conn) writev(parts ...[]byte) error {
	v := net.Buffers(append(c.vec[:0], parts...))
	_, err := v.WriteTo(c.Conn)
	return err
}
