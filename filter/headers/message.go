package headers

import (
	"bytes"
	"time"

	"sluice/filter"
	"sluice/stream/mime"
)

// valueSize is how much of one field's value is kept: 4 KiB, a list of a
// hundred addresses.
const valueSize = 4 << 10

// A message is what rules look at. Slices are its own and reused for the next.
type message struct {
	count [fields]int
	value [fields][]byte // of the kept fields' first occurrence: unfolded, at most valueSize
	tight bool           // a field that people read has no blank behind its colon
	ours  bool           // the topmost Received field claims to be ours

	// Known when the header has ended.
	from, replyTo, to mailbox
	fromName          []byte // decoded
	subject           []byte // decoded
	now               time.Time
	date              moment
	dated             bool // date could be read

	// Known when the message has ended.
	blank  bool // no part has anything but blanks
	plain  bool // some part is plain text that is shown
	html   bool // some part is a page that is shown
	file   bool // some part is a file, or neither text nor page
	needed bool // base64 was: text that is declared as something else than ASCII
	base64 bool // a text that is shown is in base64
}

// reset empties m and keeps its memory.
func (m *message) reset() {
	value, fromName, subject := m.value, m.fromName, m.subject
	for i := range value {
		value[i] = value[i][:0]
	}
	*m = message{value: value, fromName: fromName[:0], subject: subject[:0]}
}

// add notes one field.
func (m *message) add(f mime.Field, hostname string) {
	kind := fieldOf(f.Name)
	if kind == other {
		return
	}
	m.count[kind]++
	if m.count[kind] > 1 {
		return
	}
	if kind == received {
		m.ours = claims(f.Value, hostname)
	}
	if !kind.kept() {
		return
	}
	m.tight = m.tight || len(f.Value) > 0 && f.Value[0] > ' ' && kind != xMailer
	m.value[kind] = unfold(m.value[kind][:0], f.Value[:min(len(f.Value), valueSize)])
}

// claims tells that a Received field says it was written by hostname.
func claims(value []byte, hostname string) bool {
	if hostname == "" {
		return false
	}
	const by = "by "
	for i := 0; ; {
		n := bytes.Index(value[i:], []byte(by))
		if n < 0 {
			return false
		}
		i += n + len(by)
		rest := value[i:]
		if len(rest) >= len(hostname) && bytes.EqualFold(rest[:len(hostname)], []byte(hostname)) &&
			(len(rest) == len(hostname) || bytes.IndexByte([]byte(" \t\r\n;("), rest[len(hostname)]) >= 0) {
			return true
		}
	}
}

// read takes the kept values apart.
func (m *message) read(now time.Time) {
	m.now, m.blank = now, true
	m.from, _ = nextMailbox(m.value[from])
	m.replyTo, _ = nextMailbox(m.value[replyTo])
	m.to, _ = nextMailbox(m.value[to])
	m.fromName = mime.AppendWords(m.fromName[:0], m.from.name)
	m.subject = mime.AppendWords(m.subject[:0], m.value[subject])
	m.date, m.dated = parseDate(m.value[date])
}

// addPart notes what sort of content a part is.
func (m *message) addPart(p *filter.Part) {
	if p.Kind == mime.Multipart || p.Kind == mime.Message {
		return
	}
	shown := p.Text && p.MIME != nil && !p.MIME.Attached && len(p.Names) == 0
	switch {
	case !shown:
		m.file = true
	case p.HTML:
		m.html = true
	default:
		m.plain = true
	}
	if shown && p.MIME.Encoding == "base64" {
		m.base64 = true
		if c := p.MIME.Charset; c != "" && c != "us-ascii" {
			m.needed = true
		}
	}
}
