package unpack

import (
	"bufio"
	"io"
)

// A pdfPredictor undoes PNG and TIFF prediction (ISO 32000-2 section 7.4.4.4).
type pdfPredictor struct {
	r    io.Reader
	parm pdfParms
	prev []byte
	row  []byte
	left []byte
	bpp  int
	err  error
}

// pdfRow bounds a row: 1 MiB. Object streams use rows of some octets.
const pdfRow = 1 << 20

func (p *pdfPredictor) Read(b []byte) (int, error) {
	for len(p.left) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		p.next()
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// next decodes a row. A short last one counts.
func (p *pdfPredictor) next() {
	row := p.row
	if p.parm.predictor < 10 {
		row = row[1:]
	}
	n, err := io.ReadFull(p.r, row)
	if p.err = err; n == 0 || n == 1 && p.parm.predictor >= 10 {
		return
	}
	kind := byte(1) // TIFF's is that of PNG to the left, for whole octets
	if p.parm.predictor >= 10 {
		kind = row[0]
		row = row[1:]
		n--
	}
	row = row[:n]
	for i := range row {
		var left, up, corner byte
		if i >= p.bpp {
			left = row[i-p.bpp]
			corner = p.prev[i-p.bpp]
		}
		if p.parm.predictor >= 10 {
			up = p.prev[i]
		}
		switch kind {
		case 1:
			row[i] += left
		case 2:
			row[i] += up
		case 3:
			row[i] += byte((int(left) + int(up)) / 2)
		case 4:
			row[i] += paeth(left, up, corner)
		}
	}
	copy(p.prev, row)
	p.left = row
}

// paeth is the predictor of PNG (RFC 2083 section 6.6).
func paeth(a, b, c byte) byte {
	pa, pb, pc := abs(int(b)-int(c)), abs(int(a)-int(c)), abs(int(a)+int(b)-2*int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(n int) int { return max(n, -n) }

// A pdfLZW decodes LZW, codes from the high bit on (ISO 32000-2 section
// 7.4.4.2).
type pdfLZW struct {
	r      *bufio.Reader
	early  int // 1: codes grow one earlier than they must
	prefix [4096]uint16
	suffix [4096]byte
	length [4096]uint16
	next   int
	width  int
	bits   uint32
	have   int
	last   int
	out    []byte
	buf    [4096]byte
	err    error
}

func (l *pdfLZW) Read(b []byte) (int, error) {
	for len(l.out) == 0 {
		if l.err != nil {
			return 0, l.err
		}
		if l.width == 0 {
			l.clear()
		}
		l.code()
	}
	n := copy(b, l.out)
	l.out = l.out[n:]
	return n, nil
}

func (l *pdfLZW) clear() { l.next, l.width, l.last = 258, 9, -1 }

// code decodes one code.
func (l *pdfLZW) code() {
	for l.have < l.width {
		c, err := l.r.ReadByte()
		if err != nil {
			l.err = err
			return
		}
		l.bits = l.bits<<8 | uint32(c)
		l.have += 8
	}
	l.have -= l.width
	code := int(l.bits >> l.have & (1<<l.width - 1))
	switch {
	case code == 256:
		l.clear()
		return
	case code == 257:
		l.err = io.EOF
		return
	case code > 257 && (code > l.next || l.last < 0 || code == l.next && l.next > 4095):
		l.err = io.ErrUnexpectedEOF
		return
	}
	if l.last >= 0 && l.next < 4096 {
		first := l.first(code)
		if code == l.next {
			first = l.first(l.last)
		}
		l.prefix[l.next], l.suffix[l.next] = uint16(l.last), first
		l.length[l.next] = l.size(l.last) + 1
		l.next++
	}
	n := int(l.size(code))
	at := code
	for i := n - 1; i >= 0; i-- {
		if at < 256 {
			l.buf[i] = byte(at)
			break
		}
		l.buf[i] = l.suffix[at]
		at = int(l.prefix[at])
	}
	l.out = l.buf[:n]
	l.last = code
	if l.next+l.early >= 1<<l.width && l.width < 12 {
		l.width++
	}
}

func (l *pdfLZW) size(code int) uint16 {
	if code < 256 {
		return 1
	}
	return l.length[code]
}

func (l *pdfLZW) first(code int) byte {
	for code >= 258 {
		code = int(l.prefix[code])
	}
	return byte(code)
}

// A pdfASCIIHex decodes hexadecimal digits up to '>'.
type pdfASCIIHex struct{ r *bufio.Reader }

func (h *pdfASCIIHex) Read(b []byte) (int, error) {
	n, digits := 0, 0
	var v byte
	for n < len(b) {
		c, err := h.r.ReadByte()
		if err != nil || c == '>' {
			if digits == 1 {
				b[n] = v << 4
				n++
			}
			if c == '>' {
				_ = h.r.UnreadByte()
			}
			return n, io.EOF
		}
		if x := hexValue(c); x != notHex {
			v = v<<4 | x
			if digits++; digits == 2 {
				b[n] = v
				n, digits, v = n+1, 0, 0
			}
		}
	}
	return n, nil
}

// A pdfASCII85 decodes groups of five characters up to '~'.
type pdfASCII85 struct {
	r    *bufio.Reader
	left []byte
	four [4]byte
	err  error
}

func (a *pdfASCII85) Read(b []byte) (int, error) {
	for len(a.left) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		a.group()
	}
	n := copy(b, a.left)
	a.left = a.left[n:]
	return n, nil
}

func (a *pdfASCII85) group() {
	var v uint32
	n := 0
	for n < 5 {
		c, err := a.r.ReadByte()
		if err != nil || c == '~' {
			a.err = io.EOF
			break
		}
		if c == 'z' && n == 0 {
			a.four = [4]byte{}
			a.left = a.four[:]
			return
		}
		if c >= '!' && c <= 'u' {
			v = v*85 + uint32(c-'!')
			n++
		}
	}
	if n < 2 {
		return
	}
	for i := n; i < 5; i++ {
		v = v*85 + 84
	}
	a.four = [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	a.left = a.four[:n-1]
}

// A pdfRunLength decodes runs: fewer than 128 octets follow, or one repeats.
type pdfRunLength struct {
	r    *bufio.Reader
	left []byte
	buf  [128]byte
}

func (l *pdfRunLength) Read(b []byte) (int, error) {
	if len(l.left) == 0 {
		n, err := l.r.ReadByte()
		switch {
		case err != nil || n == 128:
			return 0, io.EOF
		case n < 128:
			k, _ := io.ReadFull(l.r, l.buf[:int(n)+1])
			l.left = l.buf[:k]
		default:
			c, err := l.r.ReadByte()
			if err != nil {
				return 0, io.EOF
			}
			l.left = l.buf[:257-int(n)]
			for i := range l.left {
				l.left[i] = c
			}
		}
		if len(l.left) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}
