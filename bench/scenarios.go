package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// killAfter is the range of a life between start and kill: short, so that a
	// thousand kills fit into minutes; long enough to be in the middle of load.
	killAfterLeast = 20 * time.Millisecond
	killAfterMost  = 400 * time.Millisecond
	// rollPause lets load run between two restarts.
	rollPause = time.Second
)

// killPlan makes the server slow now and then, after its commit: kills then
// fall between the commit and the reply, where duplicates are made.
const killPlan = "delay:20"

// allKinds are the messages that must be refused.
var allKinds = []mailKind{kindGTUBE, kindBareLF, kindStranger}

// killScenario kills Sluice under load and starts it again.
func killScenario(ctx context.Context, l *ledgerRun) error {
	if err := l.startSink(ctx, killPlan, 50*time.Millisecond); err != nil {
		return err
	}
	proxy, err := l.startProxy(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stop atomic.Bool
	done := l.load(ctx, l.generator(proxy.config.Listen), &stop, 0, allKinds)
	err = l.killing(ctx, proxy)
	stop.Store(true)
	if err != nil {
		cancel()
		<-done
		return err
	}
	l.drain(done, cancel)
	l.remark()
	return nil
}

// A proxyUnderFire is Sluice with a configuration it is restarted with.
type proxyUnderFire struct {
	*running
	config sluiceConfig
	name   string
}

// startProxy runs Sluice at addresses that stay the same over restarts.
func (l *ledgerRun) startProxy(ctx context.Context) (*proxyUnderFire, error) {
	return l.startProxyNamed(ctx, l.folder, sluiceConfig{Server: l.server})
}

func (l *ledgerRun) startProxyNamed(ctx context.Context, name string, c sluiceConfig) (*proxyUnderFire, error) {
	var err error
	for _, a := range []*string{&c.Listen, &c.Admin} {
		if *a, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	p := &proxyUnderFire{config: c, name: name}
	return p, p.restart(ctx, l)
}

func (p *proxyUnderFire) restart(ctx context.Context, l *ledgerRun) error {
	run, err := l.startSluice(ctx, p.name, p.config)
	p.running = run
	return err
}

// killing ends the proxy l.kills times, each at a random instant, and notes it.
func (l *ledgerRun) killing(ctx context.Context, p *proxyUnderFire) error {
	for n := range l.kills {
		wait := killAfterLeast + time.Duration(l.random.Int64N(int64(killAfterMost-killAfterLeast)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		k := kill{At: time.Now()}
		p.kill()
		k.Until = time.Now()
		l.book.kill(k)
		if err := p.restart(ctx, l); err != nil {
			return err
		}
		if (n+1)%100 == 0 {
			l.say("%d of %d kills", n+1, l.kills)
		}
	}
	return nil
}

// failScenario lets the server fail in every way.
func failScenario(ctx context.Context, l *ledgerRun) error {
	if err := l.startSink(ctx, l.fail, 200*time.Millisecond); err != nil {
		return err
	}
	proxy, err := l.startProxy(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stop atomic.Bool
	done := l.load(ctx, l.generator(proxy.config.Listen), &stop, l.messages, allKinds)
	l.drain(done, cancel)
	l.remark()
	return nil
}

// pods is the list of instances that get new connections.
type pods struct {
	mu   sync.Mutex // guards list
	list []string
}

func (p *pods) addresses() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

func (p *pods) set(address string, in bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(a string) bool { return a == address })
	if in {
		p.list = append(p.list, address)
	}
}

// termDelay is Sluice's shutdown.delay here: connections that were on their
// way when the instance was taken off the list are still served.
const termDelay = "500ms"

// termScenario restarts three instances in turn, each taken off the list as it
// gets SIGTERM.
func termScenario(ctx context.Context, l *ledgerRun) error {
	if err := l.startSink(ctx, "none", 0); err != nil {
		return err
	}
	var list pods
	var proxies []*proxyUnderFire
	for i := range 3 {
		p, err := l.startProxyNamed(ctx, fmt.Sprintf("%s-pod%d", l.folder, i), sluiceConfig{Server: l.server, Delay: termDelay})
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
		list.set(p.config.Listen, true)
	}
	g := l.generator("")
	g.addresses = list.addresses
	return l.disturbed(ctx, g, func(n int) error {
		p := proxies[n%len(proxies)]
		list.set(p.config.Listen, false)
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Minute):
			return fmt.Errorf("still running two minutes after SIGTERM:\n%s", p.tail())
		}
		if err := p.restart(ctx, l); err != nil {
			return err
		}
		list.set(p.config.Listen, true)
		return nil
	})
}

// disturbed loads g while disturb runs l.rolls times, and holds both promises
// of a restart: no refused connection, no 5xx.
func (l *ledgerRun) disturbed(ctx context.Context, g *generator, disturb func(n int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stop atomic.Bool
	done := l.load(ctx, g, &stop, 0, nil)
	var err error
	for n := 0; n < l.rolls && err == nil && ctx.Err() == nil; n++ {
		time.Sleep(rollPause)
		err = disturb(n)
	}
	stop.Store(true)
	if err != nil {
		cancel()
		<-done
		return err
	}
	l.drain(done, cancel)
	l.remark()
	g.tally.mu.Lock()
	defer g.tally.mu.Unlock()
	if g.tally.NoConnect > 0 {
		l.broken = append(l.broken, fmt.Sprintf("%d connections were refused or dropped without a greeting", g.tally.NoConnect))
	}
	for _, code := range sortedInts(g.tally.Codes) {
		if code/100 == 5 {
			l.broken = append(l.broken, fmt.Sprintf("%d replies %d", g.tally.Codes[code], code))
		}
	}
	return nil
}

// handoverScenario makes Sluice start its successor, again and again.
func handoverScenario(ctx context.Context, l *ledgerRun) error {
	if err := l.startSink(ctx, "none", 0); err != nil {
		return err
	}
	proxy, err := l.startProxy(ctx)
	if err != nil {
		return err
	}
	proxy.heirs = true // close ends the whole group
	holder := proxy.pid()
	return l.disturbed(ctx, l.generator(proxy.config.Listen), func(int) error {
		if err := syscall.Kill(holder, syscall.SIGUSR2); err != nil {
			return fmt.Errorf("SIGUSR2: %w", err)
		}
		next, err := awaitHeir(ctx, proxy.process, holder)
		if err != nil {
			return err
		}
		holder = next
		return nil
	})
}

// awaitHeir returns the process that is left in the group when the holder has
// ended.
func awaitHeir(ctx context.Context, p *process, holder int) (int, error) {
	deadline := time.Now().Add(2 * time.Minute)
	missed := 0 // readings of /proc are no snapshots: one may see neither
	for time.Now().Before(deadline) && ctx.Err() == nil {
		all, err := processes()
		if err != nil {
			return 0, err
		}
		alive := func(s procStat) bool { return s.group == p.pid() && !s.zombie }
		heir := slices.IndexFunc(all, func(s procStat) bool { return alive(s) && s.pid != holder })
		old := slices.ContainsFunc(all, func(s procStat) bool { return alive(s) && s.pid == holder })
		switch {
		case heir >= 0 && !old:
			return all[heir].pid, nil
		case heir >= 0 || old:
			missed = 0
		case missed < 3:
			missed++
		default:
			return 0, fmt.Errorf("the old process ended and left no new one:\n%s", p.tail())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, fmt.Errorf("two minutes after SIGUSR2 the old process still runs, or no new one does:\n%s", p.tail())
}
