package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// An env is one run of the harness: where it writes, what it has started.
type env struct {
	out     string // results
	scratch string // configurations, logs and queues of peers; removed at the end
	shared  string // a folder in memory, removed at the end; empty: not made
	keep    bool   // do not remove scratch
	binary  string // Sluice's; built on first use when empty
	foreign bool   // binary was given, so the checkout says nothing about it

	running []*process
}

// newEnv makes the scratch folder. Peers that drop privileges must be able to
// enter it.
func newEnv(out, binary string, keep bool) (*env, error) {
	scratch, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(scratch, 0o755); err != nil {
		return nil, err
	}
	if binary != "" {
		if binary, err = filepath.Abs(binary); err != nil {
			return nil, err
		}
	}
	return &env{out: out, scratch: scratch, binary: binary, foreign: binary != "", keep: keep}, nil
}

// close ends what was started, last first, and removes the scratch folder.
func (e *env) close() {
	for _, p := range slices.Backward(e.running) {
		p.stop()
	}
	if e.shared != "" {
		os.RemoveAll(e.shared) //nolint:errcheck // a temporary folder
	}
	if e.keep {
		fmt.Fprintf(os.Stderr, "  kept: %s\n", e.scratch)
		return
	}
	os.RemoveAll(e.scratch) //nolint:errcheck // a temporary folder
}

// folder makes a folder of the given name under scratch.
func (e *env) folder(name string) (string, error) {
	dir := filepath.Join(e.scratch, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// sharedMemory is where Linux has files that never reach a disk.
const sharedMemory = "/dev/shm"

// memoryFolder makes a folder of the given name in memory, or where there is
// none, under scratch.
func (e *env) memoryFolder(name string) (string, error) {
	if e.shared == "" {
		dir, err := os.MkdirTemp(sharedMemory, "sluice-bench-")
		if err != nil {
			return e.folder(name)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", err
		}
		e.shared = dir
	}
	dir := filepath.Join(e.shared, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// start runs a process that close ends.
func (e *env) start(dir, name string, argv ...string) (*process, error) {
	p, err := startProcess(dir, name, argv...)
	if err == nil {
		e.running = append(e.running, p)
	}
	return p, err
}

// self starts another copy of this program, so that its load and garbage do
// not disturb the generator.
func (e *env) self(name string, args ...string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return e.start(e.scratch, name, append([]string{exe}, args...)...)
}

// sluice returns the path of Sluice's binary, built from the checkout the
// harness runs in.
func (e *env) sluice(ctx context.Context) (string, error) {
	if e.binary != "" {
		return e.binary, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	e.say("building Sluice from %s", root)
	path := filepath.Join(e.scratch, "sluice.bin")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/proxy")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ./cmd/proxy: %w\n%s", err, out)
	}
	e.binary = path
	return path, nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("run this inside the checkout")
	}
	return filepath.Dir(file), nil
}

// say tells the person who waits what happens.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "  %s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// raiseDescriptors lifts the soft limit of open files to the hard one and
// returns it. Processes started later inherit it.
func raiseDescriptors() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return limit.Max, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

func sortedInts[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }
