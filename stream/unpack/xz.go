package unpack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
)

// The xz format, https://tukaani.org/xz/xz-file-format.txt.
const (
	xzMagic  = "\xFD7zXZ\x00"
	xzHead   = 12   // octets of a stream's header, and of its footer
	xzFilter = 0x21 // LZMA2
)

var errXZ = errors.New("xz")

var ecma = crc64.MakeTable(crc64.ECMA)

// xzChecks is the octets of each kind of check (section 2.1.1.2).
var xzChecks = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// readXZ reads an .xz file.
func readXZ(t *teller, r *bufio.Reader, names []string) {
	if t.open(Member{Names: names, Size: -1}) {
		_, err := unXZ(t, r, nil)
		t.fault(err, "data")
	}
}

// unXZ tells all streams up to the end of r as content of the open member.
func unXZ(t *teller, r *bufio.Reader, sum io.Writer) (n int64, err error) {
	for first := true; ; first = false {
		head, _ := r.Peek(xzHead)
		for !first && len(head) >= 4 && string(head[:4]) == "\x00\x00\x00\x00" { // stream padding
			r.Discard(4)
			head, _ = r.Peek(xzHead)
		}
		if len(head) == 0 && !first {
			return n, nil
		}
		if len(head) < xzHead || string(head[:6]) != xzMagic || head[6] != 0 || head[7] > 15 ||
			crc32.ChecksumIEEE(head[6:8]) != binary.LittleEndian.Uint32(head[8:]) {
			return n, errXZ
		}
		check := head[7]
		r.Discard(xzHead)
		k, err := xzStream(t, r, check, sum)
		n += k
		if err != nil {
			return n, err
		}
	}
}

// xzStream reads the blocks, the index and the footer of a stream.
func xzStream(t *teller, r *bufio.Reader, check byte, sum io.Writer) (n int64, err error) {
	for {
		first, err := r.Peek(1)
		if err != nil {
			return n, err
		}
		if first[0] == 0 {
			return n, xzIndex(r)
		}
		k, err := xzBlock(t, r, check, sum)
		n += k
		if err != nil {
			return n, err
		}
	}
}

// xzBlock reads a block (section 3).
func xzBlock(t *teller, r *bufio.Reader, check byte, sum io.Writer) (int64, error) {
	dict, err := xzBlockHeader(t, r)
	if err != nil {
		return 0, err
	}
	if !t.dictionary(dict) {
		return 0, errNoted
	}
	if !t.grow(lzmaSize) {
		return 0, errStop
	}
	defer t.b.shrink(lzmaSize)

	z := newLZMA2Reader(t.b, r, dict)
	defer z.free()
	own := xzSum(check)
	var first io.Reader = z
	if own != nil {
		first = summed{z, own}
	}
	n, err := t.copy(summed{first, sum})
	if err != nil {
		return n, err
	}
	var tail [3 + 64]byte
	padding := int(-z.packed & 3)
	b := tail[:padding+xzChecks[check]]
	if _, err := io.ReadFull(r, b); err != nil {
		return n, err
	}
	if own != nil && !bytes.Equal(b[padding:], own.Sum(nil)) {
		t.broken("checksum")
	}
	return n, nil
}

// xzBlockHeader reads a block's header (section 3.1) and returns the
// dictionary it needs. Other filters than LZMA2 alone are unpack.method.
func xzBlockHeader(t *teller, r *bufio.Reader) (dict int64, err error) {
	first, err := r.Peek(1)
	if err != nil {
		return 0, err
	}
	size := (int(first[0]) + 1) * 4
	head, err := r.Peek(size)
	if err != nil {
		return 0, err
	}
	defer r.Discard(size)
	if crc32.ChecksumIEEE(head[:size-4]) != binary.LittleEndian.Uint32(head[size-4:]) {
		return 0, errXZ
	}
	flags, b := head[1], head[2:size-4]
	if flags&0x3C != 0 {
		t.note(RuleMethod, Unsupported, "block")
		return 0, errNoted
	}
	unpacked := uint64(1<<63 - 1)
	if flags&0x40 != 0 {
		_, b = uvarint(b) // packed size: LZMA2 knows its end
	}
	if flags&0x80 != 0 {
		unpacked, b = uvarint(b)
	}
	id, b := uvarint(b)
	length, b := uvarint(b)
	if flags&3 != 0 || id != xzFilter {
		t.note(RuleMethod, Unsupported, "filter")
		return 0, errNoted
	}
	if length != 1 || len(b) < 1 {
		return 0, errXZ
	}
	if dict = lzma2Dictionary(b[0]); dict == 0 {
		return 0, errXZ
	}
	if unpacked < uint64(dict) {
		dict = int64(unpacked)
	}
	return dict, nil
}

// lzma2Dictionary is the size of a dictionary as LZMA2 declares it (section
// 5.3.1): 2 or 3 times a power of two; 0 if it is none.
func lzma2Dictionary(b byte) int64 {
	switch {
	case b > 40:
		return 0
	case b == 40:
		return 1<<32 - 1
	}
	return int64(2|b&1) << (b/2 + 11)
}

// uvarint reads a number of up to nine octets (section 1.2). What is none
// leaves nothing.
func uvarint(b []byte) (uint64, []byte) {
	v, n := binary.Uvarint(b[:min(len(b), 9)])
	if n <= 0 {
		return 0, nil
	}
	return v, b[n:]
}

// xzIndex reads the index (section 4) and the footer. Their numbers are for
// those who seek.
func xzIndex(r *bufio.Reader) error {
	in := &counted{Reader: r}
	in.ReadByte()
	records, err := binary.ReadUvarint(in)
	if err != nil {
		return err
	}
	for range records {
		for range 2 {
			if _, err := binary.ReadUvarint(in); err != nil {
				return err
			}
		}
	}
	if _, err := r.Discard(int(-in.n&3) + 4); err != nil {
		return err
	}
	var foot [xzHead]byte
	if _, err := io.ReadFull(r, foot[:]); err != nil {
		return err
	}
	if string(foot[10:]) != "YZ" {
		return errXZ
	}
	return nil
}

// xzSum returns the hash for a kind of check, nil for those nobody uses.
func xzSum(check byte) hash.Hash {
	switch check {
	case 1:
		return &flipped{crc32.NewIEEE()}
	case 4:
		return &flipped{crc64.New(ecma)}
	case 10:
		return sha256.New()
	}
	return nil
}

// flipped is a hash with its sum in little-endian order.
type flipped struct{ hash.Hash }

func (f *flipped) Sum(b []byte) []byte {
	sum := f.Hash.Sum(nil)
	for i := len(sum) - 1; i >= 0; i-- {
		b = append(b, sum[i])
	}
	return b
}

// counted counts what is read.
type counted struct {
	*bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
