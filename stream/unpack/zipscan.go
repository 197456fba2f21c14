package unpack

import (
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc32"
)

// A summer tells stored data and keeps its checksum.
type summer struct {
	sum hash.Hash32
	t   *teller
	n   int64
}

// tell tells data. False: the reader is over.
func (s *summer) tell(b []byte) bool {
	s.sum.Write(b)
	s.n += int64(len(b))
	return s.t.data(b)
}

// descriptorTail is what has to be in sight behind the end of data whose size
// nobody declared: a descriptor of eight octets a size and the next signature.
const descriptorTail = 24 + 4

// untilDescriptor reads data whose end only its descriptor marks: one that
// has the right size, and if the data is told, the right checksum. It leaves
// the descriptor to be read.
func (z *zipReader) untilDescriptor(s *summer) (n int64) {
	for z.t.alive() {
		ahead, _ := z.r.Peek(descriptorTail)
		last := len(ahead) < descriptorTail
		b, _ := z.r.Peek(z.r.Buffered())
		c := candidate{b: b, before: n, s: s}
		if s != nil {
			c.sum = s.sum.Sum32()
		}
		size, found := c.find()
		if !found && !last {
			size = len(b) - descriptorTail + 1
		}
		if !found && last {
			size = len(b)
		}
		if s != nil && size > 0 && !s.tell(b[:size]) {
			return n
		}
		n += int64(size)
		z.r.Discard(size)
		if found {
			return n
		}
		if last {
			z.t.broken("end")
			return n
		}
	}
	return n
}

// A candidate looks for the end of data in b, before which octets were read.
type candidate struct {
	b      []byte
	before int64
	s      *summer // nil: there is no checksum to compare
	sum    uint32  // of all up to done
	done   int
}

// find returns how many octets of b are data.
func (c *candidate) find() (int, bool) {
	for off := 0; ; off += 2 {
		i := bytes.Index(c.b[off:], []byte("PK"))
		if i < 0 {
			return 0, false
		}
		off += i
		if len(c.b)-off < 4 {
			return 0, false
		}
		switch string(c.b[off : off+4]) {
		case sigDescriptor:
			if c.ends(off, off+4) {
				return off, true
			}
		case sigLocal, sigCentral: // the descriptor before it has no signature
			for _, n := range []int{12, 20} {
				if c.ends(off-n, off-n) {
					return off - n, true
				}
			}
		}
	}
}

// ends tells whether the data ends at an offset, with a descriptor at another.
func (c *candidate) ends(at, descriptor int) bool {
	if at < 0 || len(c.b)-descriptor < 12 {
		return false
	}
	d := c.b[descriptor:]
	size := c.before + int64(at)
	if int64(binary.LittleEndian.Uint32(d[4:])) != size&(1<<32-1) {
		return false
	}
	return c.s == nil || c.sumTo(at) == binary.LittleEndian.Uint32(d)
}

// sumTo returns the checksum up to an offset. It goes over each octet once,
// but for the last few: many false marks cost no more than few.
func (c *candidate) sumTo(at int) uint32 {
	const back = 32 // later candidates begin at most so much before this one
	if far := at - back; far > c.done {
		c.sum = crc32.Update(c.sum, crc32.IEEETable, c.b[c.done:far])
		c.done = far
	}
	return crc32.Update(c.sum, crc32.IEEETable, c.b[min(c.done, at):at])
}
