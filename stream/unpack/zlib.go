package unpack

import (
	"bufio"
	"encoding/binary"
	"hash/adler32"
	"io"
)

// readZlib reads one zlib stream (RFC 1950).
func readZlib(t *teller, r *bufio.Reader, names []string) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || !isZlib(head[:]) {
		t.broken("header")
		return
	}
	if head[1]&0x20 != 0 { // a dictionary only the two ends know
		t.note(RuleMethod, Unsupported, "dictionary")
		return
	}
	if !t.open(Member{Names: names, Size: -1}) {
		return
	}
	sum := adler32.New()
	if _, err := unDeflate(t, r, sum); err != nil {
		t.broken("data")
		return
	}
	var tail [4]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		t.broken("end")
	} else if binary.BigEndian.Uint32(tail[:]) != sum.Sum32() {
		t.broken("checksum")
	}
}

// isZlib tells whether b begins with a header of zlib (RFC 1950 section 2.2).
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0]&15 == 8 && binary.BigEndian.Uint16(b)%31 == 0
}
