package unpack

import (
	"bytes"
	"encoding/binary"
)

// HeadSize is how many first octets of some content Detect looks at: 4 KiB.
// A type that shows later has to be asked for by name.
const HeadSize = 4 << 10

// markRange is where a mark that may stand behind other content is looked for:
// 1 KiB. PDF readers look so far (ISO 32000-1 annex H.3.4.1), others farther;
// package filter looks at the end of content as well.
const markRange = 1 << 10

// Detect returns every type whose mark stands in head, the first HeadSize
// octets of some content or all of it: the most certain first, nil if none.
// The result must not be changed.
//
// Formats that programs also open behind something else, as self-extracting
// archives are, count wherever they begin in the first 1 KiB. What begins just
// where the first member of a zip or tar does, or the data of a Macintosh file,
// is that member, not the file.
func Detect(head []byte) []Type {
	var f found
	if len(head) < 2 {
		return nil
	}
	f.atStart(head)
	f.atOffset(head)
	f.text(head)
	f.embedded(head)
	return f.result()
}

// found collects types, each once.
type found struct {
	types [8]Type // more say nothing more
	n     int
}

func (f *found) add(t Type) {
	for _, have := range f.types[:f.n] {
		if have == t {
			return
		}
	}
	if f.n < len(f.types) {
		f.types[f.n] = t
		f.n++
	}
}

// alone is a result for each type, so that the common case allocates nothing.
var alone = func() map[Type][]Type {
	m := make(map[Type][]Type, len(kinds))
	for t := range kinds {
		m[t] = []Type{t}
	}
	return m
}()

func (f *found) result() []Type {
	switch f.n {
	case 0:
		return nil
	case 1:
		return alone[f.types[0]]
	}
	return append([]Type(nil), f.types[:f.n]...)
}

// A mark is octets at the start of a type's content.
type mark struct {
	octets string
	t      Type
	check  func(head []byte) bool   // nil: the octets are enough
	kind   func(head []byte) []Type // nil: t
}

// marks is by first octet.
var marks = func() (by [256][]mark) {
	for _, m := range startMarks {
		by[m.octets[0]] = append(by[m.octets[0]], m)
	}
	// A skippable frame may come first (RFC 8878 section 3.1.2).
	for c := 0x50; c <= 0x5F; c++ {
		by[c] = append(by[c], mark{octets: string([]byte{byte(c), 0x2A, 0x4D, 0x18}), t: TypeZstd})
	}
	return by
}()

// atStart finds what begins with its mark.
func (f *found) atStart(head []byte) {
	for _, m := range marks[head[0]] {
		if len(head) < len(m.octets) || string(head[:len(m.octets)]) != m.octets {
			continue
		}
		switch {
		case m.check != nil && !m.check(head):
		case m.kind != nil:
			for _, t := range m.kind(head) {
				f.add(t)
			}
		default:
			f.add(m.t)
		}
	}
}

// at tells whether head has octets at an offset.
func at(head []byte, off int, octets string) bool {
	return len(head) >= off+len(octets) && string(head[off:off+len(octets)]) == octets
}

// atOffset finds what has its mark later.
func (f *found) atOffset(head []byte) {
	switch {
	case at(head, 4, "ftyp"):
		f.add(brand(head))
	case at(head, 7, "**ACE**"):
		f.add(TypeACE)
	case at(head, 2, "-lh"), at(head, 2, "-lz"), at(head, 2, "-pm"):
		if at(head, 6, "-") {
			f.add(TypeLHA)
		}
	case at(head, 20, "\xDC\xA7\xC4\xFD"):
		f.add(TypeZOO)
	case at(head, 64, "\x7F\x10\xDA\xBE"):
		f.add(TypeVDI)
	case at(head, 512, "EFI PART"):
		f.add(TypeDisk)
	}
	if isTar(head) {
		f.add(TypeTar)
	}
	if at(head, 510, "\x55\xAA") && isBoot(head) {
		f.add(TypeDisk)
	}
	if at(head, 32769, "CD001") { // a caller that has more than a head
		f.add(TypeISO)
	}
}

// embeddedMarks are of what programs open behind other content too.
var embeddedMarks = []struct {
	octets string
	rare   byte // the one of them that content has least: it is sought first
	t      Type
	kind   func(head []byte) Type // nil: t
}{
	{octets: pdfMagic, rare: '%', t: TypePDF},
	{octets: `{\rtf`, rare: '{', t: TypeRTF},
	{octets: sigLocal, rare: 0x03, kind: zipKind},
	{octets: rarMagic, rare: 0x1A, t: TypeRAR},
	{octets: sevenMagic, rare: 0x1C, t: TypeSevenZip},
	{octets: cabMagic, rare: 0, t: TypeCAB},
	{octets: ole2Magic, rare: 0xE0, kind: oleKind},
}

// embedded finds what begins behind other content.
func (f *found) embedded(head []byte) {
	first := memberAt(head, f)
	b := head[:min(len(head), markRange)]
	for i := range embeddedMarks {
		m := &embeddedMarks[i]
		if m.octets == sigLocal && at(head, 0, "PK") { // it is a zip's next member
			continue
		}
		if bytes.IndexByte(b, m.rare) < 0 {
			continue
		}
		switch at := index(b, m.octets, first); {
		case at < 0:
		case m.kind != nil:
			f.add(m.kind(head[at:]))
		default:
			f.add(m.t)
		}
	}
}

// index returns where s begins in b behind the first octet and not just at
// except, or -1.
func index(b []byte, s string, except int) int {
	from := 1
	for from < len(b) {
		i := bytes.Index(b[from:], []byte(s))
		if i < 0 {
			return -1
		}
		if from+i != except {
			return from + i
		}
		from += i + 1
	}
	return -1
}

// memberAt returns where the first member of a zip or tar begins that stands
// in head as it is, or -1.
func memberAt(head []byte, f *found) int {
	for _, t := range f.types[:f.n] {
		switch {
		case t == TypeTar:
			return 512
		case t == TypeApple:
			return appleMember(head)
		case t == TypeMacBinary:
			return macBinaryData(head)
		case at(head, 0, sigLocal) && len(head) >= localSize:
			return localSize + int(binary.LittleEndian.Uint16(head[26:])) + int(binary.LittleEndian.Uint16(head[28:]))
		}
	}
	return -1
}
