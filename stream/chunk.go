package stream

import "sync"

// chunkSize is what is read from a peer at once and the unit in which message
// octets are held: 64 KiB is large enough that system calls do not count and
// small enough that four of them make a window.
const chunkSize = 64 << 10

// chunks hands out chunkSize buffers. A buffer is in exactly one place: the
// pool, an input, or a window.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

func getChunk() *[chunkSize]byte  { return chunks.Get().(*[chunkSize]byte) }
func putChunk(c *[chunkSize]byte) { chunks.Put(c) }

// An input is what was read from a peer and not yet used. It owns a chunk only
// while it holds octets or is being filled, so that waiting costs no buffer.
type input struct {
	chunk *[chunkSize]byte
	r, w  int // unused octets are chunk[r:w]
}

// bytes returns the unused octets; valid until the next fill or release.
func (in *input) bytes() []byte {
	if in.chunk == nil {
		return nil
	}
	return in.chunk[in.r:in.w]
}

func (in *input) len() int { return in.w - in.r }

// use marks the first n octets as done with.
func (in *input) use(n int) {
	in.r += n
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
}

// space returns where more octets can be read to, nil if the chunk is full of
// unused octets.
func (in *input) space() []byte {
	if in.chunk == nil {
		in.chunk = getChunk()
		in.r, in.w = 0, 0
	}
	if in.w == chunkSize && in.r > 0 {
		in.w = copy(in.chunk[:], in.chunk[in.r:in.w])
		in.r = 0
	}
	return in.chunk[in.w:]
}

// put appends octets that were read elsewhere. They must fit (see space).
func (in *input) put(p []byte) int {
	n := copy(in.space(), p)
	in.w += n
	return n
}

// release gives the chunk back if nothing in it is unused.
func (in *input) release() {
	if in.chunk != nil && in.r == in.w {
		putChunk(in.chunk)
		in.chunk, in.r, in.w = nil, 0, 0
	}
}

// drop gives the chunk back, whatever it holds.
func (in *input) drop() {
	in.r, in.w = 0, 0
	in.release()
}
