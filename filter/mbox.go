package filter

import (
	"bytes"

	"sluice/stream/unpack"
)

// mboxFrom begins the line in front of each message of a mbox file (RFC 4155
// appendix A).
var mboxFrom = []byte("From ")

const (
	// mboxLine is the longest such line: 1 KiB. It has an address and a date.
	mboxLine = 1 << 10
	// mboxField is how much of the line behind it is looked at for a field: a
	// name's length and its colon.
	mboxField = 80
)

// looksLikeMbox tells whether head begins a mbox file.
func looksLikeMbox(head []byte) bool {
	if !bytes.HasPrefix(head, mboxFrom) {
		return false
	}
	_, rest, _ := bytes.Cut(head[:min(len(head), mboxLine)], []byte("\n"))
	return len(fieldName(rest)) > 0
}

// A mbox is a file of messages one behind the other. Which lines part them is
// in no two programs the same: here it is a line that begins with "From " if a
// field follows it, so that text which begins a line so parts nothing.
type mbox struct {
	open  func(n int) unpack.Reader // the nth message's; nil: too many
	count int
	mail  unpack.Reader // the message that is read; nil: none, or too many
	buf   []byte        // what may be a line that parts
	mid   bool          // buf is not the beginning of a line
}

// Write reads on.
func (m *mbox) Write(p []byte) {
	m.buf = append(m.buf, p...)
	m.take(false)
}

// Close ends the file and its last message.
func (m *mbox) Close(complete bool) {
	if complete {
		m.take(true)
	}
	if m.mail != nil {
		m.mail.Close(complete)
	}
}

// A mboxLineKind is what a line is that begins with "From ", as far as it came.
type mboxLineKind uint8

const (
	mboxOpen mboxLineKind = iota // not known yet
	mboxText
	mboxParts
)

// take gives on what is settled and keeps the rest.
func (m *mbox) take(end bool) {
	b, pos := m.buf, 0
	for {
		i := m.find(b, pos)
		if i < 0 {
			break
		}
		kind := mboxKind(b[i:], end)
		if kind == mboxText {
			pos = i + 1
			continue
		}
		m.give(b[:i])
		b, pos = b[i:], 1
		if kind == mboxOpen {
			m.buf = m.buf[:copy(m.buf, b)]
			m.mid = false
			return
		}
		m.next()
	}
	m.give(b)
	m.buf = m.buf[:0]
}

// find returns where the next line begins that begins, or may go on to begin,
// with mboxFrom, or -1. It begins at pos or later; pos is not 0 unless b has
// just come.
func (m *mbox) find(b []byte, pos int) int {
	if pos == 0 && !m.mid && bytes.HasPrefix(mboxFrom, b[:min(len(b), len(mboxFrom))]) && len(b) > 0 {
		return 0
	}
	const mark = "\nFrom "
	if pos > len(b) {
		return -1
	}
	if i := bytes.Index(b[pos:], []byte(mark)); i >= 0 {
		return pos + i + 1
	}
	for k := min(len(mark)-1, len(b)-pos); k > 0; k-- {
		if string(b[len(b)-k:]) == mark[:k] {
			return len(b) - k + 1
		}
	}
	return -1
}

// mboxKind judges a line by itself and the beginning of the next.
func mboxKind(b []byte, end bool) mboxLineKind {
	n := bytes.IndexByte(b, '\n')
	switch {
	case len(b) < len(mboxFrom) && end, n > mboxLine, n < 0 && (end || len(b) > mboxLine):
		return mboxText
	case n < 0:
		return mboxOpen
	}
	next := b[n+1:]
	next = next[:min(len(next), mboxField)]
	switch {
	case len(fieldName(next)) > 0:
		return mboxParts
	case end || len(next) == mboxField || bytes.ContainsAny(next, ":\n"):
		return mboxText
	}
	return mboxOpen
}

// next ends a message and begins another.
func (m *mbox) next() {
	if m.mail != nil {
		m.mail.Close(true)
	}
	m.mail = m.open(m.count)
	m.count++
}

// give gives octets to the message.
func (m *mbox) give(b []byte) {
	if len(b) == 0 {
		return
	}
	if m.count == 0 {
		m.next()
	}
	if m.mail != nil {
		m.mail.Write(b)
	}
	m.mid = b[len(b)-1] != '\n'
}
