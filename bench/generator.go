package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

const (
	// backoffFirst and backoffMost bound the wait before a retry: short, because
	// a proxy that comes back must meet the load at once.
	backoffFirst = 10 * time.Millisecond
	backoffMost  = 500 * time.Millisecond
)

// A generator hands mail over, from several workers at once, and keeps a book
// of what it was told.
type generator struct {
	dialer        dialer
	addresses     func() []string // where to connect; nil: the dialer's address
	how           func(number int) manner
	workers       int
	perConnection int  // messages before QUIT
	retry         bool // until the answer is 2xx or 5xx, as a queue does
	book          *ledgerBook

	tally tally
}

// A tally counts what a generator saw.
type tally struct {
	mu          sync.Mutex      // guards the rest
	Messages    int             `json:"messages"` // settled: accepted or refused for good
	Attempts    int             `json:"attempts"`
	Connections int             `json:"connections"`
	NoConnect   int             `json:"connections_refused"` // ECONNREFUSED, and resets before the greeting
	Codes       map[int]int     `json:"codes"`               // of final replies; 0: the connection failed
	Resumed     int             `json:"tls_resumed"`
	Octets      int64           `json:"octets"`
	latencies   []time.Duration // from MAIL to the reply of accepted messages
	waits       []time.Duration // the same, from when the message was due
	last        string          // text of the last 5xx
}

// A posted mail is one to be sent, and when it was due.
type posted struct {
	mail
	due time.Time
}

// run delivers everything from queue and returns when it is closed and empty,
// or ctx ends. What is unsettled then stays so, in the books too.
func (g *generator) run(ctx context.Context, queue <-chan posted) {
	g.tally.Codes = map[int]int{}
	var workers sync.WaitGroup
	for i := range g.workers {
		workers.Go(func() {
			w := &worker{generator: g, random: rand.New(rand.NewPCG(uint64(i), 1))}
			defer w.leave()
			for m := range queue {
				w.deliver(ctx, m)
			}
		})
	}
	workers.Wait()
}

// A worker is one sender with at most one connection.
type worker struct {
	*generator
	random *rand.Rand
	client *client
	used   int // messages on this connection
	turn   int // for the choice of an address
}

// deliver tries until every recipient has an answer.
func (w *worker) deliver(ctx context.Context, m posted) {
	pending := m.Recipients
	for try := 0; ctx.Err() == nil; try++ {
		if try > 0 && !w.pause(ctx, try) {
			return
		}
		a, o := w.attempt(ctx, m, pending)
		pending = settle(pending, &a)
		w.count(&a, o, m, len(pending) == 0)
		if w.book != nil {
			w.book.attempt(a)
		}
		if len(pending) == 0 || !w.retry {
			return
		}
	}
}

// pause waits before a retry; false: the run is over.
func (w *worker) pause(ctx context.Context, try int) bool {
	wait := min(backoffMost, backoffFirst<<min(try-1, 10))
	wait = wait/2 + time.Duration(w.random.Int64N(int64(wait)))
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// settle returns the recipients that must be tried again after a.
func settle(pending []string, a *attempt) (rest []string) {
	if a.Code/100 == 5 && a.Stage != stageRcpt {
		return nil
	}
	taken := map[string]bool{}
	if a.accepted() {
		for _, to := range a.Accepted {
			taken[to] = true
		}
	}
	for _, to := range pending {
		if !taken[to] && a.Refused[to]/100 != 5 {
			rest = append(rest, to)
		}
	}
	return rest
}

// attempt makes one try, on the open connection or a new one.
func (w *worker) attempt(ctx context.Context, m posted, to []string) (attempt, outcome) {
	a := attempt{ID: m.ID, Start: time.Now()}
	if w.client == nil {
		if err := w.connect(ctx); err != nil {
			a.End = time.Now()
			if e, ok := errors.AsType[*stageError](err); ok {
				a.Stage, a.Code, a.Text = e.stage, e.code, e.text
			}
			w.countFailedConnect(err)
			return a, outcome{}
		}
	}
	o := w.client.send(envelope{m.from, to}, m.content, m.data, w.how(m.Number))
	a.Stage, a.Code, a.Text, a.Start, a.End = o.stage, o.code, o.text, o.start, o.end
	a.Accepted, a.Refused = o.accepted(to), o.refused(to)
	w.used++
	switch {
	case o.err != nil || o.code == 421:
		w.client.conn.Close()
		w.client = nil
	case w.used >= w.perConnection:
		w.leave()
	}
	return a, o
}

func (w *worker) connect(ctx context.Context) error {
	d := w.dialer
	if w.addresses != nil {
		list := w.addresses()
		d.address = list[w.turn%len(list)]
		w.turn++
	}
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	w.client, w.used = c, 0
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	w.tally.Connections++
	if c.resumed {
		w.tally.Resumed++
	}
	return nil
}

// leave ends the connection in good manners.
func (w *worker) leave() {
	if w.client != nil {
		w.client.quit()
		w.client = nil
	}
}

func (w *worker) countFailedConnect(err error) {
	e, ok := errors.AsType[*stageError](err)
	if !ok || e.code != 0 {
		return
	}
	refused := errors.Is(err, syscall.ECONNREFUSED)
	if e.stage == stageGreeting { // taken from the accept queue only to be dropped, or never taken
		refused = true
	}
	if refused {
		w.tally.mu.Lock()
		defer w.tally.mu.Unlock()
		w.tally.NoConnect++
	}
}

// count enters one attempt into the tally.
func (w *worker) count(a *attempt, o outcome, m posted, settled bool) {
	t := &w.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Attempts++
	t.Codes[a.Code]++
	if a.Code/100 == 5 {
		t.last = a.Text
	}
	if settled {
		t.Messages++
	}
	if o.ok() {
		t.Octets += m.Length
		t.latencies = append(t.latencies, o.end.Sub(o.start))
		t.waits = append(t.waits, o.end.Sub(m.due))
	}
}
