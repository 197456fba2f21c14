package unpack

import "io"

// A loose64 undoes base64 (RFC 4648) as programs do that take files out of
// documents: of either alphabet, what belongs to none left out, on behind the
// padding.
type loose64 struct {
	bits uint32
	have uint
}

// notBase64 is the value of what is no character of base64, padding64 that of
// "=".
const (
	notBase64 = 0xFF
	padding64 = 0xFE
)

var table64 = func() (t [256]byte) {
	for i := range t {
		t[i] = notBase64
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['-'], t['_'], t['='] = 62, 63, padding64
	return t
}()

// append appends what src is, which may be cut anywhere: at most three octets
// for four.
func (d *loose64) append(dst, src []byte) []byte {
	for _, c := range src {
		switch v := table64[c]; v {
		case notBase64:
		case padding64:
			d.have = 0
		default:
			if d.bits, d.have = d.bits<<6|uint32(v), d.have+6; d.have >= 8 {
				d.have -= 8
				dst = append(dst, byte(d.bits>>d.have))
			}
		}
	}
	return dst
}

// A loose64Reader reads what base64 is.
type loose64Reader struct {
	r    io.Reader
	d    loose64
	in   [lineOut]byte
	out  [lineOut]byte
	left []byte
}

func (l *loose64Reader) Read(p []byte) (int, error) {
	for len(l.left) == 0 {
		n, err := l.r.Read(l.in[:])
		if l.left = l.d.append(l.out[:0], l.in[:n]); err != nil && len(l.left) == 0 {
			return 0, err
		}
	}
	n := copy(p, l.left)
	l.left = l.left[n:]
	return n, nil
}
