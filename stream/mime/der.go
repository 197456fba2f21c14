package mime

import "math"

// A der follows a PKCS #7 or CMS object (RFC 5652) to its content: the mail
// inside of an opaque signature (RFC 8551 section 3.5.2), which it emits. It
// is a decoder: written BER or DER in any cut, it never holds more than an
// element's header, whatever lengths are claimed.
//
//	ContentInfo      SEQUENCE { OID, [0] {             derInfo
//	  SignedData       SEQUENCE { …,                   derData
//	    content          SEQUENCE { OID, [0] {         derContent, derExplicit
//	      octets           OCTET STRING, or pieces     derString
//
// Strings may be cut into pieces and lengths may be left open (X.690 section
// 8.1.3.6 and 8.7): mail programs write them so.
type der struct {
	stack  [derDepth]derFrame
	depth  int // frames in use
	pos    int64
	header []byte // of the element that begins
	body   int64  // octets of an element that are still to come
	use    derUse // of them
	oid    []byte

	found   derKind
	content bool // some was emitted
	over    bool // at the end, or lost
	broken  bool
}

// derKind is what an object is.
type derKind uint8

const (
	derUnknown    derKind = iota
	derSigned             // the content is a MIME entity
	derCompressed         // the content is one, as a zlib stream (RFC 3274)
	derEncrypted          // there is no content for us
)

// kind returns what the object is; that is known after some twenty octets.
func (d *der) kind() derKind { return d.found }

// derDepth is how deep elements may nest: 32. The content of a signature is at
// 7, its pieces a level deeper each.
const derDepth = 32

// derHeader is the longest header of an element: 2 + 8 octets of length, 6
// for the tag.
const derHeader = 16

// A derFrame is an element that holds others.
type derFrame struct {
	end   int64 // where it ends, -1: at a mark
	step  derStep
	index int  // of the next element in it
	oid   bool // it began with an OBJECT IDENTIFIER
}

// derStep is where on the way to the content an element's parts are.
type derStep uint8

const (
	derRoot derStep = iota
	derInfo
	derExplicitData
	derData
	derContent
	derExplicit
	derString
	derSkip // not on the way
)

type derUse uint8

const (
	derIgnore derUse = iota
	derOID
	derEmit
)

// Tags, X.690 section 8.1.2.
const (
	tagEnd          = 0x00
	tagOctets       = 0x04
	tagOID          = 0x06
	tagOctetsPieces = 0x24
	tagSequence     = 0x30
	tagExplicit0    = 0xA0
	tagConstructed  = 0x20
)

// derKinds has the types of RFC 5652, 3274, 5083 and 5084 by their identifiers.
var derKinds = map[string]derKind{
	"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02":         derSigned,
	"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x02": derSigned, // authenticated: the same way
	"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x09": derCompressed,
	"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03":         derEncrypted,
	"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x04":         derEncrypted, // signed and enveloped
	"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x06":         derEncrypted,
	"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x17": derEncrypted,
}

func (d *der) reset() { *d = der{header: d.header[:0], oid: d.oid[:0]} }

func (d *der) write(b []byte, emit func([]byte)) {
	if d.depth == 0 && !d.over {
		d.depth = 1
		d.stack[0] = derFrame{end: -1, step: derRoot}
	}
	for len(b) > 0 && !d.over {
		if d.body == 0 {
			d.header = append(d.header, b[0])
			d.pos++
			b = b[1:]
			d.element()
			continue
		}
		n := int(min(d.body, int64(len(b))))
		switch d.use {
		case derEmit:
			d.content = true
			emit(b[:n])
		case derOID:
			d.oid = append(d.oid, b[:n]...)
		}
		b = b[n:]
		d.pos += int64(n)
		if d.body -= int64(n); d.body == 0 {
			d.ended()
		}
	}
}

// lost gives up: what follows cannot be found.
func (d *der) lost() { d.over, d.broken = true, true }

// element takes an element's header, if it is complete.
func (d *der) element() {
	tag, length, ok := d.parseHeader()
	if !ok {
		if len(d.header) >= derHeader {
			d.lost()
		}
		return
	}
	d.header = d.header[:0]
	top := &d.stack[d.depth-1]
	if tag == tagEnd && length == 0 && top.end < 0 && d.depth > 1 {
		d.depth--
		d.ended()
		return
	}
	end := int64(-1)
	if length >= 0 {
		if end = d.pos + length; end < d.pos || d.limit() >= 0 && end > d.limit() {
			d.lost()
			return
		}
	}
	step, use := d.way(top, tag)
	if top.index == 0 {
		top.oid = tag == tagOID
	}
	top.index++
	switch {
	case length >= 0 && (step == derSkip || tag&tagConstructed == 0):
		if use == derOID && length > derHeader {
			use = derIgnore
		}
		d.body, d.use = length, use
		if length == 0 {
			d.ended()
		}
	case d.depth == derDepth || tag&tagConstructed == 0:
		d.lost()
	default:
		d.stack[d.depth] = derFrame{end: end, step: step}
		d.depth++
		if length == 0 {
			d.ended()
		}
	}
}

// parseHeader parses a tag, of which it returns the first octet, and a length,
// -1 if that is left open.
func (d *der) parseHeader() (tag byte, length int64, ok bool) {
	h := d.header
	tag, h = h[0], h[1:]
	if tag&0x1F == 0x1F { // a tag of several octets
		for len(h) > 0 && h[0]&0x80 != 0 {
			h = h[1:]
		}
		if len(h) > 0 {
			h = h[1:]
		}
	}
	if len(h) == 0 {
		return 0, 0, false
	}
	switch c := h[0]; {
	case c < 0x80:
		return tag, int64(c), true
	case c == 0x80:
		return tag, -1, true
	default:
		n := int(c & 0x7F)
		if len(h)-1 < n {
			return 0, 0, false
		}
		for _, c := range h[1 : 1+n] {
			if length > math.MaxInt64>>8 {
				return tag, math.MaxInt64, true
			}
			length = length<<8 | int64(c)
		}
		return tag, length, true
	}
}

// limit is where the elements that are open end at the latest, -1: nowhere.
func (d *der) limit() int64 {
	for i := d.depth - 1; i >= 0; i-- {
		if d.stack[i].end >= 0 {
			return d.stack[i].end
		}
	}
	return -1
}

// way says what an element in top is for.
func (d *der) way(top *derFrame, tag byte) (derStep, derUse) {
	switch {
	case top.step == derRoot && tag == tagSequence:
		return derInfo, derIgnore
	case top.step == derInfo && tag == tagOID && top.index == 0:
		return derSkip, derOID
	case top.step == derInfo && tag == tagExplicit0 && (d.found == derSigned || d.found == derCompressed):
		return derExplicitData, derIgnore
	case top.step == derExplicitData && tag == tagSequence:
		return derData, derIgnore
	case top.step == derData && tag == tagSequence:
		return derContent, derIgnore
	case top.step == derContent && tag == tagExplicit0 && top.index == 1 && top.oid:
		return derExplicit, derIgnore
	case top.step == derExplicit || top.step == derString:
		switch tag {
		case tagOctets:
			return derSkip, derEmit
		case tagOctetsPieces:
			return derString, derIgnore
		}
	}
	return derSkip, derIgnore
}

// ended closes all that ends here.
func (d *der) ended() {
	if d.use == derOID {
		d.found = derKinds[string(d.oid)]
		d.oid = d.oid[:0]
	}
	d.use = derIgnore
	for d.depth > 1 && d.stack[d.depth-1].end == d.pos {
		d.depth--
	}
	// Behind the object there may be anything.
	d.over = d.depth == 1
}

func (d *der) close(func([]byte)) {
	if !d.over && d.pos > 0 {
		d.broken = true
	}
	d.over = true
}

func (d *der) defects() []Defect {
	switch {
	case d.found == derEncrypted:
		return []Defect{{RuleEncrypted, Low, "enveloped"}}
	case d.broken:
		return []Defect{{RuleSMIME, Middle, "broken"}}
	}
	return nil
}
