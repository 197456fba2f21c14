package unpack

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	// lzmaHead is the header of .lzma: properties, dictionary, size.
	lzmaHead = 13
	// lzmaSize is what a decoder holds besides window and literal models:
	// 16 KiB.
	lzmaSize = 16 << 10
)

// readLZMA reads a .lzma file.
func readLZMA(t *teller, r *bufio.Reader, names []string) {
	var head [lzmaHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.broken("header")
		return
	}
	size := int64(binary.LittleEndian.Uint64(head[5:]))
	if size < -1 {
		t.broken("header")
		return
	}
	if t.open(Member{Names: names, Size: size}) {
		_, err := unLZMA(t, r, head[0], binary.LittleEndian.Uint32(head[1:]), size, nil)
		t.fault(err, "data")
	}
}

// unLZMA tells an LZMA stream as content of the open member. Size -1: up to
// its end mark.
func unLZMA(t *teller, r *bufio.Reader, props byte, dict uint32, size int64, sum io.Writer) (int64, error) {
	window := int64(dict)
	if size >= 0 {
		window = min(window, size)
	}
	if !t.dictionary(window) {
		return 0, errNoted
	}
	if !t.grow(lzmaSize) {
		return 0, errStop
	}
	defer t.b.shrink(lzmaSize)
	z, err := newLZMAReader(t.b, r, props, window, size)
	defer z.free()
	if err != nil {
		return 0, err
	}
	return t.copy(summed{z, sum})
}

// dictionary tells whether a window of so many octets may be had. If not, that
// is noted.
func (t *teller) dictionary(size int64) bool {
	if size > t.b.Limits.Dictionary {
		t.note(RuleDictionary, Unsupported, "")
		return false
	}
	return true
}
