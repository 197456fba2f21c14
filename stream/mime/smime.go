package mime

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"

	"sluice/stream/unpack/inflate"
)

// entry takes the content of a PKCS #7 object. That of an opaque signature is
// an entity with a header of its own.
func (l *leaf) entry(b []byte) {
	switch l.der.kind() {
	case derSigned:
		l.openSigned()
		l.signed.write(b)
	case derCompressed:
		l.pack(b)
	}
}

// openSigned opens what reads the entity in a PKCS #7 object.
func (l *leaf) openSigned() {
	if l.signed == nil {
		n := l.p.nodes.get()
		n.part, n.depth, n.borrowed = l.part, l.node.depth, true
		l.signed = l.p.newFeed(n, inHeader)
		l.signed.doubtful = true
		l.signed.readers[0].view = l.part.View
	}
}

// inflated bounds what the compressed S/MIME parts of a message, and files in
// BinHex, become in all: 64 MiB, more than the largest message that is taken.
// Text, which this is meant for, gets a tenth of its size, so it bounds what is
// held as well.
const inflated = 64 << 20

var errInflated = errors.New("more than may be inflated")

// pack holds a zlib stream that is in the message until it is complete.
func (l *leaf) pack(b []byte) {
	p := l.p
	need := len(l.packed) + len(b)
	if l.cut {
		return
	}
	if need > cap(l.packed) {
		size := max(need, 2*cap(l.packed), outSize)
		ok := need <= inflated
		if ok {
			l.packed, ok = regrow(l.packed, size, p.Hold)
		}
		if !ok {
			l.cut = true
			return
		}
	}
	l.packed = append(l.packed, b...)
}

// inflate reads the entity in compressed data (RFC 3274), as far as it goes.
func (l *leaf) inflate() {
	if l.cut {
		l.p.defect(l.part, Defect{RuleOutput, Exhausted, "S/MIME"})
	}
	if !l.inflateZlib() {
		l.p.defect(l.part, Defect{RuleSMIME, Middle, "broken"})
	}
	unhold(l.packed, l.p.Hold)
	l.packed = nil
}

// inflateZlib reads a zlib stream (RFC 1950), or what there may be of it.
// False: it is broken.
func (l *leaf) inflateZlib() bool {
	p, b := l.p, l.packed
	if len(b) < 2 || b[0]&15 != 8 || b[0]>>4 > 7 || b[1]&0x20 != 0 || binary.BigEndian.Uint16(b)%31 != 0 {
		return false
	}
	r := bufio.NewReader(bytes.NewReader(b[2:]))
	sum := adler32.New()
	err := inflate.Tell(r, func(b []byte) error {
		if p.inflated += len(b); p.inflated > inflated {
			return errInflated
		}
		l.openSigned()
		sum.Write(b)
		l.signed.write(b)
		return nil
	})
	if err == errInflated {
		p.defect(l.part, Defect{RuleOutput, Exhausted, "S/MIME"})
		return true
	}
	if err != nil {
		return false
	}
	var tail [4]byte
	_, err = io.ReadFull(r, tail[:])
	return err == nil && binary.BigEndian.Uint32(tail[:]) == sum.Sum32()
}
