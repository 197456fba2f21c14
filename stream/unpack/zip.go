package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"io"
)

// Signatures of zip (APPNOTE.TXT 6.3.10 sections 4.3.6 to 4.3.16).
const (
	sigLocal      = "PK\x03\x04"
	sigCentral    = "PK\x01\x02"
	sigEnd        = "PK\x05\x06"
	sigEnd64      = "PK\x06\x06"
	sigLocator64  = "PK\x06\x07"
	sigDescriptor = "PK\x07\x08"
	sigExtra      = "PK\x06\x08" // archive extra data
	sigSigned     = "PK\x05\x05" // digital signature
)

const (
	// zipSize is what the reader holds: names and extra fields of two headers,
	// 64 KiB each, and a buffer for what is read again.
	zipSize = 5*64<<10 + blockSize
	// rowSize is what a row of the table of local headers or of the directory
	// costs besides its name.
	rowSize = 256
	// maxDirectories is how many directories are read that end records point to
	// besides those that pass: 4. Even one is zip.mismatch.
	maxDirectories = 4
)

// A zipReader reads a zip in two ways. It unpacks local headers as they come,
// as programs do that cannot seek; and it compares the directory with them
// when that passes, which is what other programs go by. Where the two differ,
// zip.mismatch is noted and what only the directory knows is unpacked too, from
// the octets kept.
type zipReader struct {
	t    *teller
	r    *bufio.Reader
	seed maphash.Seed

	rows     []zipRow         // of local headers, in order
	byOffset map[int64]int    // index in rows
	named    map[uint64]int64 // hashes of local names, with where they were first
	memory   int64            // taken for rows and dir

	dir      []zipRow // of the directory, since the last end record
	dirStart int64    // where it began
	dirEnd   int64
	end64    *zipEnd // that came before the end record
	at64     int64   // where it stood
	ends     []int64 // where end records were
	further  int     // directories read besides those that passed
	again    map[zipPlace]struct{}
	buf      []byte // of a header
}

// A zipRow is what one header says of an entry.
type zipRow struct {
	zipHeader
	offset  int64 // of the local header
	end     int64 // behind the data and its descriptor
	name    uint64
	names   []string // of the directory only
	unread  bool     // the data was passed over
	unsized bool     // sizes and checksum were not known before the data
	claimed bool     // the directory has it
}

// A zipPlace is some octets read in one way.
type zipPlace struct {
	offset, packed int64
	method         uint16
}

func readZip(t *teller, r *bufio.Reader) {
	if !t.grow(zipSize) {
		return
	}
	z := &zipReader{
		t: t, r: r, seed: maphash.MakeSeed(), byOffset: make(map[int64]int), named: make(map[uint64]int64),
		again: make(map[zipPlace]struct{}),
	}
	defer func() { t.b.shrink(zipSize + z.memory) }()
	z.records()
	if t.alive() {
		z.tail()
	}
}

// mismatch notes a difference between readings, or what programs read
// differently.
func (z *zipReader) mismatch(detail string) { z.t.note(RuleMismatch, Ambiguous, detail) }

// offset is where the next octet is read.
func (z *zipReader) offset() int64 { return z.t.taken - int64(z.r.Buffered()) }

// records reads one record after the other up to the end.
func (z *zipReader) records() {
	for z.t.alive() {
		sig, _ := z.r.Peek(4)
		if len(sig) == 0 {
			return
		}
		ok := true
		switch string(sig) {
		case sigLocal:
			ok = z.local()
		case sigCentral:
			ok = z.central()
		case sigEnd64:
			ok = z.endRecord64()
		case sigLocator64:
			ok = z.locator()
		case sigEnd:
			ok = z.endRecord()
		case sigExtra:
			z.t.note(RuleHiddenNames, Middle, "")
			ok = z.sized(4)
		case sigSigned:
			ok = z.sized(2)
		default:
			ok = z.gap(sig)
		}
		if !ok {
			if z.t.alive() {
				z.t.broken("record")
			}
			return
		}
	}
}

// sized passes over a record with its length in so many octets.
func (z *zipReader) sized(n int) bool {
	b, err := z.r.Peek(4 + n)
	if err != nil {
		return false
	}
	_, err = z.r.Discard(4 + n + int(littleEndian(b[4:])))
	return err == nil
}

// gap passes over octets that belong to nothing.
func (z *zipReader) gap(sig []byte) bool {
	switch {
	case z.offset() == 0 && (string(sig) == sigDescriptor || string(sig) == "PK00"):
		// Volumes begin so, and one that turned out the only one.
		if string(sig) == sigDescriptor {
			z.t.note(RuleSplit, Unsupported, "")
		}
		z.r.Discard(4)
		return true
	case len(z.rows) == 0 && len(z.ends) == 0:
		if z.toRecord() {
			z.mismatch("prefix")
			return true
		}
		return false // no zip at all
	case len(z.ends) > 0:
		z.mismatch("suffix")
	default:
		z.mismatch("gap")
	}
	z.toRecord()
	return true
}

// toRecord passes over octets up to where a record may begin. False: there is
// none.
func (z *zipReader) toRecord() bool {
	for {
		b, _ := z.r.Peek(z.r.Buffered())
		if i := nextRecord(b); i >= 0 {
			z.r.Discard(i)
			return true
		}
		z.r.Discard(max(0, len(b)-3))
		if more, _ := z.r.Peek(4); len(more) < 4 {
			z.r.Discard(len(more))
			return false
		}
	}
}

// nextRecord returns where a record may begin in b, or -1.
func nextRecord(b []byte) int {
	for off := 0; ; off += 2 {
		i := bytes.Index(b[off:], []byte("PK"))
		if i < 0 {
			return -1
		}
		off += i
		if len(b) < off+4 {
			return -1
		}
		switch string(b[off : off+4]) {
		case sigLocal, sigCentral, sigEnd, sigEnd64, sigLocator64:
			return off
		}
	}
}

// local reads a local header and what it stands before.
func (z *zipReader) local() bool {
	row := zipRow{offset: z.offset()}
	h, name, ok := z.header(z.r, localSize)
	if !ok {
		return false
	}
	row.zipHeader, row.name = h, z.hash(name)
	if _, ok := z.named[row.name]; ok {
		z.mismatch("duplicate")
	} else {
		z.named[row.name] = row.offset
	}
	z.lies(&h)
	row.unsized = h.flags&flagDescriptor != 0 && h.packed == 0
	if h.folder(name) {
		if !z.t.b.entry() {
			return z.t.alive()
		}
	} else if !z.t.open(Member{Names: h.names, Size: h.declared(row.unsized), Encrypted: !h.readable(), Rare: h.rare(row.unsized)}) {
		return false
	}
	z.content(&row)
	z.t.close()
	row.end = z.offset()
	row.zipHeader.names = nil
	if !z.add(&z.rows, row) {
		return false
	}
	z.byOffset[row.offset] = len(z.rows) - 1
	return true
}

// lies notes where a header contradicts itself.
func (z *zipReader) lies(h *zipHeader) {
	if h.nameLie {
		z.mismatch("unicode")
	}
	if h.zeroName {
		z.mismatch("name")
	}
	if h.zip64Lie {
		z.mismatch("zip64")
	}
	if h.flags&flagStrong != 0 && !h.encrypted() {
		z.mismatch("flag") // section 4.4.4 wants both
	}
}

// add appends a row, under the budget.
func (z *zipReader) add(rows *[]zipRow, row zipRow) bool {
	size := int64(rowSize)
	for _, name := range row.names {
		size += int64(len(name))
	}
	if !z.t.grow(size) {
		return false
	}
	z.memory += size
	*rows = append(*rows, row)
	return true
}

// hash is of a name's octets, so that rows need not keep them.
func (z *zipReader) hash(name []byte) uint64 { return maphash.Bytes(z.seed, name) }

// content tells or passes over the data behind a local header, with its
// descriptor.
func (z *zipReader) content(row *zipRow) {
	h := &row.zipHeader
	start := z.offset()
	sum := crc32.NewIEEE()
	var unpacked int64
	known := false // what the data is, by itself
	switch {
	case !z.t.noteUnreadable(h) && !row.unsized:
		z.skip(h.packed)
		row.unread = true
	case !h.readable(), row.unsized && h.method != methodStored && h.method != methodDeflate && !h.isZstd():
		// Nothing in the data says where it ends.
		z.untilDescriptor(nil)
		row.unread = true
	case row.unsized && h.method == methodStored:
		unpacked = z.untilDescriptor(&summer{sum: sum, t: z.t})
		known = true
	default:
		var err error
		unpacked, err = z.unpack(h, row.unsized, sum)
		z.t.fault(err, "data")
		if err != nil && row.unsized {
			return // whatever follows is no descriptor of this
		}
		known = err == nil
		if left := h.packed - (z.offset() - start); !row.unsized && left > 0 {
			if known {
				z.mismatch("size")
			}
			z.skip(left)
		}
	}
	if !z.t.alive() {
		return
	}
	packed := z.offset() - start
	if !row.unsized {
		z.agree(row, known, packed, unpacked, sum.Sum32())
	}
	if h.flags&flagDescriptor != 0 {
		z.descriptor(known, sum.Sum32(), packed, unpacked)
	}
	if row.unsized {
		h.packed, h.size, h.crc = packed, unpacked, sum.Sum32()
	}
}

// agree compares a local header with the data behind it.
func (z *zipReader) agree(row *zipRow, known bool, packed, unpacked int64, sum uint32) {
	h := &row.zipHeader
	if packed > h.packed {
		z.mismatch("size")
	}
	if !known {
		return
	}
	// A header before a descriptor need not know.
	may := h.flags&flagDescriptor != 0
	if unpacked != h.size && !(may && h.size == 0) {
		z.mismatch("size")
	}
	if sum != h.crc && !(may && h.crc == 0) {
		z.t.broken("checksum")
	}
	if may && h.crc == 0 {
		h.crc, h.size = sum, unpacked
	}
}

// skip passes over octets.
func (z *zipReader) skip(n int64) {
	for n > 0 && z.t.alive() {
		k := min(n, 1<<30)
		if _, err := z.r.Discard(int(k)); err != nil {
			z.t.broken("end")
			return
		}
		n -= k
	}
}

// unpack tells data of a method that can be read. Its end is known by itself,
// or by the header.
func (z *zipReader) unpack(h *zipHeader, unsized bool, sum io.Writer) (int64, error) {
	if h.method == methodStored {
		return z.stored(h.packed, sum)
	}
	if unsized || h.method == methodDeflate {
		// Deflate is read to its own end even if the header has another: a
		// program that cannot seek would.
		return h.decode(z.t, z.r, sum)
	}
	limit := &io.LimitedReader{R: z.r, N: h.packed}
	f := feeds.Get().(*feed)
	defer feeds.Put(f)
	f.r.Reset(limit)
	defer f.r.Reset(nil)
	n, err := h.decode(z.t, f.r, sum)
	if err == nil && f.r.Buffered() > 0 {
		z.mismatch("size")
	}
	return n, err
}

// stored tells so many octets as they are.
func (z *zipReader) stored(n int64, sum io.Writer) (told int64, err error) {
	for told < n {
		if _, err := z.r.Peek(1); err != nil {
			return told, io.ErrUnexpectedEOF
		}
		b, _ := z.r.Peek(int(min(n-told, int64(z.r.Buffered()))))
		sum.Write(b)
		if !z.t.data(b) {
			return told, errStop
		}
		told += int64(len(b))
		z.r.Discard(len(b))
	}
	return told, nil
}

// descriptor reads what follows data when a flag says so (section 4.3.9): with
// or without signature, sizes of four octets or eight. The form that says what
// is true is taken. If the data is not known, so is only its size.
func (z *zipReader) descriptor(known bool, sum uint32, packed, unpacked int64) {
	b, _ := z.r.Peek(28)
	loose := 0
	for _, form := range []struct{ sig, word int }{{4, 4}, {0, 4}, {4, 8}, {0, 8}} {
		n := form.sig + 4 + 2*form.word
		if len(b) < n || form.sig > 0 && string(b[:4]) != sigDescriptor {
			continue
		}
		d := b[form.sig:]
		if int64(littleEndian(d[4:4+form.word])) != packed {
			continue
		}
		if known && (binary.LittleEndian.Uint32(d) != sum || int64(littleEndian(d[4+form.word:4+2*form.word])) != unpacked) {
			continue
		}
		if rest := b[n:]; len(rest) == 0 || rest[0] == 'P' {
			z.r.Discard(n)
			return
		}
		if loose == 0 {
			loose = n
		}
	}
	if loose == 0 {
		z.mismatch("descriptor")
		if len(b) >= 16 && string(b[:4]) == sigDescriptor {
			loose = 16
		}
	}
	z.r.Discard(loose)
}

// tail looks at the end: at an end record that was not met, for one that
// programs find from behind.
func (z *zipReader) tail() {
	k := z.t.kept
	if len(z.dir) > 0 || len(z.ends) == 0 {
		if len(z.rows) == 0 && len(z.dir) == 0 {
			z.t.broken("header")
		} else {
			z.t.broken("end")
		}
	}
	if k.lost || k.size < endSize {
		return
	}
	n := min(k.size, endSize+1<<16)
	b := make([]byte, n)
	k.ReadAt(b, k.size-n)
	i := bytes.LastIndex(b[:len(b)-endSize+4], []byte(sigEnd))
	if i < 0 || len(b)-i < endSize {
		return
	}
	off := k.size - n + int64(i)
	if len(z.ends) > 0 && z.ends[len(z.ends)-1] == off {
		return
	}
	z.mismatch("end record")
	end := parseEnd(b[i:])
	z.dirStart = off
	z.directories(off, end, []int64{off - end.size - end.offset, 0})
}
