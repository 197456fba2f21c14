package mime

// A base64 decodes the transfer encoding of RFC 2045 section 6.8, as mail
// programs do and not as the RFC has it: octets that are not of the alphabet
// are skipped, lines may have any length, the URL alphabet (RFC 4648 section 5)
// is taken for the usual one, and a short last group yields its whole octets.
//
// At padding programs part. Some stop there, others go on. This decoder goes
// on: padding that completes a group ends the group, and what follows begins
// a new one; any other "=" is a foreign octet. Where a program that stops would
// have ended is stopped, an offset into the decoded octets: its reading is
// always the beginning of ours, so the parser needs no second decoder for it.
type base64 struct {
	// strict makes "-" and "_" foreign octets, as they are to programs that know
	// one alphabet.
	strict bool

	out    output
	group  uint32 // sextets of the unfinished group
	n      int    // how many: 0 to 3
	pads   int    // "=" since the last sextet
	total  int64  // octets decoded
	ended  int64  // whole octets at the first "=", -1 before it
	more   bool   // a sextet came after that
	faults base64Fault
}

type base64Fault uint8

const (
	base64Foreign base64Fault = 1 << iota // octets that are neither alphabet nor blank
	base64URL                             // "-" or "_"
	base64Stray                           // "=" that completes no group
	base64Short                           // the last group has no padding
	base64Single                          // the last group is one sextet: no octet
)

func newBase64() *base64 { return &base64{ended: -1} }

func (d *base64) reset() { *d = base64{out: output{d.out.buf[:0]}, ended: -1} }

// stopped returns how many of the decoded octets a program takes that stops at
// padding, and whether that is less than all of them so far.
func (d *base64) stopped() (int64, bool) { return d.ended, d.more }

// Kinds of octets, as base64Table has them, above the values of sextets.
const (
	kindURL     = 1 << 24 // a sextet of the URL alphabet
	kindPad     = 2 << 24
	kindBlank   = 4 << 24 // line ends too
	kindForeign = 8 << 24
	kindNone    = kindPad | kindBlank | kindForeign
)

// base64Table has, for each place in a group, the bits that an octet there
// contributes to the group's 24, or its kind above them: or-ing four gives the
// group and tells whether all four were plain.
var base64Table = func() (t [4][256]uint32) {
	for c := range 256 {
		v := uint32(kindForeign)
		switch {
		case 'A' <= c && c <= 'Z':
			v = uint32(c - 'A')
		case 'a' <= c && c <= 'z':
			v = uint32(c-'a') + 26
		case '0' <= c && c <= '9':
			v = uint32(c-'0') + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		case c == '-':
			v = kindURL | 62
		case c == '_':
			v = kindURL | 63
		case c == '=':
			v = kindPad
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			v = kindBlank
		}
		for i := range t {
			t[i][c] = v&^0x3f | (v&0x3f)<<(18-6*i)
		}
	}
	return t
}()

func (d *base64) write(b []byte, emit func([]byte)) {
	if d.out.buf == nil {
		d.out.buf = make([]byte, 0, outSize)
	}
	for len(b) > 0 {
		if d.n == 0 && len(b) >= 4 {
			read, wrote := decodeGroups(d.out.buf[len(d.out.buf):cap(d.out.buf)], b)
			if read > 0 {
				d.grown(wrote)
				b = b[read:]
			}
			if cap(d.out.buf)-len(d.out.buf) < 8 {
				d.out.flush(emit)
				continue
			}
			if len(b) == 0 {
				return
			}
			if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
				b = b[2:]
				continue
			}
		}
		// Up to the end of a group, an octet at a time.
		for i := 0; ; {
			d.one(b[i])
			i++
			if i == len(b) || d.n == 0 {
				b = b[i:]
				break
			}
		}
		if cap(d.out.buf)-len(d.out.buf) < 8 {
			d.out.flush(emit)
		}
	}
}

// decodeGroups decodes whole groups of plain octets, as many as stand at the
// beginning of src and fit into dst, which it may use up to 8 octets at a time.
func decodeGroups(dst, src []byte) (read, wrote int) {
	t0, t1, t2, t3 := &base64Table[0], &base64Table[1], &base64Table[2], &base64Table[3]
	for len(src)-read >= 8 && len(dst)-wrote >= 8 {
		s := src[read : read+8 : read+8]
		o := dst[wrote : wrote+6 : wrote+6]
		hi := t0[s[0]] | t1[s[1]] | t2[s[2]] | t3[s[3]]
		lo := t0[s[4]] | t1[s[5]] | t2[s[6]] | t3[s[7]]
		if (hi|lo)>>24 != 0 {
			break
		}
		o[0], o[1], o[2] = byte(hi>>16), byte(hi>>8), byte(hi)
		o[3], o[4], o[5] = byte(lo>>16), byte(lo>>8), byte(lo)
		read, wrote = read+8, wrote+6
	}
	for len(src)-read >= 4 && len(dst)-wrote >= 8 {
		s := src[read : read+4 : read+4]
		v := t0[s[0]] | t1[s[1]] | t2[s[2]] | t3[s[3]]
		if v>>24 != 0 {
			break
		}
		o := dst[wrote : wrote+3 : wrote+3]
		o[0], o[1], o[2] = byte(v>>16), byte(v>>8), byte(v)
		read, wrote = read+4, wrote+3
	}
	return read, wrote
}

// grown notes n octets that were written behind the buffer's end, from whole
// groups of plain sextets.
func (d *base64) grown(n int) {
	d.out.buf = d.out.buf[:len(d.out.buf)+n]
	d.total += int64(n)
	d.sextet()
}

// sextet notes that at least one came.
func (d *base64) sextet() {
	d.more = d.more || d.ended >= 0
	d.pads = 0
}

// one takes an octet. It adds at most three to the buffer.
func (d *base64) one(c byte) {
	v := base64Table[3][c]
	switch {
	case v&kindURL != 0 && d.strict:
		d.faults |= base64URL
	case v&kindNone == 0:
		if d.pads > 0 && d.n > 0 {
			d.faults |= base64Stray
		}
		if v&kindURL != 0 {
			d.faults |= base64URL
		}
		d.sextet()
		d.group = d.group<<6 | v&0x3f
		if d.n++; d.n == 4 {
			d.take(3)
		}
	case v == kindPad:
		d.pad()
	case v == kindForeign:
		d.faults |= base64Foreign
	}
}

// pad takes a "=". A program that stops at it has the whole octets so far.
func (d *base64) pad() {
	d.pads++
	if d.ended < 0 {
		d.ended = d.total + int64(max(d.n-1, 0))
	}
	switch {
	case d.n >= 2 && d.n+d.pads == 4:
		d.group <<= 6 * uint(4-d.n)
		d.take(d.n - 1)
		d.pads = 0
	case d.n < 2 && d.pads == 1:
		d.faults |= base64Stray
	}
}

// take ends the group, of which the first n octets count.
func (d *base64) take(n int) {
	o := [3]byte{byte(d.group >> 16), byte(d.group >> 8), byte(d.group)}
	d.out.buf = append(d.out.buf, o[:n]...)
	d.total += int64(n)
	d.group, d.n = 0, 0
}

func (d *base64) close(emit func([]byte)) {
	switch {
	case d.n == 1:
		d.faults |= base64Single
	case d.n >= 2:
		d.faults |= base64Short
		d.group <<= 6 * uint(4-d.n)
		d.take(d.n - 1)
	}
	d.n, d.group = 0, 0
	d.out.flush(emit)
}

func (d *base64) defects() []Defect {
	var list []Defect
	note := func(f base64Fault, c Class, detail string) {
		if d.faults&f != 0 {
			list = append(list, Defect{RuleBase64, c, detail})
		}
	}
	if d.more {
		list = append(list, Defect{RuleBase64, Ambiguous, "data after padding"})
	}
	note(base64Foreign, Middle, "foreign octets")
	note(base64Stray, Middle, "stray padding")
	note(base64URL, Ambiguous, "URL alphabet")
	note(base64Single, Middle, "single sextet at the end")
	note(base64Short, Low, "no padding")
	return list
}
