package unpack

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Flags of a gzip header (RFC 1952 section 2.3.1).
const (
	gzipCRC = 1 << (iota + 1)
	gzipExtra
	gzipName
	gzipComment
)

// readGzip reads gzip members (RFC 1952) one after the other as one content,
// as programs do. What follows the last of them is noted unless it is zeros,
// which tapes pad with.
func readGzip(t *teller, r *bufio.Reader, names []string) {
	for first := true; ; first = false {
		head, _ := r.Peek(10)
		if len(head) < 10 || head[0] != 0x1F || head[1] != 0x8B || head[2] != 8 {
			if first {
				t.broken("header")
			} else if !zeros(r) {
				t.broken("trailing")
			}
			return
		}
		name, ok := gzipHeader(r)
		if first {
			if name != "" {
				names = append([]string{name}, names...)
			}
			if !t.open(Member{Names: names, Size: -1}) {
				return
			}
		}
		if !ok {
			t.broken("header")
			return
		}
		sum := crc32.NewIEEE()
		n, err := unDeflate(t, r, sum)
		if err != nil {
			t.broken("data")
			return
		}
		var tail [8]byte
		if _, err := io.ReadFull(r, tail[:]); err != nil {
			t.broken("end")
			return
		}
		if binary.LittleEndian.Uint32(tail[:]) != sum.Sum32() || binary.LittleEndian.Uint32(tail[4:]) != uint32(n) {
			t.broken("checksum")
		}
	}
}

// zeros reads to the end and tells whether there was nothing but zeros.
func zeros(r *bufio.Reader) bool {
	for {
		b, _ := r.Peek(max(1, r.Buffered()))
		if len(b) == 0 {
			return true
		}
		for _, c := range b {
			if c != 0 {
				return false
			}
		}
		r.Discard(len(b))
	}
}

// gzipHeader reads a header and returns the name in it.
func gzipHeader(r *bufio.Reader) (name string, ok bool) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", false
	}
	flags := head[3]
	if flags&gzipExtra != 0 {
		var n [2]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return "", false
		}
		if _, err := r.Discard(int(binary.LittleEndian.Uint16(n[:]))); err != nil {
			return "", false
		}
	}
	if flags&gzipName != 0 {
		if name, ok = zeroEnded(r); !ok {
			return name, false
		}
	}
	if flags&gzipComment != 0 {
		if _, ok = zeroEnded(r); !ok {
			return name, false
		}
	}
	if flags&gzipCRC != 0 {
		if _, err := r.Discard(2); err != nil {
			return name, false
		}
	}
	return name, true
}

// zeroEnded reads text up to a zero and keeps a little more of it than a name
// may have. It is Latin-1 by RFC 1952, UTF-8 in practice.
func zeroEnded(r *bufio.Reader) (string, bool) {
	var kept []byte
	for {
		b, err := r.ReadSlice(0)
		kept = append(kept, b[:min(len(b), NameSize+1-len(kept))]...)
		switch err {
		case nil:
			if n := len(kept); n > 0 && kept[n-1] == 0 {
				kept = kept[:n-1]
			}
			return toUTF8(kept, latin1), true
		case bufio.ErrBufferFull:
		default:
			return toUTF8(kept, latin1), false
		}
	}
}
