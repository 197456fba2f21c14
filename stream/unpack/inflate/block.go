package inflate

// Types of blocks (RFC 1951 section 3.2.3).
const (
	blockStored = iota
	blockFixed
	blockDynamic
)

// block reads what a block begins with.
func (d *Decoder) block() {
	if !d.need(3) {
		return
	}
	kind := d.bits >> 1 & 3
	d.final = d.bits&1 != 0
	d.drop(3)
	switch kind {
	case blockStored:
		d.storedHeader()
	case blockFixed:
		f := fixed()
		d.lit, d.dist, d.alone = &f.lit, &f.dist, 0
	case blockDynamic:
		d.dynamicHeader()
	default:
		d.corrupt()
	}
}

// storedHeader reads the length of octets that are stored (section 3.2.4).
func (d *Decoder) storedHeader() {
	d.drop(d.n & 7)
	if !d.need(32) {
		return
	}
	size, not := uint16(d.bits), uint16(d.bits>>16)
	d.drop(32)
	if size != ^not {
		d.corrupt()
		return
	}
	d.giveBack()
	d.stored = int(size)
}

// copyStored copies what there is.
func (d *Decoder) copyStored() {
	if d.pos == len(d.in) && !d.more() {
		return
	}
	end := min(d.out+d.stored, limit)
	n := copy(d.window[d.out:end], d.in[d.pos:])
	d.out += n
	d.pos += n
	d.stored -= n
}

// codeOrder is that of the lengths of codes of lengths (section 3.2.7).
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicHeader reads the codes that a block describes (section 3.2.7).
func (d *Decoder) dynamicHeader() {
	if !d.need(14) {
		return
	}
	lits, dists, lengths := int(d.bits&31)+257, int(d.bits>>5&31)+1, int(d.bits>>10&15)+4
	d.drop(14)
	if lits > maxLit || dists > maxDist {
		d.corrupt()
		return
	}
	var lens [19]uint8
	for _, i := range codeOrder[:lengths] {
		if !d.need(3) {
			return
		}
		lens[i] = uint8(d.bits & 7)
		d.drop(3)
	}
	var table lengthTable
	if !table.make(&lens) {
		d.corrupt()
		return
	}
	if !d.codeLengths(&table, d.lens[:lits+dists]) {
		return
	}
	if !makeTable(d.ownLit[:], litBits, d.lens[:lits], litEntries[:], nil) ||
		!makeTable(d.ownDis[:], distBits, d.lens[lits:lits+dists], distEntries[:], nil) {
		d.corrupt()
		return
	}
	d.lits, d.alone = lits, pairsAfter
	d.lit, d.dist = &d.ownLit, &d.ownDis
}

// codeLengths reads lengths of codes, with their repetitions.
func (d *Decoder) codeLengths(table *lengthTable, lens []uint8) bool {
	for i := 0; i < len(lens); {
		e := table[d.bits&127]
		if l := uint(e & 7); l == 0 {
			d.corrupt()
			return false
		} else if l > d.n {
			if !d.need(d.n + 1) {
				return false
			}
			continue
		} else {
			d.drop(l)
		}
		var c uint8 // repeated
		var least, extra uint
		switch sym := e >> 3; sym {
		default:
			lens[i] = sym
			i++
			continue
		case 16:
			if i == 0 {
				d.corrupt()
				return false
			}
			c, least, extra = lens[i-1], 3, 2
		case 17:
			least, extra = 3, 3
		case 18:
			least, extra = 11, 7
		}
		if !d.need(extra) {
			return false
		}
		n := int(least + uint(d.bits)&(1<<extra-1))
		d.drop(extra)
		if n > len(lens)-i {
			d.corrupt()
			return false
		}
		for end := i + n; i < end; i++ {
			lens[i] = c
		}
	}
	return true
}

// A lengthTable decodes lengths of codes, which have at most 7 bits: a symbol
// and, in the low 3 bits, how long its code is; zero: no code.
type lengthTable [128]uint8

// make is makeTable with the same rules.
func (t *lengthTable) make(lens *[19]uint8) bool {
	var count, next [8]int
	for _, l := range lens {
		count[l&7]++
	}
	code := 0
	for l := 1; l < len(count); l++ {
		code <<= 1
		next[l] = code
		code += count[l]
	}
	if used := len(lens) - count[0]; code != 1<<7 && used > 0 && (used > 1 || count[1] != 1) {
		return false
	}
	for sym, l := range lens {
		if l == 0 {
			continue
		}
		for i := reverse(next[l&7], int(l)); i < len(t); i += 1 << l {
			t[i] = uint8(sym)<<3 | l
		}
		next[l&7]++
	}
	return true
}
