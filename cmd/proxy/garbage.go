package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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
	// mostGrowth keeps the factor a number while nothing is alive.
	mostGrowth = 10000
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
	sample []metrics.Sample
	growth int
}

// paceCollector begins. GOGC wins.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	p := &pacer{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	p.collected()
}

func (p *pacer) collected() {
	metrics.Read(p.sample)
	growth := growthFor(p.sample[0].Value.Uint64())
	// Setting it stops the world for a moment: not for what hardly changes.
	if d := growth - p.growth; d > p.growth/8 || -d > p.growth/8 {
		debug.SetGCPercent(growth)
		p.growth = growth
	}
	runtime.SetFinalizer(p, (*pacer).collected)
}
