package inflate

import (
	"math/bits"
	"sync"
)

// Codes are decoded by a table: the next bits of the stream are its index.
// Codes longer than that have an entry that leads to a further, smaller table
// behind the first. An entry is what there is to know of a symbol. The low
// bits are the same in all:
//
//	bits 0-5    how many bits are used, with the extra bits of the symbol
//
// One literal, or two whose codes are in the index together:
//
//	bit  31     1
//	bits 26-29  how long the code of the first is
//	bits 24-25  how many there are
//	bits 16-23  the second
//	bits 8-15   the first
//
// Others:
//
//	bit  31     0
//	bits 16-30  the least length or distance; where the further table begins
//	bit  15     none of a length or distance, but
//	bit  14     a further table
//	bit  13     the end of the block
//	bit  12     no symbol at all
//	bits 8-11   how long the code is, in this table; how many bits are the
//	            index of the further one
const (
	isLiteral = 1 << 31
	isOther   = 1 << 15
	isTable   = 1 << 14
	isEnd     = 1 << 13
	isInvalid = 1 << 12

	baseShift   = 16
	codeShift   = 8
	firstShift  = 26
	numberShift = 24
	secondShift = 16
	literal     = 8 // shift of the first

	usedMask = 63
	codeMask = 15
)

// withCode is the entry of a symbol whose code has l bits in its table.
func withCode(symbol uint32, l int) uint32 {
	if symbol&isLiteral != 0 {
		return symbol + uint32(l)<<firstShift + uint32(l)
	}
	return symbol + uint32(l)<<codeShift + uint32(l)
}

const (
	litBits  = 11 // of the index of the first table
	distBits = 8

	maxLit   = 286 // codes that a block may describe (RFC 1951 section 3.2.7)
	maxDist  = 30
	fixedLit = 288 // codes of a block that describes none (section 3.2.6)

	maxCode = 15 // bits of the longest code
)

// The most entries that tables and further tables can have, as the program
// enough of zlib counts them for 288 or 32 symbols, this index and 15 bits.
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
		e[i] = isLiteral | 1<<numberShift | i<<literal
	}
	e[256] = isOther | isEnd
	base := uint32(3)
	for i := 257; i < 285; i++ {
		extra := uint32(max(0, (i-261)/4))
		e[i] = base<<baseShift | extra
		base += 1 << extra
	}
	e[285] = 258 << baseShift
	e[286], e[287] = isOther|isInvalid, isOther|isInvalid
	return e
}

func makeDistEntries() (e [32]uint32) {
	base := uint32(1)
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		e[i] = base<<baseShift | extra
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
	makeTable(f.lit[:], litBits, lens[:], litEntries[:], nil)
	for i := range 32 {
		lens[i] = 5
	}
	makeTable(f.dist[:], distBits, lens[:32], distEntries[:], nil)
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
// False: it is another. If short is there it is filled, and the table gets
// pairs of literals.
func makeTable(table []uint32, index int, lens []uint8, entries []uint32, short *shortLits) bool {
	count := countLengths(lens)
	used := len(lens) - count[0]
	var at [maxCode + 1]int
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
		return (used == 0 || used == 1 && count[1] == 1) && makeSparse(table[:1<<index], lens, entries)
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
			r := reverse(code, l)
			table[r] = withCode(entries[sym], l)
			if short != nil && sym < 256 {
				short.add(r, sym)
			}
			code++
		}
		next += count[l]
		code <<= 1
		if short != nil {
			short.from[l+1] = short.n
			short.pairs(table, l)
		}
	}
	if next < used {
		makeFurther(table, index, code, sorted[next:used], &count, entries)
	}
	return true
}

// countLengths counts the codes of each length. Four counters take turns:
// neighbours are often alike, and one would wait for itself.
func countLengths(lens []uint8) (count [maxCode + 1]int) {
	var c [4][maxCode + 1]uint16
	for len(lens) >= 4 {
		c[0][lens[0]&maxCode]++
		c[1][lens[1]&maxCode]++
		c[2][lens[2]&maxCode]++
		c[3][lens[3]&maxCode]++
		lens = lens[4:]
	}
	for _, l := range lens {
		c[0][l&maxCode]++
	}
	for l := range count {
		count[l] = int(c[0][l] + c[1][l] + c[2][l] + c[3][l])
	}
	return count
}

// makeSparse makes the table of no code, or of one of one bit.
func makeSparse(table []uint32, lens []uint8, entries []uint32) bool {
	for i := range table {
		table[i] = isOther | isInvalid | 1
	}
	for sym, l := range lens {
		for i := 0; l == 1 && i < len(table); i += 2 {
			table[i] = withCode(entries[sym], 1)
		}
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
		table[reverse(first, index)] = isOther | isTable | uint32(end)<<baseShift | uint32(size)<<codeShift | uint32(index)
		further := table[end : end+1<<size]
		end += 1 << size
		for {
			step := 1 << (l - index)
			for count[l] > 0 && code>>(l-index) == first {
				e := withCode(entries[sorted[0]], l-index)
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

// A shortLit is a literal with its code in the order of the stream.
type shortLit struct{ code, lit uint16 }

// shortLits are the literals whose codes leave room in an index for another.
type shortLits struct {
	n    int
	all  [256]shortLit    // in the order of their codes
	from [litBits + 2]int // in all, by length
}

func (s *shortLits) add(code int, lit uint16) {
	s.all[s.n&255] = shortLit{uint16(code), lit}
	s.n++
}

func (s *shortLits) of(length int) []shortLit { return s.all[s.from[length]:s.from[length+1]] }

// pairs makes entries of two literals out of those whose codes have together
// so many bits.
func (s *shortLits) pairs(table []uint32, length int) {
	for l := 1; l < length; l++ {
		seconds := s.of(length - l)
		if len(seconds) == 0 {
			continue
		}
		for _, a := range s.of(l) {
			e := isLiteral | uint32(l)<<firstShift | 2<<numberShift | uint32(a.lit)<<literal | uint32(length)
			for _, b := range seconds {
				table[int(a.code)|int(b.code)<<l] = e | uint32(b.lit)<<secondShift
			}
		}
	}
}
