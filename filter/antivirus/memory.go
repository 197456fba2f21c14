package antivirus

import (
	"sync"
	"sync/atomic"
)

// chunkSize is the room of a chunk: 64 KiB, the largest frame given to an
// engine. firstChunk is that of the first one of some content: 4 KiB, so that
// a message of a thousand small parts does not take 64 MiB.
const (
	chunkSize  = 64 << 10
	firstChunk = 4 << 10
)

var (
	largeChunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}
	smallChunks = sync.Pool{New: func() any { return new([firstChunk]byte) }}
)

// newChunk returns an empty chunk of one of the two sizes.
func newChunk(size int) []byte {
	if size == firstChunk {
		return smallChunks.Get().(*[firstChunk]byte)[:0]
	}
	return largeChunks.Get().(*[chunkSize]byte)[:0]
}

// recycle gives a chunk back that nobody reads any more.
func recycle(b []byte) {
	if b = b[:cap(b)]; len(b) == firstChunk {
		smallChunks.Put((*[firstChunk]byte)(b))
	} else {
		largeChunks.Put((*[chunkSize]byte)(b))
	}
}

// memory counts the octets of chunks held for all messages of a module.
type memory struct {
	limit int64
	used  atomic.Int64
}

// take claims n octets, unless they would exceed the limit.
func (m *memory) take(n int) bool {
	if m.used.Add(int64(n)) <= m.limit {
		inUse.Add(float64(n))
		return true
	}
	m.used.Add(-int64(n))
	return false
}

func (m *memory) give(n int) {
	m.used.Add(-int64(n))
	inUse.Add(-float64(n))
}

// short tells whether more than half is in use.
func (m *memory) short() bool { return m.used.Load() > m.limit/2 }

// A ledger is what one message holds of it.
type ledger struct {
	memory *memory
	held   atomic.Int64 // octets of chunks that nothing frees before the end
	kept   atomic.Int64 // octets of chunks that an engine may want yet
	queued atomic.Int64 // octets of chunks that go when they have been read
	space  chan struct{}
}

func newLedger(m *memory) *ledger { return &ledger{memory: m, space: make(chan struct{}, 1)} }

// freed wakes who waits for room.
func (l *ledger) freed() {
	select {
	case l.space <- struct{}{}:
	default:
	}
}
