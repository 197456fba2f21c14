package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A gate is a writer that waits until it is opened.
type gate struct {
	opened chan struct{}
	b      bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.opened
	return g.b.Write(p)
}

// A reader that does not read costs lines, never time, and the counter tells
// how many.
func TestBlockedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		r := newLineRing(g)
		before := linesDropped.Get()
		const extra = 100
		fmt.Fprintf(r, "line 0\n")
		synctest.Wait() // the writing goroutine has taken this one and is stuck with it
		start := time.Now()
		for i := range ringLines + extra {
			fmt.Fprintf(r, "line %d\n", i+1)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("writing lines waited %s", waited)
		}
		if dropped := linesDropped.Get() - before; dropped != extra {
			t.Errorf("%d lines dropped, want %d", dropped, extra)
		}
		close(g.opened)
		r.close(flushWait)
		got := strings.Split(strings.TrimSuffix(g.b.String(), "\n"), "\n")
		if len(got) != ringLines+1 {
			t.Fatalf("%d lines, want %d", len(got), ringLines+1)
		}
		for i, l := range got {
			if l != fmt.Sprintf("line %d", i) {
				t.Fatalf("line %d is %q", i, l)
			}
		}
	})
}

// The end of the process does not wait for a reader for ever.
func TestFlushIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		r := newLineRing(g)
		fmt.Fprintln(r, "x")
		start := time.Now()
		r.close(flushWait)
		if took := time.Since(start); took != flushWait {
			t.Errorf("close took %s, want %s", took, flushWait)
		}
		before := linesDropped.Get()
		fmt.Fprintln(r, "too late")
		if linesDropped.Get() != before+1 {
			t.Error("a line after the end was not counted")
		}
		close(g.opened)
	})
}

// Lines of many goroutines stay whole, also while the ring is closed.
func TestLinesStayWhole(t *testing.T) {
	var out bytes.Buffer
	r := newLineRing(&out)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for range 400 {
				fmt.Fprintf(r, "%s\n", strings.Repeat(string(rune('a'+w)), 100))
			}
		})
	}
	writers.Wait()
	r.close(time.Minute)
	n := 0
	for line := range strings.Lines(out.String()) {
		n++
		if line != strings.Repeat(line[:1], 100)+"\n" {
			t.Fatalf("torn line %q", line)
		}
	}
	if n != 8*400 {
		t.Errorf("%d lines, want %d", n, 8*400)
	}
}

// A reader that goes away costs the lines and nothing else.
func TestLostLogReader(t *testing.T) {
	file := configFor(t, unusedAddress(t), "none", "")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, func(c *exec.Cmd) { c.Stdout = writer }, "run", "--config", file)
	writer.Close()
	lines := bufio.NewReader(reader)
	for line := ""; !strings.Contains(line, "ready; "); { // before that, SIGTERM just kills
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	reader.Close()
	p.signal(syscall.SIGHUP) // writes a line, as a message would
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the program did not end well: %v", err)
	}
}
