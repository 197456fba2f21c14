package unpack

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strconv"
)

// The standard library ends an archive at the first header that it does not
// like: an extended header with a record out of order, a number that is none.
// Other programs go on, with a word of warning. From there on archives are read
// as those do: a header is what has a right checksum (POSIX.1-2017, pax; GNU
// tar manual, section "Basic Tar Format"), and counts as far as it can be read.

const (
	// tarExtended is how much of an extended header is looked at: 64 KiB. It
	// holds a name and some times.
	tarExtended = 64 << 10
	// tarAhead is how many octets are kept of an entry's headers, to be read
	// again: 128 KiB, extended ones and long names among them.
	tarAhead = 128 << 10
	// tarNames is how many names are kept of one entry, the last ones: 16. Each
	// extended header counts instead of those before it.
	tarNames = 16
)

// A tarTape keeps what is read of headers.
type tarTape struct {
	r    *bufio.Reader
	on   bool
	kept []byte
	lost bool // there was more
}

func (p *tarTape) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.on && n > 0 {
		k := min(n, tarAhead-len(p.kept))
		p.kept = append(p.kept, b[:k]...)
		p.lost = p.lost || k < n
	}
	return n, err
}

// record begins with what is not padding of the entry before.
func (p *tarTape) record() { p.on, p.kept, p.lost = true, p.kept[:0], false }

// A tarLoose reads the rest of an archive.
type tarLoose struct {
	t     *teller
	r     *bufio.Reader
	names []string // of the next entry, from extended headers
	size  int64    // likewise; -1: the header's own
}

// tarSum tells whether a block is a header by its checksum, of octets with a
// sign or without.
func tarSum(h []byte) bool {
	if len(h) < tarBlock {
		return false
	}
	want, ok := tarNumber(h[148:156])
	plain, signed := tarSums(h)
	return ok && (want == plain || want == signed) && plain > 8*' '
}

// tarSums returns both checksums of a header. That in it counts as blanks.
func tarSums(h []byte) (plain, signed int64) {
	for i, c := range h[:tarBlock] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		plain += int64(c)
		signed += int64(int8(c))
	}
	return plain, signed
}

// tarNumber reads a number, octal or in base 256.
func tarNumber(b []byte) (n int64, ok bool) {
	if b[0]&0x80 != 0 {
		for i, c := range b {
			if i == 0 {
				c &= 0x7F
			}
			if n >= 1<<48 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	b = bytes.Trim(b, " \x00")
	if i := bytes.IndexAny(b, " \x00"); i >= 0 {
		b = b[:i]
	}
	v, err := strconv.ParseUint(string(b), 8, 48)
	return int64(v), err == nil
}

// readTarLoose reads on, from a header that was taken back.
func readTarLoose(t *teller, r *bufio.Reader) {
	l := &tarLoose{t: t, r: r, size: -1}
	for l.next() {
	}
	t.close()
}

// next reads a header and what belongs to it, or octets that belong to none.
func (l *tarLoose) next() bool {
	b, _ := l.r.Peek(tarBlock)
	switch {
	case len(b) == 0 || !l.t.alive():
		return false
	case tarSum(b):
		h := [tarBlock]byte(b)
		_, _ = l.r.Discard(tarBlock)
		return l.entry(&h)
	case len(bytes.Trim(b, "\x00")) == 0, isTar(b):
		// Told, a header without a right checksum would be an archive again.
		_, _ = l.r.Discard(len(b))
		l.t.close()
		return true
	}
	if l.t.m == nil {
		l.t.note(RuleOverlay, Low, "tar")
		if !l.t.open(Member{Size: -1}) {
			return false
		}
	}
	ok := l.t.data(b)
	_, _ = l.r.Discard(len(b))
	return ok
}

// entry reads what a header says.
func (l *tarLoose) entry(h *[tarBlock]byte) bool {
	l.t.close()
	size, _ := tarNumber(h[124:136])
	switch h[156] {
	case 'x', 'X', 'g':
		l.extended(l.ahead(size))
		return true
	case 'L', 'N':
		l.name(bytes.TrimRight(l.ahead(size), "\x00"))
		return true
	case 'K':
		l.ahead(size)
		return true
	}
	name := untilZero(h[:100])
	if prefix := untilZero(h[345:500]); len(prefix) > 0 && string(h[257:263]) == "ustar\x00" {
		name = append(append(bytes.Clone(prefix), '/'), name...)
	}
	names := addName(l.names, name)
	if l.size >= 0 {
		size = l.size
	}
	l.names, l.size = nil, -1
	if h[156] == 'S' {
		l.t.unread("sparse") // told without its holes, it is another file
	}
	if size == 0 && h[156] >= '1' && h[156] <= '6' {
		return l.t.b.entry() || l.t.alive()
	}
	for i := range names {
		names[i] = toUTF8([]byte(names[i]), latin1)
	}
	if !l.t.open(Member{Names: names, Size: size}) {
		return false
	}
	n, err := l.t.copy(io.LimitReader(l.r, size))
	if err != nil || n < size {
		l.t.broken("data")
		return false
	}
	l.t.close()
	_, _ = l.r.Discard(int(-size & (tarBlock - 1)))
	return true
}

// name keeps a name of the next entry.
func (l *tarLoose) name(b []byte) {
	if l.names = addName(l.names, b); len(l.names) > tarNames {
		l.names = slices.Delete(l.names, 0, 1)
	}
}

// ahead reads so many octets, with their padding, and returns the first.
func (l *tarLoose) ahead(size int64) []byte {
	b := make([]byte, min(size, tarExtended))
	n, _ := io.ReadFull(l.r, b)
	for left := size - int64(n) + -size&(tarBlock-1); left > 0; {
		k, err := l.r.Discard(int(min(left, 1<<30)))
		if left -= int64(k); err != nil {
			break
		}
	}
	return b[:n]
}

// extended reads the records of an extended header: length, blank, key, "=",
// value, line end. The length is not needed to find a name.
func (l *tarLoose) extended(b []byte) {
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if !ok {
			continue
		}
		word := key[bytes.LastIndexByte(key, ' ')+1:]
		if bytes.HasPrefix(word, []byte("GNU.sparse.")) {
			l.t.unread("sparse")
		}
		switch string(word) {
		case "path", "GNU.sparse.name":
			l.name(value)
		case "size":
			if v, err := strconv.ParseUint(string(value), 10, 48); err == nil {
				l.size = int64(v)
			}
		}
	}
}
