package smtptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// NeedPeer ends the test unless the named program, which is not ours, can be
// run here. It skips with a reason that begins with "peer:", or fails if
// SLUICE_PEERS=require says that nothing may be left out. It returns the
// program's path.
func NeedPeer(t testing.TB, name string) string {
	t.Helper()
	path, err := findPeer(name)
	if err != nil {
		noPeer(t, err.Error())
	}
	return path
}

// noPeer ends the test for want of what reason names.
func noPeer(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("SLUICE_PEERS") == "require" {
		t.Fatalf("peer: %s", reason)
	}
	t.Skipf("peer: %s", reason)
}

// findPeer looks on PATH and in the folders that hold servers.
func findPeer(name string) (string, error) {
	if name == "postfix" && os.Geteuid() != 0 {
		return "", fmt.Errorf("postfix starts only as root")
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// peerStart is how long a real program may take until it listens: 30 s,
// because a loaded machine with two cores was seen to need five.
const peerStart = 30 * time.Second

// peerPoll is how often the state of a real program is looked at, which has
// no way to tell us: 10 ms, short against any of them.
const peerPoll = 10 * time.Millisecond

// Await polls until done is true, and fails the test after limit. It is for
// real programs only; everything of ours can be waited for directly.
func Await(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(peerPoll)
	defer tick.Stop()
	for end := time.After(limit); !done(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("no %s within %v", what, limit)
		}
	}
}

// FreeAddr returns a loopback address nobody listens on just now.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts a program that serves until the test ends, in a process group of
// its own, and waits until it listens on addr. Then it is asked to end, and
// after peerStart killed.
func run(t testing.TB, addr string, command *exec.Cmd) {
	t.Helper()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", filepath.Base(command.Path), err)
	}
	ended := make(chan struct{})
	go wait(command, ended)
	t.Cleanup(func() { stop(command, ended) })
	Await(t, peerStart, filepath.Base(command.Path)+" listening", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended at once: %v", filepath.Base(command.Path), command.ProcessState)
		default:
		}
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func wait(command *exec.Cmd, ended chan<- struct{}) {
	_ = command.Wait() // how it ended is in ProcessState
	close(ended)
}

func stop(command *exec.Cmd, ended <-chan struct{}) {
	command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(peerStart):
	}
	// Children that outlived it are in its group, which is ours alone.
	syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	<-ended
}
