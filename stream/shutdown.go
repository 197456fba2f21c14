package stream

import (
	"context"
	"time"
)

// StopAccepting makes every Serve return without ending sessions. The
// listeners stay open for whoever was handed their descriptors: what waits in
// their backlog is his.
func (s *Server) StopAccepting() {
	s.init()
	s.deaf.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
			_ = d.SetDeadline(longAgo)
		} else {
			_ = l.Close()
		}
	}
}

// interruptEvery is how often a shutdown looks for sessions that have become
// idle, or that began to wait after it woke them.
const interruptEvery = 50 * time.Millisecond

// Shutdown stops accepting and ends all sessions in order: idle ones get 421
// at once, transactions may finish within Setup's Shutdown.Grace, those whose
// terminator is out within Commit more. It returns nil when none is left. When
// ctx ends first, the rest are cut: nothing is lost by that (I7), but a sender
// may send again what was delivered.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	s.StopAccepting()
	s.stopping.Store(true)
	times := s.Setup().Shutdown
	grace := time.NewTimer(times.Grace)
	commit := time.NewTimer(times.Grace + times.Commit)
	tick := time.NewTicker(interruptEvery)
	defer grace.Stop()
	defer commit.Stop()
	defer tick.Stop()
	idle := s.awaitIdle()
	var err error
	for waiting := true; waiting; {
		s.interrupt()
		select {
		case <-idle:
			waiting = false
		case <-tick.C:
		case <-grace.C:
			s.cutting.Store(true)
			s.cancel()
		case <-commit.C:
			s.cut()
			<-idle
			waiting = false
		case <-ctx.Done():
			err = ctx.Err()
			s.cut()
			<-idle
			waiting = false
		}
	}
	s.cancel()
	s.servers.close()
	// Whose reply is late has been told to come back: no stop waits for that.
	s.endLate()
	s.late.Wait()
	s.names.wait()
	return err
}

// awaitIdle returns a channel that closes when there are no sessions.
func (s *Server) awaitIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := make(chan struct{})
	if len(s.sessions) == 0 {
		close(idle)
	} else {
		s.idle = idle
	}
	return idle
}

// interrupted tells a session in the given phase whether it must not wait for
// its sender any longer.
func (s *Server) interrupted(phase int32) bool {
	switch phase {
	case phaseIdle:
		return s.stopping.Load()
	case phaseOpen:
		return s.cutting.Load()
	}
	return false
}

// interrupt wakes all sessions that must not wait.
func (s *Server) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		if s.interrupted(ss.phase.Load()) {
			ss.conn.SetReadDeadline(longAgo)
		}
	}
}

// cut closes all connections.
func (s *Server) cut() {
	s.cutting.Store(true)
	s.severed.Store(true)
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		ss.conn.sock.inner.Close()
		if f := ss.callOff.Load(); f != nil {
			(*f)()
		}
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)
