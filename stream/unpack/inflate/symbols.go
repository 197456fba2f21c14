package inflate

import "encoding/binary"

const (
	// reserve is how many octets of input a step of the fast loop may look at:
	// it loads 8 up to three times, each up to 7 further.
	reserve = 24
	// pairsAfter is from how many octets of a block on its table has pairs of
	// literals: 4 KiB. To make them takes 2 µs or so; whole members of office
	// documents take no longer.
	pairsAfter = 4 << 10
)

// symbols decodes symbols until the block, the room or the stream ends.
func (d *Decoder) symbols() {
	for d.lit != nil && d.err == nil && d.out < limit {
		stop, before := limit, d.out
		if d.alone > 0 {
			stop = min(limit, d.out+d.alone)
		}
		if d.pos+reserve <= len(d.in) {
			d.fast(stop)
		} else {
			d.slow()
		}
		if d.alone > 0 {
			if d.alone -= d.out - before; d.alone <= 0 && d.lit != nil {
				makeTable(d.ownLit[:], litBits, d.lens[:d.lits], litEntries[:], new(shortLits))
			}
		}
	}
}

// slow decodes a literal or a match where there is little input.
func (d *Decoder) slow() {
	e, ok := d.entry(d.lit[:], litBits)
	switch {
	case !ok:
		return
	case e&isLiteral != 0:
		d.window[d.out] = byte(e >> literal)
		d.out++
		return
	case e&isEnd != 0:
		d.lit, d.dist = nil, nil
		return
	}
	length := d.value
	if _, ok = d.entry(d.dist[:], distBits); !ok {
		return
	}
	if d.value > d.out-d.low {
		d.corrupt()
		return
	}
	for end := d.out + length; d.out < end; {
		d.out += copy(d.window[d.out:end], d.window[d.out-d.value:d.out])
	}
}

// entry decodes a symbol, one literal of a pair. It asks the reader for more
// only if what there is begins no shorter one. The value is that of a length
// or distance with its extra bits. False: the stream ended, with d.err.
func (d *Decoder) entry(table []uint32, index uint) (e uint32, ok bool) {
	for {
		e = table[d.bits&(1<<index-1)]
		before := uint(0) // bits of the first table
		if e&(isLiteral|isTable) == isTable {
			before = index
			e = table[e>>baseShift+uint32(d.bits>>index)&(1<<(e>>codeShift&codeMask)-1)]
		}
		used := before + uint(e&usedMask)
		if e&isLiteral != 0 {
			used = before + uint(e>>firstShift&codeMask)
		}
		if used <= d.n {
			code := before + uint(e>>codeShift&codeMask)
			d.value = int(e>>baseShift) + int(d.bits&(1<<used-1)>>code)
			d.drop(used)
			break
		}
		if !d.need(d.n + 1) {
			return 0, false
		}
	}
	if e&(isLiteral|isInvalid) == isInvalid {
		d.corrupt()
		return 0, false
	}
	return e, true
}

// refill loads eight octets and counts as many as fit in whole. The bits of
// the rest are there as well, and the same ones when they are loaded again.
func refill(in []byte, pos int, b uint64, n uint) (int, uint64, uint) {
	return pos + int((n^63)>>3), b | binary.LittleEndian.Uint64(in[pos:])<<(n&63), n | 56
}

// put writes two octets and counts what there is of literals.
func put(w *[windowSize + beyond]byte, out int, e uint32) int {
	binary.LittleEndian.PutUint16(w[out&windowMask:], uint16(e>>literal))
	return out + int(e>>numberShift&3)
}

// fast decodes symbols as long as neither input nor room can run out in a
// step, up to stop. A step is up to three entries of literals, or up to two and
// a match. What it needs of the Decoder is in variables meanwhile, which are
// masked where an index has to be within an array that it always is in: then
// nothing is looked at twice. The input needs at least reserve octets.
func (d *Decoder) fast(stop int) {
	in, pos, b, n := d.in, d.pos, d.bits, d.n
	w, out, low := &d.window, d.out, d.low
	lit, dist := d.lit, d.dist
	last := len(in) - reserve
	var end, bad bool
	pos, b, n = refill(in, pos, b, n)
	e := lit[b&(1<<litBits-1)]
	for pos <= last && out < stop {
		if int32(e) < 0 {
			b >>= e & usedMask
			n -= uint(e & usedMask)
			out = put(w, out, e)
			e = lit[b&(1<<litBits-1)]
			if int32(e) < 0 {
				b >>= e & usedMask
				n -= uint(e & usedMask)
				out = put(w, out, e)
				e = lit[b&(1<<litBits-1)]
				if int32(e) < 0 {
					b >>= e & usedMask
					n -= uint(e & usedMask)
					out = put(w, out, e)
					pos, b, n = refill(in, pos, b, n)
					e = lit[b&(1<<litBits-1)]
					continue
				}
			}
			// A match may need 48 bits, and at least 34 are left.
			pos, b, n = refill(in, pos, b, n)
		}
		if e&isOther != 0 {
			if e&isTable != 0 {
				b >>= litBits
				n -= litBits
				e = lit[e>>baseShift+uint32(b)&(1<<(e>>codeShift&codeMask)-1)]
				if int32(e) < 0 {
					b >>= e & usedMask
					n -= uint(e & usedMask)
					out = put(w, out, e)
					pos, b, n = refill(in, pos, b, n)
					e = lit[b&(1<<litBits-1)]
					continue
				}
			}
			if e&isOther != 0 {
				b >>= e & usedMask
				n -= uint(e & usedMask)
				end = e&isEnd != 0
				bad = !end
				break
			}
		}
		length := int(e>>baseShift) + int(b&(1<<(e&usedMask)-1)>>(e>>codeShift&codeMask))
		b >>= e & usedMask
		n -= uint(e & usedMask)
		e = dist[b&(1<<distBits-1)]
		if e&isOther != 0 {
			if e&isTable != 0 {
				b >>= distBits
				n -= distBits
				e = dist[e>>baseShift+uint32(b)&(1<<(e>>codeShift&codeMask)-1)]
			}
			if e&isOther != 0 {
				bad = true
				break
			}
		}
		back := int(e>>baseShift) + int(b&(1<<(e&usedMask)-1)>>(e>>codeShift&codeMask))
		b >>= e & usedMask
		n -= uint(e & usedMask)
		if back > out-low {
			bad = true
			break
		}
		// The next entry is looked up before the octets are copied, so that a
		// wrong guess at how many there are does not delay it.
		pos, b, n = refill(in, pos, b, n)
		e = lit[b&(1<<litBits-1)]
		if back < 16 || back < length && length > 32 {
			repeat(w, out, back, length)
			out += length
			continue
		}
		from, to := out-back, out
		out += length
		for {
			*(*[16]byte)(w[to&windowMask:]) = *(*[16]byte)(w[from&windowMask:])
			*(*[16]byte)(w[(to+16)&windowMask:]) = *(*[16]byte)(w[(from+16)&windowMask:])
			if to, from = to+32, from+32; to >= out {
				break
			}
		}
	}
	d.pos, d.bits, d.n, d.out = pos, b, n, out
	switch {
	case end:
		d.lit, d.dist = nil, nil
	case bad:
		d.corrupt()
	}
}

// wholes is how many octets of eight are whole repetitions of so many.
var wholes = [8]uint8{0, 8, 8, 6, 8, 5, 6, 7}

// repeat copies a match that repeats octets of its own, or one of less than 16
// back, and up to 7 octets more. A load waits long for the stores that it
// spans, so what repeats for long is copied in pieces that double.
func repeat(w *[windowSize + beyond]byte, to, back, length int) {
	from, end := to-back, to+length
	switch {
	case back >= 8 && length > 32:
		for to < end {
			to += copy(w[to:end], w[from:to])
		}
		return
	case back >= 8:
		for ; to < end; to, from = to+8, from+8 {
			*(*[8]byte)(w[to&windowMask:]) = *(*[8]byte)(w[from&windowMask:])
		}
		return
	}
	v := binary.LittleEndian.Uint64(w[from&windowMask:]) & (1<<(back*8&63) - 1)
	v |= v << (back * 8 & 63)
	if back < 4 {
		v |= v << (back * 16 & 63)
	}
	if back == 1 {
		v |= v << 32
	}
	for step := int(wholes[back&7]); to < end; to += step {
		binary.LittleEndian.PutUint64(w[to&windowMask:], v)
	}
}
