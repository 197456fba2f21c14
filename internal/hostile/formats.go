package hostile

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// sevenNumber is a number of 7z (7zFormat.txt), below 2 to the 14th.
func sevenNumber(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	return []byte{0x80 | byte(n>>8), byte(n)}
}

// sevenZip is a 7z with one file, packed by this coder: its flags, method id
// and properties.
func sevenZip(name string, data, packed, coder []byte) []byte {
	header := slices.Concat(
		[]byte{1, 4, 6, 0, 1, 9}, sevenNumber(len(packed)), []byte{0}, // one pack stream
		[]byte{7, 11, 1, 0, 1}, coder, []byte{12}, sevenNumber(len(data)), // one folder, one coder
		[]byte{10, 1}, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)), []byte{0},
		[]byte{0}, // streams end
		[]byte{5, 1, 17}, sevenNumber(2*len(name)+3), []byte{0}, []byte(utf16le(name)), []byte{0, 0, 0, 0},
	)
	return sevenFrame(packed, header)
}

// sevenFrame puts the start header in front.
func sevenFrame(packed, header []byte) []byte {
	le := binary.LittleEndian
	start := le.AppendUint64(nil, uint64(len(packed)))
	start = le.AppendUint64(start, uint64(len(header)))
	start = le.AppendUint32(start, crc32.ChecksumIEEE(header))
	out := []byte("7z\xBC\xAF\x27\x1C\x00\x04")
	out = le.AppendUint32(out, crc32.ChecksumIEEE(start))
	return slices.Concat(out, start, packed, header)
}

// sevenStored is a 7z that packs nothing.
func sevenStored(name string, data []byte) []byte { return sevenZip(name, data, data, []byte{1, 0}) }

// sevenLZMA is a 7z of LZMA that declares this dictionary.
func sevenLZMA(name string, data []byte, dictionary uint32) []byte {
	alone := lzmaOf(data)
	coder := binary.LittleEndian.AppendUint32([]byte{0x23, 3, 1, 1, 5, alone[0]}, dictionary)
	return sevenZip(name, data, alone[13:], coder)
}

// sevenEncrypted is one whose method is AES; the octets are none.
func sevenEncrypted(name string) []byte {
	data := make([]byte, 64)
	return sevenZip(name, data, data, []byte{0x24, 6, 0xF1, 7, 1, 2, 0x13, 0})
}

// sevenHidden is one whose header itself is encrypted.
func sevenHidden() []byte {
	data := make([]byte, 64)
	header := slices.Concat([]byte{0x17, 6, 0, 1, 9}, sevenNumber(len(data)), []byte{0, 7, 11, 1, 0, 1},
		[]byte{0x24, 6, 0xF1, 7, 1, 2, 0x13, 0}, []byte{12}, sevenNumber(60), []byte{0, 0})
	return sevenFrame(data, header)
}

// vint is a number of RAR 5: seven bits an octet, the lowest first.
func vint(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// rar5Block is a block with its checksum and size in front, data behind.
func rar5Block(header, data []byte) []byte {
	header = slices.Concat(vint(len(header)), header)
	return slices.Concat(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(header)), header, data)
}

const (
	rar5Mark = "Rar!\x1A\x07\x01\x00"
	rar3Mark = "Rar!\x1A\x07\x00"
)

// rar5Of is a RAR 5 with one file, packed by compression information such as
// 0: stored. extra is the extra area of the file's header.
func rar5Of(name string, data []byte, compression int, extra []byte) []byte {
	flags := 2
	var extraSize []byte
	if extra != nil {
		flags, extraSize = 3, vint(len(extra))
	}
	file := slices.Concat(vint(2), vint(flags), extraSize, vint(len(data)), vint(4), vint(len(data)), vint(0),
		binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)), vint(compression), vint(1), vint(len(name)), []byte(name), extra)
	return slices.Concat([]byte(rar5Mark), rar5Block([]byte{1, 0, 0}, nil), rar5Block(file, data), rar5Block([]byte{5, 0, 0}, nil))
}

// rar5Stream is a service block that holds a stream of the file before it,
// stored.
func rar5Stream(name string, data []byte) []byte {
	extra := slices.Concat(vint(1+len(name)), []byte{7}, []byte(name))
	header := slices.Concat(vint(3), vint(3), vint(len(extra)), vint(len(data)), vint(4), vint(len(data)), vint(0),
		binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)), vint(0), vint(0), vint(3), []byte("STM"), extra)
	return rar5Block(header, data)
}

// rar5Streams is a RAR 5 with a harmless file and these blocks behind it.
func rar5Streams(blocks ...[]byte) []byte {
	end := rar5Block([]byte{5, 0, 0}, nil)
	file := rar5Of("a.txt", []byte("harmless"), 0, nil)
	return slices.Concat(file[:len(file)-len(end)], slices.Concat(blocks...), end)
}

// rar5Encryption is the record that says that a file is encrypted.
func rar5Encryption() []byte {
	record := slices.Concat([]byte{1, 0, 0, 15}, make([]byte, 16+16))
	return slices.Concat(vint(len(record)), record)
}

// rar5Hidden has its headers encrypted.
func rar5Hidden() []byte {
	return slices.Concat([]byte(rar5Mark), rar5Block(slices.Concat([]byte{4, 0, 0, 0, 15}, make([]byte, 16)), nil), make([]byte, 64))
}

// rar3Block is a block of RAR 1.5 to 4, its checksum in front.
func rar3Block(kind byte, flags int, rest, data []byte) []byte {
	header := slices.Concat([]byte{kind}, le16(flags), le16(7+len(rest)), rest)
	return slices.Concat(le16(int(crc32.ChecksumIEEE(header)&0xFFFF)), header, data)
}

// rar3Of is a RAR 3 with one file by a method such as 0x30: stored.
func rar3Of(name string, data []byte, method byte, flags int) []byte {
	rest := slices.Concat(le32(len(data)), le32(len(data)), []byte{3}, le32(int(crc32.ChecksumIEEE(data))), le32(0x21<<16),
		[]byte{29, method}, le16(len(name)), le32(0x20), []byte(name))
	return slices.Concat([]byte(rar3Mark), rar3Block(0x73, 0, make([]byte, 6), nil),
		rar3Block(0x74, 0x8000|flags, rest, data), rar3Block(0x7B, 0x4000, nil, nil))
}

// rar3Hidden has its headers encrypted.
func rar3Hidden() []byte {
	return slices.Concat([]byte(rar3Mark), rar3Block(0x73, 0x80, make([]byte, 6), nil), make([]byte, 64))
}

// cabOf is a cabinet with one stored file ([MS-CAB] section 2).
func cabOf(name string, data []byte) []byte {
	const files = 36 + 8
	first := files + 16 + len(name) + 1
	total := first + 8 + len(data)
	return slices.Concat([]byte("MSCF\x00\x00\x00\x00"), le32(total), le32(0), le32(files), le32(0), []byte{3, 1},
		le16(1), le16(1), le16(0), le16(0), le16(0),
		le32(first), le16(1), le16(0), // folder
		le32(len(data)), le32(0), le16(0), le16(0x21), le16(0), le16(0x20), []byte(name), []byte{0},
		le32(0), le16(len(data)), le16(len(data)), data)
}

// isoOf is an ISO 9660 image with one file in its root.
func isoOf(name string, data []byte) []byte {
	const sector = 2048
	both32 := func(n int) []byte { return slices.Concat(le32(n), be32(n)) }
	record := func(name string, at, size int, flags byte) []byte {
		r := slices.Concat([]byte{0, 0}, both32(at), both32(size), make([]byte, 7), []byte{flags, 0, 0, 1, 0, 0, 1, byte(len(name))}, []byte(name))
		if len(r)%2 == 1 {
			r = append(r, 0)
		}
		r[0] = byte(len(r))
		return r
	}
	image := make([]byte, 20*sector)
	volume := image[16*sector:]
	copy(volume, "\x01CD001\x01")
	copy(volume[80:], both32(20))
	copy(volume[120:], []byte{1, 0, 0, 1, 1, 0, 0, 1, 0, 8, 8, 0})
	copy(volume[156:], record("\x00", 18, sector, 2))
	copy(image[17*sector:], "\xFFCD001\x01")
	copy(image[18*sector:], slices.Concat(record("\x00", 18, sector, 2), record("\x01", 18, sector, 2), record(name, 19, len(data), 0)))
	copy(image[19*sector:], data)
	return image
}

// aceOf begins as an ACE does.
func aceOf() []byte {
	return slices.Concat([]byte{0, 0, 49, 0, 0, 0, 0}, []byte("**ACE**"), make([]byte, 100))
}

// lhaOf is an LHA with one stored file, header level 0.
func lhaOf(name string, data []byte) []byte {
	rest := slices.Concat([]byte("-lh0-"), le32(len(data)), le32(len(data)), le32(0), []byte{0x20, 0, byte(len(name))}, []byte(name), le16(0))
	sum := 0
	for _, c := range rest {
		sum += int(c)
	}
	return slices.Concat([]byte{byte(len(rest)), byte(sum)}, rest, data, []byte{0})
}

// arjOf begins as an ARJ does.
func arjOf() []byte {
	header := slices.Concat([]byte{30, 11, 1, 0, 0, 0, 2, 0}, make([]byte, 22), []byte("a.arj\x00\x00"))
	return slices.Concat([]byte{0x60, 0xEA}, le16(len(header)), header, le32(int(crc32.ChecksumIEEE(header))), le16(0), make([]byte, 40))
}

// lz4Of is a frame of one stored block.
func lz4Of(data []byte) []byte {
	return slices.Concat([]byte{0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82}, le32(len(data)|1<<31), data, le32(0))
}

// plistOf is a binary property list of objects of octets and the null object.
func plistOf(objects ...[]byte) []byte {
	b := []byte("bplist00")
	offsets := be32(len(b))
	b = append(b, 0)
	for _, o := range objects {
		offsets = append(offsets, be32(len(b))...)
		b = slices.Concat(b, []byte{0x4F, 0x12}, be32(len(o)), o)
	}
	trailer := slices.Concat(make([]byte, 6), []byte{4, 1, 0, 0, 0, 0}, be32(len(objects)+1), make([]byte, 12), be32(len(b)))
	return slices.Concat(b, offsets, trailer)
}

// pngOf is a picture of one pixel.
func pngOf() []byte {
	chunk := func(kind string, data []byte) []byte {
		body := slices.Concat([]byte(kind), data)
		return slices.Concat(be32(len(data)), body, be32(int(crc32.ChecksumIEEE(body))))
	}
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", []byte{0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0}),
		chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1}), chunk("IEND", nil))
}

// jpegOf is the frame of a picture.
func jpegOf() []byte {
	return slices.Concat([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"), bytes.Repeat([]byte{0x55}, 3000), []byte("\xff\xd9"))
}
