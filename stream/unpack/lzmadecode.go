package unpack

import (
	"bufio"
	"errors"
	"io"
)

// LZMA is decoded here and not by a library for two reasons: the window grows
// with what was really unpacked, whatever a header declares; and packed mail
// of 25 MB has to be through within Limits.Time. The format is that of the
// LZMA specification by Igor Pavlov (lzma-specification.txt, LZMA SDK).

var errLZMA = errors.New("lzma")

const (
	probBits = 11 // of a probability
	probHalf = 1 << probBits / 2
	probMove = 5       // how fast one learns
	rangeTop = 1 << 24 // below it the next octet is taken

	lzmaStates   = 12
	lzmaLiterals = 0x300 // probabilities of one literal context
	matchMin     = 2     // octets of the shortest match
	windowStep   = 64 << 10
)

// lzmaLengths decodes lengths of matches.
type lzmaLengths struct {
	choice, choice2 uint16
	low, middle     [16][8]uint16
	high            [256]uint16
}

// lzmaModel is all probabilities but those of literals.
type lzmaModel struct {
	isMatch, isRep0Long           [lzmaStates][16]uint16
	isRep, isRep0, isRep1, isRep2 [lzmaStates]uint16
	slot                          [4][64]uint16
	special                       [128]uint16
	align                         [16]uint16
	matchLength, repLength        lzmaLengths
}

// An lzmaDecoder decodes into a window that its readers copy from.
type lzmaDecoder struct {
	r    *bufio.Reader
	buf  []byte // what of r is read now
	at   int    // in buf
	left int64  // octets that may be taken from r; -1: all
	err  error

	rng, code uint32
	model     lzmaModel
	literals  []uint16
	lc        uint
	lpMask    uint32
	pbMask    uint32
	state     int
	rep       [4]uint32
	pending   int // octets of a match that did not fit

	b      *Budget
	dict   int    // size of the window when it is full
	window []byte // grows up to dict
	pos    int    // in window
	total  int64  // octets since the window was reset
}

// newLZMADecoder returns a decoder with a window of up to dict octets. Its
// memory has to be given back by free.
func newLZMADecoder(b *Budget, r *bufio.Reader, dict int64) *lzmaDecoder {
	return &lzmaDecoder{b: b, r: r, dict: int(max(dict, 4<<10)), left: -1}
}

// free gives the memory back.
func (d *lzmaDecoder) free() {
	d.b.shrink(int64(len(d.window)) + 2*int64(cap(d.literals)))
	d.window, d.literals = nil, nil
}

// properties sets the three numbers of a model (section "LZMA properties").
func (d *lzmaDecoder) properties(p byte) bool {
	if p >= 9*5*5 {
		return false
	}
	lc, lp, pb := uint(p%9), uint(p/9%5), uint(p/45)
	d.lc, d.lpMask, d.pbMask = lc, 1<<lp-1, 1<<pb-1
	n := lzmaLiterals << (lc + lp)
	if cap(d.literals) < n {
		if !d.b.grow(2 * int64(n-cap(d.literals))) {
			d.err = errStop
			return false
		}
		d.literals = make([]uint16, n)
	}
	d.literals = d.literals[:n]
	return true
}

// resetState forgets what was learned.
func (d *lzmaDecoder) resetState() {
	d.state, d.rep, d.pending = 0, [4]uint32{}, 0
	for i := range d.literals {
		d.literals[i] = probHalf
	}
	m := &d.model
	for i := range lzmaStates {
		half(m.isMatch[i][:], m.isRep0Long[i][:])
	}
	half(m.isRep[:], m.isRep0[:], m.isRep1[:], m.isRep2[:], m.special[:], m.align[:])
	for i := range m.slot {
		half(m.slot[i][:])
	}
	for _, l := range []*lzmaLengths{&m.matchLength, &m.repLength} {
		l.choice, l.choice2 = probHalf, probHalf
		for i := range l.low {
			half(l.low[i][:], l.middle[i][:])
		}
		half(l.high[:])
	}
}

func half(probs ...[]uint16) {
	for _, p := range probs {
		for i := range p {
			p[i] = probHalf
		}
	}
}

// start reads the first five octets of the range coder.
func (d *lzmaDecoder) start() error {
	d.rng, d.code = 1<<32-1, 0
	if d.next() != 0 {
		return errLZMA
	}
	for range 4 {
		d.code = d.code<<8 | uint32(d.next())
	}
	return d.err
}

// next takes an octet.
func (d *lzmaDecoder) next() byte {
	if d.at == len(d.buf) && !d.fill() {
		return 0
	}
	c := d.buf[d.at]
	d.at++
	return c
}

// fill makes more of r visible.
func (d *lzmaDecoder) fill() bool {
	d.settle()
	if d.err != nil || d.left == 0 {
		d.fail(io.ErrUnexpectedEOF)
		return false
	}
	if _, err := d.r.Peek(1); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		d.fail(err)
		return false
	}
	d.buf, _ = d.r.Peek(d.r.Buffered())
	if d.left >= 0 && int64(len(d.buf)) > d.left {
		d.buf = d.buf[:d.left]
	}
	return true
}

// settle takes from r what was read of it.
func (d *lzmaDecoder) settle() {
	d.r.Discard(d.at)
	if d.left >= 0 {
		d.left -= int64(d.at)
	}
	d.buf, d.at = nil, 0
}

func (d *lzmaDecoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// bit decodes one.
func (d *lzmaDecoder) bit(p *uint16) uint32 {
	if d.rng < rangeTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.next())
	}
	v := uint32(*p)
	bound := d.rng >> probBits * v
	if d.code < bound {
		d.rng = bound
		*p = uint16(v + (1<<probBits-v)>>probMove)
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*p = uint16(v - v>>probMove)
	return 1
}

// tree decodes bits with a probability for each prefix, the highest first.
func (d *lzmaDecoder) tree(probs []uint16, bits int) uint32 {
	m := uint32(1)
	for range bits {
		m = m<<1 | d.bit(&probs[m])
	}
	return m - 1<<bits
}

// reversed is tree with the lowest bit first.
func (d *lzmaDecoder) reversed(probs []uint16, bits int) uint32 {
	m, v := uint32(1), uint32(0)
	for i := range bits {
		b := d.bit(&probs[m])
		m = m<<1 | b
		v |= b << i
	}
	return v
}

// direct decodes bits that are as likely as not.
func (d *lzmaDecoder) direct(bits int) (v uint32) {
	for range bits {
		if d.rng < rangeTop {
			d.rng <<= 8
			d.code = d.code<<8 | uint32(d.next())
		}
		d.rng >>= 1
		d.code -= d.rng
		t := -(d.code >> 31)
		d.code += d.rng & t
		v = v<<1 + t + 1
	}
	return v
}

// length decodes a match's length.
func (d *lzmaDecoder) length(l *lzmaLengths, posState uint32) int {
	if d.bit(&l.choice) == 0 {
		return matchMin + int(d.tree(l.low[posState][:], 3))
	}
	if d.bit(&l.choice2) == 0 {
		return matchMin + 8 + int(d.tree(l.middle[posState][:], 3))
	}
	return matchMin + 16 + int(d.tree(l.high[:], 8))
}

// distance decodes how far back a match begins, less one. All ones: the end.
func (d *lzmaDecoder) distance(length int) uint32 {
	slot := d.tree(d.model.slot[min(length-matchMin, 3)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := int(slot>>1) - 1
	v := (2 | slot&1) << bits
	if slot < 14 {
		return v + d.reversed(d.model.special[v-slot:], bits)
	}
	return v + d.direct(bits-4)<<4 + d.reversed(d.model.align[:], 4)
}

// literal decodes an octet into the window.
func (d *lzmaDecoder) literal() {
	prev := byte(0)
	if d.total > 0 {
		prev = d.back(1)
	}
	context := (uint32(d.total)&d.lpMask)<<d.lc + uint32(prev)>>(8-d.lc)
	probs := d.literals[context*lzmaLiterals:][:lzmaLiterals]
	symbol := uint32(1)
	if d.state >= 7 { // after a match the octet it would have gone on with helps
		match := uint32(d.back(int(d.rep[0]) + 1))
		for symbol < 0x100 {
			match <<= 1
			m := match & 0x100
			b := d.bit(&probs[0x100+m+symbol])
			symbol = symbol<<1 | b
			if m>>8 != b {
				break
			}
		}
	}
	rng, code := d.rng, d.code
	for symbol < 0x100 {
		if rng < rangeTop {
			rng <<= 8
			code = code<<8 | uint32(d.next())
		}
		p := &probs[symbol]
		v := uint32(*p)
		bound := rng >> probBits * v
		if code < bound {
			rng = bound
			*p = uint16(v + (1<<probBits-v)>>probMove)
			symbol <<= 1
		} else {
			rng -= bound
			code -= bound
			*p = uint16(v - v>>probMove)
			symbol = symbol<<1 | 1
		}
	}
	d.rng, d.code = rng, code
	d.window[d.pos] = byte(symbol)
	d.pos++
	d.total++
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// back returns the octet so far back, which has to be in the window.
func (d *lzmaDecoder) back(n int) byte {
	i := d.pos - n
	if i < 0 {
		i += len(d.window)
	}
	return d.window[i]
}

// match decodes a match, or a repetition of one. End: it was the end mark.
func (d *lzmaDecoder) match(posState uint32) (length int, end bool) {
	m := &d.model
	s := d.state
	if d.bit(&m.isRep[s]) == 0 {
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		length = d.length(&m.matchLength, posState)
		d.rep[0] = d.distance(length)
		d.state = stateAfter(s, 7)
		return length, d.rep[0] == 1<<32-1
	}
	if d.bit(&m.isRep0[s]) == 0 {
		if d.bit(&m.isRep0Long[s][posState]) == 0 {
			d.state = stateAfter(s, 9)
			return 1, false
		}
	} else {
		i := 1
		if d.bit(&m.isRep1[s]) != 0 {
			i = 2 + int(d.bit(&m.isRep2[s]))
		}
		distance := d.rep[i]
		copy(d.rep[1:i+1], d.rep[:i])
		d.rep[0] = distance
	}
	d.state = stateAfter(s, 8)
	return d.length(&m.repLength, posState), false
}

// stateAfter is the state after a kind of match.
func stateAfter(state, after int) int {
	switch {
	case state < 7:
		return after
	case after == 7:
		return 10
	}
	return 11
}

// repeat copies a match into the window up to limit; the rest is pending.
func (d *lzmaDecoder) repeat(length, limit int) {
	distance := int(d.rep[0]) + 1
	n := min(length, limit-d.pos)
	d.pending = length - n
	d.total += int64(n)
	from := d.pos - distance
	if from >= 0 && distance >= n {
		copy(d.window[d.pos:d.pos+n], d.window[from:])
		d.pos += n
		return
	}
	if from < 0 {
		from += len(d.window)
	}
	for range n {
		d.window[d.pos] = d.window[from]
		d.pos++
		if from++; from == len(d.window) {
			from = 0
		}
	}
}

// decode fills p, or less at the end mark or at an error.
func (d *lzmaDecoder) decode(p []byte) (n int, end bool, err error) {
	for n < len(p) && !end && d.err == nil {
		if !d.room() {
			break
		}
		from := d.pos
		limit := min(len(d.window), from+len(p)-n)
		if d.pending > 0 {
			d.repeat(d.pending, limit)
		}
		end = d.symbols(limit)
		n += copy(p[n:], d.window[from:d.pos])
	}
	return n, end, d.err
}

// symbols decodes until the window is filled to limit.
func (d *lzmaDecoder) symbols(limit int) (end bool) {
	for d.pos < limit && d.err == nil {
		posState := uint32(d.total) & d.pbMask
		if d.bit(&d.model.isMatch[d.state][posState]) == 0 {
			d.literal()
			continue
		}
		if d.total == 0 {
			d.fail(errLZMA)
			return false
		}
		length, end := d.match(posState)
		if end {
			return true
		}
		if int64(d.rep[0]) >= min(d.total, int64(d.dict)) {
			d.fail(errLZMA)
			return false
		}
		d.repeat(length, limit)
	}
	return false
}

// room makes room at the window's position: it grows until it is as large as
// the dictionary, then begins again at its start.
func (d *lzmaDecoder) room() bool {
	if d.pos < len(d.window) {
		return true
	}
	if len(d.window) == d.dict {
		d.pos = 0
		return true
	}
	size := min(d.dict, max(2*len(d.window), windowStep))
	if !d.b.grow(int64(size)) { // both stand while it is copied
		d.fail(errStop)
		return false
	}
	grown := make([]byte, size)
	copy(grown, d.window)
	d.b.shrink(int64(len(d.window)))
	d.window = grown
	return true
}

// store puts octets that were not packed into the window.
func (d *lzmaDecoder) store(p []byte) bool {
	for len(p) > 0 {
		if !d.room() {
			return false
		}
		n := copy(d.window[d.pos:], p)
		d.pos += n
		d.total += int64(n)
		p = p[n:]
	}
	return true
}

// An lzmaReader reads an LZMA stream.
type lzmaReader struct {
	d    *lzmaDecoder
	left int64 // octets; -1: up to the end mark
	done bool
}

// newLZMAReader reads the range coder's start. The reader has to be freed.
func newLZMAReader(b *Budget, r *bufio.Reader, props byte, dict, size int64) (*lzmaReader, error) {
	d := newLZMADecoder(b, r, dict)
	if !d.properties(props) {
		d.fail(errLZMA)
		return &lzmaReader{d: d}, d.err
	}
	d.resetState()
	return &lzmaReader{d: d, left: size}, d.start()
}

func (z *lzmaReader) free() { z.d.free() }

func (z *lzmaReader) Read(p []byte) (int, error) {
	if z.done || z.left == 0 {
		z.d.settle()
		return 0, io.EOF
	}
	if z.left > 0 && int64(len(p)) > z.left {
		p = p[:z.left]
	}
	n, end, err := z.d.decode(p)
	if z.left > 0 {
		z.left -= int64(n)
		if end {
			err = errLZMA
		}
	}
	z.done = end
	if end && err == nil {
		z.d.settle()
		if n == 0 {
			return 0, io.EOF
		}
	}
	return n, err
}
