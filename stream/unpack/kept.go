package unpack

import (
	"io"
	"sync"
)

// kept is the blocks of a container that came so far, each of blockSize but
// the last. A container that grows over Limits.Held, or over the memory of its
// message, is lost: then there is no going back in it.
type kept struct {
	blocks []*[blockSize]byte
	size   int64
	lost   bool
}

var keptBlocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// add keeps a block.
func (k *kept) add(b *Budget, block []byte) {
	if k.lost || len(block) == 0 {
		return
	}
	if k.size+int64(len(block)) > b.Limits.Held || !b.spare(blockSize) {
		k.free(b)
		k.lost = true
		return
	}
	own := keptBlocks.Get().(*[blockSize]byte)
	copy(own[:], block)
	k.blocks = append(k.blocks, own)
	k.size += int64(len(block))
}

// free gives all back.
func (k *kept) free(b *Budget) {
	for _, own := range k.blocks {
		keptBlocks.Put(own)
	}
	b.shrink(int64(len(k.blocks)) * blockSize)
	k.blocks, k.size = nil, 0
}

// ReadAt reads what was kept; it is an io.ReaderAt.
func (k *kept) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, io.EOF
	}
	for n < len(p) && off < k.size {
		from := int(off % blockSize)
		to := min(blockSize, int(k.size-off)+from)
		c := copy(p[n:], k.blocks[off/blockSize][from:to])
		n += c
		off += int64(c)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
