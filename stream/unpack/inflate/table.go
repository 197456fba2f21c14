package inflate

import (
	"math/bits"
	"sync"
)

// Codes are decoded by a table: the next bits of the stream are its index.
// Codes longer than that have an entry that leads to a further, smaller table
// behind the first. An entry is what there is to know of a symbol:
//
//	bit  31     a literal
//	bits 16-30  the literal; the least length or distance; where the
//	            further table begins
//	bit  15     none of a literal, length or distance, but
//	bit  14     a further table
//	bit  13     the end of the block
//	bit  12     no symbol at all
//	bits 8-11   how long the code is, in this table; how many bits are the
//	            index of the further one
//	bits 0-5    how long code and extra bits are together
const (
	isLiteral = 1 << 31
	isOther   = 1 << 15
	isTable   = 1 << 14
	isEnd     = 1 << 13
	isInvalid = 1 << 12

	oneLonger = 1<<8 | 1 // what an entry gets for each bit of its code
)

const (
	litBits  = 11 // of the index of the first table
	distBits = 8

	maxLit   = 286 // codes that a block may describe (RFC 1951 section 3.2.7)
	maxDist  = 30
	fixedLit = 288 // codes of a block that describes none (section 3.2.6)

	maxCode = 15 // bits of the longest code
)

// The most entries that tables and further tables can have, by trying all
// shapes of codes: TestTableSizes does.
const (
	litSize  = 2342
	distSize = 402
)

type (
	litTable  [litSize]uint32
	distTable [distSize]uint32
)

// Entries of symbols without their codes (RFC 1951 section 3.2.5).
var (
	litEntries  = makeLitEntries()
	distEntries = makeDistEntries()
)

func makeLitEntries() (e [fixedLit]uint32) {
	for i := range uint32(256) {
		e[i] = isLiteral | i<<16
	}
	e[256] = isOther | isEnd
	base := uint32(3)
	for i := 257; i < 285; i++ {
		extra := uint32(max(0, (i-261)/4))
		e[i] = base<<16 | extra
		base += 1 << extra
	}
	e[285] = 258 << 16
	e[286], e[287] = isOther|isInvalid, isOther|isInvalid
	return e
}

func makeDistEntries() (e [32]uint32) {
	base := uint32(1)
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		e[i] = base<<16 | extra
		base += 1 << extra
	}
	e[30], e[31] = isOther|isInvalid, isOther|isInvalid
	return e
}

// fixed makes the tables of blocks that describe none, once (section 3.2.6).
var fixed = sync.OnceValue(func() *fixedTables {
	var lens [fixedLit]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	f := new(fixedTables)
	makeTable(f.lit[:], litBits, lens[:], litEntries[:])
	for i := range 32 {
		lens[i] = 5
	}
	makeTable(f.dist[:], distBits, lens[:32], distEntries[:])
	return f
})

type fixedTables struct {
	lit  litTable
	dist distTable
}

// makeTable makes the table of a code that is given by the lengths of its
// symbols (RFC 1951 section 3.2.2), with an index of so many bits. The code
// must use all words of bits. As zlib has it, it may be one code of one bit,
// too, and may have no code at all, which only matters once one is read.
// False: it is another.
func makeTable(table []uint32, index int, lens []uint8, entries []uint32) bool {
	var count, at [maxCode + 1]int
	for _, l := range lens {
		count[l&maxCode]++
	}
	used := len(lens) - count[0]
	left := 1
	for l := 1; l <= maxCode; l++ {
		left = left<<1 - count[l]
		if left < 0 {
			return false
		}
		if l < maxCode {
			at[l+1] = at[l] + count[l]
		}
	}
	if left > 0 {
		if used > 1 || used == 1 && count[1] != 1 {
			return false
		}
		for i := range table[:1<<index] {
			table[i] = isOther | isInvalid | 1
		}
		for sym, l := range lens {
			for i := 0; l == 1 && i < 1<<index; i += 2 {
				table[i] = entries[sym] + oneLonger
			}
		}
		return true
	}
	var sorted [fixedLit]uint16 // symbols in the order of their codes
	for sym, l := range lens {
		if l != 0 {
			sorted[at[l&maxCode]] = uint16(sym)
			at[l&maxCode]++
		}
	}
	// The table for codes of so many bits is that of one fewer, twice, and the
	// codes of this length, whose bits come from the high end.
	code, next := 0, 0
	for l := 1; l <= index; l++ {
		half := 1 << (l - 1)
		if next > 0 {
			copy(table[half:2*half], table[:half])
		}
		for _, sym := range sorted[next : next+count[l]] {
			table[reverse(code, l)] = entries[sym] + uint32(l)*oneLonger
			code++
		}
		next += count[l]
		code <<= 1
	}
	if next < used {
		makeFurther(table, index, code, sorted[next:used], &count, entries)
	}
	return true
}

// makeFurther makes the tables of codes longer than the index, of which code
// is the first.
func makeFurther(table []uint32, index, code int, sorted []uint16, count *[maxCode + 1]int, entries []uint32) {
	end := 1 << index
	for l := index + 1; len(sorted) > 0; {
		if count[l] == 0 {
			l++
			code <<= 1
			continue
		}
		// As large as the codes need that begin alike. Since all words are
		// used they fill it.
		first, size, filled := code>>(l-index), l-index, count[l]
		for filled < 1<<size {
			size++
			filled = filled<<1 + count[index+size]
		}
		table[reverse(first, index)] = isOther | isTable | uint32(end)<<16 | uint32(size)<<8 | uint32(index)
		further := table[end : end+1<<size]
		end += 1 << size
		for {
			step := 1 << (l - index)
			for count[l] > 0 && code>>(l-index) == first {
				e := entries[sorted[0]] + uint32(l-index)*oneLonger
				for i := reverse(code, l) >> index; i < len(further); i += step {
					further[i] = e
				}
				sorted = sorted[1:]
				count[l]--
				code++
			}
			if code>>(l-index) != first {
				break
			}
			l++
			code <<= 1
		}
	}
}

// reverse returns the l bits of a code in the order they have in the stream.
func reverse(code, l int) int { return int(bits.Reverse16(uint16(code)) >> (16 - l)) }
