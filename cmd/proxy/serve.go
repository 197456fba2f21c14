package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"sluice/stream"
)

// flushWait bounds what a stop waits for a log reader that does not read.
const flushWait = time.Second

// errStoppedServing means that an accept loop ended though nobody asked.
var errStoppedServing = errors.New("a listener stopped accepting")

// early takes the signals that must not kill a process that is only starting:
// a reload or hand-over asked for now happens when it serves. A log reader that
// goes away takes no mail with it.
func early() chan os.Signal {
	signals := make(chan os.Signal, 4) // room for more while one is handled
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
	signal.Ignore(syscall.SIGPIPE)
	return signals
}

// serve runs until a signal or ctx ends it, or a listener fails.
func (p *program) serve(ctx context.Context) error {
	signals := p.signals
	if signals == nil {
		signals = early()
	}
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	background, stopBackground := context.WithCancel(ctx)
	defer stopBackground()
	var running sync.WaitGroup
	listeners := p.mailListeners()
	failed := make(chan error, len(listeners)) // room for all
	for _, l := range listeners {
		running.Go(func() { failed <- p.server.Serve(l) })
	}
	admin := p.startAdmin()
	running.Go(func() { p.watchCertificates(background) })
	running.Go(func() { collectIdle(background) })
	go watchdog(background, p.alive)
	p.announce()

	err := p.await(ctx, signals, failed, admin)
	if _, cut := errors.AsType[exitCode](err); cut {
		return err // at once means without waiting for anything below
	}
	admin.stop()
	closeSockets(p.sockets)
	stopBackground()
	running.Wait()
	succeed(p.state.Load().engines, nil)
	return err
}

// announce says what is served, and that the process is ready.
func (p *program) announce() {
	var names []string
	for _, s := range p.sockets {
		if s.Name == adminSocket {
			p.log.Info("admin: /livez /readyz /metrics", "address", s.Addr().String())
			continue
		}
		p.log.Info("listening", "name", s.Name, "address", s.Addr().String(), "certificates", p.tls[s.Name].count())
		names = append(names, s.Addr().String())
	}
	p.log.Info("ready; stores nothing: messages pass in memory only, and a 250 comes after the server's own",
		"version", build().Version, "config", p.state.Load().conf.hash)
	p.unready.Store(nil)
	if err := p.from.confirm(); err != nil {
		p.log.Warn("the older process did not hear that this one is ready", "error", err)
	}
	notify("READY=1\nSTATUS=Listening on " + strings.Join(names, ", "))
}

// await handles signals until one ends the process.
func (p *program) await(ctx context.Context, signals <-chan os.Signal, failed <-chan error, admin *adminServer) error {
	for {
		select {
		case <-ctx.Done():
			return p.stop(signals, p.delay())
		case err := <-failed:
			if err == nil {
				err = errStoppedServing
			}
			_ = p.stop(signals, 0)
			return fmt.Errorf("serve: %w", err)
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				_, _ = p.reload() // it logs
			case syscall.SIGUSR2:
				if p.giveAway() {
					admin.stop() // the new process answers there
					return p.drain(signals)
				}
			default:
				return p.stop(signals, p.delay())
			}
		}
	}
}

func (p *program) delay() time.Duration { return p.state.Load().setup.Shutdown.Delay }

// giveAway hands the sockets to a new process and reports whether it serves.
func (p *program) giveAway() bool {
	notify("STATUS=Starting the new process")
	pid, err := 0, executableErr
	if err == nil {
		pid, err = handOver(executable, os.Args[1:], p.sockets)
	}
	if err != nil {
		p.log.Error("hand-over failed; this process serves on", "error", err)
		notify("STATUS=Hand-over failed")
		return false
	}
	p.log.Info("handed over", "pid", pid)
	notify(fmt.Sprintf("MAINPID=%d", pid))
	p.notReady("handed over")
	return true
}

// stop ends all in order (PROTOCOL: rolling restart): unready, a while of
// accepting on, no new sessions, the open ones to their end.
func (p *program) stop(signals <-chan os.Signal, delay time.Duration) error {
	p.log.Info("stopping", "sessions", p.server.Sessions(), "delay", delay.String())
	p.notReady("stopping")
	notify("STOPPING=1")
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		if again := waitForStop(signals, timer.C); again {
			return p.cut()
		}
	}
	return p.drain(signals)
}

// waitForStop waits for done and reports whether another stop was asked for first.
func waitForStop[T any](signals <-chan os.Signal, done <-chan T) (again bool) {
	for {
		select {
		case <-done:
			return false
		case s := <-signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				return true
			}
		}
	}
}

// drain lets the open sessions end.
func (p *program) drain(signals <-chan os.Signal) error {
	p.stopping.Store(true)
	p.server.StopAccepting()
	closeSockets(p.mailSockets())
	bounds := p.state.Load().setup.Shutdown
	ctx, cancel := context.WithTimeout(context.Background(), bounds.Grace+bounds.Commit+drainSlack)
	defer cancel()
	ended := make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = p.server.Shutdown(ctx)
	}()
	if again := waitForStop(signals, ended); again {
		return p.cut()
	}
	if err != nil {
		p.log.Warn("some sessions were dropped; their senders keep the messages", "error", err)
	}
	p.log.Info("stopped")
	return nil
}

// drainSlack is for the replies after the last commit, beyond shutdown.grace
// and shutdown.commit.
const drainSlack = time.Second

// cut ends the process at once. Nothing is lost by it: what was not
// acknowledged the senders still have (I7).
func (p *program) cut() error {
	p.log.Warn("stopped at once", "sessions", p.server.Sessions())
	return exitCode(exitFailed)
}

func (p *program) mailSockets() []*socket {
	var out []*socket
	for _, s := range p.sockets {
		if s.Name != adminSocket {
			out = append(out, s)
		}
	}
	return out
}

// alive reports whether every accept loop works, or rightly has ended.
func (p *program) alive() bool {
	now := time.Now()
	for _, s := range p.mailSockets() {
		if !p.stopping.Load() && !s.alive(now) {
			return false
		}
	}
	return true
}

func (p *program) notReady(why string) { p.unready.Store(&why) }

var _ mailServer = (*stream.Server)(nil)
