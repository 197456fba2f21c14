package unpack

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
)

// Calendars (RFC 5545, RFC 7986; vCalendar 1.0) and contacts (RFC 6350, RFC
// 2426; vCard 2.1) are content lines: a property's name, parameters, a colon,
// the value; folded where a line begins with a blank. A property may hold a
// file, which calendars and address books hand out: in base64 or
// quoted-printable, or as a data: address (RFC 2397).
//
//	name *(";" parameter "=" value *("," value)) ":" value
//
// Read leniently: properties count whatever component they stand in, base64
// may go on in lines that are not folded, as phones write it; lines end in CR
// LF, LF or, as on old Macintoshes, CR. The text may be UTF-16, in which address
// books of Apple's have written contacts.

const (
	// lineHead is the longest name with parameters: 16 KiB. A name of a file may
	// be long; one of more than that is noted, and the property passed over.
	lineHead = 16 << 10
	// lineValue is how much of a value is kept that is text: 64 KiB, more than
	// calendars send.
	lineValue = 64 << 10
	// lineProbe is how much of a value shows what it is: 2 KiB, a data: address
	// up to its comma.
	lineProbe = 2 << 10
	// lineOut is how many decoded octets are told at once: 4 KiB.
	lineOut = 4 << 10
	// lineNames bounds the names of one file: 16.
	lineNames = 16
)

// lineKind is what a property's value is.
type lineKind uint8

const (
	lineNone    lineKind = iota // no property is open
	lineInHead                  // name and parameters
	lineProbing                 // the value's beginning
	lineText
	lineBase64
	lineQP
	linePercent // of a data: address
	lineSkip
)

// contentLines reads the content lines of one file.
type contentLines struct {
	t    *teller
	kind lineKind
	// ended is what ended the line before: CR or LF; 0: it goes on.
	ended byte
	// Of the property:
	head   []byte
	seen   int      // octets of head in which no colon ends it
	quoted bool     // so far
	coded  lineKind // how parameters say the value is encoded: base64, text
	name   string   // upper case, without a group
	names  []string
	types  []string
	value  []byte
	folded bool
	file   bool // a member is open for it
	text   bool // the decoded value is text
	base64 loose64
	escape []byte // the beginning of an escape
	out    []byte
}

// readLines reads a calendar or contacts.
func readLines(t *teller, r *bufio.Reader) {
	const size = lineHead + lineValue + lineProbe + lineOut
	if !t.grow(size) {
		return
	}
	defer t.b.shrink(size)
	r = asUTF8(r)
	l := &contentLines{t: t, ended: '\n', out: make([]byte, 0, lineOut)}
	for !t.over {
		b, err := r.ReadSlice('\n')
		l.lines(b)
		if err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	l.end()
}

// lines takes octets with their line ends. Lines of nothing do not count.
func (l *contentLines) lines(b []byte) {
	for len(b) > 0 {
		n := bytes.IndexAny(b, "\r\n")
		switch {
		case n == 0:
			if b[0] == '\n' || l.ended == 0 {
				l.ended = b[0] // CR LF is the end that LF is
			}
			n = 1
		case n < 0:
			n = len(b)
			fallthrough
		default:
			l.piece(b[:n])
		}
		b = b[n:]
	}
}

// piece takes a line, or a piece of a longer one.
func (l *contentLines) piece(b []byte) {
	ended := l.ended
	l.ended = 0
	if ended != 0 {
		soft := l.kind == lineQP && string(l.escape) == "="
		if soft {
			l.escape = l.escape[:0]
		}
		switch blank := b[0] == ' ' || b[0] == '\t'; {
		case l.kind == lineNone:
			l.begin()
		case blank:
			b, l.folded = b[1:], true
		case soft, l.inBase64() && bytes.IndexByte(b, ':') < 0:
		case ended == '\r' && l.kind == lineInHead:
			// To programs that take CR for any other character the colon is still to
			// come; to the others there was a line that is no property.
			l.take([]byte{'\r'})
		default:
			l.end()
			l.begin()
		}
	}
	l.take(b)
}

// inBase64 tells whether lines of base64 may go on without a blank.
func (l *contentLines) inBase64() bool {
	return l.kind == lineBase64 || l.kind == lineProbing && l.coded == lineBase64
}

// begin begins a property.
func (l *contentLines) begin() {
	*l = contentLines{t: l.t, kind: lineInHead, head: l.head[:0], value: l.value[:0], escape: l.escape[:0], out: l.out[:0]}
}

// take takes octets of the property.
func (l *contentLines) take(b []byte) {
	if l.kind == lineInHead {
		from := len(l.head)
		room := lineHead - from
		l.head = append(l.head, b[:min(len(b), room)]...)
		switch colon := l.headEnd(); {
		case colon >= 0:
			b = b[colon+1-from:]
			l.parse(l.head[:colon])
		case len(b) > room:
			l.t.broken("property")
			l.kind = lineSkip
			return
		default:
			return
		}
	}
	if l.kind == lineProbing {
		room := lineProbe - len(l.value)
		l.value = append(l.value, b[:min(len(b), room)]...)
		if b = b[min(len(b), room):]; len(l.value) < lineProbe {
			return
		}
		l.probe()
	}
	l.decode(b)
}

// headEnd returns where the colon is that ends name and parameters, or -1. Those
// in quotes do not.
func (l *contentLines) headEnd() int {
	for ; l.seen < len(l.head); l.seen++ {
		switch c := l.head[l.seen]; {
		case c == '"':
			l.quoted = !l.quoted
		case c == ':' && !l.quoted:
			return l.seen
		}
	}
	return -1
}

// parse reads name and parameters.
func (l *contentLines) parse(head []byte) {
	l.kind, l.coded = lineProbing, lineText
	for i, p := range splitQuoted(head, ';') {
		key, value, named := strings.Cut(p, "=")
		key, value = strings.ToUpper(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"`)
		if i == 0 {
			l.name = key[strings.LastIndexAny(key, ".\r")+1:]
			continue
		}
		if !named { // of vCard 2.1
			key, value = "ENCODING", key
		}
		switch value := strings.ToUpper(value); {
		case key == "ENCODING" && (value == "BASE64" || value == "B"), key == "VALUE" && value == "BINARY":
			l.coded = lineBase64
		case key == "ENCODING" && value == "QUOTED-PRINTABLE":
			l.kind, l.text = lineQP, !l.holdsFile()
		}
		switch {
		case key == "FMTTYPE" || key == "MEDIATYPE" || key == "TYPE" && strings.Contains(value, "/"):
			l.types = []string{strings.ToLower(value)}
		case (strings.Contains(key, "NAME") || strings.Contains(key, "LABEL")) && len(l.names) < lineNames:
			l.names = addName(l.names, []byte(value))
		}
	}
}

// splitQuoted splits at each sep outside of quotes.
func splitQuoted(b []byte, sep byte) (list []string) {
	in, from := false, 0
	for i, c := range b {
		switch {
		case c == '"':
			in = !in
		case c == sep && !in:
			list, from = append(list, string(b[from:i])), i+1
		}
	}
	return append(list, string(b[from:]))
}

// holdsFile tells whether the property is one that holds a file (RFC 5545
// section 3.8.1.1, RFC 6350 section 6, RFC 7986 section 5.10).
func (l *contentLines) holdsFile() bool {
	return slices.Contains([]string{"ATTACH", "PHOTO", "LOGO", "SOUND", "KEY", "IMAGE", "X-MS-CARDPICTURE"}, l.name)
}

// probe decides by its beginning what a value is.
func (l *contentLines) probe() {
	b := bytes.TrimLeft(l.value, " \t")
	switch comma := bytes.IndexByte(b, ','); {
	case hasFold(b, "data:") && comma > 0:
		declared := strings.ToLower(string(bytes.ReplaceAll(b[len("data:"):comma], []byte(`\`), nil)))
		l.kind = linePercent
		typ, rest, _ := strings.Cut(declared, ";")
		if strings.Contains(rest, "base64") {
			l.kind = lineBase64
		}
		if typ = strings.TrimSpace(typ); typ != "" {
			l.types = append(l.types, typ)
		}
		b = b[comma+1:]
	case l.coded == lineBase64:
		l.kind = lineBase64
	case l.holdsFile() && len(b) >= 16 && isBase64Text(b[:min(len(b), 64)]):
		l.kind = lineBase64 // nothing says so, and nothing else it can be
	default:
		l.kind = lineText
		return
	}
	l.value = l.value[:0]
	l.decode(slices.Clone(b))
}

// isBase64Text tells whether b is nothing but base64.
func isBase64Text(b []byte) bool {
	for _, c := range b {
		if table64[c] == notBase64 {
			return false
		}
	}
	return true
}

// decode takes octets of the value.
func (l *contentLines) decode(b []byte) {
	switch l.kind {
	case lineText:
		l.value = append(l.value, b[:min(len(b), lineValue-len(l.value))]...)
	case lineBase64:
		for piece := range slices.Chunk(b, lineOut) {
			l.tell(l.base64.append(l.out[:0], piece))
		}
	case lineQP:
		l.unescape(b, '=')
	case linePercent:
		l.unescape(b, '%')
	}
}

// unescape decodes octets among which hexadecimal ones stand behind a mark.
func (l *contentLines) unescape(b []byte, mark byte) {
	out := l.out[:0] // a call for each octet would cost more than all else
	for len(b) > 0 {
		if len(out) > lineOut-4 {
			l.tell(out)
			out = out[:0]
		}
		if len(l.escape) > 0 {
			if l.escape, b = append(l.escape, b[0]), b[1:]; len(l.escape) < 3 {
				continue
			}
			high, low := hexValue(l.escape[1]), hexValue(l.escape[2])
			if high == notHex || low == notHex {
				out = append(out, l.escape...)
			} else {
				out = append(out, high<<4|low)
			}
			l.escape = l.escape[:0]
			continue
		}
		n := bytes.IndexByte(b[:min(len(b), lineOut-len(out))], mark)
		if n < 0 {
			n = min(len(b), lineOut-len(out))
			out, b = append(out, b[:n]...), b[n:]
			continue
		}
		out, l.escape, b = append(out, b[:n]...), append(l.escape, mark), b[n+1:]
	}
	l.tell(out)
}

// tell tells octets of the file, or keeps them if they are text.
func (l *contentLines) tell(b []byte) {
	if len(b) == 0 {
		return
	}
	if l.text {
		l.value = append(l.value, b[:min(len(b), lineValue-len(l.value))]...)
		return
	}
	if !l.file {
		l.file = true
		l.t.open(Member{Names: l.names, Types: l.types, Size: -1})
	}
	l.t.data(b)
}

// end ends the property, if one is open.
func (l *contentLines) end() {
	if l.kind == lineInHead { // quotes without an end, or no property
		head := slices.Clone(l.head)
		if colon := bytes.IndexByte(head, ':'); colon >= 0 {
			l.parse(bytes.ReplaceAll(head[:colon], []byte(`"`), nil))
			rest := head[colon+1:]
			if l.kind == lineProbing {
				l.value, rest = append(l.value, rest...), nil
			}
			l.decode(rest)
		}
	}
	if l.kind == lineProbing {
		l.probe()
	}
	if len(l.escape) > 0 {
		l.tell(l.escape)
	}
	if l.file {
		l.t.close()
	} else if l.kind == lineText || l.text {
		l.endText()
	}
	l.kind = lineNone
}

// endText tells the address that a value is. One that was folded, and has
// addresses or HTML inside, is told as the text that it is.
func (l *contentLines) endText() {
	b := bytes.TrimSpace(unescapeText(l.value))
	if n := bytes.Index(b, []byte("://")); n > 0 && n < 16 && !bytes.ContainsAny(b, " \t\n<") || bytes.HasPrefix(b, []byte(`\\`)) {
		l.t.address(b)
		return
	}
	if html := bytes.IndexByte(b, '<') >= 0; html || (l.folded || l.text) && bytes.Contains(b, []byte("://")) {
		l.t.whole(Member{Size: int64(len(b)), Text: true}, b)
	}
}

// unescapeText undoes the escapes of a text value (RFC 5545 section 3.3.11).
// What is none stays: the shares of a file server begin with two backslashes.
func unescapeText(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 || bytes.HasPrefix(b, []byte(`\\`)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\\')
		if n < 0 || n+1 == len(b) {
			break
		}
		out = append(out, b[:n]...)
		switch c := b[n+1]; c {
		case 'n', 'N':
			out = append(out, '\n')
		case ',', ';', '\\':
			out = append(out, c)
		default:
			out = append(out, '\\', c)
		}
		b = b[n+2:]
	}
	return append(out, b...)
}
