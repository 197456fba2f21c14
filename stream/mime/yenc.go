package mime

import (
	"bytes"
	"hash/crc32"
)

// A yenc is what a file in yEnc (www.yenc.org, draft 1.3) says of itself, and
// what it is.
type yenc struct {
	name    []byte
	size    int64 // as declared, of the file or of this part; -1: it was not
	part    bool  // one of several
	escaped bool  // the last octet was "="
	got     int64 // octets decoded
	crc     uint32
	faults  yEncFault
}

type yEncFault uint8

const (
	yEncSize yEncFault = 1 << iota // another size than declared
	yEncCRC
)

func (y *yenc) defects() []Defect {
	var list []Defect
	if y.faults&yEncSize != 0 {
		list = append(list, Defect{RuleYEnc, Middle, "size"})
	}
	if y.faults&yEncCRC != 0 {
		list = append(list, Defect{RuleYEnc, Middle, "checksum"})
	}
	return list
}

// start parses what follows "=ybegin ". The name is last, and may hold blanks.
func (y *yenc) start(line []byte) bool {
	*y = yenc{size: -1}
	line, name, named := bytes.Cut(line, []byte("name="))
	y.name = bytes.Trim(name, " \t\"")
	size, sized := yEncNumber(line, "size=", 10)
	if sized {
		y.size = size
	}
	_, y.part = yEncNumber(line, "part=", 10)
	return named || sized
}

// yEncNumber returns the number behind key.
func yEncNumber(line []byte, key string, base int64) (int64, bool) {
	at := bytes.Index(line, []byte(key))
	if at < 0 || at > 0 && line[at-1] != ' ' {
		return 0, false
	}
	var n int64
	digits := line[at+len(key):]
	i := 0
	for ; i < min(len(digits), 16); i++ {
		v := int64(hexValue[digits[i]])
		if v < 0 || v >= base {
			break
		}
		n = n*base + v
	}
	return n, i > 0
}

// yEncLine decodes a line, or a piece of one. It returns false if the line
// begins another file.
func (e *embedded) yEncLine(line []byte, first bool) bool {
	y := &e.yenc
	if first && !y.escaped && bytes.HasPrefix(line, []byte("=y")) {
		switch {
		case bytes.HasPrefix(line, []byte(yEncMark)):
			return false
		case bytes.HasPrefix(line, []byte("=ypart ")):
			from, ok1 := yEncNumber(line, "begin=", 10)
			to, ok2 := yEncNumber(line, "end=", 10)
			if ok1 && ok2 && from <= to {
				y.size = to - from + 1
			}
			return true
		case bytes.HasPrefix(line, []byte("=yend")):
			y.check(line)
			e.finish()
			return true
		}
	}
	// CRs are none of the data: one may belong to a line end a piece later.
	buf := e.out.spare(len(line), e.data)
	for len(line) > 0 {
		if y.escaped {
			buf = append(buf, line[0]-64-42)
			line, y.escaped = line[1:], false
			continue
		}
		n := bytes.IndexAny(line, "=\r\n")
		if n < 0 {
			n = len(line)
		}
		for _, c := range line[:n] {
			buf = append(buf, c-42)
		}
		if line = line[n:]; len(line) > 0 {
			y.escaped = line[0] == '='
			line = line[1:]
		}
	}
	if added := buf[len(e.out.buf):]; len(added) > 0 {
		e.ready()
		y.got += int64(len(added))
		y.crc = crc32.Update(y.crc, crc32.IEEETable, added)
	}
	e.out.buf = buf
	return true
}

// check compares the file with its last line, which has the size again and
// perhaps a checksum: of a part under another key.
func (y *yenc) check(line []byte) {
	if size, ok := yEncNumber(line, "size=", 10); ok && size != y.got || y.size >= 0 && y.size != y.got {
		y.faults |= yEncSize
	}
	key := "crc32="
	if y.part {
		key = "pcrc32="
	}
	if crc, ok := yEncNumber(line, key, 16); ok && uint32(crc) != y.crc {
		y.faults |= yEncCRC
	}
}
