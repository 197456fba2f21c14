package unpack

import (
	"bufio"
	"io"
	"sync"

	"sluice/stream/unpack/inflate"
)

// unDeflate tells a deflate stream (RFC 1951) as content of the open member and
// reads exactly to its end. What is told goes through sum as well. Blocks that
// hold nothing end with the time as well, since each Reader behind r looks at
// the clock.
func unDeflate(t *teller, r *bufio.Reader, sum io.Writer) (told int64, err error) {
	if !t.grow(inflate.Size) {
		return 0, errStop
	}
	defer t.b.shrink(inflate.Size)
	err = inflate.Tell(r, func(b []byte) error {
		sum.Write(b)
		told += int64(len(b))
		if !t.data(b) {
			return errStop
		}
		return nil
	})
	return told, err
}

// summed is a Reader whose octets go through a checksum, if there is one.
type summed struct {
	r   io.Reader
	sum io.Writer
}

func (s summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.sum != nil {
		s.sum.Write(p[:n])
	}
	return n, err
}

// inflaterSize is what an inflater holds: the decoder and a buffer of 4 KiB.
const inflaterSize = inflate.Size + 4<<10

// An inflater is deflate as a Reader, for formats that pull their content. It
// is pooled: a file may have many small streams.
type inflater struct {
	in    *bufio.Reader
	zlib  bool // a header of zlib may come first; its checksum is not looked at
	begun bool
	left  []byte // of the decoder
	err   error  // behind them
	inflate.Decoder
}

var inflaters = sync.Pool{New: func() any { return &inflater{in: bufio.NewReader(nil)} }}

// newInflater returns one that reads r. The caller puts it back by free.
func newInflater(r io.Reader, zlib bool) *inflater {
	p := inflaters.Get().(*inflater)
	p.in.Reset(r)
	p.zlib = zlib
	return p
}

func (p *inflater) free() {
	p.in.Reset(nil)
	p.begun, p.left, p.err = false, nil, nil
	p.Decoder.Reset(nil)
	inflaters.Put(p)
}

func (p *inflater) Read(b []byte) (int, error) {
	if !p.begun {
		if head, _ := p.in.Peek(2); p.zlib && isZlib(head) {
			_, _ = p.in.Discard(2)
		}
		p.Decoder.Reset(p.in)
		p.begun = true
	}
	if len(p.left) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		p.left, p.err = p.Next()
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	if len(p.left) > 0 {
		return n, nil
	}
	return n, p.err
}
