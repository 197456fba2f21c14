package unpack

import (
	"bytes"
	"hash/crc32"
)

const (
	// carveBack is how many octets behind a mark are needed to tell whether it
	// is one: 64.
	carveBack = 64
	// carveEnd is where the end record of a zip is looked for: the last 64 KiB
	// and its own 22 octets (APPNOTE 4.3.16: the comment has a 16-bit size).
	carveEnd = 64<<10 + 22
	// carveMost bounds the places told of one kind: 4. A sender that plants
	// more makes the message only dearer to himself: each is opened.
	carveMost = 4
)

// A carving is a kind of container that is looked for inside other content.
type carving struct {
	kind  string
	mark  []byte
	rare  int                 // which octet of mark text and programs have seldom
	seems func(b []byte) bool // of the mark and what is behind it, up to carveBack octets in all
	valid func(b []byte) bool // of all from the mark on; nil: never told by itself
}

var carvings = []carving{
	{"zip", []byte(sigLocal), 2, validZip, validZip},
	{"zip", []byte(sigCentral), 3, validCentral, nil},
	{"rar", []byte(rarMagic), 4, seemsRAR, validRAR},
	{"7z", []byte(sevenMagic), 5, validSeven, validSeven},
	{"cab", []byte(cabMagic), 3, validCAB, validCAB},
	{"ole2", []byte(ole2Magic), 2, validOLE2, validOLE2},
	{"pdf", []byte(pdfMagic), 0, validPDF, validPDF},
}

// index returns where the mark is in b, or -1.
func (k *carving) index(b []byte) int {
	for at, met := k.rare, 0; at < len(b); met++ {
		if met > rareAtFirst+at/rareEvery {
			if i := bytes.Index(b[at-k.rare:], k.mark); i >= 0 {
				return at - k.rare + i
			}
			return -1
		}
		i := bytes.IndexByte(b[at:], k.mark[k.rare])
		if i < 0 {
			return -1
		}
		at += i
		if b[at-k.rare] == k.mark[0] && bytes.HasPrefix(b[at-k.rare:], k.mark) {
			return at - k.rare
		}
		at++
	}
	return -1
}

// An octet that comes more often than every rareEvery octets, 32, behind the
// first rareAtFirst, is not rare, and the whole mark is sought instead.
const (
	rareEvery   = 32
	rareAtFirst = 16
)

// Carve returns a Reader for a leaf of these types, as Detect gives them, that
// finds containers behind or inside it: self-extracting archives, documents
// that are archives too. Each is told as a member that reaches to the leaf's
// end. In what is a container itself only zips are looked for, which programs
// read from their end. Nil: nothing can be behind it, for it is a zip, or
// nobody looks inside.
//
// It reads beside whatever else reads the leaf, so its octets are not counted
// as input again; Enter and Leave are not called for it.
func Carve(types []Type, b *Budget, s Sink) Reader {
	c := &carver{t: teller{b: b, s: s}}
	for _, t := range types {
		switch t {
		case TypePDF:
			c.pdf = true
		case TypePE, TypeDOS, TypeELF, TypeMachO, TypeScript, TypeLNK:
			c.program = true
		case TypeICS, TypeVCF, TypePGP, TypeRTF, TypeURL, TypeRels, TypePart, TypeWord:
		case TypeTar, TypeApple, TypeMacBinary, TypePlist, TypeOLE2, TypeDoc, TypeXls, TypePpt, TypeMsg, TypeMSI:
			c.holds = true
			c.zips = true
		default:
			if t.isZip() || t.Unsupported() {
				return nil
			}
			c.zips = c.zips || t.Container()
		}
	}
	return c
}

// A carver looks for containers in one leaf. It passes what has no mark, and
// holds the rest from the first mark on.
//
// What it does must not depend on how the leaf is cut, so a mark is judged by
// itself and the carveBack octets from it on, or those up to the leaf's end.
type carver struct {
	t       teller
	pdf     bool // the leaf is a PDF itself
	program bool // or a program, which may well unpack itself
	zips    bool // or a container: only zips are looked for
	holds   bool // of a kind that has its members in it as they are
	inside  bool // what is told is a part of it

	passed int64               // octets searched
	edge   [carveBack]byte     // the last ones that came, not searched yet
	edged  int                 // how many they are
	joint  [2 * carveBack]byte // edge and what comes behind it
	marked bool                // all is held from the first mark on
	held   held
	told   map[int]bool
}

// Write searches b, or holds it.
func (c *carver) Write(b []byte) {
	if c.t.over {
		return
	}
	if !c.marked && c.edged > 0 {
		n := copy(c.joint[:], c.edge[:c.edged])
		n += copy(c.joint[n:], b[:min(len(b), carveBack)])
		if c.search(c.joint[:n], min(c.edged, n-carveBack)) {
			b = b[n-c.edged:]
		} else if n-c.edged < carveBack { // all of b is in the joint
			c.keep(c.joint[max(0, n-carveBack):n])
			return
		}
	}
	if !c.marked {
		if c.search(b, len(b)-carveBack) {
			return
		}
		c.keep(b[max(0, len(b)-carveBack):])
		return
	}
	c.hold(b)
}

// keep sets what has not been searched.
func (c *carver) keep(b []byte) { c.edged = copy(c.edge[:], b) }

// search looks for a mark that begins in the first n octets of b, and holds
// b from there.
func (c *carver) search(b []byte, n int) bool {
	if n <= 0 {
		return false
	}
	at := c.find(b, n)
	if at < 0 {
		c.passed += int64(n)
		return false
	}
	c.passed += int64(at)
	c.marked = true
	c.hold(b[at:])
	return true
}

// find returns where the first valid mark begins within the first n octets of
// b, or -1. What the leaf itself begins with is not hidden.
func (c *carver) find(b []byte, n int) int {
	least := -1
	for i := range carvings {
		k := &carvings[i]
		if c.pdf && k.kind == "pdf" || c.zips && k.kind != "zip" {
			continue
		}
		end := n
		if least >= 0 {
			end = least
		}
		for at := 0; at < end; at++ {
			i := k.index(b[at:min(end+len(k.mark)-1, len(b))])
			if i < 0 {
				break
			}
			at += i
			if k.seems(b[at:min(at+carveBack, len(b))]) && c.passed+int64(at) > 0 {
				least = at
				break
			}
		}
	}
	return least
}

// hold adds to what is held.
func (c *carver) hold(b []byte) {
	switch {
	case !c.t.alive():
	case int64(len(c.held.b)+len(b)) <= c.t.b.Limits.Held:
		if c.held.add(c.t.b, b) {
			return
		}
		c.t.alive()
	default:
		c.t.finish(Note{Rule: RuleUnsupported, Class: Unsupported, Detail: "size"})
	}
	c.held.free(c.t.b)
}

// Close tells what begins in what is held.
func (c *carver) Close(complete bool) {
	if complete && !c.t.over {
		if !c.marked {
			c.search(c.edge[:c.edged], c.edged)
		}
		if c.marked && c.t.alive() {
			c.t.guard(c.tellAll)
		}
	}
	c.t.over = true
	c.held.free(c.t.b)
}

// tellAll tells each kind.
func (c *carver) tellAll() {
	c.told = make(map[int]bool)
	b := c.held.b
	for _, k := range carvings {
		switch {
		case k.valid == nil:
		case k.kind == "zip":
			c.zip(b)
		case c.zips:
		case k.kind != "pdf":
			c.marks(b, k)
		case !c.pdf && bytes.Contains(b, []byte(" obj")):
			c.marks(b, k)
		}
	}
}

// marks tells from each valid mark on.
func (c *carver) marks(b []byte, k carving) {
	n := 0
	for at := 0; n < carveMost; {
		i := bytes.Index(b[at:], k.mark)
		if i < 0 {
			return
		}
		at += i
		if k.valid(b[at:]) {
			c.tell(b, at, k.kind)
			n++
		}
		at += len(k.mark)
	}
}

// zip tells what has an end record near the end, from where its directory says
// that it begins, or else from the first member.
func (c *carver) zip(b []byte) {
	tail := max(0, len(b)-carveEnd)
	end := bytes.LastIndex(b[tail:], []byte(sigEnd))
	if end < 0 {
		return
	}
	end += tail
	last := end+endSize+le16(b, end+20) == len(b)
	if c.holds && !last {
		return // a member, or behind the end, which its reader tells
	}
	size, offset := uint64(le32(b, end+12)), uint64(le32(b, end+16))
	// A document attached to a PDF may lie in it as it is, near the end.
	c.inside = (c.pdf || c.zips) && !last
	defer func() { c.inside = false }()
	if start := uint64(end) - size - offset; size+offset <= uint64(end) && validZip(b[start:]) {
		c.tell(b, int(start), "zip")
		return
	}
	for at := 0; at < end; at++ {
		i := bytes.Index(b[at:end], []byte(sigLocal))
		if i < 0 {
			break
		}
		at += i
		if validZip(b[at:]) {
			c.tell(b, at, "zip")
			return
		}
	}
	if size <= uint64(end) && validCentral(b[uint64(end)-size:]) {
		// Some programs do not look at local headers.
		c.t.note(RuleMismatch, Ambiguous, "header")
	}
}

// tell tells what begins at an offset of b, once.
func (c *carver) tell(b []byte, at int, kind string) {
	if c.told[at] {
		return
	}
	c.told[at] = true
	if c.program || c.inside {
		c.t.note(RuleOverlay, Low, kind)
	} else {
		c.t.note(RulePolyglot, Middle, kind)
	}
	c.t.whole(Member{Size: int64(len(b) - at)}, b[at:])
}

// validZip tells whether a local header is one that an archiver writes: a
// version up to 6.3, a known method, a name.
func validZip(b []byte) bool {
	method, name := le16(b, 8), le16(b, 26)
	return len(b) > localSize && string(b[:4]) == sigLocal && b[4] <= 63 && (method <= 20 || method >= 93 && method <= 99) && name > 0 && name <= NameSize
}

// validCentral tells the same of a header in a directory.
func validCentral(b []byte) bool {
	method, name := le16(b, 10), le16(b, 28)
	return len(b) > centralSize && string(b[:4]) == sigCentral && (method <= 20 || method >= 93 && method <= 99) && name > 0 && name <= NameSize
}

// seemsRAR tells whether one of the signatures is whole.
func seemsRAR(b []byte) bool {
	return bytes.HasPrefix(b, []byte(rar4Magic)) || bytes.HasPrefix(b, []byte(rar5Magic))
}

// validRAR tells whether the first block's checksum is right.
func validRAR(b []byte) bool {
	r := rar{b: b[:min(len(b), 4<<10)], t: &teller{b: &Budget{}}}
	switch {
	case bytes.HasPrefix(b, []byte(rar4Magic)):
		h := b[len(rar4Magic):]
		size := le16(h, 5)
		return len(h) >= 7 && h[2] == 0x73 && size >= 7 && size <= len(h) &&
			uint16(crc32.ChecksumIEEE(h[2:min(13, size)])) == uint16(le16(h, 0))
	case bytes.HasPrefix(b, []byte(rar5Magic)):
		return r.blocks5()
	}
	return false
}

// validSeven tells whether the checksum of the start header is right.
func validSeven(b []byte) bool {
	return len(b) >= sevenStart && crc32.ChecksumIEEE(b[12:sevenStart]) == le32(b, 8)
}

// validCAB tells whether a cabinet header ([MS-CAB] section 2.1) is plausible.
func validCAB(b []byte) bool {
	return len(b) >= 36 && le32(b, 12) == 0 && le32(b, 20) == 0 && b[24] == 3 && b[25] == 1 && le32(b, 8) >= 36
}

// validOLE2 looks at the order of octets ([MS-CFB] section 2.2).
func validOLE2(b []byte) bool { return le16(b, 0x1C) == 0xFFFE }

// validPDF tells whether a version follows.
func validPDF(b []byte) bool {
	return len(b) > 8 && (b[5] == '1' || b[5] == '2') && b[6] == '.'
}
