package mime

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Properties, MS-OXPROPS.
const (
	propBody        = 0x1000
	propRTF         = 0x1009 // compressed
	propHTML        = 0x1013
	propDisplayName = 0x3001
	propData        = 0x3701
	propFileName    = 0x3704
	propLongName    = 0x3707
	propMediaType   = 0x370E
)

// Types of properties, MS-OXCDATA section 2.11.1.
const (
	mapiNull    = 0x0001
	mapiInt16   = 0x0002
	mapiFloat64 = 0x0005
	mapiMoney   = 0x0006
	mapiAppTime = 0x0007
	mapiObject  = 0x000D
	mapiInt64   = 0x0014
	mapiString8 = 0x001E
	mapiUnicode = 0x001F
	mapiTime    = 0x0040
	mapiGUID    = 0x0048
	mapiBinary  = 0x0102
	mapiMany    = 0x1000 // several values
)

// A mapiReader reads little-endian numbers and octets. Behind the end it reads
// zeros and is bad.
type mapiReader struct {
	b   []byte
	bad bool
}

func (r *mapiReader) next(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.bad = true
		n = uint32(len(r.b))
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *mapiReader) uint16() uint16 {
	if v := r.next(2); len(v) == 2 {
		return binary.LittleEndian.Uint16(v)
	}
	return 0
}

func (r *mapiReader) uint32() uint32 {
	if v := r.next(4); len(v) == 4 {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// padded reads octets with a length before and filling behind them. What is
// there of them counts when they are cut.
func (r *mapiReader) padded() []byte {
	n := r.uint32()
	v := r.next(n)
	if fill := -n & 3; !r.bad && int(fill) <= len(r.b) {
		r.b = r.b[fill:]
	}
	return v
}

// eachProp calls f for each value of each property in b (MS-OXTNEF section
// 2.1.3.4) and tells whether they could all be read. Values are sub-slices.
// Every step takes octets of b, so that counts that are claimed cost nothing.
func eachProp(b []byte, f func(id, typ uint16, v []byte)) bool {
	r := &mapiReader{b: b}
	for n := r.uint32(); n > 0 && !r.bad; n-- {
		typ, id := r.uint16(), r.uint16()
		if id >= 0x8000 { // named: a GUID, and a number or a name
			r.next(16)
			if r.uint32() == 0 {
				r.next(4)
			} else {
				r.padded()
			}
		}
		if !r.values(id, typ, f) {
			return false
		}
	}
	return !r.bad
}

func (r *mapiReader) values(id, typ uint16, f func(id, typ uint16, v []byte)) bool {
	count := uint32(1)
	many := typ&mapiMany != 0
	typ &^= mapiMany
	size := uint32(4)
	switch typ {
	case mapiObject, mapiString8, mapiUnicode, mapiBinary:
		for count = r.uint32(); count > 0 && !r.bad; count-- {
			f(id, typ, r.padded())
		}
		return true
	case mapiNull:
		return true
	case mapiFloat64, mapiMoney, mapiAppTime, mapiInt64, mapiTime:
		size = 8
	case mapiGUID:
		size = 16
	default:
		if typ < mapiInt16 || typ > 0x000B {
			return false // of unknown size
		}
	}
	if many {
		count = r.uint32() // each is filled up to 4 octets
	}
	for ; count > 0 && !r.bad; count-- {
		f(id, typ, r.next(size))
	}
	return true
}

// mapiData is how many values of data are taken from one attachment: 1,000, as
// many as a message may have parts.
const mapiData = DefaultParts

// A mapiFile collects what an attachment's properties say.
type mapiFile struct {
	label                string // of 8-bit strings
	long, short, display []string
	typ                  string
	data                 [][]byte
	over                 bool // there is more data
}

func (m *mapiFile) take(id, typ uint16, v []byte) {
	switch id {
	case propLongName:
		m.long = m.name(m.long, typ, v)
	case propFileName:
		m.short = m.name(m.short, typ, v)
	case propDisplayName:
		m.display = m.name(m.display, typ, v)
	case propMediaType:
		if list := m.name(nil, typ, v); len(list) > 0 {
			m.typ = strings.ToLower(list[0])
		}
	case propData:
		if typ == mapiObject {
			v = withoutInterface(v)
		}
		switch {
		case len(v) == 0:
		case len(m.data) < mapiData:
			m.data = append(m.data, v)
		default:
			m.over = true
		}
	}
}

func (m *mapiFile) name(list []string, typ uint16, v []byte) []string {
	if len(list) >= tnefNames {
		return list
	}
	v = v[:min(len(v), tnefTitle)]
	if typ == mapiUnicode {
		return appendName(list, strings.TrimRight(string(utf16LE.toUTF8(nil, v)), "\x00"))
	}
	for _, s := range textsOf(v, m.label) {
		list = appendName(list, s)
	}
	return list
}

func (m *mapiFile) names() (list []string) {
	for _, names := range [][]string{m.long, m.short, m.display} {
		for _, s := range names {
			list = appendName(list, s)
		}
	}
	return list
}

// textCharset is the charset of a property's text; octets is that of 8-bit
// strings.
func textCharset(typ uint16, octets string) string {
	if typ == mapiUnicode {
		return "utf-16le"
	}
	return octets
}

// interfaceTail ends the identifier of the interface that stands before an
// object's data, IID_IMessage or IID_IStorage: 16 octets.
var interfaceTail = []byte{0xC0, 0, 0, 0, 0, 0, 0, 0x46}

func withoutInterface(v []byte) []byte {
	if len(v) >= 16 && bytes.Equal(v[8:16], interfaceTail) {
		return v[16:]
	}
	return v
}
