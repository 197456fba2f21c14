package smtptest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An Instance is one running proxy.
type Instance struct {
	Addr string // of its listener
	// Probes says that it asks each route's servers what they offer when it
	// starts: one connection each, which the dialog waits for.
	Probes bool
	// Shutdown stops it in order, for "! shutdown". It may take its time.
	Shutdown func()
	// Stop ends it after the dialog; it returns when nothing of it runs.
	Stop func()
	// Log returns all it has logged, and Metrics all its metrics: no canary may
	// be in them. Nil: not looked at.
	Log     func() []byte
	Metrics func() []byte
	// Records returns one line for each finished transaction, "VERDICT CODE"
	// and what else the caller finds worth matching. Called after Stop.
	Records func() []string
}

// A Start runs a proxy as a dialog's header wants it.
type Start func(t testing.TB, setup *DialogSetup) *Instance

// dialogGuard bounds one dialog by the wall clock: nothing in one takes longer
// than its own time-outs, which scripts scale to well under a second.
const dialogGuard = 20 * time.Second

// RunDialogs runs every script in folder, each in all its variants, as subtests.
func RunDialogs(t *testing.T, folder string, start Start) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dialogs in %s (%v)", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			RunDialog(t, path, start)
		})
	}
}

// RunDialog runs one script in all its variants, as subtests.
func RunDialog(t *testing.T, path string, start Start) {
	t.Helper()
	sc, err := readScript(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range sc.variants {
		if v == "tls" && (sc.setup.TLS != "" || sc.setup.Proxy != nil) {
			continue // the script has its own idea of TLS, or speaks before it
		}
		t.Run(v, func(t *testing.T) {
			sc, err := readScript(path) // anew: a run fills in addresses
			if err != nil {
				t.Fatal(err)
			}
			if err := sc.run(t, v, dialogGuard, start); err != nil {
				t.Error(err)
			}
		})
	}
}

// A dialog is one run of one script.
type dialog struct {
	*script
	variant string
	ctx     context.Context
	cancel  context.CancelFunc
	hosts   map[string]*host
	inst    *Instance

	servers sync.WaitGroup // goroutines of server connections

	mu     sync.Mutex // guards all below
	first  error      // the first failure
	where  map[string]string
	log    []string
	open   []*peer
	done   map[string]chan struct{} // closed when a side's script is through
	labels map[string]*label
}

// A label is where sides meet.
type label struct {
	missing int
	met     chan struct{}
}

// run plays the script once, and returns what went wrong, with the place.
func (sc *script) run(t testing.TB, variant string, guard time.Duration, start Start) error {
	d := &dialog{
		script: sc, variant: variant, hosts: map[string]*host{}, where: map[string]string{},
		done: map[string]chan struct{}{}, labels: map[string]*label{},
	}
	d.ctx, d.cancel = context.WithTimeout(context.Background(), guard)
	defer d.cancel()
	for name, n := range sc.labels {
		d.labels[name] = &label{n, make(chan struct{})}
	}
	for _, side := range sc.order {
		d.done[side] = make(chan struct{})
		d.where[side] = "not begun"
	}
	if err := d.listen(); err != nil {
		return err
	}
	sc.setup.CA = TheCA()
	sc.setup.Gate = func(ctx context.Context) error { return d.meet(ctx, "verdict") }
	switch variant {
	case "tls":
		sc.setup.TLS = "implicit"
	case "lookahead0":
		sc.setup.Lookahead = -1
	}
	d.inst = start(t, &sc.setup)
	stopGuard := context.AfterFunc(d.ctx, d.hangUp)
	d.play()
	d.inst.Stop()
	d.closeHosts()
	d.servers.Wait()
	stopGuard()
	return d.report()
}

// play lets the proxy learn what the hosts offer, then begins all sides.
func (d *dialog) play() {
	if d.inst.Probes {
		if err := d.learned(); err != nil {
			d.mu.Lock()
			d.first = err
			d.mu.Unlock()
			return
		}
	}
	for _, h := range d.hosts {
		h.begin()
	}
	var senders sync.WaitGroup
	for _, side := range d.order {
		if side[0] == 'S' {
			senders.Go(func() { d.sender(side) })
		}
	}
	senders.Wait()
	for _, side := range d.order {
		select {
		case <-d.done[side]:
		case <-d.ctx.Done():
			return
		}
	}
}

// meet waits until every side that names the label has come to it.
func (d *dialog) meet(ctx context.Context, name string) error {
	d.mu.Lock()
	l := d.labels[name]
	if l.missing--; l.missing == 0 {
		close(l.met)
	}
	d.mu.Unlock()
	select {
	case <-l.met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail notes the first failure and ends the dialog: what other sides see from
// then on is only the consequence.
func (d *dialog) fail(side string, line int, err error) {
	d.mu.Lock()
	if d.first == nil && d.ctx.Err() == nil {
		d.first = fmt.Errorf("%s:%d: %s: %w", d.path, line, side, err)
	}
	d.mu.Unlock()
	d.cancel()
}

// hangUp closes every connection, so that no side waits any longer.
func (d *dialog) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.open {
		p.raw.Close()
	}
}

// adopt registers a connection for hangUp.
func (d *dialog) adopt(p *peer) {
	d.mu.Lock()
	d.open = append(d.open, p)
	d.mu.Unlock()
	if d.ctx.Err() != nil {
		p.raw.Close()
	}
}

// at notes where a side stands, and what it does there.
func (d *dialog) at(side string, s step) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.where[side] = fmt.Sprintf("%s:%d: %s%s %s", d.path, s.line, side, s.op, s.text)
	d.log = append(d.log, fmt.Sprintf("%4d  %s%s %.100s", s.line, side, s.op, s.text))
}

// finished notes that a side's script is through.
func (d *dialog) finished(side string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.where[side] = "through"
	close(d.done[side])
}

// report joins what went wrong.
func (d *dialog) report() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first == nil && errors.Is(d.ctx.Err(), context.DeadlineExceeded) {
		d.first = fmt.Errorf("%s: nothing more happened", d.path)
	}
	if d.first == nil {
		return errors.Join(d.checkRecords(), d.checkCanary())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v (variant %s)\nwhere each side stood:\n", d.first, d.variant)
	for _, side := range d.order {
		fmt.Fprintf(&b, "  %-3s %s\n", side, d.where[side])
	}
	b.WriteString("what was begun, in order:\n  " + strings.Join(d.log, "\n  "))
	return errors.New(b.String())
}

// checkRecords compares the records with the script's R lines, if it has any.
func (d *dialog) checkRecords() error {
	if len(d.records) == 0 || d.inst.Records == nil {
		return nil
	}
	got := d.inst.Records()
	for i, want := range d.records {
		if i >= len(got) {
			return fmt.Errorf("%s:%d: R: no such record; got %q", d.path, want.line, got)
		}
		if !want.pat.matches([]byte(got[i])) {
			return fmt.Errorf("%s:%d: R: got %q, want %q", d.path, want.line, got[i], want.text)
		}
	}
	if more := got[len(d.records):]; len(more) > 0 {
		return fmt.Errorf("%s: records the script does not know: %q", d.path, more)
	}
	return nil
}

// checkCanary looks for addresses and content in log and metrics.
func (d *dialog) checkCanary() error {
	for _, output := range []func() []byte{d.inst.Log, d.inst.Metrics} {
		if output == nil {
			continue
		}
		if err := findCanary(output()); err != nil {
			return fmt.Errorf("%s: log or metrics: %w", d.path, err)
		}
	}
	return nil
}

// isDown reports whether nobody shall listen for the host.
func (d *dialog) isDown(host string) bool { return slices.Contains(d.down, host) }
