package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type demoCommand struct {
	Once   bool   `help:"Exit after the table; 1 if anything was not as it should be."`
	Listen string `help:"Where Sluice listens; another port is taken if this one is in use." default:"127.0.0.1:2525"`
}

// demoConfig is the demo's whole configuration, read by the production path.
// Its servers are in this process's memory (demo_server.go).
const demoConfig = `
hostname: sluice.test
listeners:
  - address: %s
admin: {address: "%s"}
routes:
  - domains: ["example.test"]
    servers: [{address: "%s"}]
    tls: none
  - domains: ["dies.test"]
    servers: [{address: "%s"}]
    tls: none
`

// demoReady is how long the demo waits for its own proxy: it starts in
// milliseconds, so 10 s is for machines that do something else.
const demoReady = 10 * time.Second

// Run starts Sluice in front of mail servers in memory, sends it some
// messages, shows what became of them, and stays up for more.
func (c *demoCommand) Run(a *app) error {
	ctx, stop := signal.NotifyContext(a.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := new(socketAddress).set(c.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	good, err := startDemoServer(false)
	if err != nil {
		return err
	}
	defer good.close()
	dying, err := startDemoServer(true)
	if err != nil {
		return err
	}
	defer dying.close()

	listen, admin := demoAddress(c.Listen), demoAddress("127.0.0.1:8025")
	conf := fmt.Sprintf(demoConfig, listen, admin, good.addr, dying.addr)
	log := &lateLog{out: a.stdout}
	ended, err := startDemoProxy(ctx, a, conf, log)
	if err != nil {
		return err
	}
	if err := awaitGreeting(ctx, listen); err != nil {
		return err
	}

	fmt.Fprintf(a.stdout, "Sluice listens on %s, in front of a mail server in this process.\nIt stores nothing, and neither does this demo.\n\n", listen)
	surprises := playDemo(a.stdout, listen, good, dying)
	if err := printAddedLatency(a.stdout, listen, good); err != nil {
		return err
	}
	if c.Once {
		stop()
		<-ended
		if surprises > 0 {
			fmt.Fprintf(a.stdout, "\n%d of these outcomes should not be.\n", surprises)
			return exitCode(exitFailed)
		}
		return nil
	}
	fmt.Fprintf(a.stdout, demoMore, listen, listen, admin)
	log.open.Store(true)
	return <-ended
}

const demoMore = `
Send more, and watch its log line here:

  swaks --server %s --to demo@example.test
  swaks --server %s --to demo@example.test --body "$(go run ./cmd/proxy gtube)"
  curl http://%s/metrics

Ctrl-C ends the demo.

`

// startDemoProxy starts the proxy as "run" does, but for where its
// configuration comes from. The channel gives what serving ended with.
func startDemoProxy(ctx context.Context, a *app, conf string, log io.Writer) (<-chan error, error) {
	src := source{file: "-", stdin: strings.NewReader(conf)}
	loaded, found := src.load()
	if errs, _ := found.split(); len(errs) > 0 {
		return nil, errs
	}
	p, err := newProgram(&app{ctx: ctx, stdout: log, stderr: a.stderr}, src, loaded)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := p.serve(ctx)
		p.lines.close(flushWait)
		ended <- err
	}()
	return ended, nil
}

// awaitGreeting waits until the proxy greets.
func awaitGreeting(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, demoReady)
	defer cancel()
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = c.SetReadDeadline(time.Now().Add(demoReady))
			_, err = io.ReadFull(c, make([]byte, len("220")))
			c.Close()
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// demoAddress returns addr if it can be listened on, else the same host with
// a port that can.
func demoAddress(addr string) string {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(addr)
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return addr // the proxy will say what is wrong with it
	}
	defer l.Close()
	return l.Addr().String()
}

// A lateLog lets log lines through once it is open: the demo's own messages have
// their table.
type lateLog struct {
	out  io.Writer
	open atomic.Bool
}

func (g *lateLog) Write(p []byte) (int, error) {
	if !g.open.Load() {
		return len(p), nil
	}
	return g.out.Write(p)
}
