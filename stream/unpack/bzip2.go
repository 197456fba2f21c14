package unpack

import (
	"bufio"
	"compress/bzip2"
)

// bzip2Size is what a decoder of level 9 holds: 900,000 words of 4 octets and
// tables, 4 MiB.
const bzip2Size = 4 << 20

// readBzip2 reads bzip2 streams, one after the other as one content.
func readBzip2(t *teller, r *bufio.Reader, names []string) {
	if !t.grow(bzip2Size) {
		return
	}
	defer t.b.shrink(bzip2Size)
	if !t.open(Member{Names: names, Size: -1}) {
		return
	}
	if _, err := t.copy(bzip2.NewReader(r)); err != nil {
		t.broken("data")
	}
}
