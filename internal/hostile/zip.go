package hostile

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// Methods of zip (APPNOTE.TXT section 4.4.5).
const (
	stored    = 0
	deflated  = 8
	bzip2ed   = 12
	lzmaed    = 14
	zstded    = 93
	xzed      = 95
	aesMethod = 99
)

// A zipEntry is one file of a zip, with the lies that its headers tell.
type zipEntry struct {
	name   string
	data   []byte
	packed []byte // nil: data by method, stored or deflated
	method uint16
	flags  uint16
	extra  []byte // of both headers

	centralName string            // in the directory; empty: name
	local       func(head []byte) // changes the local header
	central     func(head []byte) // changes the directory's
	before      []byte            // octets in front of the local header
	noLocal     bool
	noCentral   bool
	stream      bool // sizes follow in a descriptor
}

// A zipFile is a zip with what is around it.
type zipFile struct {
	prefix, suffix []byte
	entries        []zipEntry
	comment        []byte
	end            func(record []byte) // changes the end record
	shift          int                 // added to the offsets
	beforeEnd      []byte
}

func zipOf(entries ...zipEntry) []byte { return zipFile{entries: entries}.bytes() }

func deflate(data []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func (e *zipEntry) content() []byte {
	switch {
	case e.packed != nil:
		return e.packed
	case e.method == deflated:
		return deflate(e.data)
	}
	return e.data
}

// fields are what both headers have in common, from the flags on.
func (e *zipEntry) fields(name string, packed int, blank bool) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, e.flags)
	b = le.AppendUint16(b, e.method)
	b = append(b, 0, 0, 0x21, 0)
	if blank {
		b = append(b, make([]byte, 12)...)
	} else {
		b = le.AppendUint32(b, crc32.ChecksumIEEE(e.data))
		b = le.AppendUint32(b, uint32(packed))
		b = le.AppendUint32(b, uint32(len(e.data)))
	}
	return le.AppendUint16(le.AppendUint16(b, uint16(len(name))), uint16(len(e.extra)))
}

func (f zipFile) bytes() []byte {
	le := binary.LittleEndian
	out := bytes.Clone(f.prefix)
	var directory []byte
	count := 0
	for _, e := range f.entries {
		packed := e.content()
		if e.stream {
			e.flags |= 8
		}
		out = append(out, e.before...)
		offset := len(out) + f.shift
		if !e.noLocal {
			head := append([]byte("PK\x03\x04\x14\x00"), e.fields(e.name, len(packed), e.stream)...)
			head = append(append(head, e.name...), e.extra...)
			change(e.local, head)
			out = append(append(out, head...), packed...)
			if e.stream {
				out = le.AppendUint32(append(out, "PK\x07\x08"...), crc32.ChecksumIEEE(e.data))
				out = le.AppendUint32(le.AppendUint32(out, uint32(len(packed))), uint32(len(e.data)))
			}
		}
		if e.noCentral {
			continue
		}
		name := e.name
		if e.centralName != "" {
			name = e.centralName
		}
		head := append([]byte("PK\x01\x02\x14\x00\x14\x00"), e.fields(name, len(packed), false)...)
		head = append(head, make([]byte, 10)...)
		head = le.AppendUint32(head, uint32(offset))
		head = append(append(head, name...), e.extra...)
		change(e.central, head)
		directory = append(directory, head...)
		count++
	}
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, uint16(count)), uint16(count))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(directory))), uint32(len(out)+f.shift))
	end = append(le.AppendUint16(end, uint16(len(f.comment))), f.comment...)
	change(f.end, end)
	out = append(append(out, directory...), f.beforeEnd...)
	return append(append(out, end...), f.suffix...)
}

func change(by func([]byte), b []byte) {
	if by != nil {
		by(b)
	}
}

func put16(at int, v uint16) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) }
}

func put32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
}

// unicodePath is Info-ZIP's extra field for a name in UTF-8 (0x7075).
func unicodePath(name, unicode string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte("up"), uint16(5+len(unicode)))
	b = le.AppendUint32(append(b, 1), crc32.ChecksumIEEE([]byte(name)))
	return append(b, unicode...)
}
