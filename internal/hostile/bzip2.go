package hostile

import (
	"bytes"
	"math/bits"
	"slices"
)

// A bitWriter writes from the most significant bit on.
type bitWriter struct {
	out  []byte
	acc  uint64
	held int
}

func (w *bitWriter) bits(n int, v uint64) {
	w.acc, w.held = w.acc<<n|v, w.held+n
	for w.held >= 8 {
		w.held -= 8
		w.out = append(w.out, byte(w.acc>>w.held))
	}
}

// bzip2Of packs small data, or a repeated octet of any length, with two code
// tables of equal lengths: what decoders take, not what packs well.
func bzip2Of(data []byte) []byte {
	w := &bitWriter{}
	w.bits(32, 'B'<<24|'Z'<<16|'h'<<8|'9')
	all := uint32(0)
	for len(data) > 0 {
		// 255 octets of one kind become 5: a block of 900,000 holds 45 million.
		block := data[:min(len(data), 255*150_000)]
		if block[0] != block[len(block)-1] || len(block) < 1<<20 {
			block = block[:min(len(block), 400_000)]
		}
		data = data[len(block):]
		sum := bzip2Sum(block)
		all = bits.RotateLeft32(all, 1) ^ sum
		bzip2Block(w, block, sum)
	}
	w.bits(48, 0x177245385090)
	w.bits(32, uint64(all))
	w.bits((8-w.held%8)%8, 0)
	return w.out
}

// bzip2Sum is CRC-32 from the most significant bit on.
func bzip2Sum(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum ^= uint32(c) << 24
		for range 8 {
			carry := sum >> 31
			sum = sum<<1 ^ carry*0x04C11DB7
		}
	}
	return ^sum
}

// bzip2Runs is the first stage: four equal octets are followed by a count.
func bzip2Runs(b []byte) (out []byte) {
	for len(b) > 0 {
		n := 1
		for n < len(b) && n < 255 && b[n] == b[0] {
			n++
		}
		out = append(out, bytes.Repeat(b[:1], min(n, 4))...)
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		b = b[n:]
	}
	return out
}

// transform is the Burrows-Wheeler transform. What repeats itself is sorted
// once: its rotations are equal.
func transform(b []byte) (last []byte, origin int) {
	period := len(b)
	for p := range min(len(b), 16) {
		if p > 0 && len(b)%p == 0 && bytes.Equal(b[p:], b[:len(b)-p]) {
			period = p
			break
		}
	}
	twice := slices.Concat(b[:period], b[:period])
	order := make([]int, period)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return bytes.Compare(twice[i:i+period], twice[j:j+period]) })
	for at, i := range order {
		if i == 0 {
			origin = at * (len(b) / period)
		}
		last = append(last, bytes.Repeat([]byte{twice[i+period-1]}, len(b)/period)...)
	}
	return last, origin
}

// bzip2Block writes one block.
func bzip2Block(w *bitWriter, data []byte, sum uint32) {
	last, origin := transform(bzip2Runs(data))
	var used [256]bool
	for _, c := range last {
		used[c] = true
	}
	w.bits(48, 0x314159265359)
	w.bits(32, uint64(sum))
	w.bits(25, uint64(origin)) // and the bit "randomised", which is 0
	var groups uint64
	var alphabet []byte
	for i := range 256 {
		if used[i] {
			groups |= 0x8000 >> (i / 16)
			alphabet = append(alphabet, byte(i))
		}
	}
	w.bits(16, groups)
	for g := range 16 {
		if groups>>(15-g)&1 == 1 {
			for i := range 16 {
				w.bits(1, map[bool]uint64{true: 1}[used[16*g+i]])
			}
		}
	}
	symbols := moveToFront(last, alphabet)
	count := len(alphabet) + 2
	selectors := (len(symbols) + 49) / 50
	w.bits(3, 2)
	w.bits(15, uint64(selectors))
	w.bits(selectors%32, 0)
	for range selectors / 32 {
		w.bits(32, 0)
	}
	// A complete code: the first short symbols have a bit less than the rest.
	long := bits.Len(uint(count - 1))
	short := 1<<long - count
	for range 2 {
		length := long
		if short > 0 {
			length--
		}
		w.bits(5, uint64(length))
		for i := range count {
			if i == short && short > 0 {
				w.bits(2, 0b10) // one more
			}
			w.bits(1, 0)
		}
	}
	for _, s := range symbols {
		if s < short {
			w.bits(long-1, uint64(s))
		} else {
			w.bits(long, uint64(s+short))
		}
	}
}

// moveToFront turns octets into symbols: 0 and 1 are digits of a run's length,
// the last is the end of the block.
func moveToFront(b, alphabet []byte) (symbols []int) {
	front := slices.Clone(alphabet)
	run := 0
	flush := func() {
		for n := run; n > 0; n = (n - 1) / 2 {
			symbols = append(symbols, (n-1)%2)
		}
		run = 0
	}
	for _, c := range b {
		at := bytes.IndexByte(front, c)
		if at == 0 {
			run++
			continue
		}
		flush()
		symbols = append(symbols, at+1)
		copy(front[1:], front[:at])
		front[0] = c
	}
	flush()
	return append(symbols, len(alphabet)+1)
}
