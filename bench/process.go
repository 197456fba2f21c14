package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopWait is how long a process may take to end when asked to: longer than
	// any peer needs once its connections are gone.
	stopWait = 10 * time.Second
	// startWait is how long a peer may take until it accepts connections:
	// rspamd needs about 5 s, and several times that on a busy machine.
	startWait = 90 * time.Second
	// clockTick is the unit of CPU times in /proc/PID/stat: USER_HZ is 100 on
	// every Linux that Go runs on.
	clockTick = 10 * time.Millisecond
)

// A process is something the harness started and must end. It leads its own
// process group, so that its children can be found and counted.
type process struct {
	name string
	log  string // file with its output

	cmd   *exec.Cmd
	done  chan struct{} // closed when it has ended
	heirs bool          // processes of its group may outlive it (hand-over)
}

// startProcess runs argv with its output in dir/name.log.
func startProcess(dir, name string, argv ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own descriptor
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	// Pdeathsig: peers do not outlive a harness that was killed itself.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	p.cmd.Wait() //nolint:errcheck // how it ended is in its log
	close(p.done)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends s to the process alone.
func (p *process) signal(s syscall.Signal) error { return syscall.Kill(p.pid(), s) }

// kill ends the process and its children at once, and waits.
func (p *process) kill() {
	syscall.Kill(-p.pid(), syscall.SIGKILL) //nolint:errcheck // gone already is fine
	<-p.done
}

// stop asks the process to end, and then makes it and its children.
func (p *process) stop() {
	if p.ended() {
		if p.heirs { // a group's id is not reused while it has members
			syscall.Kill(-p.pid(), syscall.SIGKILL) //nolint:errcheck // none left is fine
		}
		return
	}
	p.signal(syscall.SIGTERM) //nolint:errcheck // gone already is fine
	select {
	case <-p.done:
	case <-time.After(stopWait):
	}
	p.kill()
}

// tail returns the end of the process's output, for error messages.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

// waitAccepting returns when address takes connections.
func (p *process) waitAccepting(ctx context.Context, address string) error {
	deadline := time.Now().Add(startWait)
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case p.ended():
			return fmt.Errorf("%s ended at once:\n%s", p.name, p.tail())
		case time.Now().After(deadline):
			return fmt.Errorf("%s does not accept connections after %v:\n%s", p.name, startWait, p.tail())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A procStat is the part of /proc/PID/stat that is of use here.
type procStat struct {
	pid, parent, group int
	zombie             bool          // ended, and not reaped yet
	cpu                time.Duration // own, and that of children already reaped
}

// parseStat reads one /proc/PID/stat line. The command in parentheses may hold
// spaces and parentheses itself (proc(5)).
func parseStat(line string) (procStat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return procStat{}, errors.New("stat line without a command")
	}
	f := strings.Fields(line[end+1:]) // f[0] is field 3 of proc(5)
	if len(f) < 15 {
		return procStat{}, errors.New("stat line too short")
	}
	var n [7]int
	for i, text := range []string{strings.TrimSpace(line[:open]), f[1], f[2], f[11], f[12], f[13], f[14]} {
		var err error
		if n[i], err = strconv.Atoi(text); err != nil {
			return procStat{}, fmt.Errorf("stat line: %w", err)
		}
	}
	return procStat{n[0], n[1], n[2], f[0] == "Z", time.Duration(n[3]+n[4]+n[5]+n[6]) * clockTick}, nil
}

// family returns the processes among all that are root, its descendants, or of
// its process group.
func family(all []procStat, root int) []procStat {
	in := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, s := range all {
			if !in[s.pid] && (in[s.parent] || s.group == root) {
				in[s.pid], grown = true, true
			}
		}
	}
	var members []procStat
	for _, s := range all {
		if in[s.pid] {
			members = append(members, s)
		}
	}
	return members
}

// processes reads every process's stat line; those that vanish are left out.
func processes() ([]procStat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []procStat
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		s, err := parseStat(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// cpu is what the process and all its children have used so far. Time of a
// reaped child is counted at the parent that reaped it, so nothing counts
// twice.
func (p *process) cpu() (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, s := range family(all, p.pid()) {
		sum += s.cpu
	}
	return sum, nil
}

// rss is the resident memory of the process alone, in octets.
func (p *process) rss() (int64, error) { return p.memory("VmRSS") }

// peakRSS is the most that was ever resident of it.
func (p *process) peakRSS() (int64, error) { return p.memory("VmHWM") }

func (p *process) memory(field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		return 0, err
	}
	return parseStatus(string(b), field)
}

// parseStatus reads one field of /proc/PID/status that is a size, in octets.
func parseStatus(status, field string) (int64, error) {
	for line := range strings.SplitSeq(status, "\n") {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("status without %s", field)
}

// freeAddress returns a loopback address that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
