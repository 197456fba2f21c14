package attachment

import (
	"slices"

	"sluice/filter"
	"sluice/stream/unpack"
)

// An image of a disc says what it is at 32 KiB, behind what is known when a
// part is opened (ECMA-119 section 7.1.1, ECMA-167 section 2/8.3.1): one octet
// into the 17th sector of 2,048.
const (
	discMarkAt   = 16*2048 + 1
	discMarkSize = 5
)

// discMarks are what stands there.
var discMarks = map[[discMarkSize]byte]unpack.Type{
	{'C', 'D', '0', '0', '1'}: unpack.TypeISO,
	{'B', 'E', 'A', '0', '1'}: unpack.TypeUDF,
}

// A disc is a part that may turn out to be one.
type disc struct {
	part *filter.Part
	read int64 // octets
	mark [discMarkSize]byte
}

// discs are the parts that are open.
type discs []disc

func (d discs) find(p *filter.Part) int {
	return slices.IndexFunc(d, func(one disc) bool { return one.part == p })
}

// read takes the next octets of p, and returns what they show it to be, if
// anything.
func (d discs) read(p *filter.Part, b []byte) unpack.Type {
	i := d.find(p)
	if i < 0 {
		return ""
	}
	one := &d[i]
	start := one.read
	one.read += int64(len(b))
	if one.read <= discMarkAt || start >= discMarkAt+discMarkSize {
		return ""
	}
	from := max(0, discMarkAt-start) // in b
	copy(one.mark[start+from-discMarkAt:], b[from:])
	if one.read < discMarkAt+discMarkSize {
		return ""
	}
	return discMarks[one.mark]
}
