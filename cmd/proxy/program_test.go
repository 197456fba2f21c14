package main

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"sluice/stream"
)

// A fakeServer accepts connections, greets, and closes them.
type fakeServer struct {
	p  *program
	mu sync.Mutex
	// stopped ends the accept loops.
	stopped  bool
	sessions int
	reloads  int
}

func (f *fakeServer) Serve(l *stream.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.stopped {
				return nil
			}
			return err
		}
		_, _ = c.Write([]byte("220 " + f.p.state.Load().setup.Hostname + "\r\n"))
		c.Close()
	}
}

func (f *fakeServer) StopAccepting() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	closeSockets(f.p.mailSockets())
}

func (f *fakeServer) Shutdown(context.Context) error { return nil }
func (f *fakeServer) Sessions() int                  { return f.sessions }
func (f *fakeServer) Reloaded()                      { f.mu.Lock(); f.reloads++; f.mu.Unlock() }

// A log collects lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newTestProgram makes a program with a fakeServer that is not yet serving.
func newTestProgram(t *testing.T, src source) *program {
	t.Helper()
	p, _ := newLoggedProgram(t, src)
	return p
}

func newLoggedProgram(t *testing.T, src source) (*program, *logBuffer) {
	t.Helper()
	original := newServer
	newServer = func(p *program) mailServer { return &fakeServer{p: p} }
	defer func() { newServer = original }()
	log := &logBuffer{}
	p, err := newProgram(&app{ctx: t.Context(), stdout: log, stderr: log}, src, mustLoad(t, src))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeSockets(p.sockets)
		p.lines.close(flushWait)
	})
	return p, log
}
