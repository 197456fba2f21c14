package unpack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// blocks reads all blocks. False: it is no archive that begins here.
func (r *rar) blocks() bool {
	switch {
	case bytes.HasPrefix(r.b, []byte(rar5Magic)):
		r.five = true
		return r.blocks5()
	case bytes.HasPrefix(r.b, []byte(rar4Magic)):
		return r.blocks4()
	}
	return false
}

// blocks4 reads the blocks of RAR 1.5 to 4 (technote.txt of RAR 4): checksum,
// type, flags, size; files and services have data behind them.
func (r *rar) blocks4() bool {
	at := len(rar4Magic)
	for first := true; ; first = false {
		h := r.b[at:]
		if len(h) < 7 {
			return !first
		}
		kind, flags, size := h[2], le16(h, 3), le16(h, 5)
		if size < 7 || size > len(h) {
			r.broken = true
			return !first
		}
		data := int64(0)
		if flags&0x8000 != 0 || kind == 0x74 || kind == 0x7A {
			data = int64(le32(h, 7))
		}
		switch {
		case first:
			// The comment of old archives is not under the checksum.
			if kind != 0x73 || uint16(crc32.ChecksumIEEE(h[2:min(13, size)])) != uint16(le16(h, 0)) {
				return false
			}
			r.volume, r.solid, r.hidden = flags&1 != 0, flags&8 != 0, flags&0x80 != 0
			if r.hidden {
				return true
			}
		case kind == 0x74, kind == 0x7A && size >= 35 && string(h[32:35]) == rarStream:
			data = r.file4(h[:size], flags, at)
		case kind == 0x7A && flags&0x100 != 0:
			data |= int64(le32(h, 32)) << 32
		case kind == 0x7B:
			return true
		}
		end := int64(at+size) + data
		if data < 0 || end > int64(len(r.b)) {
			r.broken = true
			return true
		}
		at = int(end)
	}
}

// file4 reads a file's block and returns the size of its data.
func (r *rar) file4(h []byte, flags, at int) int64 {
	if len(h) < 32 {
		r.broken = true
		return 0
	}
	e := rarEntry{
		head: at, from: at + len(h),
		before: flags&1 != 0, after: flags&2 != 0, encrypted: flags&4 != 0, solid: flags&0x10 != 0,
		dir: flags&0xE0 == 0xE0, window: 0x10000 << (flags & 0xE0 >> 5),
		size: int64(le32(h, 11)), version: h[24], stored: h[25] == 0x30,
	}
	data := int64(le32(h, 7))
	name := h[32:]
	if flags&0x100 != 0 && len(name) >= 8 {
		data |= int64(le32(name, 0)) << 32
		e.size |= int64(le32(name, 4)) << 32
		name = name[8:]
	}
	if e.size == 1<<32-1 || e.size < 0 {
		e.size = -1
	}
	name, rest := name[:min(le16(h, 26), len(name))], name[min(le16(h, 26), len(name)):]
	e.names = rarNames(name, flags&0x200 != 0)
	if h[2] == 0x7A {
		e.service, e.solid, e.dir = true, false, false
		if flags&0x400 != 0 { // a salt
			rest = rest[min(8, len(rest)):]
		}
		e.names = addName(nil, bytes.TrimPrefix(utf16le(rest), []byte(":")))
	}
	r.add(e, data)
	return data
}

// add keeps an entry whose data begin at e.from and are so many octets.
func (r *rar) add(e rarEntry, data int64) {
	e.to = int(min(int64(e.from)+max(data, 0), int64(len(r.b))))
	e.short = int64(e.to-e.from) < data
	if int64(len(r.entries)) <= int64(r.t.b.Limits.Entries) {
		r.entries = append(r.entries, e)
	}
}

// rarNames returns the names in a block of RAR 4: in the system's code page,
// and behind a zero the difference to it in Unicode.
func rarNames(b []byte, unicode bool) []string {
	plain, packed, both := bytes.Cut(b, []byte{0})
	var names []string
	if unicode && both {
		names = addName(names, rarUnicode(plain, packed))
	}
	return addName(names, []byte(strings.ReplaceAll(latin(plain), `\`, "/")))
}

// latin returns octets that are no UTF-8 as if they were Latin-1.
func latin(b []byte) string { return pdfText(bytes.TrimPrefix(b, []byte("\xFE\xFF"))) }

// rarUnicode unpacks a name: two bits each say how a character is made of the
// plain name, a common high octet, and what follows.
func rarUnicode(plain, p []byte) []byte {
	octet := func() (c byte) {
		if len(p) > 0 {
			c, p = p[0], p[1:]
		}
		return c
	}
	high := octet()
	var wide []byte
	flags, bits := byte(0), 0
	for len(p) > 0 && len(wide) < 2*NameSize {
		if bits == 0 {
			flags, bits = octet(), 8
		}
		switch flags >> 6 {
		case 0:
			wide = append(wide, octet(), 0)
		case 1:
			wide = append(wide, octet(), high)
		case 2:
			wide = append(wide, octet(), octet())
		case 3:
			n := octet()
			var add, top byte
			if n&0x80 != 0 {
				add, top = octet(), high
			}
			for range int(n&0x7F) + 2 {
				if i := len(wide) / 2; i < len(plain) {
					wide = append(wide, plain[i]+add, top)
				}
			}
		}
		flags <<= 2
		bits -= 2
	}
	return bytes.ReplaceAll(utf16le(wide), []byte(`\`), []byte("/"))
}

// blocks5 reads the blocks of RAR 5 (technote.htm): checksum, size, type,
// flags, and as the flags say sizes of an extra area and of data behind.
func (r *rar) blocks5() bool {
	at := len(rar5Magic)
	for first := true; ; first = false {
		h := r.b[at:]
		if len(h) < 7 {
			return !first
		}
		size, n := binary.Uvarint(h[4:min(len(h), 7)])
		if n <= 0 || size < 2 || size > uint64(len(h)-4-n) || size > 2<<20 {
			r.broken = true
			return !first
		}
		head := 4 + n + int(size)
		sum := crc32.ChecksumIEEE(h[4:head]) == le32(h, 0)
		if first && !sum {
			return false
		}
		r.broken = r.broken || !sum
		v := rarVints(h[4+n : head])
		kind, flags := v.next(), v.next()
		extra, data := uint64(0), uint64(0)
		if flags&1 != 0 {
			extra = v.next()
		}
		if flags&2 != 0 {
			data = v.next()
		}
		extra = min(extra, uint64(len(v)))
		body := v[:len(v)-int(extra)]
		end := uint64(at+head) + data
		switch kind {
		case 1:
			archive := body.next()
			r.volume, r.solid = archive&1 != 0, archive&4 != 0
		case 2, 3:
			r.file5(kind == 3, body, v[len(v)-int(extra):], flags, at, at+head, data)
		case 4:
			r.hidden = true
			return true
		case 5:
			return true
		}
		if data > uint64(len(r.b)) || end > uint64(len(r.b)) {
			r.broken = true
			return true
		}
		at = int(end)
	}
}

// rarStream is the service that holds a stream of NTFS, beside the one that is
// the content of the file before it. Which file WinRAR writes it to says the
// stream's name, which once could lead anywhere (CVE-2025-8088).
const rarStream = "STM"

// file5 reads the block of a file or service.
func (r *rar) file5(service bool, v, extra rarVints, flags uint64, at, from int, data uint64) {
	e := rarEntry{head: at, from: from, before: flags&8 != 0, after: flags&16 != 0, version: 50}
	file := v.next()
	e.dir = file&1 != 0
	e.size = int64(min(v.next(), 1<<62))
	if file&8 != 0 {
		e.size = -1
	}
	v.next() // attributes
	if file&2 != 0 {
		v.skip(4)
	}
	if file&4 != 0 {
		v.skip(4)
	}
	method := v.next()
	e.solid = method&0x40 != 0
	e.stored = method>>7&7 == 0
	e.window = 0x20000 << (method >> 10 & 31)
	if method&0x3F == 1 {
		e.window += e.window / 32 * int64(method>>15&31)
	}
	v.next() // system
	name := v.next()
	e.names = []string{string(v[:min(name, uint64(len(v)))])}
	if e.service = service; service {
		if e.names[0] != rarStream {
			return
		}
		e.names, e.solid, e.dir = nil, false, false
	}
	for len(extra) > 0 {
		n := extra.next()
		record := extra[:min(n, uint64(len(extra)))]
		extra = extra[len(record):]
		switch record.next() {
		case 1:
			e.encrypted = true
		case 7:
			if service {
				e.names = addName(nil, bytes.TrimPrefix(record, []byte(":")))
			}
		}
	}
	r.add(e, int64(min(data, 1<<62)))
}

// rarVints is octets that numbers of seven bits an octet are read from. Beyond
// the end they are zero.
type rarVints []byte

func (v *rarVints) next() uint64 {
	n, k := binary.Uvarint(*v)
	if k <= 0 {
		*v = nil
		return 0
	}
	*v = (*v)[k:]
	return n
}

func (v *rarVints) skip(n int) { *v = (*v)[min(n, len(*v)):] }
