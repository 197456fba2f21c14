package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/smtptest"
)

// patience bounds waits for another process; it is no measure of anything.
const patience = 30 * time.Second

// unusedAddress returns an address nobody listens on just now.
func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A process is the program in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan map[string]any // its log; closed when nobody can write it any more
	other chan string         // what was no log line
}

// start runs the test binary as the program. prepare may change the command.
func start(t *testing.T, prepare func(*exec.Cmd), args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), lines: make(chan map[string]any, 1000), other: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	if prepare != nil {
		prepare(p.cmd)
	}
	if p.cmd.Stdout == nil {
		out, err := p.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		p.cmd.Stderr = p.cmd.Stdout
		defer func() { go p.read(out) }()
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *process) read(out io.Reader) {
	defer close(p.lines)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		var line map[string]any
		if json.Unmarshal(scanner.Bytes(), &line) == nil {
			p.lines <- line
		} else {
			p.other <- scanner.Text()
		}
	}
}

// await returns the next line whose message begins so.
func (p *process) await(message string) map[string]any {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended before it said %q", message)
			}
			if text, _ := line["msg"].(string); strings.HasPrefix(text, message) {
				return line
			}
		case <-timeout:
			p.t.Fatalf("the program did not say %q", message)
		}
	}
}

// gone waits until every process that has the log open has ended.
func (p *process) gone() {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-p.lines:
			if !ok {
				return
			}
		case <-timeout:
			p.t.Fatal("the program does not end")
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// configFor writes a configuration that listens on address.
func configFor(t *testing.T, address, admin, extra string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	writeFile(t, file, fmt.Sprintf("hostname: mx.test\nlisteners: [{address: %q}]\nadmin: {address: %q}\n"+
		"routes: [{domains: [y.test], servers: [{address: \"127.0.0.1:9\"}], tls: none}]\n%s", address, admin, extra))
	return file
}

// greet connects and returns the first line.
func greet(address string) (string, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		_, _ = c.Write([]byte("QUIT\r\n"))
	}
	return line, err
}

// A new process takes over while senders keep connecting: not one of them is
// refused or left without a greeting.
func TestHandOverRefusesNobody(t *testing.T) {
	address, admin := unusedAddress(t), unusedAddress(t)
	file := configFor(t, address, admin, "")
	p := start(t, nil, "run", "--config", file)
	p.await("ready")

	var connected, failed atomic.Int64
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				line, err := greet(address)
				if err != nil || !strings.HasPrefix(line, "220 ") && !strings.HasPrefix(line, "421 ") {
					failed.Add(1)
					t.Errorf("greeting %q, %v", line, err)
					return
				}
				connected.Add(1)
			}
		})
	}
	pid := 0
	const generations = 3
	for range generations {
		before := connected.Load()
		if pid == 0 {
			p.signal(syscall.SIGUSR2)
		} else if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		pid = int(p.await("handed over")["pid"].(float64))
		p.await("stopped")
		for connected.Load() < before+20 && failed.Load() == 0 { // the new one does greet
			if _, err := greet(address); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	senders.Wait()
	if code, out, _ := command(t, "", "healthcheck", "--admin", admin); code != 0 {
		t.Errorf("the last process is not ready: %s", out)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the first process: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.gone()
}

// A successor that cannot start leaves the old process serving.
func TestHandOverFails(t *testing.T) {
	address := unusedAddress(t)
	file := configFor(t, address, "none", "")
	p := start(t, nil, "run", "--config", file)
	p.await("ready")
	writeFile(t, file, "lisen: 1\n")
	p.signal(syscall.SIGUSR2)
	p.await("hand-over failed")
	if line, err := greet(address); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Errorf("greeting %q, %v", line, err)
	}
	p.signal(syscall.SIGTERM)
	p.await("stopped")
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A second signal does not wait for anybody.
func TestSecondSignalCuts(t *testing.T) {
	file := configFor(t, unusedAddress(t), "none", "shutdown: {delay: 1h}\n")
	p := start(t, nil, "run", "--config", file)
	p.await("ready")
	p.signal(syscall.SIGTERM)
	p.await("stopping")
	p.signal(syscall.SIGTERM)
	p.await("stopped at once")
	p.gone()
	if err := p.cmd.Wait(); p.cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("exit: %v", err)
	}
}

// During shutdown.delay the process is not ready and still accepts.
func TestStopDelay(t *testing.T) {
	address, admin := unusedAddress(t), unusedAddress(t)
	file := configFor(t, address, admin, "shutdown: {delay: 1h}\n")
	p := start(t, nil, "run", "--config", file)
	p.await("ready")
	p.signal(syscall.SIGTERM)
	p.await("stopping")
	if code, _, stderr := command(t, "", "healthcheck", "--admin", admin); code != exitFailed || !strings.Contains(stderr, "stopping") {
		t.Errorf("healthcheck: %d %s", code, stderr)
	}
	if line, err := greet(address); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Errorf("greeting %q, %v", line, err)
	}
	p.signal(syscall.SIGINT)
	p.gone()
	_ = p.cmd.Wait()
}

// systemd's side: a socket that it holds, by name, and a place for notifications.
func TestSystemd(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	descriptor, err := held.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close()
	notifications, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notifications.Close()
	next := func(want string) string {
		t.Helper()
		_ = notifications.SetReadDeadline(time.Now().Add(patience))
		buffer := make([]byte, 4096)
		for {
			n, err := notifications.Read(buffer)
			if err != nil {
				t.Fatalf("%s: %v", want, err)
			}
			if got := string(buffer[:n]); strings.HasPrefix(got, want) {
				return got
			}
		}
	}

	// The configured address is systemd's business then.
	file := configFor(t, unusedAddress(t), "none", "")
	p := start(t, func(c *exec.Cmd) {
		// LISTEN_PID is known to the shell only, which becomes the program.
		c.Args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, c.Args...)
		c.Path = "/bin/sh"
		c.ExtraFiles = []*os.File{descriptor}
		c.Env = append(c.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=smtp", "NOTIFY_SOCKET="+notifications.LocalAddr().String(), "WATCHDOG_USEC=200000")
	}, "run", "--config", file)
	if got := next("READY=1"); !strings.Contains(got, "STATUS=Listening on "+held.Addr().String()) {
		t.Errorf("ready: %q", got)
	}
	if line, err := greet(held.Addr().String()); err != nil || !strings.HasPrefix(line, "220 mx.test ") {
		t.Errorf("greeting %q, %v", line, err)
	}
	next("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	got := next("RELOADING=1")
	_, clock, _ := strings.Cut(got, "\nMONOTONIC_USEC=")
	if usec, err := strconv.ParseInt(clock, 10, 64); err != nil || usec <= 0 {
		t.Errorf("reloading: %q", got)
	}
	next("READY=1")
	p.signal(syscall.SIGUSR2)
	pid, err := strconv.Atoi(strings.TrimPrefix(next("MAINPID="), "MAINPID="))
	if err != nil {
		t.Fatal(err)
	}
	p.await("stopped")
	if line, err := greet(held.Addr().String()); err != nil || !strings.HasPrefix(line, "220 mx.test ") {
		t.Errorf("greeting of the successor %q, %v", line, err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	next("STOPPING=1")
	p.gone()
	_ = p.cmd.Wait()
}

// The unit files are what systemd takes.
func TestUnitFiles(t *testing.T) {
	analyze := smtptest.NeedPeer(t, "systemd-analyze")
	dir := t.TempDir()
	for _, name := range []string{"sluice.socket", "sluice.service"} {
		text, err := os.ReadFile("../../deploy/systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		// The binary need not be installed to look at the unit.
		writeFile(t, filepath.Join(dir, name), strings.Replace(string(text), "/usr/local/bin/sluice", "/bin/true", 1))
	}
	out, err := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, "sluice.socket"), filepath.Join(dir, "sluice.service")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
