package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go's collector lets the heap grow by one factor whatever its size. A busy
// proxy with few sessions has a live heap of some megabytes and would collect a
// hundred times a second; one with ten thousand waiting senders has their state
// alive, and every percent of growth is memory for nothing. So the factor
// follows the live heap, after each collection.
const (
	// heapFloor is the heap below which nothing is collected: 64 MiB, which
	// every machine that runs a mail server has.
	heapFloor = 64 << 20
	// leastGrowth is the factor for large heaps, in percent: 40.
	leastGrowth = 40
	// mostGrowth is the factor at which Go's least heap of 4 MiB becomes
	// heapFloor.
	mostGrowth = heapFloor / (4 << 20) * 100
	// idleCollection is how often a process is collected that does not use
	// enough to need it: 10 s. Only then are the stacks shrunk that sessions
	// grew while they had work, by half each time.
	idleCollection = 10 * time.Second
)

// growthFor returns the growth factor, in percent, for so much live heap.
func growthFor(live uint64) int {
	if live == 0 {
		return mostGrowth
	}
	if live >= heapFloor {
		return leastGrowth
	}
	return int(min(max((heapFloor-live)*100/live, leastGrowth), mostGrowth))
}

// A pacer sets the growth factor after each collection: its finalizer runs
// once the collector found it dead, and puts it up again.
type pacer struct {
	live   []metrics.Sample
	growth int
}

// paceCollector begins. GOGC wins.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		p := &pacer{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
		p.collected()
	}
}

func (p *pacer) collected() {
	metrics.Read(p.live)
	growth := growthFor(p.live[0].Value.Uint64())
	// Setting it stops the world for a moment: not for what hardly changes.
	if d := growth - p.growth; d > p.growth/8 || -d > p.growth/8 {
		debug.SetGCPercent(growth)
		p.growth = growth
	}
	runtime.SetFinalizer(p, (*pacer).collected)
}

// collectIdle collects a process that is large and has not been collected for
// a while, until ctx ends.
func collectIdle(ctx context.Context) {
	used := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	tick := time.NewTicker(idleCollection)
	defer tick.Stop()
	last := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(used)
		cycles := used[0].Value.Uint64()
		if cycles == last && used[1].Value.Uint64()+used[2].Value.Uint64() > heapFloor {
			runtime.GC()
			cycles++
		}
		last = cycles
	}
}
