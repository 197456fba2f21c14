package mime

import "bytes"

// An armour takes the text off a PKCS #7 object that stands in PEM (RFC 7468
// section 8 and 9), or in base64 with no lines around it, as some programs
// send and all take it. DER and BER go through as they are: they begin with
// the tag of a SEQUENCE, which no base64 of one does.
type armour struct {
	state  armourState
	line   []byte // the beginning of one
	base64 base64
	emit   func([]byte) // to where base64 goes
}

type armourState uint8

const (
	armourStart armourState = iota
	armourNone
	armourText
	armourOver
)

func (a *armour) reset() {
	a.base64.reset()
	*a = armour{line: a.line[:0], base64: a.base64, emit: a.emit}
}

// write gives the object's octets to emit, which is the same each time.
func (a *armour) write(b []byte) {
	if a.state == armourStart {
		if b = bytes.TrimLeft(b, " \t\r\n"); len(b) == 0 {
			return
		}
		a.state = armourText
		if b[0] == tagSequence {
			a.state = armourNone
		}
	}
	if a.state == armourNone {
		a.emit(b)
		return
	}
	for len(b) > 0 && a.state == armourText {
		n := min(len(b), lineKeep-len(a.line))
		whole := n == lineKeep-len(a.line)
		if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
			n, whole = i+1, true
		}
		a.line = append(a.line, b[:n]...)
		if b = b[n:]; whole {
			a.take()
		}
	}
}

// take takes a line, or lineKeep octets of a longer one.
func (a *armour) take() {
	switch {
	case bytes.HasPrefix(a.line, []byte("-----END")):
		a.state = armourOver
	case bytes.HasPrefix(a.line, []byte("-----")):
	default:
		a.base64.write(a.line, a.emit)
	}
	a.line = a.line[:0]
}

func (a *armour) close() {
	if a.state == armourText {
		a.take()
	}
	a.base64.close(a.emit)
}
