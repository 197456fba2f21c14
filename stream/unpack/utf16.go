package unpack

import (
	"bufio"
	"bytes"

	"golang.org/x/text/encoding/unicode"
)

// asUTF8 returns a reader of r's text as UTF-8 if it is UTF-16: with a mark, or
// with a zero in every other of its first octets, as ASCII has it; else r.
func asUTF8(r *bufio.Reader) *bufio.Reader {
	head, _ := r.Peek(4)
	order, mark := unicode.LittleEndian, unicode.IgnoreBOM
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		mark = unicode.UseBOM
	case len(head) < 4:
		return r
	case asciiOctet(head[0]) && head[1] == 0 && asciiOctet(head[2]) && head[3] == 0:
	case head[0] == 0 && asciiOctet(head[1]) && head[2] == 0 && asciiOctet(head[3]):
		order = unicode.BigEndian
	default:
		return r
	}
	return bufio.NewReaderSize(unicode.UTF16(order, mark).NewDecoder().Reader(r), blockSize)
}

func asciiOctet(c byte) bool { return c > 0 && c < 0x80 }
