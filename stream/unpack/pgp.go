package unpack

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"io"
)

// An OpenPGP message (RFC 9580), in armour or not, need not be encrypted: one
// that is only signed, or only packed, programs show without a key. What is
// encrypted stays so, and that is all that is told of it.

const (
	pgpMark = "-----BEGIN PGP MESSAGE-----"
	// pgpArmoured begins any armour. What is in it says its packets, not this
	// line.
	pgpArmoured = "-----BEGIN PGP "
	// pgpCleartext begins signed text, which stands there as it is.
	pgpCleartext = "-----BEGIN PGP SIGNED MESSAGE"
	// pgpDepth is how deep compressed packets may stand in each other: 4. One
	// is what programs make.
	pgpDepth = 4
	// pgpSize is what a compressed packet holds: the larger of the inflater and
	// of bzip2's tables, and a buffer.
	pgpSize = bzip2Size + blockSize
)

// Packets (RFC 9580 section 5).
const (
	pgpKeyed      = 1 // a key for someone
	pgpPassword   = 3
	pgpCompressed = 8
	pgpEncrypted  = 9
	pgpLiteral    = 11
	pgpProtected  = 18
	pgpAEAD       = 20
)

// A pgpArmour reads the base64 between the lines of one armour after the other.
type pgpArmour struct {
	r     *bufio.Reader
	state pgpArmourState
	mid   bool // not at the beginning of a line
	d     loose64
	out   []byte
	left  []byte
}

type pgpArmourState uint8

const (
	pgpOver   pgpArmourState = iota // no armour, or none yet
	pgpFields                       // what says more, up to an empty line
	pgpBody
)

// seek passes what is before the next armour, as programs do. False: there is
// none.
func (a *pgpArmour) seek(t *teller) bool {
	a.d, a.left = loose64{}, nil
	for t.alive() {
		line, err := a.r.ReadSlice('\n')
		first := !a.mid
		a.mid = err == bufio.ErrBufferFull
		if line = bytes.TrimLeft(line, " \t\xEF\xBB\xBF"); first && bytes.HasPrefix(line, []byte(pgpArmoured)) && !bytes.HasPrefix(line, []byte(pgpCleartext)) {
			a.state = pgpFields
			return true
		}
		if err != nil && !a.mid {
			return false
		}
	}
	return false
}

func (a *pgpArmour) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.state == pgpOver {
			return 0, io.EOF
		}
		line, err := a.r.ReadSlice('\n')
		first := !a.mid
		a.mid = err == bufio.ErrBufferFull
		switch b := bytes.TrimSpace(line); {
		case a.state == pgpFields && first && !a.mid && len(b) == 0 && len(line) > 0:
			a.state = pgpBody
		case a.state == pgpFields:
		case first && len(b) > 0 && (b[0] == '=' || bytes.HasPrefix(b, []byte("-----"))):
			a.state = pgpOver
		default:
			a.out = a.d.append(a.out[:0], b)
			a.left = a.out
		}
		if err != nil && !a.mid {
			a.state = pgpOver
		}
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}

// A pgpPacket reads the body of a packet.
type pgpPacket struct {
	r       *bufio.Reader
	tag     byte
	left    int64
	partial bool  // another piece follows
	err     error // why there is no further packet
}

// next reads the header of a packet. False: there is none.
func (p *pgpPacket) next() bool {
	c, err := p.r.ReadByte()
	if err != nil || c&0x80 == 0 {
		p.err = err
		return false
	}
	p.partial = false
	if c&0x40 != 0 {
		p.tag = c & 0x3F
		return p.length()
	}
	p.tag = c >> 2 & 15
	if c&3 == 3 {
		p.left = 1 << 62 // to the end
		return true
	}
	var b [4]byte
	size := 1 << (c & 3)
	_, err = io.ReadFull(p.r, b[4-size:])
	p.left = int64(binary.BigEndian.Uint32(b[:]))
	return err == nil
}

// length reads a length of the newer form (section 4.2.1).
func (p *pgpPacket) length() bool {
	c, err := p.r.ReadByte()
	p.partial = false
	switch {
	case err != nil:
		return false
	case c < 192:
		p.left = int64(c)
	case c < 224:
		d, err := p.r.ReadByte()
		p.left = int64(c-192)<<8 + int64(d) + 192
		return err == nil
	case c < 255:
		p.left, p.partial = 1<<(c&31), true
	default:
		var b [4]byte
		_, err := io.ReadFull(p.r, b[:])
		p.left = int64(binary.BigEndian.Uint32(b[:]))
		return err == nil
	}
	return true
}

func (p *pgpPacket) Read(b []byte) (int, error) {
	for p.left == 0 {
		if !p.partial || !p.length() {
			return 0, io.EOF
		}
	}
	n, err := p.r.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}

// readPGP tells the files in messages that are not encrypted: in packets from
// the first octet on, each of which has its high bit set, or in armour that
// stands anywhere in text.
func readPGP(t *teller, r *bufio.Reader) {
	r = asUTF8(r)
	if head, _ := r.Peek(3); len(head) > 0 && head[0]&0x80 != 0 && string(head) != "\xEF\xBB\xBF" {
		pgpPackets(t, r, 0)
		return
	}
	in := bufio.NewReaderSize(nil, copySize)
	for a := (&pgpArmour{r: r}); a.seek(t); {
		in.Reset(a)
		pgpPackets(t, in, 0)
	}
}

func pgpPackets(t *teller, r *bufio.Reader, depth int) {
	p := &pgpPacket{r: r}
	for t.alive() && p.next() {
		switch p.tag {
		case pgpKeyed, pgpPassword, pgpEncrypted, pgpProtected, pgpAEAD:
			t.note(RuleEncryptedMail, Low, "pgp")
			return
		case pgpLiteral:
			pgpFile(t, p)
		case pgpCompressed:
			if depth == pgpDepth {
				t.note(RuleDepth, Exhausted, "pgp")
				return
			}
			pgpInflate(t, p, depth)
		}
		if !t.pass(p) {
			return
		}
	}
	if p.err != io.EOF {
		t.fault(p.err, "packet") // what packs them does not unpack
	}
}

// pgpInflate reads the packets in a compressed one.
// It makes a decoder, so it counts as a member does.
func pgpInflate(t *teller, p *pgpPacket, depth int) {
	if !t.b.entry() || !t.grow(pgpSize) {
		t.alive()
		return
	}
	defer t.b.shrink(pgpSize)
	var head [3]byte
	n := 1
	if _, err := io.ReadFull(p, head[:1]); err == nil && head[0] == 2 {
		n = 3 // the head of zlib
	}
	if _, err := io.ReadFull(p, head[1:n]); err != nil {
		t.broken("packet")
		return
	}
	var in io.Reader = p
	switch head[0] {
	case 0:
	case 1, 2:
		z := newInflater(p, false)
		defer z.free()
		in = z
	case 3:
		in = bzip2.NewReader(p)
	default:
		t.note(RuleMethod, Unsupported, "pgp")
		return
	}
	pgpPackets(t, bufio.NewReaderSize(in, blockSize), depth+1)
}

// pgpFile tells a literal packet (section 5.9): format, name, date, content.
func pgpFile(t *teller, p *pgpPacket) {
	var head [2]byte
	if _, err := io.ReadFull(p, head[:]); err != nil {
		t.broken("packet")
		return
	}
	rest := make([]byte, int(head[1])+4)
	if _, err := io.ReadFull(p, rest); err != nil {
		t.broken("packet")
		return
	}
	m := Member{Size: -1}
	if name := string(rest[:head[1]]); name != "" && name != "_CONSOLE" {
		m.Names = []string{name}
	}
	if t.open(m) {
		_, err := t.copy(p)
		t.close()
		t.fault(err, "packet")
	}
}

// pass reads what is of no use, within the time. False: the reader is over.
func (t *teller) pass(r io.Reader) bool {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for t.b.inTime() {
		if _, err := r.Read(buf[:]); err != nil {
			return err == io.EOF && t.alive()
		}
	}
	t.alive()
	return false
}
