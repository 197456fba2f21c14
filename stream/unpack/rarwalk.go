package unpack

// RAR 3 data are blocks, packed by LZSS with Huffman codes or by PPMd, and any
// block may change over. PPMd takes as much memory as the data say, up to 256
// MiB, so such data are refused; to know them, the codes are walked through
// here without unpacking anything.

// Sizes of the four code tables of a block.
const (
	rarMain   = 299
	rarOffset = 60
	rarLow    = 17
	rarLength = 28
)

// A rarWalk is what stays from one solid file to the next.
type rarWalk struct {
	lengths [rarMain + rarOffset + rarLow + rarLength]byte
	main    rarCode
	offset  rarCode
	low     rarCode
	length  rarCode
	inside  bool // the next file begins inside a block

	b    []byte
	at   int // octets taken
	bits uint64
	have int
}

// usesPPM tells whether packed data have a PPMd block. What cannot be walked
// to its end has none that a decoder would reach.
func (w *rarWalk) usesPPM(b []byte, fresh bool) bool {
	w.b, w.at, w.bits, w.have = b, 0, 0, 0
	if fresh {
		clear(w.lengths[:])
		w.inside = false
	}
	for {
		if !w.inside {
			w.take(w.have % 8) // blocks begin at whole octets
			if w.ended() {
				return false
			}
			if w.take(1) == 1 {
				return true
			}
			if !w.tables() {
				return false
			}
			w.inside = true
		}
		file, ok := w.symbols()
		if !ok || file {
			return false
		}
	}
}

// symbols walks to the end of the block. File: also that of the file.
func (w *rarWalk) symbols() (file, ok bool) {
	repeats := 0
	for !w.ended() {
		switch s := w.main.read(w); {
		case s < 0:
			return false, false
		case s < 256 || s == 258:
		case s == 256:
			if w.take(1) == 1 {
				w.inside = false
				return false, true
			}
			w.inside = w.take(1) == 0
			return true, true
		case s == 257:
			n := w.take(8)&7 + 1
			switch n {
			case 7:
				n = w.take(8) + 7
			case 8:
				n = w.take(16)
			}
			for ; n > 0 && !w.ended(); n-- {
				w.take(8)
			}
		case s >= 271:
			w.take(int(rarLengthBits[s-271]))
			o := w.offset.read(w)
			if o < 0 {
				return false, false
			}
			bits := int(rarOffsetBits[o])
			if bits < 4 {
				w.take(bits)
				break
			}
			w.take(bits - 4)
			if repeats > 0 {
				repeats--
			} else if w.low.read(w) == 16 {
				repeats = 15
			}
		case s >= 263:
			w.take(int(rarShortBits[s-263]))
		default:
			n := w.length.read(w)
			if n < 0 {
				return false, false
			}
			w.take(int(rarLengthBits[n]))
		}
	}
	return false, false
}

var (
	rarLengthBits = [28]byte{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5}
	rarOffsetBits = [60]byte{
		4: 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15,
		16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18,
	}
	rarShortBits = [8]byte{2, 2, 3, 4, 5, 6, 6, 6}
)

// tables reads the code tables of a block.
func (w *rarWalk) tables() bool {
	if w.take(1) == 0 {
		clear(w.lengths[:])
	}
	var first [20]byte
	for i := 0; i < len(first); i++ {
		n := w.take(4)
		if n == 15 {
			if k := w.take(4); k > 0 {
				i += k + 1
				continue
			}
		}
		first[i] = byte(n)
	}
	var code rarCode
	code.set(first[:])
	for i := 0; i < len(w.lengths); {
		s := code.read(w)
		switch {
		case s < 0 || w.ended():
			return false
		case s < 16:
			w.lengths[i] = (w.lengths[i] + byte(s)) & 15
			i++
			continue
		}
		n, v := 0, byte(0)
		if s == 16 || s == 18 {
			n = w.take(3) + 3
		} else {
			n = w.take(7) + 11
		}
		if s < 18 {
			if i == 0 {
				return false
			}
			v = w.lengths[i-1]
		}
		for ; n > 0 && i < len(w.lengths); n-- {
			w.lengths[i] = v
			i++
		}
	}
	l := w.lengths[:]
	w.main.set(l[:rarMain])
	w.offset.set(l[rarMain : rarMain+rarOffset])
	w.low.set(l[rarMain+rarOffset : rarMain+rarOffset+rarLow])
	w.length.set(l[rarMain+rarOffset+rarLow:])
	return true
}

// fill has at least 16 bits ready. Beyond the end they are zeros.
func (w *rarWalk) fill() {
	for w.have <= 48 {
		w.bits <<= 8
		if w.at < len(w.b) {
			w.bits |= uint64(w.b[w.at])
		}
		w.at++
		w.have += 8
	}
}

// take takes up to 16 bits.
func (w *rarWalk) take(n int) int {
	if w.have < 16 {
		w.fill()
	}
	w.have -= n
	return int(w.bits >> w.have & (1<<n - 1))
}

// ended tells whether more bits were taken than there are.
func (w *rarWalk) ended() bool { return w.at-w.have/8 > len(w.b) }

// A rarCode is a canonical Huffman code of up to 15 bits.
type rarCode struct {
	limit  [16]int // first code beyond those of a length, at 15 bits
	pos    [16]int
	symbol [rarMain]uint16
	n      int
	quick  [1 << rarQuick]uint16 // symbol, and length in the high bits; 0: long
}

// rarQuick is how many bits are looked up at once: 10 hold nearly all codes.
const rarQuick = 10

func (c *rarCode) set(lengths []byte) {
	var count [16]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for i := 1; i < 16; i++ {
		c.limit[i] = c.limit[i-1] + count[i]<<(15-i)
		c.pos[i] = c.pos[i-1] + count[i-1]
	}
	next := c.pos
	c.n = 0
	for s, n := range lengths {
		if n > 0 {
			c.symbol[next[n]] = uint16(s)
			next[n]++
			c.n++
		}
	}
	for i := range c.quick {
		c.quick[i] = 0
		if s, n := c.slow(i << (15 - rarQuick)); s >= 0 && n <= rarQuick {
			c.quick[i] = uint16(s) | uint16(n)<<10
		}
	}
}

// slow decodes 15 bits: the symbol, -1 if there is none, and its length.
func (c *rarCode) slow(v int) (symbol, n int) {
	for n = 1; n < 15 && v >= c.limit[n]; n++ {
	}
	i := c.pos[n] + (v-c.limit[n-1])>>(15-n)
	if v >= c.limit[n] || i >= c.n {
		return -1, n
	}
	return int(c.symbol[i]), n
}

// read decodes a symbol, -1: none.
func (c *rarCode) read(w *rarWalk) int {
	if w.have < 16 {
		w.fill()
	}
	v := int(w.bits >> (w.have - 15) & (1<<15 - 1))
	if q := c.quick[v>>(15-rarQuick)]; q != 0 {
		w.have -= int(q >> 10)
		return int(q & (1<<10 - 1))
	}
	s, n := c.slow(v)
	w.have -= n
	return s
}
