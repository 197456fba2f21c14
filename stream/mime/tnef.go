package mime

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

// A tnef takes a TNEF stream apart (MS-OXTNEF), the form in which Outlook and
// Exchange send messages to each other: attributes, of which some hold the
// attachments and others, in MAPI properties, what else there is. It is
// written the stream in any cut and tells each file when that is complete,
// because names come behind the data they belong to.
//
// It is lenient: wrong checksums are noted, an attribute that is cut counts as
// far as it goes, and an attachment may have its data in several places, each
// of which is a file then. A message inside is a file that is TNEF again.
type tnef struct {
	begin func(f tnefFile)
	data  func(b []byte)
	end   func()
	// limit is how many octets are held at once, zero means tnefHeld. What is
	// over it is not held: an attachment is told as it comes, with the names
	// that are known, and properties are read as far as they are held.
	limit int
	// ask, if set, is Parser.Hold.
	ask     func(n int) bool
	granted int // octets that ask has allowed

	state  tnefState
	head   []byte // of the attribute
	id     uint16
	left   int64 // octets of its value still to come
	sum    uint16
	value  []byte // its value, where that matters
	att    tnefAttachment
	label  string // of the code page of 8-bit strings
	out    output
	faults tnefFault
}

// tnefFile is a file in a TNEF stream.
type tnefFile struct {
	names   []string // each candidate, the long one first, as UTF-8
	typ     string   // media type, lower case; empty: it was not said
	charset string   // of text
	body    bool     // of the message itself, no attachment
}

// tnefHeld is how much of a TNEF stream is held: 40 MiB, the largest
// attachment that the usual limit of a message allows. It grows as octets
// come.
const tnefHeld = 40 << 20

// tnefAttachment is what is known of an attachment. Its data may be in data
// and in props; streaming tells that data has been told already.
type tnefAttachment struct {
	title     []byte
	data      []byte
	props     []byte
	hasData   bool
	hasProps  bool
	streaming bool
	told      []string // the names that were known when streaming began
}

type tnefState uint8

const (
	tnefSignature tnefState = iota
	tnefHead
	tnefValue
	tnefSum
	tnefOver
)

type tnefFault uint8

const (
	tnefNoSignature tnefFault = 1 << iota
	tnefChecksum
	tnefCut
	tnefGarbage
	tnefProps
	tnefRTF
	tnefLarge
)

// Attributes, MS-OXTNEF section 2.1.3.2, by the lower half of their ids.
const (
	attBody       = 0x800C
	attData       = 0x800F
	attTitle      = 0x8010
	attRendering  = 0x9002
	attProps      = 0x9003
	attAttachment = 0x9005
	attCodePage   = 0x9007
)

// tnefMark begins a stream: the signature 0x223E9F78, little-endian.
var tnefMark = []byte{0x78, 0x9F, 0x3E, 0x22}

// tnefTitle is the longest title that is held: 4 KiB, as of any name.
const tnefTitle = 4 << 10

// reset makes t ready for another stream.
func (t *tnef) reset() {
	*t = tnef{
		begin: t.begin, data: t.data, end: t.end, limit: t.limit, ask: t.ask,
		head: t.head[:0], out: output{t.out.buf[:0]},
	}
}

func (t *tnef) write(b []byte) {
	for len(b) > 0 && t.state != tnefOver {
		if t.state == tnefValue {
			n := int(min(t.left, int64(len(b))))
			t.take(b[:n])
			b = b[n:]
			if t.left -= int64(n); t.left == 0 {
				t.complete()
				t.state = tnefSum
			}
			continue
		}
		// The fixed pieces: signature and key, level and id and length, checksum.
		size := [...]int{tnefSignature: 6, tnefHead: 9, tnefSum: 2}[t.state]
		n := min(size-len(t.head), len(b))
		t.head = append(t.head, b[:n]...)
		if b = b[n:]; len(t.head) == size {
			t.fixed()
			t.head = t.head[:0]
		}
	}
}

// fixed takes a fixed piece, which is in head.
func (t *tnef) fixed() {
	switch t.state {
	case tnefSignature:
		if !bytes.HasPrefix(t.head, tnefMark) {
			t.faults |= tnefNoSignature
			t.state = tnefOver
			return
		}
		t.state = tnefHead
	case tnefHead:
		if t.head[0] != 1 && t.head[0] != 2 {
			t.faults |= tnefGarbage
			t.state = tnefOver
			return
		}
		t.id = binary.LittleEndian.Uint16(t.head[1:])
		t.left = int64(binary.LittleEndian.Uint32(t.head[5:]))
		t.sum = 0
		t.opens()
		if t.state = tnefValue; t.left == 0 {
			t.complete()
			t.state = tnefSum
		}
	case tnefSum:
		if binary.LittleEndian.Uint16(t.head) != t.sum {
			t.faults |= tnefChecksum
		}
		t.state = tnefHead
	}
}

// opens begins an attribute. One that an attachment cannot have twice begins
// another attachment.
func (t *tnef) opens() {
	switch a := &t.att; t.id {
	case attRendering, attProps:
		t.flush()
	case attData:
		if a.hasData {
			t.flush()
		}
		a.hasData = true
	case attAttachment:
		if a.hasProps {
			t.flush()
		}
		a.hasProps = true
	}
}

// take takes octets of a value.
func (t *tnef) take(b []byte) {
	sum := t.sum
	for _, c := range b {
		sum += uint16(c)
	}
	t.sum = sum
	switch a := &t.att; t.id {
	case attData:
		if !a.streaming && t.room(len(b)) < len(b) {
			f := t.file(nil)
			t.begin(f)
			t.data(a.data)
			a.told = f.names
			a.data, a.streaming = nil, true
			t.settle()
			t.faults |= tnefLarge
		}
		if a.streaming {
			t.data(b)
			return
		}
		a.data = append(a.data, b...)
	case attTitle:
		a.title = append(a.title, b[:min(len(b), tnefTitle-len(a.title))]...)
	case attAttachment:
		a.props = t.hold(a.props, b)
	case attProps, attBody:
		t.value = t.hold(t.value, b)
	case attCodePage:
		t.value = append(t.value, b[:min(len(b), 8-min(8, len(t.value)))]...)
	}
}

// tnefFree is how much is held without asking: 8 KiB. tnefGrant is how much is
// asked for at once: 256 KiB, so that it is asked rarely.
const (
	tnefFree  = outSize
	tnefGrant = 256 << 10
)

// room is how much of n octets may be held beside what is.
func (t *tnef) room(n int) int {
	limit := t.limit
	if limit == 0 {
		limit = tnefHeld
	}
	held := t.held()
	n = max(min(n, limit-held), 0)
	for t.ask != nil && held+n > tnefFree+t.granted {
		// Twice, for what is held is copied when it grows.
		if !t.ask(2 * tnefGrant) {
			return max(tnefFree+t.granted-held, 0)
		}
		t.granted += tnefGrant
	}
	return n
}

func (t *tnef) held() int { return len(t.att.data) + len(t.att.props) + len(t.value) }

// settle gives back what is not needed any more.
func (t *tnef) settle() {
	for t.granted > 0 && t.held() <= tnefFree+t.granted-tnefGrant {
		t.granted -= tnefGrant
		t.ask(-2 * tnefGrant)
	}
}

func (t *tnef) hold(to, b []byte) []byte {
	if n := t.room(len(b)); n < len(b) {
		t.faults |= tnefLarge
		b = b[:n]
	}
	return append(to, b...)
}

// complete ends an attribute's value.
func (t *tnef) complete() {
	switch t.id {
	case attCodePage:
		if len(t.value) >= 4 {
			t.label = codePage(binary.LittleEndian.Uint32(t.value))
		}
	case attBody:
		t.tell(tnefFile{typ: "text/plain", charset: t.label, body: true}, bytes.TrimRight(t.value, "\x00"))
	case attProps:
		t.body(t.value)
	}
	if cap(t.value) > outSize {
		t.value = nil // what one attribute took is free for the next
	}
	t.value = t.value[:0]
	t.settle()
}

// tell tells a file that is complete.
func (t *tnef) tell(f tnefFile, b []byte) {
	if len(b) > 0 {
		t.begin(f)
		t.data(b)
		t.end()
	}
}

// file is the attachment's, as far as it is known.
func (t *tnef) file(m *mapiFile) tnefFile {
	var f tnefFile
	if m != nil {
		f.names, f.typ = m.names(), m.typ
	}
	for _, name := range textsOf(t.att.title, t.label) {
		f.names = appendName(f.names, name)
	}
	return f
}

// flush tells the attachment that has been collected.
func (t *tnef) flush() {
	a := &t.att
	var m mapiFile
	if len(a.props) > 0 {
		m.label = t.label
		if !eachProp(a.props, m.take) {
			t.faults |= tnefProps
		}
	}
	if m.over {
		t.faults |= tnefLarge
	}
	if a.streaming {
		t.end()
	}
	f := t.file(&m)
	t.tell(f, a.data)
	if len(a.data)+len(m.data) == 0 && !slices.Equal(f.names, a.told) {
		t.begin(f) // it is empty, but there; or its names came too late
		t.end()
	}
	for _, data := range m.data {
		if !bytes.Equal(data, a.data) {
			t.tell(f, data)
		}
	}
	t.att = tnefAttachment{title: a.title[:0]}
	t.settle()
}

// body tells what the message's own properties hold.
func (t *tnef) body(props []byte) {
	ok := eachProp(props, func(id, typ uint16, v []byte) {
		switch id {
		case propRTF:
			t.rtf(v)
		case propHTML:
			t.tell(tnefFile{typ: "text/html", charset: textCharset(typ, ""), body: true}, v)
		case propBody:
			t.tell(tnefFile{typ: "text/plain", charset: textCharset(typ, t.label), body: true}, v)
		}
	})
	if !ok {
		t.faults |= tnefProps
	}
}

func (t *tnef) rtf(v []byte) {
	if len(v) == 0 {
		return
	}
	t.begin(tnefFile{typ: "application/rtf", body: true})
	if !decompressRTF(v, &t.out, t.data) {
		t.faults |= tnefRTF
	}
	t.out.flush(t.data)
	t.end()
}

// textsOf returns an 8-bit string in each way it may be read, without NULs at
// its end.
func textsOf(b []byte, label string) []string {
	if b = bytes.TrimRight(b, "\x00"); len(b) == 0 {
		return nil
	}
	list := []string{string(charset{}.toUTF8(nil, b))}
	if !isASCII(b) && label != "" {
		if s := string(findCharset(label).toUTF8(nil, b)); s != list[0] {
			list = append(list, s)
		}
	}
	return list
}

// close ends the stream: what is there counts.
func (t *tnef) close() {
	switch {
	case t.state == tnefValue:
		t.faults |= tnefCut
		t.complete()
	case t.state == tnefHead && len(t.head) > 0 && t.head[0] != 1 && t.head[0] != 2:
		t.faults |= tnefGarbage
	case t.state == tnefSum, t.state == tnefSignature, t.state == tnefHead && len(t.head) > 0:
		t.faults |= tnefCut
	}
	t.flush()
	t.state = tnefOver
}

func (t *tnef) defects() []Defect {
	var list []Defect
	for i, d := range []Defect{
		{RuleTNEF, Middle, "no signature"},
		{RuleTNEF, Middle, "checksum"},
		{RuleTNEF, Middle, "cut"},
		{RuleTNEF, Low, "garbage"},
		{RuleTNEF, Middle, "properties"},
		{RuleTNEF, Middle, "compressed text"},
		{RuleTNEF, Ambiguous, "too large"},
	} {
		if t.faults&(1<<i) != 0 {
			list = append(list, d)
		}
	}
	return list
}

// codePage returns the label of a Windows code page.
func codePage(n uint32) string {
	switch {
	case n == 65001:
		return "utf-8"
	case n == 65000:
		return "utf-7"
	case n == 20866:
		return "koi8-r"
	case n == 20932 || n == 51932:
		return "euc-jp"
	case n >= 28591 && n <= 28605:
		return "iso-8859-" + strconv.Itoa(int(n-28590))
	case n == 874 || n >= 1250 && n <= 1258:
		return "windows-" + strconv.Itoa(int(n))
	}
	label := "cp" + strconv.Itoa(int(n))
	if findCharset(label).kind == charsetUnknown {
		return ""
	}
	return label
}

// tnefNames is how many candidate names one attachment may have: 32.
const tnefNames = 32

func appendName(list []string, name string) []string {
	if name == "" || len(list) >= tnefNames || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
