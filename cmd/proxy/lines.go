package main

import (
	"io"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// ringLines is how many log lines may wait for a slow reader: 4,096, four
// megabytes of ordinary lines and some seconds of full load. Beyond that lines
// are dropped and counted: a blocked log pipe never delays mail.
const ringLines = 4096

// batchSize is how many octets of waiting lines go into one write: 64 KiB, a
// pipe's buffer on Linux.
const batchSize = 64 << 10

// keepLine is the largest line buffer that is used again; a line of a hundred
// recipients has less.
const keepLine = 16 << 10

var linesDropped = metrics.NewCounter("sluice_log_dropped_total")

// A lineRing writes lines to a slow writer without making anybody wait.
type lineRing struct {
	out   io.Writer
	queue chan *line
	ended chan struct{} // closed when the writing goroutine has returned

	ending chan struct{} // closed when lines need not be gathered any more

	mu     sync.RWMutex // guards closed, and queue against being closed while in use
	closed bool
}

// A line is one line's octets, newline included.
type line struct{ b []byte }

var linePool = sync.Pool{New: func() any { return new(line) }}

func newLineRing(out io.Writer) *lineRing {
	r := &lineRing{out: out, queue: make(chan *line, ringLines), ended: make(chan struct{}), ending: make(chan struct{})}
	go r.write()
	return r
}

// getLine returns an empty line to be appended to and given to put.
func getLine() *line {
	l := linePool.Get().(*line)
	l.b = l.b[:0]
	return l
}

// put queues l, or drops it if the ring is full. l is no longer the caller's.
func (r *lineRing) put(l *line) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.closed {
		select {
		case r.queue <- l:
			return
		default:
		}
	}
	linesDropped.Inc()
	release(l)
}

// Write queues one line. It is what slog's handlers call, once a record.
func (r *lineRing) Write(p []byte) (int, error) {
	l := getLine()
	l.b = append(l.b, p...)
	r.put(l)
	return len(p), nil
}

func release(l *line) {
	if cap(l.b) <= keepLine {
		linePool.Put(l)
	}
}

// write is the one goroutine that waits for the reader.
func (r *lineRing) write() {
	defer close(r.ended)
	batch := make([]byte, 0, batchSize)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for l := range r.queue {
		batch = append(batch[:0], l.b...)
		release(l)
		lines := 1
	more:
		for len(batch) < batchSize {
			select {
			case l, ok := <-r.queue:
				if !ok {
					break more
				}
				batch = append(batch, l.b...)
				release(l)
				lines++
			default:
				break more
			}
		}
		if _, err := r.out.Write(batch); err != nil {
			linesDropped.Add(lines) // there is nobody else to tell
		}
		pause.Reset(gatherLines)
		select {
		case <-pause.C:
		case <-r.ending:
		}
	}
}

// gatherLines is the pause after a write: 5 ms, which no reader of a log
// notices. Without it every line of a busy proxy wakes this goroutine and
// costs a system call.
const gatherLines = 5 * time.Millisecond

// close writes what is queued, but waits no longer than wait for a reader.
func (r *lineRing) close(wait time.Duration) {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
		close(r.ending)
	}
	r.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
	}
}
