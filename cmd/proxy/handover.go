package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handoverVariable carries the list of sockets to the process that takes
// over. Its name has no double underscore: it is no setting.
const handoverVariable = "SLUICE_HANDOVER"

// handoverWait bounds the new process's start. Nothing is lost by waiting:
// the old one serves on.
const handoverWait = 60 * time.Second

// handoverReady is what the new process writes when it serves.
const handoverReady = "ready\n"

// firstInherited is the descriptor that the first socket has in the new
// process, behind standard input, output and error. The pipe for the word
// that it is ready comes after the last socket.
const firstInherited = 3

// handOver starts our own program anew with the same arguments and the
// listening sockets, and returns the new process's id once it serves. The
// sockets stay open all the while: connections wait in their queues.
//
// os/exec is not used because it asks *os.File for descriptors, which makes
// the open socket blocking for both processes; our Accept could then not be
// interrupted.
func handOver(executable string, args []string, sockets []*socket) (pid int, err error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	files := []uintptr{0, 1, 2}
	defer func() {
		for _, fd := range files[firstInherited:] {
			_ = unix.Close(int(fd))
		}
	}()
	for _, s := range sockets {
		fd, err := duplicate(s)
		if err != nil {
			theirs.Close()
			return 0, fmt.Errorf("duplicate socket %s: %w", s.Name, err)
		}
		files = append(files, uintptr(fd))
	}
	list, err := json.Marshal(sockets)
	if err != nil {
		theirs.Close()
		return 0, err
	}
	pid, err = syscall.ForkExec(executable, append([]string{executable}, args...), &syscall.ProcAttr{
		Env:   append(withoutInheritance(os.Environ()), handoverVariable+"="+string(list)),
		Files: append(files[:len(files):len(files)], theirs.Fd()),
	})
	theirs.Close() // or a child that dies would leave us waiting for its end of the pipe
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", executable, err)
	}
	return pid, awaitReady(pid, ours)
}

// duplicate makes a descriptor that stays valid whatever becomes of the listener.
func duplicate(s *socket) (fd int, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(controlErr, err)
}

// withoutInheritance removes what systemd and an earlier hand-over said to
// this process and to no other.
func withoutInheritance(environ []string) []string {
	var kept []string
	for _, v := range environ {
		switch name, _, _ := strings.Cut(v, "="); name {
		case handoverVariable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

var errNotReady = errors.New("the new process ended before it was ready")

// awaitReady waits for the word that the new process serves. Otherwise the
// process is ended: there must not be two that serve for good.
func awaitReady(pid int, pipe *os.File) error {
	child, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	_ = pipe.SetReadDeadline(time.Now().Add(handoverWait))
	word := make([]byte, len(handoverReady))
	_, err = io.ReadFull(pipe, word)
	if err == nil && string(word) == handoverReady {
		go func() { _, _ = child.Wait() }() // it outlives us; this only keeps it from being a zombie
		return nil
	}
	_ = child.Kill()
	_, _ = child.Wait()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the new process was not ready in %s", handoverWait)
	}
	return errNotReady
}

// A heritage is what an older process handed to this one.
type heritage struct {
	sockets []*socket
	ready   *os.File // nil: nobody waits
}

// inherit takes over sockets from an older process, or else from systemd.
func inherit() (heritage, error) {
	text := os.Getenv(handoverVariable)
	if text == "" {
		sockets, err := systemdSockets()
		return heritage{sockets: sockets}, err
	}
	os.Unsetenv(handoverVariable)
	var h heritage
	var list []*socket
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return h, fmt.Errorf("read %s: %w", handoverVariable, err)
	}
	for i, named := range list {
		s, err := socketFromFile(os.NewFile(uintptr(firstInherited+i), named.Name))
		if err != nil {
			return h, fmt.Errorf("take over socket %s: %w", named.Name, err)
		}
		s.Name, s.Address = named.Name, named.Address
		h.sockets = append(h.sockets, s)
	}
	fd := firstInherited + len(list)
	syscall.CloseOnExec(fd)
	h.ready = os.NewFile(uintptr(fd), "ready")
	return h, nil
}

// confirm tells the older process that this one serves.
func (h heritage) confirm() error {
	if h.ready == nil {
		return nil
	}
	defer h.ready.Close()
	_, err := h.ready.WriteString(handoverReady)
	return err
}
