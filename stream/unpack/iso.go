package unpack

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// Layout of a disc (ECMA-119).
const (
	isoSector = 2048
	isoFirst  = 16 // sector of the first volume descriptor
	isoRecord = 33 // octets of a directory record before its name
	isoRoot   = 156
	isoFolder = 2    // flag of a record
	isoDepth  = 64   // folders in folders; ISO 9660 allows 8
	isoLast   = 0xFF // type of the descriptor that ends them
	isoMain   = 1
	isoJoliet = 2 // names in UTF-16
)

// An isoReader tells the names on a disc. Nothing looks at the files.
type isoReader struct {
	t    *teller
	disc []byte
	seen map[isoExtent]struct{} // folders: discs with cycles exist
}

type isoExtent struct {
	sector, size uint32
	kind         byte
}

func readISO(t *teller, disc []byte) {
	t.note(RuleUnsupported, Unsupported, "")
	z := &isoReader{t: t, disc: disc, seen: make(map[isoExtent]struct{})}
	for sector := isoFirst; ; sector++ {
		d := z.octets(uint32(sector), isoSector)
		if len(d) < isoSector || string(d[1:6]) != "CD001" || d[0] == isoLast {
			return
		}
		if d[0] == isoMain || d[0] == isoJoliet {
			z.folder(extentOf(d[isoRoot:], d[0]), "", 0)
		}
	}
}

func extentOf(record []byte, kind byte) isoExtent {
	return isoExtent{binary.LittleEndian.Uint32(record[2:]), binary.LittleEndian.Uint32(record[10:]), kind}
}

// octets returns what the disc has from a sector on.
func (z *isoReader) octets(sector, size uint32) []byte {
	off := int64(sector) * isoSector
	if off >= int64(len(z.disc)) {
		return nil
	}
	return z.disc[off:min(off+int64(size), int64(len(z.disc)))]
}

// folder tells the files of a folder and of those in it.
func (z *isoReader) folder(e isoExtent, path string, depth int) {
	if _, ok := z.seen[e]; ok || depth > isoDepth {
		z.t.broken("folders")
		return
	}
	z.seen[e] = struct{}{}
	b := z.octets(e.sector, e.size)
	if len(b) < int(e.size) {
		z.t.broken("names")
	}
	for len(b) > 0 && z.t.alive() {
		n := int(b[0])
		if n == 0 { // records do not cross sectors
			b = b[min(len(b), max(1, len(b)%isoSector)):]
			continue
		}
		if n > len(b) || n < isoRecord || isoRecord+int(b[32]) > n {
			z.t.broken("names")
			return
		}
		z.record(b[:n], e.kind, path, depth)
		b = b[n:]
	}
}

// record tells a file, or goes into a folder.
func (z *isoReader) record(b []byte, kind byte, path string, depth int) {
	name := isoName(b[isoRecord:isoRecord+int(b[32])], kind)
	if name == "" {
		return // the folder itself and the one above
	}
	if b[25]&isoFolder != 0 {
		if z.t.b.entry() {
			z.folder(extentOf(b, kind), path+name+"/", depth+1)
		}
		return
	}
	m := Member{Names: []string{path + name}, Size: int64(extentOf(b, kind).size), Encrypted: true}
	if z.t.open(m) {
		z.t.close()
	}
}

// isoName is a name without its version.
func isoName(b []byte, kind byte) string {
	if len(b) == 1 && b[0] <= 1 {
		return ""
	}
	name := toUTF8(b, latin1)
	if kind == isoJoliet {
		units := make([]uint16, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, binary.BigEndian.Uint16(b))
		}
		name = string(utf16.Decode(units))
	}
	if i := strings.LastIndexByte(name, ';'); i > 0 {
		name = name[:i]
	}
	return strings.TrimSuffix(name, ".")
}
