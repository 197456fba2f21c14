package unpack

import (
	"bytes"
	"encoding/binary"
)

// The compound file of [MS-CFB], in which Office 97, Outlook and the Windows
// Installer keep streams: a little file system of sectors, with a table (FAT)
// of which sector follows which. Every chain is followed for as many sectors
// as there are in the file, no further, so that a cycle ends.

// ole2Magic begins a compound file ([MS-CFB] section 2.2).
const ole2Magic = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"

const (
	cfbHeader   = 512        // octets of the header
	cfbEntry    = 128        // octets of a directory entry
	cfbMaxSect  = 0xFFFFFFFA // above: marks, no sectors
	cfbFree     = 0xFFFFFFFF // in the FAT: unused
	cfbNoStream = 0xFFFFFFFF // in the directory: no entry
	cfbMini     = 64         // octets of a mini sector
	cfbMiniBits = 6          // as the header has it
	cfbCutoff   = 4096       // streams of fewer octets are in the mini stream

	cfbToEnd = 1 << 62 // as a size: to the end of the chain

	cfbStorage = 1
	cfbStream  = 2
	cfbRoot    = 5

	// cfbDepth bounds storages in storages: 64. Outlook nests two for each
	// message in a message.
	cfbDepth = 64
	// cfbShare is how many times the octets of a file may be read as those of
	// streams: 4. No stream is read more than three times.
	cfbShare = 4
)

// A cfb is a compound file in memory.
type cfb struct {
	data    []byte
	sector  int      // octets of a sector: 512 or 4096
	sectors int      // in the file, the last perhaps not whole
	fat     []uint32 // what follows each sector
	minifat []uint32
	mini    []byte    // the mini stream
	entries []cfbNode // the directory, the root first
	grown   int64     // octets of memory taken
	claimed int       // octets of all streams that were asked for
	broken  bool      // a chain was cut short, had a cycle, or led outside
	odd     bool      // the header has other numbers for the mini stream than all files
}

// A cfbNode is an entry of the directory.
type cfbNode struct {
	name              string
	kind              byte
	left, right, down uint32
	clsid             [16]byte
	start             uint32
	size              uint64
	parent            int  // index of the storage, -1: not in the tree
	seen              bool // reached in the tree
}

// openCFB reads header, tables and directory. Nil: not a compound file that
// can be read at all, or there is no memory for it. Grow is asked for memory;
// how much was had is in c.grown.
func openCFB(data []byte, grow func(int64) bool) *cfb {
	if len(data) < cfbHeader || string(data[:8]) != ole2Magic {
		return nil
	}
	// Some programs go by what the header has for these, and others, as it must
	// be the same in all files ([MS-CFB] section 2.2), do not look.
	c := &cfb{data: data, odd: le16(data, 0x20) != cfbMiniBits || le32(data, 0x38) != cfbCutoff}
	switch le16(data, 0x1E) {
	case 9:
		c.sector = 512
	case 12:
		c.sector = 4096
	default:
		return nil
	}
	// The header takes the place of a sector before the first.
	c.sectors = max(0, (len(data)-1)/c.sector)
	if !c.take(grow, len(data)/64) { // at most 4 octets a sector, and runs of them
		return c
	}
	c.readFAT()
	dir := c.chain(le32(data, 0x30), c.fat, cfbToEnd)
	if !c.take(grow, 3*total(dir)) { // an entry grows by half, and its name
		return c
	}
	c.readDirectory(join(dir, len(data)))
	if len(c.entries) == 0 {
		return c
	}
	root := &c.entries[0]
	minifat, mini := c.chain(le32(data, 0x3C), c.fat, cfbToEnd), c.chain(root.start, c.fat, root.size)
	if !c.take(grow, 2*total(minifat)+total(mini)) {
		return c
	}
	c.minifat = words(nil, join(minifat, len(data)), len(data)/cfbMini+1)
	c.mini = join(mini, len(data))
	c.walk()
	return c
}

// take takes memory. False: there is none, and the file has no entries.
func (c *cfb) take(grow func(int64) bool, n int) bool {
	if !grow(int64(n)) {
		c.entries = nil
		return false
	}
	c.grown += int64(n)
	return true
}

// total returns how many octets pieces are together.
func total(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

// words appends the 32-bit numbers of b to w, at most limit in all.
func words(w []uint32, b []byte, limit int) []uint32 {
	for ; len(b) >= 4 && len(w) < limit; b = b[4:] {
		w = append(w, binary.LittleEndian.Uint32(b))
	}
	return w
}

// at returns the octets of a sector, fewer at the end of the file, nil outside.
func (c *cfb) at(n uint32) []byte {
	if n >= uint32(c.sectors) {
		return nil
	}
	from := (int(n) + 1) * c.sector
	if from >= len(c.data) {
		return nil
	}
	return c.data[from:min(from+c.sector, len(c.data))]
}

// readFAT gathers the table from the sectors that the header and the DIFAT
// name. More entries than there are sectors mean nothing, so they bound it.
func (c *cfb) readFAT() {
	add := func(list []byte) {
		for ; len(list) >= 4 && len(c.fat) < c.sectors; list = list[4:] {
			n := binary.LittleEndian.Uint32(list)
			if n >= cfbMaxSect {
				continue
			}
			s := c.at(n)
			if s == nil {
				c.broken = true
				continue
			}
			c.fat = words(c.fat, s, c.sectors)
		}
	}
	add(c.data[0x4C:cfbHeader])
	next := le32(c.data, 0x44)
	for range c.sectors {
		s := c.at(next)
		if next >= cfbMaxSect || len(s) < c.sector || len(c.fat) >= c.sectors {
			return
		}
		add(s[:c.sector-4])
		next = le32(s, c.sector-4)
	}
}

// chain returns the octets of a chain of sectors, at most size, as runs:
// sectors that follow each other in the file are one run. A chain that leads
// back to itself is followed too, as programs do, but noted: mark is a sector
// of it, set anew at distances that double, so that a circle comes back to it.
func (c *cfb) chain(start uint32, fat []uint32, size uint64) [][]byte {
	var runs [][]byte
	from, to := -1, -1 // the run at hand, as offsets
	n, left, whole := start, size, size != cfbToEnd
	mark := uint32(cfbFree)
	for i := range c.sectors + 1 {
		if n >= cfbMaxSect || left == 0 {
			break
		}
		if n == mark {
			c.broken = true
		}
		if i&(i-1) == 0 {
			mark = n
		}
		s := c.at(n)
		if s == nil {
			c.broken = true
			break
		}
		if at := (int(n) + 1) * c.sector; at != to {
			if from >= 0 {
				runs = append(runs, c.data[from:to])
			}
			from, to = at, at
		}
		take := min(uint64(len(s)), left)
		to += int(take)
		left -= take
		if int(n) >= len(fat) {
			c.broken = true
			break
		}
		n = fat[n]
	}
	if from >= 0 {
		runs = append(runs, c.data[from:to])
	}
	if whole && left > 0 || !whole && n < cfbMaxSect {
		c.broken = true
	}
	return runs
}

// readDirectory takes the entries apart ([MS-CFB] section 2.6.1).
func (c *cfb) readDirectory(dir []byte) {
	long := c.sector == 4096 // version 3 leaves rubbish in the high half of sizes
	for ; len(dir) >= cfbEntry; dir = dir[cfbEntry:] {
		e := dir[:cfbEntry]
		n := cfbNode{
			kind: e[66], left: le32(e, 68), right: le32(e, 72), down: le32(e, 76),
			start: le32(e, 116), size: le64(e, 120), parent: -1,
		}
		if !long {
			n.size &= 0xFFFFFFFF
		}
		copy(n.clsid[:], e[80:96])
		n.name = cfbName(e[:min(64, max(0, le16(e, 64)-2))])
		c.entries = append(c.entries, n)
	}
}

// walk follows the tree from the root and gives each entry its storage. What
// the tree does not reach keeps parent -1.
func (c *cfb) walk() {
	type step struct {
		at     uint32
		parent int
	}
	c.entries[0].seen = true
	todo := []step{{c.entries[0].down, 0}}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.at == cfbNoStream {
			continue
		}
		if int64(s.at) >= int64(len(c.entries)) || c.entries[s.at].seen {
			c.broken = true
			continue
		}
		n := &c.entries[s.at]
		n.seen, n.parent = true, s.parent
		todo = append(todo, step{n.left, s.parent}, step{n.right, s.parent})
		if n.kind == cfbStorage {
			todo = append(todo, step{n.down, int(s.at)})
		}
	}
}

// runs returns the octets of a stream, in pieces.
func (c *cfb) runs(n *cfbNode) [][]byte {
	var out [][]byte
	if n.size >= cfbCutoff || n.kind != cfbStream {
		out = c.chain(n.start, c.fat, n.size)
	} else {
		out = c.miniRuns(n)
	}
	c.claimed += total(out)
	return out
}

// overlaps tells whether streams share more than they could by accident.
func (c *cfb) overlaps() bool { return c.claimed > max(shareFrom, cfbShare*len(c.data)) }

func (c *cfb) miniRuns(n *cfbNode) [][]byte {
	var out [][]byte
	at, left := n.start, n.size
	for range len(c.minifat) + 1 {
		if at >= cfbMaxSect || left == 0 {
			break
		}
		s := c.miniAt(int(at))
		if s == nil {
			break
		}
		s = s[:min(uint64(len(s)), left)]
		out = append(out, s)
		left -= uint64(len(s))
		if int64(at) >= int64(len(c.minifat)) {
			break
		}
		at = c.minifat[at]
	}
	if left > 0 {
		c.broken = true
	}
	return out
}

// miniAt returns a mini sector, nil outside the mini stream.
func (c *cfb) miniAt(n int) []byte {
	from := n * cfbMini
	if from >= len(c.mini) {
		return nil
	}
	return c.mini[from:min(from+cfbMini, len(c.mini))]
}

// join returns pieces as one slice, at most limit octets. One piece is not
// copied.
func join(pieces [][]byte, limit int) []byte {
	if len(pieces) == 1 {
		return pieces[0][:min(limit, len(pieces[0]))]
	}
	var b []byte
	for _, p := range pieces {
		b = append(b, p[:min(len(p), limit-len(b))]...)
	}
	return b
}

// path returns the names from the root to an entry, joined by slashes.
func (c *cfb) path(i int) string {
	path := c.entries[i].name
	for p, depth := c.entries[i].parent, 0; p > 0 && depth < cfbDepth; depth++ {
		path = c.entries[p].name + "/" + path
		p = c.entries[p].parent
	}
	return path
}

// end returns where the last sector that the table knows of ends. What lies
// behind was appended by another hand.
func (c *cfb) end() int {
	for n := len(c.fat) - 1; n >= 0; n-- {
		if c.fat[n] != cfbFree {
			return min((n+2)*c.sector, len(c.data))
		}
	}
	return len(c.data)
}

// cfbName returns a name as UTF-8. The Windows Installer packs two characters
// of its names into one from U+3800 on; they are unpacked.
func cfbName(b []byte) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
	name := utf16le(b)
	if !bytes.ContainsFunc(name, func(r rune) bool { return r >= 0x3800 && r <= 0x4840 }) {
		return string(name)
	}
	var out []rune
	for _, r := range string(name) {
		switch {
		case r >= 0x3800 && r < 0x4800:
			r -= 0x3800
			out = append(out, rune(alphabet[r&63]), rune(alphabet[r>>6]))
		case r >= 0x4800 && r < 0x4840:
			out = append(out, rune(alphabet[r-0x4800]))
		case r == 0x4840: // marks a table
		default:
			out = append(out, r)
		}
	}
	return string(out)
}
