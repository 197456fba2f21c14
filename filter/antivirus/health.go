package antivirus

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"
)

// Run asks each daemon every trialEvery whether it lives and how old its
// signatures are, until ctx ends.
func (c *clamd) Run(ctx context.Context) {
	tick := time.NewTicker(trialEvery)
	defer tick.Stop()
	defer forgetAge(c.name)
	defer c.closeIdle()
	for {
		c.check(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check asks all daemons at once.
func (c *clamd) check(ctx context.Context) {
	var asked sync.WaitGroup
	for _, d := range c.daemons {
		asked.Go(func() { d.check(ctx) })
	}
	asked.Wait()
	oldest := time.Duration(-1)
	for _, d := range c.daemons {
		if v := d.known(); !v.signatures.IsZero() {
			oldest = max(oldest, time.Since(v.signatures))
		}
	}
	if oldest >= 0 && ctx.Err() == nil {
		setAge(c.name, oldest)
	}
}

// closeIdle closes the connections that nobody uses, for good.
func (c *clamd) closeIdle() {
	for _, d := range c.daemons {
		d.pool.close()
	}
}

// check asks one daemon.
func (d *daemon) check(ctx context.Context) {
	d.pool.reap()
	asking, cancel := context.WithTimeout(ctx, trialEvery)
	defer cancel()
	v, ok := d.ask(asking)
	if ctx.Err() != nil {
		return
	}
	d.breaker.report(ok)
	if ok {
		d.mu.Lock()
		d.version = v
		d.mu.Unlock()
	}
}

// ask says PING and VERSION, on a connection of its own: one that is kept
// would prove nothing about the next.
func (d *daemon) ask(ctx context.Context) (version, bool) {
	c, err := d.pool.get(ctx, true)
	if err != nil {
		return version{}, false
	}
	defer c.Close()
	defer c.guard(ctx)()
	if c.writev([]byte("zIDSESSION\x00zPING\x00")) != nil || !c.answers(1, "PONG") {
		return version{}, false
	}
	if c.writev([]byte("zVERSION\x00")) != nil {
		return version{}, false
	}
	line, err := c.until(0)
	text, numbered := bytes.CutPrefix(line, []byte("2: "))
	if err != nil || !numbered {
		return version{}, false
	}
	v, ok := parseVersion(text)
	_ = c.SetWriteDeadline(time.Now().Add(farewell)) // it is closed either way
	_ = c.writev([]byte("zEND\x00"))
	return v, ok
}

// answers tells whether the next answer is number n and says want.
func (c *conn) answers(n int, want string) bool {
	line, err := c.until(0)
	return err == nil && string(line) == strconv.Itoa(n)+": "+want
}

// known is what the daemon said last.
func (d *daemon) known() version {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version
}
