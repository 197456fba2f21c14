package mime

import (
	"bytes"
	"strings"
)

// A leaf is content that is being read: of a leaf in the sense of Kind, or of
// a container that stands in a transfer encoding. Its octets go
//
//	write --> decoder --> decoded --> inner       the container's lines
//	                              +-> Sink.Data
//	                              +-> uuencode, yEnc, BinHex --> child
//	                              +-> TNEF                   --> child
//	                              +-> opaque signature       --> signed
type leaf struct {
	p      *Parser
	node   *node
	part   *Part
	dec    decoder // nil: identity
	inner  *feed   // nil: the octets are the Sink's
	twin   *leaf   // reads the same base64 with the other alphabet; nil: no need
	base64 bool    // dec is one
	asks   bool    // base64: it has not shown its alphabet
	held   []byte  // base64: its first heldSize octets, for readings that part from this one later
	forks  bool    // it counts as a reader
	lump   []byte  // written, but not yet given on
	lazy   bool    // a container: the reading that takes base64 for the content itself is not followed yet

	seen     int               // octets in head
	head     [tnefMarkLen]byte // the first decoded
	text     *embedded         // nil: not looked for
	tnef     *tnef             // nil: is none
	der      *der              // nil: is none
	packed   []byte            // what der found if that is compressed
	cut      bool              // that is not all of it
	signed   *feed             // what der found; nil: nothing yet
	child    *leaf             // the file being told; nil: none, or too many
	children int

	tools tools
}

// tnefMarkLen is the length of tnefMark.
const tnefMarkLen = 4

// tools are what leaves use one after the other.
type tools struct {
	emit      func([]byte)
	emitEntry func([]byte)
	base64    *base64
	qp        *qp
	text      *embedded
	tnef      *tnef
	der       *der
	armour    *armour
}

// newLeaf returns a leaf with the content of n. It holds n until it is closed,
// unless there is an inner feed to do so.
func (p *Parser) newLeaf(n *node, e transfer, inner *feed) *leaf {
	l := p.leaves.get()
	t := &l.tools
	if t.emit == nil {
		t.emit, t.emitEntry = l.decoded, l.entry
	}
	l.p, l.node, l.part, l.inner = p, n, n.part, inner
	switch e {
	case base64Transfer:
		l.dec = use(&t.base64, newBase64)
		l.base64, l.asks = true, true
	case qpTransfer:
		l.dec = use(&t.qp, newQP)
	}
	if l.dec != nil {
		l.dec.reset()
	}
	if e == base64Transfer {
		t.base64.strict = false
	}
	if inner != nil {
		return l
	}
	n.refs++
	if n.depth >= p.limits.Depth {
		l.seen = len(l.head)
		return l
	}
	if e == uuTransfer || n.part.isText() || n.part.isUU() || n.part.isBinHex() {
		l.startText()
	}
	switch {
	case n.part.isTNEF():
		l.startTNEF()
	case n.part.isSMIME():
		l.der = use(&t.der, func() *der { return new(der) })
		l.der.reset()
		a := use(&t.armour, func() *armour {
			return &armour{emit: func(b []byte) { l.der.write(b, l.tools.emitEntry) }}
		})
		a.reset()
	}
	return l
}

// use returns the tool at t, which is made if need be.
func use[T any](t **T, make func() *T) *T {
	if *t == nil {
		*t = make()
	}
	return *t
}

// anyType tells whether f holds for one of the part's media types.
func (p *Part) anyType(f func(string) bool) bool {
	if f(p.Type) {
		return true
	}
	for _, t := range p.Types {
		if f(t) {
			return true
		}
	}
	return false
}

func (p *Part) anyName(f func(string) bool) bool {
	for _, n := range p.Names {
		if f(n) {
			return true
		}
	}
	return false
}

// isText tells whether a program would show a part as text.
func (p *Part) isText() bool {
	return p.anyType(func(t string) bool { return strings.HasPrefix(t, "text/") })
}

// isUU tells whether a part is a file of text that holds an encoded one.
func (p *Part) isUU() bool {
	return p.anyType(func(t string) bool { return t == "application/x-uuencode" || t == "application/x-uuencoded" }) ||
		p.anyName(func(n string) bool {
			n = n[strings.LastIndexByte(n, '.')+1:]
			return strings.EqualFold(n, "uue") || strings.EqualFold(n, "uu")
		})
}

// isBinHex tells whether a part is declared as BinHex, which then needs no line
// that says so.
func (p *Part) isBinHex() bool {
	return p.anyType(func(t string) bool { return strings.HasPrefix(t, "application/") && strings.Contains(t, "binhex") }) ||
		p.anyName(func(n string) bool {
			n = n[strings.LastIndexByte(n, '.')+1:]
			return strings.EqualFold(n, "hqx") || strings.EqualFold(n, "bhx") || strings.EqualFold(n, "hcx")
		})
}

// isTNEF tells whether a part is declared as TNEF.
func (p *Part) isTNEF() bool {
	return p.anyType(func(t string) bool { return t == "application/ms-tnef" || t == "application/vnd.ms-tnef" }) ||
		p.anyName(func(n string) bool { return strings.EqualFold(n, "winmail.dat") })
}

// isSMIME tells whether a part is declared as PKCS #7 (RFC 8551 section 3.2). A
// signature beside its text is the same object as one around it, without the
// content; nothing keeps a sender from putting some in.
func (p *Part) isSMIME() bool {
	return p.anyType(func(t string) bool {
		switch t {
		case "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/cms":
			return true
		}
		return false
	}) || p.anyName(func(n string) bool {
		return len(n) > 4 && (strings.EqualFold(n[len(n)-4:], ".p7m") || strings.EqualFold(n[len(n)-4:], ".p7s"))
	})
}

// lumpSize is how many octets small pieces are gathered to: 2 KiB, like the
// blocks of a feed.
const lumpSize = lineKeep

// gather is write for a piece that may be small and come with many like it.
func (l *leaf) gather(b []byte) {
	if len(l.lump)+len(b) > lumpSize {
		l.flush()
	}
	if len(b) > lumpSize/2 {
		l.write(b)
		return
	}
	l.lump = append(l.lump, b...)
}

// flush gives on what was gathered.
func (l *leaf) flush() {
	if b := l.lump; len(b) > 0 {
		l.lump = b[:0]
		l.take(b)
	}
}

// write takes octets as they stand in the message.
func (l *leaf) write(b []byte) {
	if len(l.lump) > 0 {
		l.flush()
	}
	l.take(b)
}

func (l *leaf) take(b []byte) {
	switch {
	case len(b) == 0:
	case l.asks:
		l.alphabet(b)
	case l.dec != nil:
		l.keep(b)
		l.dec.write(b, l.tools.emit)
		if l.twin != nil {
			l.twin.write(b)
		}
	default:
		l.decoded(b)
	}
}

// decoded takes octets of the content itself.
func (l *leaf) decoded(b []byte) {
	if l.inner != nil {
		l.inner.write(b)
		return
	}
	l.p.Sink.Data(l.part, b)
	if l.text != nil {
		l.text.write(b)
	}
	if l.der != nil {
		l.tools.armour.write(b)
	}
	switch {
	case l.tnef != nil:
		l.tnef.write(b)
	case l.seen < len(l.head):
		l.sniff(b)
	}
}

// sniff looks whether undeclared content is TNEF, or begins as uuencode does.
func (l *leaf) sniff(b []byte) {
	n := copy(l.head[l.seen:], b)
	l.seen += n
	switch {
	case l.seen < len(l.head):
	case bytes.Equal(l.head[:], tnefMark):
		l.startTNEF()
		l.tnef.write(l.head[:])
		l.tnef.write(b[n:])
	case l.text == nil && l.head[0] != '-' && mayBegin(l.head[:]):
		l.startText()
		l.text.write(l.head[:])
		l.text.write(b[n:])
	}
}

func (l *leaf) close() {
	p := l.p
	l.flush()
	if l.dec != nil {
		l.dec.close(l.tools.emit)
		l.defects(l.dec.defects())
	}
	if l.twin != nil {
		l.twin.close()
	}
	l.tellStopped()
	if l.forks {
		p.forks--
	}
	if l.inner != nil {
		l.inner.close()
		l.forget()
		return
	}
	if l.text != nil {
		l.text.close()
		if l.text.pgp {
			p.defect(l.part, Defect{RuleEncrypted, Low, "text"})
		}
	}
	if l.tnef != nil {
		l.tnef.close()
		p.tnefs--
		l.defects(l.tnef.defects())
	}
	if l.der != nil {
		l.tools.armour.close()
		l.der.close(nil)
		l.defects(l.der.defects())
		if l.packed != nil || l.cut {
			l.inflate()
		}
		if l.signed != nil {
			l.signed.close()
		}
	}
	p.release(l.node)
	l.forget()
}

// defects tells what a decoder says of the part. If it is more than a trifle,
// not every program has the same content.
func (l *leaf) defects(list []Defect) {
	for _, d := range list {
		if d.Class > Low {
			l.part.Doubtful = true
		}
		l.p.defect(l.part, d)
	}
}

// forget gives l back.
func (l *leaf) forget() {
	p := l.p
	*l = leaf{tools: l.tools, held: l.held[:0], lump: l.lump[:0]}
	p.leaves.put(l)
}
