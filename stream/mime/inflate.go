package mime

import (
	"bytes"
	"compress/zlib"
	"io"
)

// inflated bounds what the compressed S/MIME parts of a message, and files in
// BinHex, become in all: 64 MiB, more than the largest message that is taken. Text, which this is
// meant for, gets a tenth of its size, so it bounds what is held as well.
const inflated = 64 << 20

// pack holds a zlib stream that is in the message until it is complete.
func (l *leaf) pack(b []byte) {
	p := l.p
	need := len(l.packed) + len(b)
	if l.cut {
		return
	}
	if need > cap(l.packed) {
		size := max(need, 2*cap(l.packed), outSize)
		if need > inflated || p.Hold != nil && !p.Hold(size) { // both stand while it is copied
			l.cut = true
			return
		}
		grown := append(make([]byte, 0, size), l.packed...)
		l.unhold()
		l.packed = grown
	}
	l.packed = append(l.packed, b...)
}

// unhold gives back what pack holds.
func (l *leaf) unhold() {
	if l.p.Hold != nil && cap(l.packed) > 0 {
		l.p.Hold(-cap(l.packed))
	}
	l.packed = nil
}

// inflate reads the entity in compressed data (RFC 3274), as far as it goes.
func (l *leaf) inflate() {
	p := l.p
	if l.cut {
		p.defect(l.part, Defect{RuleOutput, Exhausted, "S/MIME"})
	}
	z, err := zlib.NewReader(bytes.NewReader(l.packed))
	buf := make([]byte, outSize)
	for err == nil {
		var n int
		n, err = z.Read(buf)
		if p.inflated += n; p.inflated > inflated {
			p.defect(l.part, Defect{RuleOutput, Exhausted, "S/MIME"})
			err = io.EOF
			break
		}
		if n > 0 {
			l.openSigned()
			l.signed.write(buf[:n])
		}
	}
	if err != io.EOF {
		p.defect(l.part, Defect{RuleSMIME, Middle, "broken"})
	}
	l.unhold()
}
