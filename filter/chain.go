package filter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// DefaultDeadline is what a module gets when its entry does not say: 10 s.
// It leaves room for a second try at a resolver or an engine and stays well
// under what senders wait for at the end of data (10 min, RFC 5321 section
// 4.5.3.2.6).
const DefaultDeadline = 10 * time.Second

// maxLeft is how many scanners of one module may be left behind at once: 100.
// A module that hangs would otherwise keep one goroutine and its data for
// every message. Beyond it the module has failed before it is asked.
const maxLeft = 100

// Errors of New.
var (
	ErrName   = errors.New("module name is empty or has other than a-z, 0-9, - and _")
	ErrTwice  = errors.New("two modules have this name")
	ErrUnable = errors.New("module implements no check and reads no content")
	ErrEntry  = errors.New("entry without a module, or with a negative deadline")
)

// A Chain is the ordered set of modules every message passes. Immutable. The
// nil Chain has no modules.
type Chain struct {
	entries []*entry
	running running

	looksAtSessions  bool // some module is a SessionChecker
	looksAtEnvelopes bool // some module is a SenderChecker or a RecipientChecker
}

// An entry is an Entry with what its module can do.
type entry struct {
	Entry
	name      string
	index     int
	chain     *Chain
	session   SessionChecker   // nil: cannot
	sender    SenderChecker    // nil: cannot
	recipient RecipientChecker // nil: cannot
	content   ContentModule    // nil: cannot

	left      atomic.Int32 // scanners left behind in Finish
	unscanned *metrics.Counter
	errors    [failures]*metrics.Counter
}

// New makes a chain that asks the modules in this order.
func New(entries ...Entry) (*Chain, error) {
	c := &Chain{}
	seen := make(map[string]bool)
	for i, given := range entries {
		e, err := newEntry(given)
		if err == nil && seen[e.name] {
			err = fmt.Errorf("%s: %w", e.name, ErrTwice)
		}
		if err != nil {
			return nil, fmt.Errorf("chain entry %d: %w", i, err)
		}
		seen[e.name] = true
		e.index, e.chain = i, c
		e.counters()
		c.entries = append(c.entries, e)
		c.looksAtSessions = c.looksAtSessions || e.session != nil
		c.looksAtEnvelopes = c.looksAtEnvelopes || e.sender != nil || e.recipient != nil
	}
	return c, nil
}

func newEntry(given Entry) (*entry, error) {
	if given.Module == nil || given.Deadline < 0 {
		return nil, ErrEntry
	}
	if given.Deadline == 0 {
		given.Deadline = DefaultDeadline
	}
	e := &entry{Entry: given, name: given.Module.Name()}
	if e.name == "" || strings.Trim(e.name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return nil, ErrName
	}
	e.session, _ = given.Module.(SessionChecker)
	e.sender, _ = given.Module.(SenderChecker)
	e.recipient, _ = given.Module.(RecipientChecker)
	e.content, _ = given.Module.(ContentModule)
	if e.session == nil && e.sender == nil && e.recipient == nil && e.content == nil {
		return nil, fmt.Errorf("%s: %w", e.name, ErrUnable)
	}
	return e, nil
}

// Wait returns when no scanner is running any more, left behind or not, or
// with ctx's error. It is for the end of a chain's life: after the last Run of
// the chain has been closed.
func (c *Chain) Wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	select {
	case <-c.running.idle():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// running counts goroutines. Unlike a sync.WaitGroup it can be waited for with
// a context, and from any number of goroutines while others start.
type running struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is 0; nil: nobody waits
}

func (r *running) start() {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
}

func (r *running) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 && r.none != nil {
		close(r.none)
		r.none = nil
	}
}

// idle returns a channel that is closed once nothing is running.
func (r *running) idle() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.none == nil {
		r.none = make(chan struct{})
	}
	none := r.none
	if r.n == 0 {
		close(r.none)
		r.none = nil
	}
	return none
}
