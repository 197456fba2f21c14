package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"path"
	"strings"
)

// Octets of headers before their names.
const (
	localSize   = 30
	centralSize = 46
	endSize     = 22
)

// General purpose flags (section 4.4.4).
const (
	flagEncrypted  = 1 << 0
	flagLZMAEnd    = 1 << 1 // LZMA data has an end mark
	flagDescriptor = 1 << 3
	flagStrong     = 1 << 6 // says how data is encrypted, not that it is
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13 // local headers do not tell the truth
)

// Methods (section 4.4.5).
const (
	methodStored  = 0
	methodDeflate = 8
	methodBzip2   = 12
	methodLZMA    = 14
	methodZstdOld = 20
	methodZstd    = 93
	methodXZ      = 95
	methodAES     = 99
)

// Extra fields (section 4.5).
const (
	extraZip64 = 0x0001
	extraName  = 0x7075
)

// A zipHeader is what both kinds of headers have.
type zipHeader struct {
	flags, method uint16
	crc           uint32
	packed, size  int64
	names         []string
	nameLie       bool // the Unicode path is another name
	zeroName      bool // the name has a zero inside
	zip64Lie      bool // sizes are given twice and differ
}

// encrypted goes by the one flag that programs ask for a password for; they
// unpack what has only the others as if those were not there.
func (h *zipHeader) encrypted() bool {
	return h.flags&flagEncrypted != 0 || h.method == methodAES
}

func (h *zipHeader) isZstd() bool { return h.method == methodZstd || h.method == methodZstdOld }

// readable tells whether the data can be unpacked.
func (h *zipHeader) readable() bool {
	if h.encrypted() {
		return false
	}
	switch h.method {
	case methodStored, methodDeflate, methodBzip2, methodLZMA, methodZstd, methodZstdOld, methodXZ:
		return true
	}
	return false
}

// noteUnreadable notes why data cannot be unpacked, and returns whether it can.
func (t *teller) noteUnreadable(h *zipHeader) (readable bool) {
	if h.flags&flagMasked != 0 {
		t.note(RuleHiddenNames, Middle, "")
	}
	switch {
	case h.encrypted():
		t.note(RuleEncrypted, Middle, "")
	case !h.readable():
		t.note(RuleMethod, Unsupported, zipMethod(h.method))
	default:
		return true
	}
	return false
}

// zipMethod names methods that are not read.
func zipMethod(m uint16) string {
	switch m {
	case 9:
		return "deflate64"
	case 98:
		return "ppmd"
	case 1, 2, 3, 4, 5, 6:
		return "old"
	}
	return "unknown"
}

// folder tells an entry without content that is a folder.
func (h *zipHeader) folder(name []byte) bool {
	return len(name) > 0 && name[len(name)-1] == '/' && h.packed == 0 && h.size == 0 && h.method == methodStored &&
		h.flags&flagDescriptor == 0
}

// rare tells whether few programs that read zips unpack this.
func (h *zipHeader) rare(unsized bool) bool {
	return h.method != methodDeflate && (h.method != methodStored || unsized)
}

// declared is the size for a Member.
func (h *zipHeader) declared(unsized bool) int64 {
	if unsized {
		return -1
	}
	return h.size
}

// decode tells r as content of the open member.
func (h *zipHeader) decode(t *teller, r *bufio.Reader, sum io.Writer) (int64, error) {
	switch h.method {
	case methodStored:
		return t.copy(summed{r, sum})
	case methodDeflate:
		return unDeflate(t, r, sum)
	case methodBzip2:
		return unBzip2(t, r, sum)
	case methodXZ:
		return unXZ(t, r, sum)
	case methodLZMA:
		return h.lzma(t, r, sum)
	}
	return unZstd(t, r, sum, true)
}

// lzma reads the header that zip has before LZMA (section 5.8.8).
func (h *zipHeader) lzma(t *teller, r *bufio.Reader, sum io.Writer) (int64, error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint16(head[2:]) != 5 {
		return 0, io.ErrUnexpectedEOF
	}
	size := h.size
	if h.flags&flagLZMAEnd != 0 {
		size = -1
	}
	return unLZMA(t, r, head[4], binary.LittleEndian.Uint32(head[5:]), size, sum)
}

// header reads a header of so many octets, with name and extra field. The
// name is valid until the next one.
func (z *zipReader) header(r *bufio.Reader, size int) (h zipHeader, name []byte, ok bool) {
	var fixed [centralSize]byte
	b := fixed[:size]
	if _, err := io.ReadFull(r, b); err != nil {
		return h, nil, false
	}
	f := b[6:] // flags and what follows
	if size == centralSize {
		f = b[8:]
	}
	le := binary.LittleEndian
	h.flags, h.method, h.crc = le.Uint16(f), le.Uint16(f[2:]), le.Uint32(f[8:])
	h.packed, h.size = int64(le.Uint32(f[12:])), int64(le.Uint32(f[16:]))
	n, m := int(le.Uint16(f[20:])), int(le.Uint16(f[22:]))
	if cap(z.buf) < n+m {
		z.buf = make([]byte, max(n+m, 512)) // at most 128 KiB, taken in zipSize
	}
	z.buf = z.buf[:n+m]
	if _, err := io.ReadFull(r, z.buf); err != nil {
		return h, nil, false
	}
	name = z.buf[:n]
	h.name(name)
	h.extra(z.buf[n:], name)
	return h, name, true
}

// name takes the name, in whatever code it is.
func (h *zipHeader) name(name []byte) {
	if i := bytes.IndexByte(name, 0); i >= 0 && len(name) > 1 {
		// Some programs end it there: package filter judges both halves.
		h.zeroName = true
	}
	h.names = append(h.names, toUTF8(name, cp437))
}

// extra looks for larger sizes and for a further name.
func (h *zipHeader) extra(b, name []byte) {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return
		}
		field := b[4 : 4+n]
		b = b[4+n:]
		switch {
		case id == extraZip64:
			h.zip64(field)
		case id == extraName && n >= 5:
			h.unicode(field, name)
		}
	}
}

// zip64 takes sizes of eight octets where those of four say so, and compares
// them where they do not (section 4.5.3).
func (h *zipHeader) zip64(b []byte) {
	take := func(v *int64) {
		if len(b) < 8 {
			return
		}
		large := int64(binary.LittleEndian.Uint64(b))
		switch {
		case *v == 1<<32-1:
			if large < 0 {
				h.zip64Lie = true
				large = 0
			}
			*v = large
			b = b[8:]
		case large == *v:
			b = b[8:]
		case len(b) >= 16 && *v != 0: // both sizes, though the small ones are valid
			h.zip64Lie = true
			b = b[8:]
		}
	}
	take(&h.size)
	take(&h.packed)
}

// unicode takes the name of the Unicode path field (section 4.6.9). It may be
// another way to write the name; but not another name.
func (h *zipHeader) unicode(field, name []byte) {
	if field[0] != 1 || len(field) == 5 {
		return
	}
	other := toUTF8(field[5:], latin1)
	if other == h.names[0] {
		return
	}
	h.names = append(h.names, other)
	stale := binary.LittleEndian.Uint32(field[1:]) != crc32.ChecksumIEEE(name)
	if stale || isASCII(name) || !strings.EqualFold(path.Ext(other), path.Ext(h.names[0])) {
		h.nameLie = true
	}
}
