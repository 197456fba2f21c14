package unpack

import (
	"bufio"
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
	valid func(b []byte) bool
}

var carvings = []carving{
	{"zip", []byte("PK\x03\x04"), validZip},
	{"rar", []byte(rarMagic), validRAR},
	{"7z", []byte(sevenMagic), validSeven},
	{"cab", []byte("MSCF\x00\x00\x00\x00"), validCAB},
	{"ole2", []byte(ole2Magic), func(b []byte) bool { return le16(b, 0x1C) == 0xFFFE }},
	{"pdf", []byte("%PDF-"), func(b []byte) bool { return len(b) > 8 && (b[5] == '1' || b[5] == '2') && b[6] == '.' }},
}

// Carve returns a Reader for a leaf of these types, as Detect gives them, that
// finds containers behind or inside it: self-extracting archives, documents
// that are archives too. Each is told as a member that reaches to the leaf's
// end. Nil: the types are such that hold others anyway, and look themselves.
//
// It reads beside whatever else reads the leaf, so its octets are not counted
// as input again; Enter and Leave are not called for it.
func Carve(types []Type, b *Budget, s Sink) Reader {
	c := &carver{}
	for _, t := range types {
		switch t {
		case TypePDF:
			c.pdf = true
		case TypePE, TypeDOS, TypeELF, TypeMachO, TypeScript:
			c.program = true
		case TypeRTF, TypeURL, TypeRels, TypePart, TypeWord:
		default:
			if t.Container() {
				return nil
			}
		}
	}
	p := pull(b, s, c.read).(*puller)
	p.beside = true
	return p
}

// A carver looks for containers in one leaf.
type carver struct {
	pdf     bool // the leaf is a PDF itself
	program bool // or a program, which may well unpack itself
	inside  bool // what is told is a part of it
	told    map[int]bool
}

// read passes what has no mark, and holds the rest from the first mark on.
func (c *carver) read(t *teller, r *bufio.Reader) {
	first := true
	for {
		b, err := r.Peek(blockSize)
		if len(b) == 0 {
			return
		}
		searched := len(b)
		if err == nil {
			searched -= carveBack // marks beyond are seen with more behind them
		}
		if at := c.find(b, searched, first); at >= 0 {
			_, _ = r.Discard(at)
			c.hold(t, r)
			return
		}
		_, _ = r.Discard(searched)
		first = false
	}
}

// find returns where the first valid mark begins within the first n octets of
// b, or -1. What the leaf itself begins with is not hidden.
func (c *carver) find(b []byte, n int, first bool) int {
	least := -1
	for _, k := range carvings {
		if k.kind == "pdf" && c.pdf {
			continue
		}
		for at := 0; at < n; at++ {
			i := bytes.Index(b[at:], k.mark)
			if i < 0 || at+i >= n || least >= 0 && at+i >= least {
				break
			}
			at += i
			if k.valid(b[at:]) && !(first && at == 0) {
				least = at
				break
			}
		}
	}
	return least
}

// hold reads the rest into memory and tells what begins in it.
func (c *carver) hold(t *teller, r *bufio.Reader) {
	var h held
	defer func() { h.free(t.b) }()
	for {
		b, err := r.Peek(blockSize)
		if int64(len(h.b)+len(b)) > t.b.Limits.Held {
			t.note(RuleUnsupported, Unsupported, "size")
			return
		}
		if len(b) > 0 && !h.add(t.b, b) {
			t.alive()
			return
		}
		_, _ = r.Discard(len(b))
		if err != nil {
			break
		}
	}
	c.told = make(map[int]bool)
	for _, k := range carvings {
		switch {
		case k.kind == "zip":
			c.zip(t, h.b)
		case k.kind != "pdf":
			c.marks(t, h.b, k)
		case !c.pdf && bytes.Contains(h.b, []byte(" obj")):
			c.marks(t, h.b, k)
		}
	}
}

// marks tells from each valid mark on.
func (c *carver) marks(t *teller, b []byte, k carving) {
	n := 0
	for at := 0; n < carveMost; {
		i := bytes.Index(b[at:], k.mark)
		if i < 0 {
			return
		}
		at += i
		if k.valid(b[at:]) {
			c.tell(t, b, at, k.kind)
			n++
		}
		at += len(k.mark)
	}
}

// zip tells what has an end record near the end, from where its directory says
// that it begins, and from the first member.
func (c *carver) zip(t *teller, b []byte) {
	tail := max(0, len(b)-carveEnd)
	end := bytes.LastIndex(b[tail:], []byte("PK\x05\x06"))
	if end < 0 {
		return
	}
	end += tail
	size, offset := uint64(le32(b, end+12)), uint64(le32(b, end+16))
	// A document attached to a PDF may lie in it as it is, near the end.
	c.inside = c.pdf && end+22+le16(b, end+20) != len(b)
	defer func() { c.inside = false }()
	if start := uint64(end) - size - offset; size+offset <= uint64(end) && validZip(b[start:]) {
		c.tell(t, b, int(start), "zip")
		return
	}
	for at := 0; at < end; at++ {
		i := bytes.Index(b[at:end], []byte("PK\x03\x04"))
		if i < 0 {
			return
		}
		at += i
		if validZip(b[at:]) {
			c.tell(t, b, at, "zip")
			return
		}
	}
}

func (c *carver) tell(t *teller, b []byte, at int, kind string) {
	if c.told[at] {
		return
	}
	c.told[at] = true
	if c.program || c.inside {
		t.note(RuleOverlay, Low, kind)
	} else {
		t.note(RulePolyglot, Middle, kind)
	}
	t.whole(Member{Size: int64(len(b) - at)}, b[at:])
}

// validZip tells whether a local header is one that an archiver writes: a
// version up to 6.3, a known method, a name.
func validZip(b []byte) bool {
	method, name := le16(b, 8), le16(b, 26)
	return len(b) > 30 && string(b[:4]) == "PK\x03\x04" && b[4] <= 63 && (method <= 20 || method >= 93 && method <= 99) && name > 0 && name <= NameSize
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
