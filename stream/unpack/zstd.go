package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds the window of a zstd frame: 32 MiB; 8 MiB is what RFC 8878
// section 3.1.1.1.2 asks every decoder to take, 27 bits only --long asks for.
const zstdWindow = 32 << 20

// zstdSize is what a decoder holds besides its window: a block, its literals
// and tables, 1 MiB.
const zstdSize = 1 << 20

var errZstd = errors.New("zstd")

// readZstd reads a .zst file.
func readZstd(t *teller, r *bufio.Reader, names []string) {
	if t.open(Member{Names: names, Size: -1}) {
		_, err := unZstd(t, r, nil, false)
		t.fault(err, "data")
	}
}

// unZstd tells zstd frames (RFC 8878) as content of the open member: all to
// the end of r, or one and no octet more. Each gets what memory its own
// header asks for.
func unZstd(t *teller, r *bufio.Reader, sum io.Writer, one bool) (n int64, err error) {
	// It owns channels and so is not pooled: it must not cross the border of a
	// bubble of testing/synctest.
	var d *zstd.Decoder
	defer func() {
		if d != nil {
			d.Close()
		}
	}()
	for first := true; ; first = false {
		h, err := zstdHeader(r)
		if err == io.EOF && !first {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if h.skip > 0 {
			if _, err := r.Discard(h.skip); err != nil {
				return n, err
			}
			continue
		}
		switch {
		case h.dictionary:
			t.note(RuleMethod, Unsupported, "dictionary")
			return n, errNoted
		case h.window > uint64(min(zstdWindow, t.b.Limits.Dictionary)):
			t.note(RuleDictionary, Unsupported, "")
			return n, errNoted
		}
		if d == nil {
			d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow))
			if err != nil {
				return n, err
			}
		}
		k, err := zstdFrame(t, d, &frame{r: r, left: h.size, sum: h.sum}, int64(h.window), sum)
		n += k
		if err != nil || one {
			return n, err
		}
	}
}

// zstdFrame tells one frame.
func zstdFrame(t *teller, d *zstd.Decoder, f *frame, window int64, sum io.Writer) (int64, error) {
	if !t.grow(window + zstdSize) {
		return 0, errStop
	}
	defer t.b.shrink(window + zstdSize)
	if err := d.Reset(f); err != nil {
		return 0, err
	}
	n, err := t.copy(summed{d, sum})
	if err == nil && !f.last {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A zstdHead is what a frame's header says.
type zstdHead struct {
	skip       int    // octets of a skippable frame, all of it
	size       int    // octets of the header
	window     uint64 // octets
	sum        bool   // four octets of checksum follow the last block
	dictionary bool   // it needs one that is not there
}

// zstdHeader looks at a frame's header (section 3.1.1.1) and reads nothing.
func zstdHeader(r *bufio.Reader) (h zstdHead, err error) {
	b, _ := r.Peek(18)
	if len(b) == 0 {
		return h, io.EOF
	}
	if len(b) < 6 {
		return h, errZstd
	}
	magic := binary.LittleEndian.Uint32(b)
	if magic&^15 == 0x184D2A50 {
		if len(b) < 8 {
			return h, errZstd
		}
		h.skip = 8 + int(binary.LittleEndian.Uint32(b[4:]))
		return h, nil
	}
	if magic != 0xFD2FB528 {
		return h, errZstd
	}
	flags := b[4]
	single := flags&0x20 != 0
	h.sum = flags&4 != 0
	h.size = 5
	if !single {
		w := b[5]
		base := uint64(1) << (10 + w>>3)
		h.window = base + base/8*uint64(w&7)
		h.size++
	}
	idSize := [4]int{0, 1, 2, 4}[flags&3]
	lengthSize := [4]int{0, 2, 4, 8}[flags>>6]
	if single && lengthSize == 0 {
		lengthSize = 1
	}
	if len(b) < h.size+idSize+lengthSize {
		return h, errZstd
	}
	h.dictionary = littleEndian(b[h.size:h.size+idSize]) != 0
	h.size += idSize
	if single {
		h.window = littleEndian(b[h.size : h.size+lengthSize])
		if lengthSize == 2 {
			h.window += 256
		}
	}
	h.size += lengthSize
	return h, nil
}

// A frame is a Reader of one frame's octets: the decoder would read on.
type frame struct {
	r    *bufio.Reader
	left int  // octets until the next block's header
	sum  bool // a checksum follows the last block
	last bool // left leads to the end
}

func (f *frame) Read(p []byte) (int, error) {
	if f.left == 0 {
		if f.last {
			return 0, io.EOF
		}
		if err := f.block(); err != nil {
			return 0, err
		}
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// block looks at a block's header (section 3.1.1.2).
func (f *frame) block() error {
	b, err := f.r.Peek(3)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	v := int(littleEndian(b))
	f.left = 3 + v>>3
	if v>>1&3 == 1 { // one octet, repeated
		f.left = 4
	}
	if v&1 != 0 {
		f.last = true
		if f.sum {
			f.left += 4
		}
	}
	return nil
}
