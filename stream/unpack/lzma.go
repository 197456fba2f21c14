package unpack

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	// lzmaHead is the header of .lzma: properties, dictionary, size.
	lzmaHead = 13
	// lzmaGain is more than LZMA can gain: a match of 273 octets takes 14 binary
	// decisions, of which none costs less than 0.022 bit, and that is 7,045 to
	// 1. So 100 octets need no dictionary of 64 MiB, whatever they declare.
	lzmaGain = 8 << 10
	// lzmaSize is what a decoder holds besides dictionary and literal models:
	// 64 KiB.
	lzmaSize = 64 << 10
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
	if props >= 9*5*5 {
		return 0, io.ErrUnexpectedEOF
	}
	want := int64(dict)
	if size >= 0 {
		want = min(want, size)
	}
	want, err := dictionary(t, r, want)
	if err != nil {
		return 0, err
	}
	models := int64(0x300*2) << (props%9 + props/9%5)
	if !t.grow(want + models + lzmaSize) {
		return 0, errStop
	}
	defer t.b.shrink(want + models + lzmaSize)

	head := [lzmaHead]byte{props}
	binary.LittleEndian.PutUint32(head[1:], uint32(want))
	binary.LittleEndian.PutUint64(head[5:], uint64(size))
	lr, err := lzma.ReaderConfig{DictCap: int(want)}.NewReader(&behind{head[:], r})
	if err != nil {
		return 0, err
	}
	return t.copy(summed{lr, sum})
}

// dictionary returns what dictionary is needed where so much is declared, for
// input of which r has the rest. More than Limits.Dictionary is refused.
func dictionary(t *teller, r *bufio.Reader, declared int64) (int64, error) {
	if declared > t.b.Limits.Dictionary {
		t.note(RuleDictionary, Unsupported, "")
		return 0, errNoted
	}
	const enough = 8 << 10 // octets of input that may fill 64 MiB
	if rest, _ := r.Peek(enough); len(rest) < enough {
		declared = min(declared, int64(len(rest)+1)*lzmaGain)
	}
	return max(declared, lzma.MinDictCap), nil
}

// behind is a head with the rest behind it.
type behind struct {
	head []byte
	*bufio.Reader
}

func (b *behind) Read(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	return b.Reader.Read(p)
}
