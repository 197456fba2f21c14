package inflate

import "encoding/binary"

// reserve is how many octets of input a step of the fast loop may look at: it
// loads 8 twice, the second time up to 7 further.
const reserve = 24

// symbols decodes symbols until the block, the room or the stream ends.
func (d *Decoder) symbols() {
	for d.lit != nil && d.err == nil && d.out < limit {
		if d.pos+reserve <= len(d.in) {
			d.fast()
		} else {
			d.slow()
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
		d.window[d.out] = byte(e >> 16)
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

// entry decodes a symbol. It asks the reader for more only if what there is
// begins no shorter one. The value is that of a length or distance with its
// extra bits. False: the stream ended, with d.err.
func (d *Decoder) entry(table []uint32, index uint) (e uint32, ok bool) {
	for {
		e = table[d.bits&(1<<index-1)]
		before := uint(0) // bits of the first table
		if e&(isLiteral|isTable) == isTable {
			before = index
			e = table[e>>16+uint32(d.bits>>index)&(1<<(e>>8&15)-1)]
		}
		total := before + uint(e&63)
		if total <= d.n {
			code := before + uint(e>>8&15)
			d.value = int(e>>16) + int(d.bits&(1<<total-1)>>code)
			d.drop(total)
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

// fast decodes symbols as long as neither input nor room can run out in a
// step. A step is up to three literals, or up to two and a match. What it
// needs of the Decoder is in variables meanwhile, for registers.
func (d *Decoder) fast() {
	in, pos, b, n := d.in, d.pos, d.bits, d.n
	w, out, low := &d.window, d.out, d.low
	lit, dist := d.lit, d.dist
	last := len(in) - reserve
	var end, bad bool
	// Eight octets are loaded and as many counted as fit in whole. The bits of
	// the rest are there as well, and the same ones when they are loaded again.
	b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
	pos += int((n ^ 63) >> 3)
	n |= 56
	e := lit[b&(1<<litBits-1)]
	for pos <= last && out < limit {
		if int32(e) < 0 {
			b >>= e & 63
			n -= uint(e & 63)
			w[out&(windowSize-1)] = byte(e >> 16)
			out++
			e = lit[b&(1<<litBits-1)]
			if int32(e) < 0 {
				b >>= e & 63
				n -= uint(e & 63)
				w[out&(windowSize-1)] = byte(e >> 16)
				out++
				e = lit[b&(1<<litBits-1)]
				if int32(e) < 0 {
					b >>= e & 63
					n -= uint(e & 63)
					w[out&(windowSize-1)] = byte(e >> 16)
					out++
					b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
					pos += int((n ^ 63) >> 3)
					n |= 56
					e = lit[b&(1<<litBits-1)]
					continue
				}
			}
			// A match may need 48 bits, and at least 34 are left.
			b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int((n ^ 63) >> 3)
			n |= 56
		}
		if e&isOther != 0 {
			if e&isTable != 0 {
				b >>= litBits
				n -= litBits
				e = lit[e>>16+uint32(b)&(1<<(e>>8&15)-1)]
				if int32(e) < 0 {
					b >>= e & 63
					n -= uint(e & 63)
					w[out&(windowSize-1)] = byte(e >> 16)
					out++
					b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
					pos += int((n ^ 63) >> 3)
					n |= 56
					e = lit[b&(1<<litBits-1)]
					continue
				}
			}
			if e&isOther != 0 {
				b >>= e & 63
				n -= uint(e & 63)
				end = e&isEnd != 0
				bad = !end
				break
			}
		}
		length := int(e>>16) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & 63)
		e = dist[b&(1<<distBits-1)]
		if e&isOther != 0 {
			if e&isTable != 0 {
				b >>= distBits
				n -= distBits
				e = dist[e>>16+uint32(b)&(1<<(e>>8&15)-1)]
			}
			if e&isOther != 0 {
				bad = true
				break
			}
		}
		back := int(e>>16) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & 63)
		if back > out-low {
			bad = true
			break
		}
		// The next entry is looked up before the octets are copied, so that a
		// wrong guess at how many there are does not delay it.
		b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((n ^ 63) >> 3)
		n |= 56
		e = lit[b&(1<<litBits-1)]
		from, to := out-back, out+length
		switch {
		case back >= 16:
			*(*[16]byte)(w[out&(windowSize-1):]) = *(*[16]byte)(w[from&(windowSize-1):])
			*(*[16]byte)(w[(out+16)&(windowSize-1):]) = *(*[16]byte)(w[(from+16)&(windowSize-1):])
			for length > 32 {
				out, from, length = out+32, from+32, length-32
				*(*[16]byte)(w[out&(windowSize-1):]) = *(*[16]byte)(w[from&(windowSize-1):])
				*(*[16]byte)(w[(out+16)&(windowSize-1):]) = *(*[16]byte)(w[(from+16)&(windowSize-1):])
			}
		case back >= 8:
			for out < to {
				*(*[8]byte)(w[out&(windowSize-1):]) = *(*[8]byte)(w[from&(windowSize-1):])
				out, from = out+8, from+8
			}
		default:
			// The octets repeat: as many times as there is room for in eight.
			v := binary.LittleEndian.Uint64(w[from&(windowSize-1):]) & (1<<(uint(back)*8&63) - 1)
			v |= v << (uint(back) * 8 & 63)
			if back < 4 {
				v |= v << (uint(back) * 16 & 63)
			}
			if back == 1 {
				v |= v << 32
			}
			for step := int(wholes[back&7]); out < to; out += step {
				binary.LittleEndian.PutUint64(w[out&(windowSize-1):], v)
			}
		}
		out = to
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
