package unpack

import (
	"bytes"
	"encoding/binary"
)

// oneNoteFile begins a FileDataStoreObject ([MS-ONESTORE] section 2.6.13),
// {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}; length, eight unused octets more,
// and the file follow.
const oneNoteFile = "\xE7\x16\xE3\xBD\x65\x26\x11\x45\xA4\xC4\x8D\x4D\x0B\x7A\x9E\xAC"

// readOneNote tells the files attached to a notebook's section, pictures too.
func readOneNote(t *teller, data []byte) {
	names := oneNoteNames(data)
	for b := data; t.alive(); {
		i := bytes.Index(b, []byte(oneNoteFile))
		if i < 0 {
			return
		}
		b = b[i+len(oneNoteFile):]
		if len(b) < 20 {
			t.broken("file")
			return
		}
		n := binary.LittleEndian.Uint64(b)
		body := b[20:]
		if n > uint64(len(body)) {
			t.broken("file")
			n = uint64(len(body))
		}
		t.whole(Member{Names: names, Size: int64(n)}, body[:n])
		// What follows is searched from the start of the file on, since a length
		// may lie; a mark inside one file costs what is in it, at most.
		b = body
		if n < 1<<31 && t.index < oneNoteNested {
			continue
		}
		b = body[n:]
	}
}

// oneNoteNested bounds the files after which those inside others are not
// looked for any more: 100.
const oneNoteNested = 100

// oneNoteNames returns the file names with a suffix that stand in a section.
// Which belongs to which file is in its object tree; each file is told under
// all of them, so that none is missed.
func oneNoteNames(data []byte) []string {
	const most = 16
	var names []string
	for b := data; len(names) < most; {
		i := bytes.Index(b, []byte(".\x00"))
		if i < 0 {
			return names
		}
		from, to := i, i
		for from >= 2 && b[from-1] == 0 && b[from-2] >= ' ' && b[from-2] < 0x7F && i-from < 512 {
			from -= 2
		}
		for to+1 < len(b) && b[to+1] == 0 && b[to] > ' ' && b[to] < 0x7F && to-i < 12 {
			to += 2
		}
		if ext := to - i; from < i && ext >= 6 && ext <= 10 {
			names = addName(names, utf16le(b[from:to]))
		}
		b = b[max(to, i+2):]
	}
	return names
}
