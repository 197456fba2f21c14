package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/filter"
	"sluice/internal/hostile"
	"sluice/internal/smtptest"
	"sluice/stream"
)

// A heapMeter is a module that notes how large the heap was at most while
// messages were scanned, garbage included.
type heapMeter struct {
	base, most atomic.Uint64
	calls      atomic.Uint64
}

func (*heapMeter) Name() string { return "meter" }

func (m *heapMeter) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	return &meterScanner{m}
}

// begin forgets what was, after a collection.
func (m *heapMeter) begin() {
	runtime.GC()
	m.base.Store(heapNow())
	m.most.Store(0)
}

// grown is how much more there was than at the beginning.
func (m *heapMeter) grown() uint64 { return max(m.most.Load(), m.base.Load()) - m.base.Load() }

func (m *heapMeter) look() {
	now := heapNow()
	for most := m.most.Load(); now > most && !m.most.CompareAndSwap(most, now); most = m.most.Load() {
	}
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// meterEvery is how many events pass between two looks.
const meterEvery = 32

type meterScanner struct{ *heapMeter }

func (m *meterScanner) event() {
	if m.calls.Add(1)%meterEvery == 0 {
		m.look()
	}
}

func (m *meterScanner) Write([]byte)                  { m.look() }
func (m *meterScanner) OpenPart(*filter.Part)         { m.event() }
func (m *meterScanner) PartData(*filter.Part, []byte) { m.event() }
func (m *meterScanner) ClosePart(*filter.Part)        { m.event() }
func (m *meterScanner) FinishNow() error              { m.look(); return nil }
func (m *meterScanner) Finish(context.Context) error  { return nil }
func (m *meterScanner) Close()                        {}

// collectOften makes garbage count little, until the test ends.
func collectOften(t *testing.T) {
	before := debug.SetGCPercent(25)
	t.Cleanup(func() { debug.SetGCPercent(before) })
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resources are made once: it takes a while.
var resources = sync.OnceValue(hostile.Resources)

// messageHeap is what scanning one message may add to the heap: the 128 MiB
// that its decoders may hold, a quarter of that in garbage, and what it is
// made of itself, which parsers and engines keep at most once.
func messageHeap(size int) uint64 { return 160<<20 + 2*uint64(size) }

// TestHostileResources scans what means to exhaust the scanner, one message
// after the other: a limit is told, and memory stays bounded.
func TestHostileResources(t *testing.T) {
	if smtptest.Race {
		t.Skip("race: one goroutine, and minutes of packing")
	}
	smtptest.CheckLeaks(t)
	collectOften(t)
	meter := &heapMeter{}
	s := newHostileScanner(t, fakeEngines(t), filter.Entry{Module: meter})
	for _, c := range resources() {
		name := "resource " + caseName(&c)
		t.Run(name, func(t *testing.T) {
			if testing.Short() && len(c.Message) > 16<<20 {
				t.Skip("short: large message")
			}
			meter.begin()
			before := cpuTime()
			j := s.scan(t, c.Message)
			missing := misses(c.Want, j)
			if grown := meter.grown(); grown > messageHeap(len(c.Message)) {
				missing = append(missing, fmt.Sprintf("the heap grew by %d MiB", grown>>20))
			}
			t.Logf("%d octets, heap +%d MiB, CPU %v, %s by %s", len(c.Message), meter.grown()>>20, cpuTime()-before, j.Action, j.Rule)
			judge(t, name, missing)
			if t.Failed() {
				j.log(t)
			}
		})
	}
}

// flipsPerCase is how many damaged copies of each case are scanned: 20, some
// ten thousand in all.
const flipsPerCase = 20

// TestHostileDamaged cuts and changes every case at random: no module may
// fail of it.
func TestHostileDamaged(t *testing.T) {
	smtptest.CheckLeaks(t)
	s := newHostileScanner(t, nil)
	random := rand.New(rand.NewPCG(1, 2)) // the same each time
	for _, c := range hostile.Cases() {
		if len(c.Message) > 100_000 {
			continue
		}
		for i := range flipsPerCase {
			b := slices.Clone(c.Message)
			head := min(len(b), 400) // most of it is fields that good mail has
			at := head + random.IntN(len(b)-head+1)
			switch {
			case i%4 == 0:
				b = b[:at]
			default:
				for range 1 + random.IntN(4) {
					b[random.IntN(len(b))] ^= 1 << random.IntN(8)
				}
			}
			for _, f := range s.scan(t, b).findings {
				if strings.HasSuffix(f.Rule, ".failed") {
					t.Errorf("%s, copy %d: %s %s", caseName(&c), i, f.Rule, f.Detail)
				}
			}
		}
	}
}

const (
	// atOnce is how many hostile messages arrive together.
	atOnce = 200
	// sharedMemory is limits.memory of that test: a quarter of the default, so
	// that it could be exceeded.
	sharedMemory = 256 << 20
)

// TestHostileAtOnce has 200 of them arrive at once: memory stays what it may
// be for all together, and good mail passes.
func TestHostileAtOnce(t *testing.T) {
	smtptest.CheckLeaks(t)
	collectOften(t)
	meter := &heapMeter{}
	f := startFront(t, nil, 256<<10, func(s *stream.Setup) { s.Limits.Memory = sharedMemory }, filter.Entry{Module: meter})
	f.unpacking.SetLimit(sharedMemory / unpackShare)
	cases := hostile.Cases()
	if !smtptest.Race { // minutes of packing prove no more
		cases = resources()
	}
	var messages [][]byte
	for _, c := range cases {
		if len(c.Message) < 300_000 {
			messages = append(messages, c.Message)
		}
	}
	meter.begin()
	replies := make(chan string, atOnce)
	var senders sync.WaitGroup
	for i := range atOnce {
		senders.Go(func() { replies <- handIn(f.addr, messages[i%len(messages)]) })
	}
	good := handIn(f.addr, []byte("From: <a@x.test>\r\nSubject: canary\r\n\r\ngood\r\n"))
	if !strings.HasPrefix(good, "250 ") {
		t.Errorf("good mail: %q", good)
	}
	senders.Wait()
	close(replies)
	counts := map[string]int{}
	for r := range replies {
		counts[r[:min(3, len(r))]]++
	}
	t.Logf("replies %v, heap +%d MiB", counts, meter.grown()>>20)
	if counts["250"]+counts["451"]+counts["452"]+counts["550"]+counts["552"] != atOnce {
		t.Errorf("replies %v", counts)
	}
	if held := f.unpacking.Held(); held != 0 {
		t.Errorf("%d octets for unpacking are still held", held)
	}
	name := "resource 200 at once"
	var missing []string
	if grown := meter.grown(); grown > sharedMemory {
		missing = append(missing, fmt.Sprintf("the heap grew by %d MiB", grown>>20))
	}
	judge(t, name, missing)
}

// handIn hands in a message in one go and returns the reply to it, or what
// went wrong. Unlike smtptest.Client it has no deadline of its own.
func handIn(addr string, message []byte) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	in := bufio.NewReader(c)
	reply := func() string {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if len(line) < 4 || line[3] != '-' {
				return strings.TrimSpace(line)
			}
		}
	}
	reply() // the greeting
	for _, command := range []string{"EHLO client.test", "MAIL FROM:<canary-sender@x.test>", "RCPT TO:<canary-rcpt@y.test>", "DATA"} {
		io.WriteString(c, command+"\r\n")
		if r := reply(); r[0] > '3' {
			return r
		}
	}
	io.WriteString(c, smtptest.Stuff(string(message))+".\r\n")
	verdict := reply()
	io.WriteString(c, "QUIT\r\n")
	reply() // when the message has been let go of
	return verdict
}
