package unpack

import (
	"encoding/binary"
	"strings"
)

// Files of the Macintosh have two forks, data and resources, and travel where
// there is one in an envelope: AppleSingle, which holds all of it, AppleDouble,
// which holds all but the data (both RFC 1740 appendix A and B), and MacBinary
// (MacBinary I to III). Mail programs there hand out what is inside.

const (
	appleSingleMark = "\x00\x05\x16\x00"
	appleDoubleMark = "\x00\x05\x16\x07"
	// appleHeader is the header's size: mark, version, 16 octets that say
	// nothing, and the number of entries.
	appleHeader = 26
	appleEntry  = 12 // number, offset and length
	// appleEntries is how many entries are read: 64. Sixteen kinds are defined,
	// and each is there once.
	appleEntries = 64

	// Entries (RFC 1740 appendix A).
	appleData     = 1
	appleResource = 2
	appleName     = 3
)

// An appleFork is an entry.
type appleFork struct {
	id   uint32
	data []byte
}

// appleForks tells the entries that b, the file or its head, says there are, and
// returns whether b has them all.
func appleForks(b []byte, tell func(id uint32, from, size int64)) bool {
	if len(b) < appleHeader {
		return false
	}
	n := min(int(binary.BigEndian.Uint16(b[appleHeader-2:])), appleEntries)
	for e := b[appleHeader:]; n > 0 && len(e) >= appleEntry; n, e = n-1, e[appleEntry:] {
		tell(binary.BigEndian.Uint32(e), int64(binary.BigEndian.Uint32(e[4:])), int64(binary.BigEndian.Uint32(e[8:])))
	}
	return n == 0
}

// readApple tells both forks. Where the file has a name inside, the data has
// that one too; programs differ in which they take. Resources have none: no
// program stores them as a file.
func readApple(t *teller, held []byte, name string) {
	var forks []appleFork
	var names []string
	whole := appleForks(held, func(id uint32, from, size int64) {
		from = min(from, int64(len(held)))
		if size > int64(len(held))-from {
			t.broken("entry")
			size = int64(len(held)) - from
		}
		data := held[from : from+size]
		switch id {
		case appleName:
			names = addName(names, data[:min(len(data), 2*NameSize)])
		case appleData, appleResource:
			forks = append(forks, appleFork{id, data})
		}
	})
	if !whole {
		t.broken("header")
	}
	names = addName(names, []byte(name))
	for _, f := range forks {
		m := Member{Size: int64(len(f.data))}
		if f.id == appleData {
			m.Names = names
		}
		if len(f.data) > 0 && !t.whole(m, f.data) {
			return
		}
	}
}

// macBinaryHeader is the size of a MacBinary header, and what forks are padded
// to a multiple of.
const macBinaryHeader = 128

// readMacBinary tells both forks.
func readMacBinary(t *teller, held []byte, name string) {
	if len(held) < macBinaryHeader {
		t.broken("header")
		return
	}
	names := addName(addName(nil, held[2:2+min(held[1], 63)]), []byte(name))
	rest := held[min(macBinaryData(held), len(held)):]
	for i, at := range []int{83, 87} {
		size := int64(binary.BigEndian.Uint32(held[at:]))
		if size > int64(len(rest)) {
			t.broken("fork")
			size = int64(len(rest))
		}
		m := Member{Size: size}
		if i == 0 {
			m.Names = names
		}
		if size > 0 && !t.whole(m, rest[:size]) {
			return
		}
		rest = rest[min(macBinaryPadded(size), int64(len(rest))):]
	}
}

// macBinaryData returns where the data begins: behind a second header, of
// which nobody has made one.
func macBinaryData(h []byte) int {
	return macBinaryHeader + int(macBinaryPadded(int64(binary.BigEndian.Uint16(h[120:]))))
}

func macBinaryPadded(n int64) int64 { return (n + macBinaryHeader - 1) &^ (macBinaryHeader - 1) }

// isMacBinary looks at the zeros of a header, at the name, and at what later
// versions added: a checksum, a mark. The first version has zeros there, and
// forks below 8 MiB.
func isMacBinary(h []byte) bool {
	if len(h) < macBinaryHeader || h[0] != 0 || h[74] != 0 || h[82] != 0 || h[1] < 1 || h[1] > 63 ||
		strings.IndexByte(string(h[2:2+h[1]]), 0) >= 0 {
		return false
	}
	h = h[:macBinaryHeader]
	if at(h, 102, "mBIN") || binary.BigEndian.Uint16(h[124:]) == crcXModem(h[:124]) {
		return true
	}
	const most = 1<<23 - 1
	data, resources := binary.BigEndian.Uint32(h[83:]), binary.BigEndian.Uint32(h[87:])
	return strings.Trim(string(h[99:]), "\x00") == "" && data <= most && resources <= most && data+resources > 0 &&
		strings.IndexFunc(string(h[65:73]), func(c rune) bool { return c < ' ' }) < 0 // type and creator
}

// crcXModem is the cyclic redundancy check of CCITT that begins with 0, the
// highest bit first.
func crcXModem(b []byte) (crc uint16) {
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			high := crc >> 15
			crc = crc<<1 ^ high*0x1021
		}
	}
	return crc
}

// appleMember returns where the data begins, as programs read a head, or -1.
func appleMember(head []byte) int {
	first := -1
	appleForks(head, func(id uint32, from, _ int64) {
		if id == appleData && first < 0 {
			first = int(from)
		}
	})
	return first
}
