package unpack

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// A cfbFile is a stream or, with nil data and a name that ends in a slash, a
// storage, of a compound file that a test makes.
type cfbFile struct {
	path  string
	data  []byte
	clsid string
}

// makeCFB writes a compound file of 512-octet sectors: header, FAT sectors,
// directory, mini FAT, mini stream, streams. Siblings hang on each other's
// right side, which readers take as well as a balanced tree.
func makeCFB(files ...cfbFile) []byte {
	type node struct {
		name        string
		kind        byte
		right, down uint32
		clsid       [16]byte
		start       uint32
		data        []byte
		last        int // child added last
	}
	nodes := []*node{{name: "Root Entry", kind: cfbRoot, right: cfbNoStream, down: cfbNoStream, last: -1}}
	index := map[string]int{"": 0}
	var add func(path string, kind byte) int
	add = func(path string, kind byte) int {
		if i, ok := index[path]; ok {
			return i
		}
		dir, name := "", path
		if i := strings.LastIndex(path, "/"); i >= 0 {
			dir, name = path[:i], path[i+1:]
		}
		parent := add(dir, cfbStorage)
		nodes = append(nodes, &node{name: name, kind: kind, right: cfbNoStream, down: cfbNoStream, last: -1})
		i := len(nodes) - 1
		index[path] = i
		if p := nodes[parent]; p.last < 0 {
			p.down = uint32(i)
			p.last = i
		} else {
			nodes[p.last].right = uint32(i)
			p.last = i
		}
		return i
	}
	for _, f := range files {
		kind := byte(cfbStream)
		if strings.HasSuffix(f.path, "/") {
			kind = cfbStorage
		}
		n := nodes[add(strings.TrimSuffix(f.path, "/"), kind)]
		n.data = f.data
		if f.clsid != "" {
			n.clsid = clsid(f.clsid)
		}
	}

	const end = 0xFFFFFFFE
	var body []byte
	var fat, minifat []uint32
	put := func(b []byte) uint32 { // as sectors behind each other
		if len(b) == 0 {
			return end
		}
		first := uint32(len(fat))
		for len(b) > 0 {
			var s [512]byte
			b = b[copy(s[:], b):]
			body = append(body, s[:]...)
			fat = append(fat, uint32(len(fat)+1))
		}
		fat[len(fat)-1] = end
		return first
	}
	var mini []byte
	for _, n := range nodes[1:] {
		switch {
		case n.kind != cfbStream:
		case len(n.data) >= 4096:
			n.start = put(n.data)
		case len(n.data) == 0:
			n.start = end
		default:
			n.start = uint32(len(minifat))
			for b := n.data; len(b) > 0; {
				var s [64]byte
				b = b[copy(s[:], b):]
				mini = append(mini, s[:]...)
				minifat = append(minifat, uint32(len(minifat)+1))
			}
			minifat[len(minifat)-1] = end
		}
	}
	nodes[0].data = mini
	nodes[0].start = put(mini)
	var b []byte
	for _, v := range minifat {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for len(b)%512 != 0 {
		b = append(b, 0xFF)
	}
	minifatAt, minifatLen := put(b), len(b)/512
	var dir []byte
	for _, n := range nodes {
		var e [128]byte
		wide := utf16.Encode([]rune(n.name))
		for i, c := range wide {
			binary.LittleEndian.PutUint16(e[2*i:], c)
		}
		binary.LittleEndian.PutUint16(e[64:], uint16(2*len(wide)+2))
		e[66], e[67] = n.kind, 1
		binary.LittleEndian.PutUint32(e[68:], cfbNoStream)
		binary.LittleEndian.PutUint32(e[72:], n.right)
		binary.LittleEndian.PutUint32(e[76:], n.down)
		copy(e[80:], n.clsid[:])
		binary.LittleEndian.PutUint32(e[116:], n.start)
		binary.LittleEndian.PutUint64(e[120:], uint64(len(n.data)))
		dir = append(dir, e[:]...)
	}
	for len(dir)%512 != 0 {
		var e [128]byte
		for i := 68; i < 80; i++ {
			e[i] = 0xFF
		}
		dir = append(dir, e[:]...)
	}
	dirAt := put(dir)
	// The table's own sectors are at the end; they are entries of it too.
	tables := 1
	for (len(fat)+tables+127)/128 > tables {
		tables++
	}
	first := len(fat)
	for range tables {
		fat = append(fat, 0xFFFFFFFD)
	}
	for len(fat)%128 != 0 {
		fat = append(fat, cfbFree)
	}
	head := make([]byte, 512)
	copy(head, ole2Magic)
	binary.LittleEndian.PutUint16(head[0x18:], 0x3E)
	binary.LittleEndian.PutUint16(head[0x1A:], 3)
	binary.LittleEndian.PutUint16(head[0x1C:], 0xFFFE)
	binary.LittleEndian.PutUint16(head[0x1E:], 9)
	binary.LittleEndian.PutUint16(head[0x20:], 6)
	binary.LittleEndian.PutUint32(head[0x2C:], uint32(tables))
	binary.LittleEndian.PutUint32(head[0x30:], dirAt)
	binary.LittleEndian.PutUint32(head[0x38:], 4096)
	binary.LittleEndian.PutUint32(head[0x3C:], minifatAt)
	binary.LittleEndian.PutUint32(head[0x40:], uint32(minifatLen))
	binary.LittleEndian.PutUint32(head[0x44:], end)
	for i := range 109 {
		v := uint32(cfbFree)
		if i < tables {
			v = uint32(first + i)
		}
		binary.LittleEndian.PutUint32(head[0x4C+4*i:], v)
	}
	out := append(head, body...)
	for _, v := range fat {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

// compressVBA writes a CompressedContainer: chunks with copies where the three
// octets before already occurred.
func compressVBA(b []byte) []byte {
	out := []byte{1}
	for len(b) > 0 {
		chunk := b[:min(ovbaChunk, len(b))]
		b = b[len(chunk):]
		var packed []byte
		for at := 0; at < len(chunk); {
			flags := len(packed)
			packed = append(packed, 0)
			for bit := 0; bit < 8 && at < len(chunk); bit++ {
				bits := 4
				for 1<<bits < at {
					bits++
				}
				from, n := -1, 0
				for i := max(0, at-1<<bits); i < at; i++ {
					k := 0
					for at+k < len(chunk) && chunk[i+k] == chunk[at+k] && k < 0xFFFF>>bits+3 {
						k++
					}
					if k > n {
						from, n = i, k
					}
				}
				if n < 3 {
					packed = append(packed, chunk[at])
					at++
					continue
				}
				packed[flags] |= 1 << bit
				packed = binary.LittleEndian.AppendUint16(packed, uint16((at-from-1)<<(16-bits)|(n-3)))
				at += n
			}
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(0xB000|(len(packed)-1)))
		out = append(out, packed...)
	}
	return out
}

// vbaFiles returns the streams of a macro project below prefix.
func vbaFiles(prefix, source string) []cfbFile {
	code := "\x00\x01compiled form\xFF"
	var dir []byte
	record := func(id uint16, body string) {
		dir = binary.LittleEndian.AppendUint16(dir, id)
		dir = binary.LittleEndian.AppendUint32(dir, uint32(len(body)))
		dir = append(dir, body...)
	}
	record(0x0001, "\x01\x00\x00\x00")
	dir = append(dir, "\x09\x00\x04\x00\x00\x00\x01\x00\x00\x00\x02\x00"...) // its size lies
	record(0x000F, "\x01\x00")
	record(0x0019, "Module1")
	record(0x001A, "Module1")
	record(0x0032, "M\x00o\x00d\x00u\x00l\x00e\x001\x00")
	record(0x0031, string([]byte{byte(len(code)), 0, 0, 0}))
	record(0x002B, "")
	record(0x0010, "")
	source = "Attribute VB_Name = \"Module1\"\r\n" + source
	return []cfbFile{
		{path: prefix + "VBA/_VBA_PROJECT", data: []byte("\xCC\x61\xFF\xFF")},
		{path: prefix + "VBA/dir", data: compressVBA(dir)},
		{path: prefix + "VBA/Module1", data: append([]byte(code), compressVBA([]byte(source))...)},
		{path: prefix + "PROJECT", data: []byte("Module=Module1\r\n")},
	}
}
