package inflate

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
)

const (
	// history is how far back a match may reach: 32 KiB (RFC 1951 section 2).
	history = 32 << 10
	// windowSize is history and as much for new octets: 64 KiB. They are given
	// when there is no room for more, and slide into history then.
	windowSize = 2 * history
	// room is what a step may write at the end of the window: 320 octets, which
	// are six literals or four, a match of 258 and what a copy by words adds.
	room = 320
	// beyond is what stands behind the window so that the compiler sees that 16
	// octets can be loaded and stored at any place in it.
	beyond     = 16
	windowMask = windowSize - 1
	// limit is where in the window no further step begins.
	limit = windowSize - room
)

// MaxPiece is the longest piece that Next returns: 32 KiB.
const MaxPiece = windowSize - history

// Size is what a Decoder holds: 80 KiB, the window and two tables.
const Size = 80 << 10

// A CorruptError is what Next returns for octets that are no DEFLATE. Its
// value is how many octets of the stream were read.
type CorruptError int64

func (e CorruptError) Error() string {
	return "deflate: corrupt at octet " + strconv.FormatInt(int64(e), 10)
}

// A Decoder decodes one stream after the other. It begins with Reset.
type Decoder struct {
	r     *bufio.Reader
	in    []byte // what r has buffered
	pos   int    // the next octet of in
	taken int64  // octets of the stream before in

	// The next n bits of the stream, from the low end. Above them may stand
	// some of the octets from in[pos] on, as they would be put there, or zeros.
	bits uint64
	n    uint

	lit    *litTable  // of the block that is read, nil: it has none
	dist   *distTable // likewise
	stored int        // octets left of a stored block
	value  int        // of the last length or distance
	lits   int        // symbols of ownLit
	alone  int        // octets until ownLit is to have pairs of literals; at most 0: never
	final  bool       // no block follows
	err    error      // that ended the stream

	out  int // where the next octet goes in window
	told int // what Next returned ends here
	low  int // where in window the stream begins

	window [windowSize + beyond]byte
	ownLit litTable
	ownDis distTable
	lens   [maxLit + maxDist]uint8
}

// Reset begins a stream at the next octet of r, which must stay as it is
// until Next has returned an error. A nil r drops what the Decoder refers to.
func (d *Decoder) Reset(r *bufio.Reader) {
	d.r, d.in, d.pos, d.taken = r, nil, 0, 0
	d.bits, d.n = 0, 0
	d.lit, d.dist, d.stored, d.final, d.err = nil, nil, 0, false, nil
	d.out, d.told, d.low = history, history, history
}

// Next returns the octets that follow, at most MaxPiece, until the next call.
// There are some or an error, maybe both: io.EOF at the end of the stream, a
// CorruptError, io.ErrUnexpectedEOF where the reader ends before the stream
// does, or another error of the reader. After an error it stays.
//
// A stream can have much input without output, by empty blocks. Next goes on
// through them: who wants to stop that stops the reader, which is asked at
// least once a buffer; no block costs more than a microsecond or two.
func (d *Decoder) Next() ([]byte, error) {
	if d.out >= limit {
		d.slide()
	}
	for d.out < limit && d.err == nil {
		switch {
		case d.lit != nil:
			d.symbols()
		case d.stored > 0:
			d.copyStored()
		case d.final:
			d.err = io.EOF
			d.leave()
		default:
			d.block()
		}
	}
	b := d.window[d.told:d.out]
	d.told = d.out
	return b, d.err
}

// slide makes history of what was told.
func (d *Decoder) slide() {
	from := d.out - history
	copy(d.window[:history], d.window[from:d.out])
	d.low = max(0, d.low-from)
	d.out, d.told = history, history
}

// corrupt ends the stream.
func (d *Decoder) corrupt() {
	if d.err == nil {
		d.err = CorruptError(d.taken + int64(d.pos) - int64(d.n>>3))
		d.leave()
	}
}

// leave leaves the reader behind the last octet that was used.
func (d *Decoder) leave() {
	d.giveBack()
	d.discard()
}

// giveBack makes input of the whole octets among the bits.
func (d *Decoder) giveBack() {
	d.pos -= int(d.n >> 3)
	d.n &= 7
	d.bits &= 1<<d.n - 1
}

func (d *Decoder) discard() {
	d.r.Discard(d.pos)
	d.taken += int64(d.pos)
	d.in, d.pos = nil, 0
}

// need has at least k bits ready, at most 56. It asks the reader only for what
// is missing. False: the stream ends here, with d.err.
func (d *Decoder) need(k uint) bool {
	for d.n < k {
		if d.pos+8 <= len(d.in) {
			d.bits |= binary.LittleEndian.Uint64(d.in[d.pos:]) << d.n
			d.pos += int((63 - d.n) >> 3)
			d.n |= 56
			return true
		}
		if d.pos == len(d.in) && !d.more() {
			return false
		}
		d.bits |= uint64(d.in[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
	return true
}

// drop passes over k bits.
func (d *Decoder) drop(k uint) {
	d.bits >>= k
	d.n -= k
}

// more gets further input. What the bits hold in whole octets stays in the
// reader, since it may lie behind the end of the stream.
func (d *Decoder) more() bool {
	keep := int(d.n >> 3)
	d.giveBack()
	d.discard()
	_, err := d.r.Peek(keep + 1)
	d.in, _ = d.r.Peek(d.r.Buffered())
	if len(d.in) > keep {
		return true
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
	d.pos = len(d.in)
	d.discard()
	return false
}
