package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// Layout of a cabinet (MS-CAB section 2).
const (
	cabMagic  = "MSCF\x00\x00\x00\x00"
	cabHead   = 36 // octets of the fixed header
	cabFile   = 16 // octets of a file's entry before its name
	cabLinked = 3  // flags: there is a cabinet before, or after
	cabName   = 256
)

// readCAB tells the names in a cabinet. Nothing looks at the files.
func readCAB(t *teller, r *bufio.Reader) {
	t.note(RuleUnsupported, Unsupported, "")
	// A self-extracting one has a program before it.
	if !seek(r, cabMagic) {
		t.broken("header")
		return
	}
	var head [cabHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.broken("header")
		return
	}
	le := binary.LittleEndian
	if le.Uint16(head[30:])&cabLinked != 0 {
		t.note(RuleSplit, Unsupported, "")
	}
	first, files := int(le.Uint32(head[16:])), int(le.Uint16(head[28:]))
	if first < cabHead {
		t.broken("header")
		return
	}
	if _, err := r.Discard(first - cabHead); err != nil {
		t.broken("header")
		return
	}
	for range files {
		var file [cabFile]byte
		if _, err := io.ReadFull(r, file[:]); err != nil {
			t.broken("names")
			return
		}
		b, err := r.Peek(cabName)
		name, _, ok := bytes.Cut(b, []byte{0})
		if !ok {
			if err == nil {
				t.note(RuleName, Middle, "")
			}
			t.broken("names")
			return
		}
		m := Member{Names: []string{toUTF8(name, latin1)}, Size: int64(le.Uint32(file[:])), Encrypted: true}
		r.Discard(len(name) + 1)
		if !t.open(m) {
			return
		}
		t.close()
	}
}

// seek reads up to a mark and leaves it to be read. False: there is none.
func seek(r *bufio.Reader, mark string) bool {
	for {
		ahead, _ := r.Peek(len(mark))
		if len(ahead) < len(mark) {
			r.Discard(len(ahead))
			return false
		}
		b, _ := r.Peek(r.Buffered())
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			r.Discard(i)
			return true
		}
		r.Discard(len(b) - len(mark) + 1)
	}
}
