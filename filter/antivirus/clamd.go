package antivirus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// A clamd is an engine that speaks clamd's protocol (clamd(8), INSTREAM and
// IDSESSION), to one daemon or several alike.
//
//	zIDSESSION\0 once, then for each scan
//	  zINSTREAM\0  { length (4 octets, big-endian)  octets }  0000
//	  <n>: stream: OK\0 | <n>: stream: NAME FOUND\0 | ... ERROR\0
//
// A connection has one scan in flight. After an error clamd closes it.
type clamd struct {
	name    string
	daemons []*daemon
}

// A daemon is one clamd.
type daemon struct {
	pool    *pool
	breaker breaker

	mu      sync.Mutex // guards version
	version version
}

func newClamd(s *EngineSettings) *clamd {
	c := &clamd{name: s.Name}
	for _, a := range s.Addresses {
		c.daemons = append(c.daemons, &daemon{pool: newPool(dialer(a))})
	}
	return c
}

// Scan asks the daemon with the fewest scans in flight, and when it cannot be
// asked the others.
func (c *clamd) Scan(ctx context.Context, content *Content) Vote {
	vote := fail(Down)
	for _, d := range c.order() {
		if !d.breaker.allow() {
			continue
		}
		var fault error
		if vote, fault = d.scan(ctx, content); fault == nil || ctx.Err() != nil || !content.Rewind() {
			return vote
		}
	}
	return vote
}

// order returns the daemons, those with the fewest scans in flight first.
func (c *clamd) order() []*daemon {
	if len(c.daemons) == 1 {
		return c.daemons
	}
	sorted := slices.Clone(c.daemons)
	load := map[*daemon]int{}
	for _, d := range sorted {
		load[d] = d.pool.slots.inFlight()
	}
	slices.SortStableFunc(sorted, func(a, b *daemon) int { return load[a] - load[b] })
	return sorted
}

// scan asks one daemon. fault is what was wrong with the daemon itself, so
// that another may be asked.
func (d *daemon) scan(ctx context.Context, content *Content) (vote Vote, fault error) {
	if err := d.pool.slots.take(ctx); err != nil {
		return fail(Deadline), nil
	}
	defer d.pool.slots.give()
	// What flows cannot be sent twice, so it does not go on a connection that
	// may have died unused.
	fresh := !content.Whole()
	for {
		c, err := d.pool.get(ctx, fresh)
		if err != nil {
			d.report(ctx, err)
			return fail(Connect), err
		}
		vote, err := d.scanOn(ctx, c, content)
		if err != nil && c.used > 0 && ctx.Err() == nil && content.Rewind() {
			fresh = true // clamd had closed the session: no fault
			continue
		}
		d.report(ctx, err)
		return vote, err
	}
}

// report tells the breaker how a try went, unless we gave it up ourselves.
func (d *daemon) report(ctx context.Context, err error) {
	if err == nil || ctx.Err() == nil {
		d.breaker.report(err == nil)
	}
}

// Errors of a daemon. Nothing of what it said is in them.
var (
	errGarbled = errors.New("answer not understood")
	errRefused = errors.New("engine reported an error")
	errCut     = errors.New("connection ended")
)

// scanOn has one scan on a connection, which it keeps or closes.
func (d *daemon) scanOn(ctx context.Context, c *conn, content *Content) (Vote, error) {
	release := c.guard(ctx)
	vote, err := c.instream(ctx, content)
	if release() && err == nil && vote.Result != Failed && vote.Reason != TooLarge {
		d.pool.put(c)
	} else {
		c.Close() // the only way to give up a scan
	}
	return vote, err
}

// instream sends content and reads the answer. An error is the daemon's fault.
func (c *conn) instream(ctx context.Context, content *Content) (Vote, error) {
	sent := c.sendContent(ctx, content)
	if content.err != nil && content.err != io.EOF {
		return fail(Cancelled), nil // it was not the daemon; see verdict
	}
	// Also when sending failed: clamd may have said why before it closed.
	if sent != nil {
		_ = c.SetReadDeadline(time.Now().Add(farewell)) // else Read fails at once
	}
	line, err := c.answer()
	switch {
	case err != nil && sent != nil:
		return fail(Cut), sent
	case err == io.EOF, errors.Is(err, net.ErrClosed):
		return fail(Cut), errCut
	case err != nil:
		return fail(Cut), err
	}
	vote, err := parseClamd(line, c.used+1)
	if sent != nil && vote.Result != Unscannable {
		return fail(Cut), sent // it cannot have seen the whole
	}
	return vote, err
}

// Commands. The z form ends commands and answers with NUL.
var (
	idSession = []byte("zIDSESSION\x00")
	inStream  = []byte("zINSTREAM\x00")
	endStream = []byte{0, 0, 0, 0}
)

// sendContent sends a whole scan's side, a frame a chunk, each in one write.
func (c *conn) sendContent(ctx context.Context, content *Content) error {
	command := inStream
	if c.used == 0 {
		command = slices.Concat(idSession, inStream)
	}
	size, sent := content.Size(), int64(0)
	head := make([]byte, 0, len(command)+4)
	head = append(head, command...)
	for {
		b, err := content.Next(ctx)
		if err == io.EOF {
			return c.writev(head, endStream)
		}
		if err != nil {
			return err
		}
		sent += int64(len(b))
		head = binary.BigEndian.AppendUint32(head, uint32(len(b)))
		if sent == size {
			return c.sendLast(ctx, content, head, b)
		}
		if err := c.writev(head, b); err != nil {
			return fmt.Errorf("send content: %w", err)
		}
		head = head[:0]
	}
}

// sendLast sends the last frame with the end in one write.
func (c *conn) sendLast(ctx context.Context, content *Content, head, b []byte) error {
	if err := c.writev(head, b, endStream); err != nil {
		return fmt.Errorf("send content: %w", err)
	}
	_, err := content.Next(ctx)
	if err != io.EOF {
		return err
	}
	return nil
}

// answer reads up to a NUL, which it cuts off.
func (c *conn) answer() ([]byte, error) {
	return c.until(0)
}
