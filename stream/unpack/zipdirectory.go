package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"slices"

	"sluice/stream/unpack/inflate"
)

// A zipEnd is what an end record says of the directory.
type zipEnd struct {
	disks        bool // there are several
	count        int64
	size, offset int64
	comment      int
}

// parseEnd reads an end record (section 4.3.16) of at least endSize octets.
func parseEnd(b []byte) zipEnd {
	le := binary.LittleEndian
	disk, start := le.Uint16(b[4:]), le.Uint16(b[6:])
	return zipEnd{
		disks:   disk != 0 && disk != 1<<16-1 || start != disk || le.Uint16(b[8:]) != le.Uint16(b[10:]),
		count:   int64(le.Uint16(b[10:])),
		size:    int64(le.Uint32(b[12:])),
		offset:  int64(le.Uint32(b[16:])),
		comment: int(le.Uint16(b[20:])),
	}
}

// central reads an entry of the directory.
func (z *zipReader) central() bool {
	if len(z.dir) == 0 {
		z.dirStart = z.offset()
	}
	row, n, ok := z.centralRow(z.r)
	if !ok {
		return false
	}
	if _, err := z.r.Discard(n); err != nil {
		return false
	}
	z.dirEnd = z.offset()
	return z.addCentral(&z.dir, row)
}

// addCentral appends a row. There may be as many as members.
func (z *zipReader) addCentral(dir *[]zipRow, row zipRow) bool {
	if len(*dir) >= z.t.b.Limits.Entries {
		z.t.b.exhaust(RuleEntries, Exhausted, "")
		return z.t.alive()
	}
	if !z.t.b.inTime() {
		return z.t.alive()
	}
	return z.add(dir, row)
}

// centralRow reads an entry of the directory up to its comment, which has so
// many octets.
func (z *zipReader) centralRow(r *bufio.Reader) (row zipRow, comment int, ok bool) {
	b, err := r.Peek(centralSize)
	if err != nil {
		return row, 0, false
	}
	comment = int(binary.LittleEndian.Uint16(b[32:]))
	row.offset = int64(binary.LittleEndian.Uint32(b[42:]))
	unknown := [2]bool{binary.LittleEndian.Uint32(b[24:]) == 1<<32-1, binary.LittleEndian.Uint32(b[20:]) == 1<<32-1}
	h, name, ok := z.header(r, centralSize)
	if !ok {
		return row, 0, false
	}
	row.zipHeader, row.name, row.names = h, z.hash(name), h.names
	if row.offset == 1<<32-1 {
		row.offset = offset64(z.buf[len(name):], unknown)
	}
	return row, comment, true
}

// offset64 finds the offset in the zip64 field, behind those of the sizes that
// are there.
func offset64(extra []byte, sizes [2]bool) int64 {
	for len(extra) >= 4 {
		n := int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		if field := extra[4 : 4+n]; binary.LittleEndian.Uint16(extra) == extraZip64 {
			for _, there := range sizes {
				if there && len(field) >= 8 {
					field = field[8:]
				}
			}
			if len(field) >= 8 {
				return int64(binary.LittleEndian.Uint64(field) &^ (1 << 63))
			}
		}
		extra = extra[4+n:]
	}
	return 1<<32 - 1
}

// endRecord64 reads a zip64 end record (section 4.3.14).
func (z *zipReader) endRecord64() bool {
	z.at64 = z.offset()
	b, err := z.r.Peek(56)
	if err != nil {
		return false
	}
	le := binary.LittleEndian
	size := le.Uint64(b[4:])
	z.end64 = &zipEnd{
		disks: le.Uint32(b[16:]) != 0 || le.Uint32(b[20:]) != 0,
		count: int64(le.Uint64(b[32:])), size: int64(le.Uint64(b[40:])), offset: int64(le.Uint64(b[48:])),
	}
	if size < 44 || size > 1<<20 { // the rest is for special purposes nobody has
		z.mismatch("zip64")
		size = 44
	}
	_, err = z.r.Discard(12 + int(size))
	return err == nil
}

// locator reads what leads to the zip64 end record (section 4.3.15).
func (z *zipReader) locator() bool {
	b, err := z.r.Peek(20)
	if err != nil {
		return false
	}
	to := int64(binary.LittleEndian.Uint64(b[8:]))
	switch {
	case z.end64 == nil, to != z.at64 && z.rowsBase() == 0:
		z.mismatch("zip64")
	case binary.LittleEndian.Uint32(b[16:]) > 1:
		z.mismatch("disks")
	}
	z.r.Discard(20)
	return true
}

// rowsBase is where the first local header was: what was put before the zip.
func (z *zipReader) rowsBase() int64 {
	if len(z.rows) == 0 {
		return 0
	}
	return z.rows[0].offset
}

// endRecord reads the end record and compares the directory before it with
// what was read.
func (z *zipReader) endRecord() bool {
	off := z.offset()
	b, err := z.r.Peek(endSize)
	if err != nil {
		return false
	}
	end := parseEnd(b)
	z.r.Discard(endSize)
	if len(z.ends) > 0 {
		z.mismatch("end record")
	}
	z.ends = append(z.ends, off)
	if len(z.ends) > z.t.b.Limits.Entries {
		z.t.b.exhaust(RuleEntries, Exhausted, "")
		return z.t.alive()
	}
	if end.disks || z.end64 != nil && z.end64.disks {
		z.mismatch("disks")
		z.t.note(RuleSplit, Unsupported, "")
	}
	z.merge64(&end)
	z.judge(off, end)
	z.forget()
	return z.comment(end.comment)
}

// merge64 takes the numbers of a zip64 end record.
func (z *zipReader) merge64(end *zipEnd) {
	e := z.end64
	if e == nil {
		return
	}
	for _, v := range []struct {
		small *int64
		none  int64
		large int64
	}{{&end.count, 1<<16 - 1, e.count}, {&end.size, 1<<32 - 1, e.size}, {&end.offset, 1<<32 - 1, e.offset}} {
		if *v.small != v.none && *v.small != v.large {
			z.mismatch("zip64")
		}
		*v.small = v.large
	}
}

// judge compares an end record with the directory that stood before it.
func (z *zipReader) judge(off int64, end zipEnd) {
	if len(z.dir) == 0 {
		z.dirStart, z.dirEnd = off, off
		if z.end64 != nil {
			z.dirStart, z.dirEnd = z.at64, z.at64
		}
	}
	if end.count != int64(len(z.dir)) && end.count != int64(len(z.dir))&(1<<16-1) || end.size != z.dirEnd-z.dirStart {
		z.mismatch("end record")
	}
	base := z.dirStart - end.offset
	if base != 0 {
		z.mismatch("offset")
	}
	if z.dirEnd != off && z.dirEnd != z.at64 {
		z.mismatch("gap")
	}
	bases := []int64{base, off - end.size - end.offset, 0}
	z.compare(z.dir, bases)
	z.directories(off, end, bases)
}

// directories reads the directories that an end record leads to in further
// ways: by its offset, and by its size.
func (z *zipReader) directories(off int64, end zipEnd, bases []int64) {
	for _, at := range []int64{end.offset, off - end.size} {
		if at != z.dirStart && z.t.alive() {
			z.directoryAt(at, bases)
		}
	}
}

// forget drops the directory that was judged.
func (z *zipReader) forget() {
	z.dir, z.end64 = nil, nil
}

// comment passes over the comment of the archive and looks for an end record
// in it, which programs that search from behind find first.
func (z *zipReader) comment(n int) bool {
	var last [3]byte
	kept := 0
	for n > 0 {
		b, err := z.r.Peek(min(n, max(1, z.r.Buffered())))
		if len(b) == 0 {
			z.mismatch("comment")
			return err == io.EOF
		}
		joined := append(last[:kept:kept], b[:min(3, len(b))]...)
		if bytes.Contains(b, []byte(sigEnd)) || bytes.Contains(joined, []byte(sigEnd)) {
			z.mismatch("comment")
		}
		kept = copy(last[:], b[max(0, len(b)-3):])
		n -= len(b)
		z.r.Discard(len(b))
	}
	return true
}

// compare holds entries of a directory, with offsets from any of some bases,
// against the local headers, and unpacks what the two disagree on.
func (z *zipReader) compare(dir []zipRow, bases []int64) {
	var again []zipRow
	names := make(map[uint64]struct{}, min(len(dir), 1024))
	for i := range dir {
		e := &dir[i]
		declared, met := e.offset, false
		for j, base := range bases {
			switch {
			case slices.Contains(bases[:j], base) || !z.isLocal(declared+base):
			case !met:
				e.offset, met = declared+base, true
			default: // programs differ in which they take
				other := *e
				other.offset = declared + base
				again = append(again, other)
			}
		}
		if _, ok := names[e.name]; ok {
			z.mismatch("duplicate")
		}
		names[e.name] = struct{}{}
		z.unveil(e)
		if z.differs(e) {
			again = append(again, *e)
		}
	}
	for i := range z.rows {
		if !z.rows[i].claimed {
			z.mismatch("entry")
		}
		z.rows[i].claimed = false // of a further directory
	}
	z.overlaps(dir)
	for i := range again {
		if !z.t.alive() {
			return
		}
		z.unpackAgain(&again[i])
	}
}

// isLocal tells whether a local header stands somewhere.
func (z *zipReader) isLocal(off int64) bool {
	if _, ok := z.byOffset[off]; ok {
		return true
	}
	var sig [4]byte
	_, err := z.t.kept.ReadAt(sig[:], off)
	return err == nil && string(sig[:]) == sigLocal
}

// unveil takes the flag from an entry that both its headers call encrypted and
// that is not: who only looks at the data needs no password. That its local
// header says otherwise, differs then tells.
func (z *zipReader) unveil(e *zipRow) {
	i, met := z.byOffset[e.offset]
	if e.flags&flagEncrypted == 0 || met && !z.rows[i].encrypted() || z.t.kept.lost {
		return
	}
	h := e.zipHeader
	if data, _ := z.dataOf(e.offset, &h); data >= 0 && z.plain(&h, data) {
		e.flags &^= flagEncrypted
	}
}

// plain tells whether data is that of the header as it stands. It counts as
// unpacked. What is encrypted hardly ever gets far: a stored entry has become
// longer, and deflate soon meets a code that cannot be.
func (z *zipReader) plain(h *zipHeader, data int64) bool {
	c := &reckoner{b: z.t.b, want: h.size, sum: crc32.NewIEEE()}
	err := io.ErrUnexpectedEOF
	switch {
	case h.method == methodStored && h.packed == h.size:
		z.section(data, h.packed, func(r *bufio.Reader) { _, err = r.WriteTo(c) })
	case h.method == methodDeflate && z.t.grow(inflate.Size):
		z.section(data, h.packed, func(r *bufio.Reader) {
			err = inflate.Tell(r, func(b []byte) error { _, err := c.Write(b); return err })
		})
		z.t.b.shrink(inflate.Size)
	}
	return err == nil && c.size == h.size && c.size > 0 && c.sum.Sum32() == h.crc
}

// A reckoner takes content that is told to nobody, under the budget, up to a
// size.
type reckoner struct {
	b          *Budget
	size, want int64
	sum        hash.Hash32
}

func (c *reckoner) Write(p []byte) (int, error) {
	if !c.b.output(len(p), c.size) {
		return 0, errStop
	}
	c.sum.Write(p)
	if c.size += int64(len(p)); c.size > c.want {
		return 0, io.ErrUnexpectedEOF
	}
	return len(p), nil
}

// differs compares an entry with the local header where it points to, and
// tells whether it leads to other content or another name.
func (z *zipReader) differs(e *zipRow) bool {
	z.lies(&e.zipHeader)
	i, ok := z.byOffset[e.offset]
	if !ok {
		z.mismatch("entry")
		return true
	}
	row := &z.rows[i]
	e.end = row.end
	row.claimed = true
	other := false
	differ := func(does bool, detail string) {
		if does {
			z.mismatch(detail)
			other = true
		}
	}
	differ(e.name != row.name, "name")
	differ(e.method != row.method, "method")
	differ(e.encrypted() != row.encrypted(), "flag")
	if e.encrypted() && row.unsized {
		return other
	}
	differ(e.packed != row.packed, "size")
	if row.unread && row.unsized {
		return other || e.readable()
	}
	if e.size != row.size {
		z.mismatch("size")
	}
	if e.crc != row.crc {
		z.mismatch("crc")
	}
	return other
}

// overlaps looks for entries that share octets. A directory that claims more
// than twice what there is, is a bomb.
func (z *zipReader) overlaps(dir []zipRow) {
	byOffset := slices.Clone(dir)
	slices.SortFunc(byOffset, func(a, b zipRow) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	var claimed, last int64
	for i := range byOffset {
		e := &byOffset[i]
		if e.packed < 0 || e.packed > z.dirStart {
			z.mismatch("overlap") // with the directory itself
			continue
		}
		claimed += e.packed
		end := max(e.end, e.offset+localSize+e.packed)
		if e.offset < last || end > z.dirStart {
			z.mismatch("overlap")
		}
		last = max(last, end)
	}
	if claimed > 2*z.offset() {
		z.t.b.exhaust(RuleBomb, Exhausted, "overlap")
		z.t.alive()
	}
}

// directoryAt reads a directory from the kept octets and compares it.
func (z *zipReader) directoryAt(off int64, bases []int64) {
	k := z.t.kept
	var sig [4]byte
	if _, err := k.ReadAt(sig[:], off); err != nil || string(sig[:]) != sigCentral {
		return
	}
	z.mismatch("directory")
	if z.further++; z.further > maxDirectories {
		return
	}
	before := z.dirStart
	z.dirStart = off
	defer func() { z.dirStart = before }()
	var dir []zipRow
	z.section(off, k.size-off, func(r *bufio.Reader) {
		for {
			sig, _ := r.Peek(4)
			if string(sig) != sigCentral {
				return
			}
			row, comment, ok := z.centralRow(r)
			if !ok || !z.addCentral(&dir, row) {
				return
			}
			if _, err := r.Discard(comment); err != nil {
				return
			}
		}
	})
	if z.t.alive() {
		z.compare(dir, bases)
	}
}

// section reads some of the kept octets.
func (z *zipReader) section(off, n int64, read func(r *bufio.Reader)) {
	f := feeds.Get().(*feed)
	defer feeds.Put(f)
	f.r.Reset(timed{z.t.b, io.NewSectionReader(z.t.kept, off, n)})
	defer f.r.Reset(nil)
	read(f.r)
}

// unpackAgain unpacks an entry as the directory has it.
func (z *zipReader) unpackAgain(e *zipRow) {
	h := e.zipHeader
	h.names = e.names
	place := zipPlace{e.offset, e.packed, e.method}
	_, done := z.again[place]
	data := int64(-1)
	if z.t.kept.lost {
		z.t.note(RuleUnsupported, Unsupported, "size")
	} else {
		var locked bool
		if data, locked = z.dataOf(e.offset, &h); data >= 0 && !locked && h.method != methodAES && h.encrypted() {
			// Who goes by the local header reads it without a password.
			z.mismatch("flag")
			h.flags &^= flagEncrypted
		}
	}
	done = z.t.noteUnreadable(&h) && done // then a further name is told, with no data
	readable := h.readable() && data >= 0 && !done
	if !z.t.open(Member{Names: h.names, Size: h.size, Encrypted: !readable && !done, Rare: true}) {
		return
	}
	if readable {
		z.again[place] = struct{}{}
		z.section(data, min(e.packed, z.t.kept.size-data), func(r *bufio.Reader) {
			sum := crc32.NewIEEE()
			n, err := h.decode(z.t, r, sum)
			if err == nil && (n != h.size || sum.Sum32() != h.crc) {
				z.t.broken("checksum")
			}
			z.t.fault(err, "data")
		})
	}
	z.t.close()
}

// dataOf finds the data behind a local header in the kept octets and adds that
// header's names; -1 if there is no header. Locked tells whether that header
// calls them encrypted.
func (z *zipReader) dataOf(off int64, h *zipHeader) (data int64, locked bool) {
	data = -1
	z.section(off, localSize+2<<16, func(r *bufio.Reader) {
		sig, _ := r.Peek(4)
		signed := string(sig) == sigLocal
		local, _, ok := z.header(r, localSize)
		if !signed {
			z.mismatch("header")
		}
		// Some programs want no signature: the name tells that it is a header.
		if !ok || !signed && !slices.Equal(local.names[:1], h.names[:1]) {
			return
		}
		data, locked = off+localSize+int64(len(z.buf)), local.encrypted()
		for _, name := range local.names {
			if !slices.Contains(h.names, name) {
				h.names = append(h.names, name)
			}
		}
	})
	return data, locked
}
