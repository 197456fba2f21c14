package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/nwaples/rardecode/v2"
)

// RAR archives are held, and their blocks read here: so all names are known,
// also of what cannot be unpacked. Stored files are told as they lie there;
// packed ones are unpacked by the library, which gets the archive without its
// head, with one made for it.

const (
	rarMagic   = "Rar!\x1A\x07"
	rar4Magic  = rarMagic + "\x00"
	rar5Magic  = rarMagic + "\x01\x00"
	rarWindow  = 32 << 20  // the largest dictionary that is granted
	rarLeast   = 256 << 10 // the least one that the library takes
	rarDecoder = 2 << 20   // what a decoder takes besides
	// maxRARs is how often a decoder is made for one message: 2,000 times, a
	// quarter of a second. It takes one an archive, and one more behind each
	// file that could not be unpacked.
	maxRARs = 2000
)

// A rarEntry is a file in the archive.
type rarEntry struct {
	names     []string
	size      int64 // -1: not known
	head      int   // where its block begins
	from, to  int   // its data
	dir       bool
	encrypted bool
	solid     bool // continues the dictionary of those before
	before    bool // begins in the volume before
	after     bool // goes on in the next
	stored    bool
	version   byte // of the method, in RAR before 5
	window    int64
	short     bool // its data are not all there
	service   bool // a stream of the file before, which the library does not give
}

// A rar is an archive at hand.
type rar struct {
	t       *teller
	b       []byte // from the signature on
	five    bool
	solid   bool
	volume  bool
	hidden  bool // even the blocks are encrypted
	broken  bool
	entries []rarEntry

	lib    *rardecode.Reader
	next   int   // entry that the library gives next
	lost   bool  // the dictionary of solid files is
	window int64 // taken from the budget
	walk   rarWalk
}

// readRAR tells the files of the first archive in data.
func readRAR(t *teller, data []byte) {
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(rarMagic))
		if i < 0 {
			t.noArchive(data, rarMagic)
			return
		}
		at += i
		r := &rar{t: t, b: data[at:]}
		if r.blocks() {
			r.tell()
			return
		}
		at += len(rarMagic)
	}
}

// tell tells all entries.
func (r *rar) tell() {
	switch {
	case r.hidden:
		r.t.note(RuleHiddenNames, Middle, "")
		return
	case r.volume:
		r.t.note(RuleSplit, Middle, "")
	}
	for i := range r.entries {
		if !r.t.b.inTime() || !r.entry(i) {
			break
		}
	}
	if r.t.alive() && r.broken {
		r.t.broken("block")
	}
	r.t.b.shrink(r.window)
}

// entry tells one file.
func (r *rar) entry(i int) bool {
	e := &r.entries[i]
	if e.dir {
		return true
	}
	if e.before || e.after {
		r.t.note(RuleSplit, Middle, "")
	}
	m := Member{Names: e.names, Size: e.size}
	if !e.encrypted && e.stored {
		r.t.whole(m, r.b[e.from:e.to])
		if e.short {
			r.t.broken("data")
		}
		return r.t.alive()
	}
	if rule := r.refusal(e); rule != "" {
		class := Unsupported
		if rule == RuleEncrypted {
			class = Middle
		}
		r.t.note(rule, class, "")
		r.lib, r.lost = nil, true
		m.Encrypted = true
		r.t.open(m)
		r.t.close()
		return r.t.alive()
	}
	if !r.t.open(m) {
		return r.t.alive()
	}
	unpack := r.unpack
	if e.service {
		unpack = r.unpackService
	}
	err := unpack(i)
	r.t.close()
	if err != nil && !errors.Is(err, errStop) {
		r.t.unread("content")
		r.lib, r.lost = nil, true
	}
	return r.t.alive()
}

// refusal returns the rule by which a packed file is not unpacked, "" if it is.
func (r *rar) refusal(e *rarEntry) string {
	window := e.window
	if !e.solid {
		r.lost = false
		if e.size >= 0 {
			window = min(window, e.size)
		}
	}
	window = max(window, rarLeast)
	if e.encrypted {
		return RuleEncrypted
	}
	if window > rarWindow {
		return RuleDictionary
	}
	if e.before || r.lost || !r.five && e.version != 20 && e.version != 26 && e.version != 29 {
		return RuleUnsupported
	}
	if e.version == 29 && r.walk.usesPPM(r.b[e.from:e.to], !e.solid) {
		return RuleUnsupported
	}
	if need := window + rarDecoder; need > r.window {
		if !r.t.grow(need - r.window) {
			return RuleUnsupported
		}
		r.window = need
	}
	return ""
}

// unpack tells the content of an entry by the library.
func (r *rar) unpack(i int) (err error) {
	defer func() {
		if !r.t.telling && recover() != nil {
			err = errRAR
		}
	}()
	if r.lib == nil || r.next > i {
		if !r.decoder() {
			return errStop
		}
		in := io.MultiReader(bytes.NewReader(r.head()), bytes.NewReader(r.b[r.entries[i].head:]))
		if r.lib, err = rardecode.NewReader(in, rardecode.MaxDictionarySize(rarWindow)); err != nil {
			return errRAR
		}
		r.next = i
	}
	for ; r.next <= i; r.next++ {
		if r.entries[r.next].service {
			continue
		}
		if _, err = r.lib.Next(); err != nil {
			return errRAR
		}
	}
	_, err = r.t.copy(r.lib)
	return err
}

// unpackService tells the content of a service by the library, to which its
// block is made that of a file. It stands by itself, so it has a library of its
// own.
func (r *rar) unpackService(i int) (err error) {
	defer func() {
		if !r.t.telling && recover() != nil {
			err = errRAR
		}
	}()
	if !r.decoder() {
		return errStop
	}
	e := &r.entries[i]
	block := bytes.Clone(r.b[e.head:e.from])
	if r.five {
		_, n := binary.Uvarint(block[4:])
		block[4+n] = 2
		binary.LittleEndian.PutUint32(block, crc32.ChecksumIEEE(block[4:]))
	} else {
		block[2] = 0x74
		binary.LittleEndian.PutUint16(block, uint16(crc32.ChecksumIEEE(block[2:])))
	}
	lib, err := rardecode.NewReader(io.MultiReader(bytes.NewReader(r.head()), bytes.NewReader(block), bytes.NewReader(r.b[e.from:e.to])), rardecode.MaxDictionarySize(rarWindow))
	if err != nil {
		return errRAR
	}
	if _, err = lib.Next(); err != nil {
		return errRAR
	}
	_, err = r.t.copy(lib)
	return err
}

// decoder counts a decoder that is to be made.
func (r *rar) decoder() bool {
	if r.t.b.rars++; r.t.b.rars > maxRARs {
		r.t.b.exhaust(RuleEntries, Exhausted, "rar")
		return false
	}
	return true
}

var errRAR = errors.New("not unpacked")

// head makes signature and main block of an archive: no volume, nothing that
// the library could stumble over.
func (r *rar) head() []byte {
	flags := byte(0)
	if r.five {
		if r.solid {
			flags = 4
		}
		block := []byte{3, 1, 0, flags} // size, type, block flags, archive flags
		h := binary.LittleEndian.AppendUint32([]byte(rar5Magic), crc32.ChecksumIEEE(block))
		return append(h, block...)
	}
	if r.solid {
		flags = 8
	}
	block := append([]byte{0x73, flags, 0, 13, 0}, make([]byte, 6)...)
	h := binary.LittleEndian.AppendUint16([]byte(rar4Magic), uint16(crc32.ChecksumIEEE(block)))
	return append(h, block...)
}
