package antivirus

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// An endpoint is one address that scans are had at.
type endpoint struct {
	pool    *pool
	breaker breaker
}

// Errors of an engine. Nothing of what it said is in them.
var (
	errGarbled = errors.New("answer not understood")
	errRefused = errors.New("engine reported an error")
)

// A dialogue has one scan on a connection. It tells whether the connection can
// be used again, and what was wrong with the engine: not with the content, or
// with what we did ourselves.
type dialogue func(ctx context.Context, c *conn, content *Content) (vote Vote, reuse bool, fault error)

// failed ends a dialogue that broke off.
func failed(err error) (Vote, bool, error) {
	if err == errGarbled {
		return fail(Garbled), false, err
	}
	return fail(Cut), false, err
}

// scan has a dialogue on a connection of the endpoint's. fault is what was
// wrong with the engine, so that another may be asked.
func (e *endpoint) scan(ctx context.Context, content *Content, talk dialogue) (vote Vote, fault error) {
	if err := e.pool.slots.take(ctx); err != nil {
		return Vote{}, nil
	}
	defer e.pool.slots.give()
	// What flows cannot be sent twice, so it does not go on a connection that
	// may have died unused.
	fresh := !content.Whole()
	for {
		c, err := e.pool.get(ctx, fresh)
		if err != nil {
			e.report(ctx, err)
			return fail(Connect), err
		}
		vote, err := e.have(ctx, c, content, talk)
		if err != nil && err != errRefused && c.used > 0 && ctx.Err() == nil && content.Rewind() {
			fresh = true // the engine had closed the session: no fault
			continue
		}
		e.report(ctx, err)
		return vote, err
	}
}

// have has a dialogue on c, and keeps c or closes it: the only way to give a
// scan up.
func (e *endpoint) have(ctx context.Context, c *conn, content *Content, talk dialogue) (Vote, error) {
	kept := false
	defer func() { // also if it panics
		if !kept {
			c.Close()
		}
	}()
	release := c.guard(ctx)
	vote, reuse, err := talk(ctx, c, content)
	if release() && reuse && err == nil {
		kept = true
		e.pool.put(c)
	}
	return vote, err
}

// report tells the breaker how a try went. An engine that reports an error is
// alive, and content can be made to cause one; what we gave up ourselves tells
// nothing.
func (e *endpoint) report(ctx context.Context, err error) {
	if err == nil || err != errRefused && ctx.Err() == nil {
		e.breaker.report(err == nil)
	}
}

// hurry bounds the wait for an answer after sending failed: the engine may
// have said why before it closed, and what it said is here already.
func (c *conn) hurry(sent error) {
	if sent != nil {
		_ = c.SetReadDeadline(time.Now().Add(farewell)) // else the read fails at once
	}
}

// until reads up to and without the octet end. More octets than
// there is room for are no answer.
func (c *conn) until(end byte) ([]byte, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(c.buf[from:], end); i >= 0 {
			line := c.buf[:from+i]
			c.buf = c.buf[from+i+1:]
			return line, nil
		}
		from = len(c.buf)
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind what is there.
func (c *conn) fill() error {
	if len(c.buf) == len(c.room) {
		return errGarbled
	}
	c.buf = c.room[:copy(c.room, c.buf)]
	n, err := c.Read(c.room[len(c.buf):])
	c.buf = c.room[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}
