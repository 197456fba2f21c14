package unpack

import (
	"bufio"
	"io"
)

// LZMA2 is chunks of LZMA and of octets as they are. A chunk begins with a
// control octet (xz-file-format section 5.3.1 and the comments in its
// reference decoder).
const (
	lzma2End      = 0
	lzma2Fresh    = 1    // stored, and the window begins anew
	lzma2Stored   = 2    // stored
	lzma2Packed   = 0x80 // LZMA; bits 5 and 6 say what begins anew
	lzma2State    = 1
	lzma2Props    = 2
	lzma2Window   = 3
	lzma2Contexts = 4 // lc + lp at most
)

// An lzma2Reader reads LZMA2 up to its end mark and no octet more.
type lzma2Reader struct {
	d      *lzmaDecoder
	left   int  // octets of the chunk
	stored bool // it is not packed
	fresh  bool // the window has begun
	known  bool // there are properties
	done   bool
	packed int64 // octets read
}

// newLZMA2Reader returns a reader, which has to be freed.
func newLZMA2Reader(b *Budget, r *bufio.Reader, dict int64) *lzma2Reader {
	return &lzma2Reader{d: newLZMADecoder(b, r, dict)}
}

func (z *lzma2Reader) free() { z.d.free() }

func (z *lzma2Reader) Read(p []byte) (int, error) {
	if z.done {
		return 0, io.EOF
	}
	if z.left == 0 {
		if err := z.chunk(); err != nil {
			return 0, err
		}
		if z.done {
			return 0, io.EOF
		}
	}
	p = p[:min(len(p), z.left)]
	var n int
	var err error
	if z.stored {
		n, err = z.d.r.Read(p)
		if !z.d.store(p[:n]) {
			err = z.d.err
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	} else {
		var end bool
		if n, end, err = z.d.decode(p); end {
			err = errLZMA
		}
	}
	z.left -= n
	if z.left == 0 && !z.stored && err == nil {
		err = z.finish()
	}
	return n, err
}

// finish takes what is left of a packed chunk: the range coder may owe an
// octet.
func (z *lzma2Reader) finish() error {
	d := z.d
	d.settle()
	left := d.left
	d.left = -1
	if d.pending > 0 || left > 4 {
		return errLZMA
	}
	if _, err := d.r.Discard(int(left)); err != nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// chunk reads a chunk's header.
func (z *lzma2Reader) chunk() error {
	r := z.d.r
	control, err := r.ReadByte()
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	z.packed++
	if control == lzma2End {
		z.done = true
		return nil
	}
	var head [4]byte
	z.stored = control < lzma2Packed
	b := head[:4]
	if z.stored {
		b = head[:2]
	}
	if _, err := io.ReadFull(r, b); err != nil {
		return io.ErrUnexpectedEOF
	}
	z.packed += int64(len(b))
	z.left = int(b[0])<<8 + int(b[1]) + 1
	reset := int(control >> 5 & 3)
	switch {
	case z.stored && control > lzma2Stored:
		return errLZMA
	case control == lzma2Fresh, !z.stored && reset == lzma2Window:
		z.d.total = 0
		z.fresh = true
	case !z.fresh:
		return errLZMA
	}
	if z.stored {
		z.packed += int64(z.left)
		return nil
	}
	z.left += int(control&0x1F) << 16
	return z.begin(reset, int64(b[2])<<8+int64(b[3])+1)
}

// begin begins a chunk of LZMA of so many octets.
func (z *lzma2Reader) begin(reset int, size int64) error {
	d := z.d
	if reset >= lzma2Props {
		props, err := d.r.ReadByte()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if props%9+props/9%5 > lzma2Contexts || !d.properties(props) {
			d.fail(errLZMA)
			return d.err
		}
		z.packed++
		z.known = true
	}
	if !z.known {
		return errLZMA
	}
	if reset >= lzma2State {
		d.resetState()
	}
	d.left = size
	z.packed += size
	return d.start()
}
