package mime

import (
	"bytes"
	"encoding/binary"
)

// A binHex decodes BinHex 4.0 (RFC 1741 appendix A), in which the Macintosh
// mailed files: both forks, runs shortened, in an alphabet of 64 characters
// between colons. A line of text says so before.
//
//	characters --> sextets --> octets --> runs --> header, data, resources
type binHex struct {
	state binHexState
	bits  uint32 // sextets that are no octet yet
	have  uint   // how many bits
	last  byte   // what a run repeats
	run   bool   // its count comes next
	head  []byte
	left  int64 // octets still to come of what the state says
	rsrc  int64 // octets of the resource fork
}

type binHexState uint8

const (
	binHexColon  binHexState = iota // the first character
	binHexHeader                    // name, types, sizes
	binHexData
	binHexDataSum
	binHexResource
	binHexOver // its checksum, and what else there is
)

const (
	// binHexFixed is a header's size without the name: length, version, type,
	// creator, flags, two sizes, checksum.
	binHexFixed = 1 + 1 + 4 + 4 + 2 + 4 + 4 + 2
	// binHexRun stands before the count of a run, 0 for itself.
	binHexRun = 0x90
)

// binHexMark begins the line in front of a file. Programs differ in the rest.
const binHexMark = "(This file must be"

// isBinHexMark tells whether a line says that a file follows.
func isBinHexMark(line []byte) bool {
	return bytes.HasPrefix(line, []byte(binHexMark)) && bytes.Contains(bytes.ToLower(line), []byte("binhex"))
}

// Values in binHexTable that are none.
const (
	binHexForeign = 0xFF
	binHexBlank   = 0xFE
)

// binHexTable has the value of each character.
var binHexTable = func() (t [256]byte) {
	for i := range t {
		t[i] = binHexForeign
	}
	for i, c := range []byte("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr") {
		t[c] = byte(i)
	}
	for _, c := range []byte(" \t\r\n") {
		t[c] = binHexBlank
	}
	return t
}()

func (h *binHex) reset() { *h = binHex{head: h.head[:0]} }

// binHexLine decodes a line, or a piece of one. It returns false if there is a
// character that cannot be.
func (e *embedded) binHexLine(line []byte) bool {
	h := &e.binHex
	for _, c := range line {
		v := binHexTable[c]
		switch {
		case c == ':' && h.state == binHexColon:
			h.state = binHexHeader
		case c == ':':
			e.binHexEnd()
			return true
		case v == binHexBlank:
		case v == binHexForeign || h.state == binHexColon:
			return false
		default:
			if h.bits, h.have = h.bits<<6|uint32(v), h.have+6; h.have >= 8 {
				h.have -= 8
				e.binHexOctet(byte(h.bits >> h.have))
			}
		}
	}
	return true
}

// binHexOctet takes an octet and undoes runs.
func (e *embedded) binHexOctet(c byte) {
	h := &e.binHex
	switch {
	case h.run:
		h.run = false
		if c == 0 {
			h.last = binHexRun
			e.binHexPut(h.last, 1)
		} else {
			e.binHexPut(h.last, int(c)-1)
		}
	case c == binHexRun:
		h.run = true
	default:
		h.last = c
		e.binHexPut(c, 1)
	}
}

// binHexPut takes n times an octet of the file.
func (e *embedded) binHexPut(c byte, n int) {
	h := &e.binHex
	for n > 0 && h.state != binHexOver {
		switch h.state {
		case binHexHeader:
			h.head = append(h.head, c)
			n--
			if len(h.head) == binHexFixed+int(h.head[0]) {
				e.binHexBegin()
			}
			continue
		case binHexDataSum:
			k := min(int64(n), h.left)
			if n, h.left = n-int(k), h.left-k; h.left == 0 {
				h.fork(binHexResource, h.rsrc)
			}
			continue
		}
		k := int(min(int64(n), h.left))
		if e.room != nil && !e.room(k) {
			e.faults |= embeddedLarge
			h.state = binHexOver
			return
		}
		e.ready()
		buf := e.out.spare(k, e.data)
		for range k {
			buf = append(buf, c)
		}
		e.out.buf = buf
		if n, h.left = n-k, h.left-int64(k); h.left == 0 {
			e.binHexForkEnd()
		}
	}
}

// binHexBegin reads the header.
func (e *embedded) binHexBegin() {
	h := &e.binHex
	size := int(h.head[0])
	e.name = append(e.name[:0], h.head[1:1+size]...)
	sizes := h.head[1+size+11:]
	h.rsrc = int64(binary.BigEndian.Uint32(sizes[4:]))
	h.fork(binHexData, int64(binary.BigEndian.Uint32(sizes)))
}

// fork begins a fork. One of no octets is none.
func (h *binHex) fork(s binHexState, size int64) {
	h.state, h.left = s, size
	switch {
	case size > 0:
	case s == binHexData:
		h.state, h.left = binHexDataSum, 2
	default:
		h.state = binHexOver
	}
}

// binHexForkEnd ends a fork. The other is a file without a name.
func (e *embedded) binHexForkEnd() {
	h := &e.binHex
	if h.state == binHexResource {
		h.state = binHexOver
		return
	}
	h.state, h.left = binHexDataSum, 2
	if h.rsrc > 0 {
		e.endFile()
		e.name = e.name[:0]
	}
}

// binHexEnd takes the last colon.
func (e *embedded) binHexEnd() {
	if s := e.binHex.state; s == binHexData || s == binHexResource {
		e.faults |= embeddedCut
	}
	e.finish()
}
