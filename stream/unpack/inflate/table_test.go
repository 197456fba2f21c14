package inflate

import (
	"math/rand/v2"
	"testing"
)

// randomCode returns lengths of a code that uses all words of bits. The larger
// deep is, the longer some of its codes are.
func randomCode(rng *rand.Rand, symbols, deep int) []uint8 {
	lens := []uint8{1, 1}
	for len(lens) < symbols {
		at := rng.IntN(len(lens))
		for range deep {
			if other := rng.IntN(len(lens)); lens[other] > lens[at] && lens[other] < maxCode {
				at = other
			}
		}
		if lens[at] == maxCode {
			continue
		}
		lens[at]++
		lens = append(lens, lens[at])
	}
	rng.Shuffle(len(lens), func(i, j int) { lens[i], lens[j] = lens[j], lens[i] })
	return lens
}

// lookup decodes the first symbol of some bits, or two literals.
func lookup(table []uint32, index int, v uint32) (e uint32, used int) {
	e = table[v&(1<<index-1)]
	if e&(isLiteral|isTable) == isTable {
		used = index
		e = table[e>>baseShift+v>>index&(1<<(e>>codeShift&codeMask)-1)]
	}
	return e, used
}

// TestTables looks up every code, with all bits behind it set or not.
func TestTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i := range 600 {
		symbols := 2 + rng.IntN(maxLit-1)
		lens := randomCode(rng, symbols, i%5)
		short := new(shortLits)
		if i%2 == 0 {
			short = nil
		}
		var lit litTable
		if !makeTable(lit[:], litBits, lens, litEntries[:], short) {
			t.Fatal("refused")
		}
		checkTable(t, lit[:], litBits, lens, litEntries[:], short != nil)
		var dist distTable
		lens = randomCode(rng, 2+rng.IntN(maxDist-1), i%5)
		if !makeTable(dist[:], distBits, lens, distEntries[:], nil) {
			t.Fatal("refused")
		}
		checkTable(t, dist[:], distBits, lens, distEntries[:], false)
	}
}

func checkTable(t *testing.T, table []uint32, index int, lens []uint8, entries []uint32, paired bool) {
	t.Helper()
	type word struct{ v, l int }
	codes := make([]word, len(lens))
	code := 0
	for l := 1; l <= maxCode; l++ {
		code <<= 1
		for sym, n := range lens {
			if int(n) == l {
				codes[sym] = word{reverse(code, l), l}
				code++
			}
		}
	}
	for sym, c := range codes {
		for _, behind := range []int{0, 1<<maxCode - 1} {
			e, used := lookup(table, index, uint32(c.v|behind<<c.l))
			if e&isLiteral != 0 {
				if sym > 255 || int(e>>literal&255) != sym || used+int(e>>firstShift&codeMask) != c.l {
					t.Fatalf("symbol %d of %d bits: %08x", sym, c.l, e)
				}
				continue
			}
			if e != withCode(entries[sym], c.l-used) {
				t.Fatalf("symbol %d of %d bits: %08x", sym, c.l, e)
			}
		}
		for other, o := range codes[:min(256, len(codes))] {
			if !paired || sym > 255 || c.l+o.l > index {
				continue
			}
			e := table[c.v|o.v<<c.l]
			if e>>numberShift&3 != 2 || int(e>>literal&255) != sym || int(e>>secondShift&255) != other || int(e&usedMask) != c.l+o.l {
				t.Fatalf("symbols %d and %d: %08x", sym, other, e)
			}
		}
	}
}

// The codes that need the largest tables, of their kind: many short codes, and
// as many long ones as there are symbols for.
func TestTableSizes(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 3000 {
		lens := randomCode(rng, maxDist, rng.IntN(20))
		var dist distTable
		makeTable(dist[:], distBits, lens, distEntries[:], nil) // or it panics
	}
	for range 150 {
		lens := randomCode(rng, maxLit, rng.IntN(300))
		var lit litTable
		makeTable(lit[:], litBits, lens, litEntries[:], nil)
	}
}
