package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"unicode/utf16"
)

// A shape is content that costs more memory than most of its size.
type shape struct {
	name string
	file string // the attachment's name; empty: the content is the text
	make func(n int) []byte
}

// shapes are the worst that one message can hold, of about n octets. What a
// reader holds is in none of them more than its content says. Plain text comes
// first: it is the good mail among them.
func shapes() []shape {
	return []shape{
		{"text", "", func(n int) []byte { return []byte(prose(rand.New(rand.NewPCG(1, 1)), n, "\r\n")) }},
		{"zip, one stored member", "a.zip", storedZip},
		{"7z, held whole", "a.7z", sevenZip},
		{"OLE2, held whole", "a.doc", func(n int) []byte { return append([]byte(oleMagic), noise(n)...) }},
		{"xz, dictionary of 64 MiB", "a.xz", wideXZ},
		{"zstd, window of 32 MiB in 1 kB", "a.zst", func(int) []byte { return wideZstd() }},
	}
}

const oleMagic = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"

// message is a mail of the shape, dots stuffed and with its terminator.
func (s shape) message(n int) []byte {
	var b bytes.Buffer
	b.WriteString("From: <a@x.test>\r\nTo: <b@y.test>\r\nSubject: a shape\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n" +
		"Message-ID: <shape@x.test>\r\nMIME-Version: 1.0\r\n")
	content := s.make(n)
	if s.file == "" {
		b.WriteString("Content-Type: text/plain\r\n\r\n")
		b.Write(content)
		return stuff(b.Bytes())
	}
	fmt.Fprintf(&b, "Content-Type: application/octet-stream; name=%q\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment; filename=%q\r\n\r\n", s.file, s.file)
	line := make([]byte, 76)
	for len(content) > 0 {
		k := min(57, len(content))
		base64.StdEncoding.Encode(line, content[:k])
		b.Write(line[:base64.StdEncoding.EncodedLen(k)])
		b.WriteString("\r\n")
		content = content[k:]
	}
	return stuff(b.Bytes())
}

// noise is n octets that nothing compresses.
func noise(n int) []byte {
	p := make([]byte, n)
	io.ReadFull(rand.NewChaCha8([32]byte{7}), p) //nolint:errcheck // never fails
	return p
}

// sum is a CRC-32 as the formats below write it.
func sum(p []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(p)) }

// storedZip is a zip with one member as it is.
func storedZip(n int) []byte {
	content := noise(n)
	const name = "a.bin"
	head := func(sig uint32, more ...uint16) []byte {
		p := binary.LittleEndian.AppendUint32(nil, sig)
		for _, v := range more {
			p = binary.LittleEndian.AppendUint16(p, v)
		}
		p = binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(content))
		p = binary.LittleEndian.AppendUint32(p, uint32(n))
		p = binary.LittleEndian.AppendUint32(p, uint32(n))
		return binary.LittleEndian.AppendUint16(p, uint16(len(name)))
	}
	// Version needed, flags, method, time, date (APPNOTE 4.3.7, 4.3.12).
	out := append(append(head(0x04034b50, 20, 0, 0, 0, 0x21), 0, 0), name...)
	out = append(out, content...)
	at := len(out)
	out = append(append(append(out, head(0x02014b50, 20, 20, 0, 0, 0, 0x21)...), make([]byte, 16)...), name...)
	size := len(out) - at
	out = binary.LittleEndian.AppendUint32(out, 0x06054b50)
	out = append(out, 0, 0, 0, 0, 1, 0, 1, 0)
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	return append(binary.LittleEndian.AppendUint32(out, uint32(at)), 0, 0)
}

// sevenZip is a 7z with one member as it is (7zFormat.txt): its directory is
// at the end, so all of it is held until then.
func sevenZip(n int) []byte {
	content := noise(n)
	number := func(v int) []byte { return binary.LittleEndian.AppendUint64([]byte{0xFF}, uint64(v)) }
	name := []byte{0} // not external
	for _, u := range utf16.Encode([]rune("a.bin\x00")) {
		name = binary.LittleEndian.AppendUint16(name, u)
	}
	directory := bytes.Join([][]byte{
		{0x01, 0x04, 0x06, 0, 1, 0x09}, number(n), {0}, // one packed stream
		{0x07, 0x0B, 1, 0, 1, 1, 0, 0x0C}, number(n), {0}, // one folder with one coder: copy
		{0x08, 0x0A, 1}, sum(content), {0, 0}, // its sum
		{0x05, 1, 0x11}, number(len(name)), name, {0, 0}, // one file
	}, nil)
	start := binary.LittleEndian.AppendUint64(nil, uint64(n))
	start = binary.LittleEndian.AppendUint64(start, uint64(len(directory)))
	start = append(start, sum(directory)...)
	return bytes.Join([][]byte{[]byte("7z\xBC\xAF\x27\x1C\x00\x04"), sum(start), start, content, directory}, nil)
}

// wideXZ is an xz with a dictionary of 64 MiB and content that is not
// compressed (xz-file-format 1.2.0; LZMA2 chunks of kind 1 and 2).
func wideXZ(n int) []byte {
	content := noise(n)
	pad := func(p []byte) []byte { return append(p, make([]byte, (4-len(p)%4)%4)...) }
	flags := []byte{0, 1} // checked by CRC32
	block := []byte{2, 0, 0x21, 1, 28, 0, 0, 0}
	block = append(block, sum(block)...)
	for kind, rest := byte(1), content; len(rest) > 0; kind = 2 {
		k := min(1<<16, len(rest))
		block = append(block, kind, byte((k-1)>>8), byte(k-1))
		block = append(block, rest[:k]...)
		rest = rest[k:]
	}
	block = append(block, 0)
	unpadded := len(block) + 4
	block = append(pad(block), sum(content)...)
	index := binary.AppendUvarint([]byte{0, 1}, uint64(unpadded))
	index = pad(binary.AppendUvarint(index, uint64(n)))
	index = append(index, sum(index)...)
	end := append(binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)), flags...)
	return bytes.Join([][]byte{[]byte("\xFD7zXZ\x00"), flags, sum(flags), block, index, sum(end), end, []byte("YZ")}, nil)
}

// wideZstd is a zstd frame with a window of 32 MiB, filled by blocks of one
// repeated octet (RFC 8878 section 3.1.1): as much as fits below what counts
// as growing beyond measure.
func wideZstd() []byte {
	const blockSize, blocks = 128 << 10, 31 << 20 / (128 << 10)
	out := []byte{0x28, 0xB5, 0x2F, 0xFD, 0, 15 << 3}
	for i := range blocks {
		head := uint32(blockSize)<<3 | 1<<1 | uint32(btoi(i == blocks-1))
		out = append(out, byte(head), byte(head>>8), byte(head>>16), byte(i))
	}
	return out
}
