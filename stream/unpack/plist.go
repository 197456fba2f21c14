package unpack

import (
	"bytes"
	"encoding/binary"
)

// A binary property list of Apple's (CFBinaryPList.c in CoreFoundation) is
// objects, a table of where each begins, and a trailer that says where the table
// is. A web archive of Safari's is one whose files are objects of octets.
//
//	trailer  6 octets, size of an offset, size of a reference,
//	         count of objects, the top one, where the table begins: 8 each
//	object   kind in the high bits, a length in the low ones; 15: a number
//	         follows that is the length

const (
	plistMark    = "bplist0"
	plistTrailer = 32
	// plistLeast is the fewest octets that are told as a file: 16. Lists of
	// settings have thousands that are fewer.
	plistLeast = 16
)

// Kinds of objects.
const (
	plistNumber = 0x1
	plistData   = 0x4
	plistASCII  = 0x5
	plistUTF16  = 0x6
)

// readPlist tells the octets and the addresses in a property list.
func readPlist(t *teller, b []byte) {
	at := len(b) - plistTrailer
	if at < len(plistMark) {
		t.broken("trailer")
		return
	}
	trailer := b[at:]
	size, count, table := int(trailer[6]), binary.BigEndian.Uint64(trailer[8:]), binary.BigEndian.Uint64(trailer[24:])
	if size < 1 || size > 8 || table > uint64(at) || count > (uint64(at)-table)/uint64(size) {
		t.broken("table")
		return
	}
	for offsets := b[table:at]; count > 0 && t.b.inTime() && t.alive(); count-- {
		var offset [8]byte
		copy(offset[8-size:], offsets[:size])
		offsets = offsets[size:]
		plistObject(t, b[:at], binary.BigEndian.Uint64(offset[:]))
	}
	t.alive()
}

// plistObject tells one object.
func plistObject(t *teller, b []byte, at uint64) {
	if at >= uint64(len(b)) {
		t.broken("object")
		return
	}
	kind, n := b[at]>>4, uint64(b[at]&0xF)
	b = b[at+1:]
	if n == 0xF && kind >= plistData && kind <= plistUTF16 {
		if len(b) == 0 || b[0]>>4 != plistNumber || b[0]&0xF > 3 || len(b) < 1+1<<(b[0]&0xF) {
			t.broken("object")
			return
		}
		var number [8]byte
		size := 1 << (b[0] & 0xF)
		copy(number[8-size:], b[1:1+size])
		n, b = binary.BigEndian.Uint64(number[:]), b[1+size:]
	}
	if kind == plistUTF16 {
		n = min(n, 1<<62) * 2
	}
	short := n > uint64(len(b))
	b = b[:min(n, uint64(len(b)))]
	switch kind {
	case plistData:
		if len(b) >= plistLeast {
			t.whole(Member{Size: int64(len(b))}, b)
		}
	case plistASCII:
		plistText(t, b)
	case plistUTF16:
		if n <= 2*maxLink {
			plistText(t, []byte(pdfText(append([]byte("\xFE\xFF"), b...)))) // in UTF-16BE, as in PDF
		}
	default:
		short = false // its length is another
	}
	if short {
		t.broken("object")
	}
}

// plistText tells text that is an address.
func plistText(t *teller, b []byte) {
	if n := bytes.Index(b, []byte("://")); n > 0 && n < 16 {
		t.address(b)
	}
}
