package mime

import "bytes"

// A qp decodes quoted-printable (RFC 2045 section 6.7), tolerantly: hex digits
// of any case; an escape that is none stays as it is; "=", blanks and a line
// end are a soft break; "=" at the end vanishes. Blanks before a line end are
// no content (rule 3 there) and go.
//
//	state     so far              ends with
//	qpText    –                   "=", or blanks and CR that end the piece
//	qpTail    blanks, perhaps CR  LF: a line end; else: they are content
//	qpLong    too many blanks     another octet: they were content
//	qpEqual   "="                 a hex digit, a blank, a line end; else: content
//	qpHex     "=" and a digit     a digit: an octet; else: content
//	qpSoft    "=", blanks, CR     LF: nothing; else: content
//
// What a state has seen and may yet be nothing is in held.
type qp struct {
	out   output
	held  []byte
	state qpState

	bad, cut bool // escapes that are none; ended in one
}

type qpState uint8

const (
	qpText qpState = iota
	qpTail
	qpLong
	qpEqual
	qpHex
	qpSoft
)

// qpBlanks is how many blanks are held to see whether a line ends behind them:
// 1,024, where a line may have 76 octets. A longer run is content.
const qpBlanks = 1024

// qpWindow is how far ahead one step looks for a line end: 4 KiB, so that
// escapes in endless lines do not search the whole piece again each time.
const qpWindow = 4 << 10

func newQP() *qp { return &qp{} }

func (d *qp) reset() { *d = qp{out: output{d.out.buf[:0]}, held: d.held[:0]} }

func (d *qp) write(b []byte, emit func([]byte)) {
	for len(b) > 0 {
		switch d.state {
		case qpText:
			b = b[d.text(b[:min(len(b), qpWindow)], emit):]
		case qpTail, qpSoft:
			b = d.blanks(b, emit)
		case qpLong:
			n := len(b) - len(bytes.TrimLeft(b, " \t"))
			d.out.put(b[:n], emit)
			if b = b[n:]; len(b) > 0 {
				d.state = qpText
				if b[0] == '\r' {
					// Held alone, so that the blanks before it stay.
					b = d.hold(qpTail, b, 1)
				}
			}
		case qpEqual:
			switch c := b[0]; {
			case hexValue[c] >= 0:
				b = d.hold(qpHex, b, 1)
			case c == '\n' || c == '\r' || c == ' ' || c == '\t':
				d.state = qpSoft
			default:
				d.refuse(emit)
			}
		case qpHex:
			if v := hexValue[b[0]]; v >= 0 {
				d.out.put1(byte(hexValue[d.held[1]]<<4|v), emit)
				d.held, d.state = d.held[:0], qpText
				b = b[1:]
			} else {
				d.refuse(emit)
			}
		}
	}
}

// hold keeps the first n octets of b and enters a state. It returns the rest.
func (d *qp) hold(s qpState, b []byte, n int) []byte {
	d.held = append(d.held, b[:n]...)
	d.state = s
	return b[n:]
}

// refuse finds that what is held is no escape.
func (d *qp) refuse(emit func([]byte)) {
	d.bad = true
	d.keep(qpText, emit)
}

// keep finds that what is held is content.
func (d *qp) keep(s qpState, emit func([]byte)) {
	d.out.put(d.held, emit)
	d.held, d.state = d.held[:0], s
}

// text takes content and whole escapes up to the end of the line, or what is
// there of it, and returns how many octets that was.
func (d *qp) text(b []byte, emit func([]byte)) int {
	line, end := b, bytes.IndexByte(b, '\n')
	if end >= 0 {
		line = b[:end]
	}
	read := 0
	for {
		i := bytes.IndexByte(line[read:], '=')
		if i < 0 {
			break
		}
		d.out.put(line[read:read+i], emit)
		if read += i; len(line)-read < 3 || hexValue[line[read+1]]|hexValue[line[read+2]] < 0 {
			d.hold(qpEqual, line[read:], 1)
			return read + 1
		}
		d.out.put1(byte(hexValue[line[read+1]]<<4|hexValue[line[read+2]]), emit)
		read += 3
	}
	cr := crs(line[read:])
	body := line[read : len(line)-cr]
	for n := len(body); n > 0 && (body[n-1] == ' ' || body[n-1] == '\t'); n = len(body) {
		body = body[:n-1]
	}
	blanks := len(line) - cr - read - len(body)
	if blanks > qpBlanks {
		body = line[read : len(line)-cr]
	}
	d.out.put(body, emit)
	read += len(body)
	switch {
	case end >= 0:
		d.out.put(b[end-cr:end+1], emit)
		return end + 1
	case read < len(b):
		d.hold(qpTail, b[read:], len(b)-read)
	case blanks > qpBlanks:
		d.state = qpLong
	}
	return len(b)
}

// crs is 1 if line ends in CR, else 0.
func crs(line []byte) int {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return 1
	}
	return 0
}

// blanks goes on with blanks that are held, behind "=" or not. A CR is the
// last that is held.
func (d *qp) blanks(b []byte, emit func([]byte)) []byte {
	if crs(d.held) == 1 {
		if b[0] != '\n' {
			return d.content(b, emit)
		}
		return d.lineEnd(b, emit)
	}
	n := len(b) - len(bytes.TrimLeft(b, " \t"))
	if len(d.held)+n > qpBlanks {
		n = qpBlanks + 1 - min(len(d.held), qpBlanks)
		d.held = append(d.held, b[:n]...)
		d.bad = d.bad || d.state == qpSoft
		d.keep(qpLong, emit)
		return b[n:]
	}
	b = d.hold(d.state, b, n)
	if len(b) == 0 {
		return nil
	}
	switch b[0] {
	case '\r':
		return d.hold(d.state, b, 1)
	case '\n':
		return d.lineEnd(b, emit)
	}
	return d.content(b, emit)
}

// content finds that the held blanks are followed by something on their line.
func (d *qp) content(b []byte, emit func([]byte)) []byte {
	d.bad = d.bad || d.state == qpSoft
	d.keep(qpText, emit)
	return b
}

// lineEnd takes the LF at the beginning of b.
func (d *qp) lineEnd(b []byte, emit func([]byte)) []byte {
	if d.state == qpTail {
		d.out.put(d.held[len(d.held)-crs(d.held):], emit)
		d.out.put1('\n', emit)
	}
	d.held, d.state = d.held[:0], qpText
	return b[1:]
}

func (d *qp) close(emit func([]byte)) {
	switch d.state {
	case qpHex:
		d.cut = true
		d.keep(qpText, emit)
	case qpEqual:
		d.cut = true
	}
	d.held, d.state = d.held[:0], qpText
	d.out.flush(emit)
}

func (d *qp) defects() []Defect {
	var list []Defect
	if d.bad {
		list = append(list, Defect{RuleQP, Middle, "bad escape"})
	}
	if d.cut {
		list = append(list, Defect{RuleQP, Low, "cut escape"})
	}
	return list
}

// hexValue has the value of each hex digit, and -1 for other octets.
var hexValue = func() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i := range 10 {
		t['0'+i] = int8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = int8(10+i), int8(10+i)
	}
	return t
}()
