package stream

import "sync/atomic"

// A budget bounds the octets that all windows hold together. What is reserved
// is chunks, the unit they are held in.
type budget struct {
	limit atomic.Int64 // octets; follows Limits.Memory at a reload
	used  atomic.Int64 // octets reserved
}

// reserve takes a chunk's worth, or reports that there is none left.
func (b *budget) reserve() bool {
	if b.used.Add(chunkSize) > b.limit.Load() {
		b.used.Add(-chunkSize)
		return false
	}
	return true
}

func (b *budget) free(chunks int) { b.used.Add(-int64(chunks) * chunkSize) }

// short tells that a further message could not even get one chunk.
func (b *budget) short() bool { return b.used.Load()+chunkSize > b.limit.Load() }

// strained tells that more than 80 % are in use: time-outs get shorter.
func (b *budget) strained() bool { return b.used.Load() > b.limit.Load()/10*8 }
