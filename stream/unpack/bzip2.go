package unpack

import (
	"bufio"
	"compress/bzip2"
	"io"
)

// bzip2Size is what a decoder of level 9 holds: 900,000 words of 4 octets and
// tables, 4 MiB.
const bzip2Size = 4 << 20

// errRandomised is what the standard library says of blocks in a form that
// bzip2 has not written since 1997, and every other program reads.
var errRandomised = bzip2.StructuralError("deprecated randomized files")

// readBzip2 reads bzip2 streams, one after the other as one content.
func readBzip2(t *teller, r *bufio.Reader, names []string) {
	if t.open(Member{Names: names, Size: -1}) {
		_, err := unBzip2(t, r, nil)
		t.fault(err, "data")
	}
}

// unBzip2 tells bzip2 streams up to the end of r as content of the open
// member.
func unBzip2(t *teller, r *bufio.Reader, sum io.Writer) (int64, error) {
	if !t.grow(bzip2Size) {
		return 0, errStop
	}
	defer t.b.shrink(bzip2Size)
	return t.copy(summed{bzip2.NewReader(r), sum})
}
