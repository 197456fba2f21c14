package unpack

import (
	"bufio"
	"bytes"
)

// Office that saves a document with macros as a web page (.mht) puts the
// macros into a part of their own: a compound file, packed by zlib, behind a
// header that begins with the word ActiveMime. Nothing specifies it; what is
// said here is what Office 2003 to 365 write and read.

const (
	activeMimeMark = "ActiveMime\x00"
	// activeMimeSize is where the packed octets begin in what Office writes;
	// the other place was seen in files that hide.
	activeMimeSize  = 0x32
	activeMimeOther = 0x22A
	// activeMimeMost is how far the packed octets are looked for: 1 KiB.
	activeMimeMost = 1 << 10
)

// readActiveMime tells what is packed.
func readActiveMime(t *teller, r *bufio.Reader) {
	head, _ := r.Peek(activeMimeMost)
	at := activeMimeStart(head)
	if at < 0 {
		t.broken("header")
		return
	}
	r.Discard(at)
	readZlib(t, r, []string{"editdata.ole"})
}

// activeMimeStart returns where a zlib stream begins, or -1.
func activeMimeStart(b []byte) int {
	for _, at := range []int{activeMimeSize, activeMimeOther} {
		if packedAt(b, at) {
			return at
		}
	}
	for at := len(activeMimeMark); at < len(b); at++ {
		i := bytes.IndexByte(b[at:], 0x78) // deflate in a window of 32 KiB
		if i < 0 {
			break
		}
		if at += i; packedAt(b, at) {
			return at
		}
	}
	return -1
}

// packedAt tells whether a zlib stream begins there, with a window that deflate
// has.
func packedAt(b []byte, at int) bool {
	return at < len(b) && isZlib(b[at:]) && b[at]>>4 < 8
}
