package stream

import (
	"bytes"
	"strings"

	"sluice/stream/mime"
)

// maxHeader is the most of a message that is looked at as its header block:
// 256 KiB, many times what real mail carries. Beyond it the facts are those of
// the part seen.
const maxHeader = 256 << 10

// Loop limits (RFC 5321 section 6.3 asks for at least 100 hops).
const (
	maxHops    = 100 // Received fields of anybody
	maxOwnHops = 5   // Received fields of this installation
)

// headerFacts is what the relay itself needs to know of a header block;
// everything else about headers is the modules' business.
type headerFacts struct {
	received     int  // Received fields
	own          int  // of which ours
	hasMessageID bool // a message without one is never remembered by the guard
	// forgedAuthres are the places of Authentication-Results fields in our
	// name, as offsets into the block, field names to final CRLF.
	forgedAuthres [][2]int
}

func (h *headerFacts) loops() bool { return h.received > maxHops || h.own > maxOwnHops }

// headerEnd finds the end of the header block, across any cutting.
type headerEnd struct {
	size  int  // octets seen
	found bool // size is the block's length, empty line included
	tail  [3]byte
}

// scan looks at the next octets of the message.
func (h *headerEnd) scan(p []byte) {
	if h.found || len(p) == 0 {
		return
	}
	// The border: the empty line may have begun in earlier octets. A message
	// that begins with CRLF has an empty header, as if a line had ended before.
	var border [6]byte
	n := copy(border[:], h.before())
	m := copy(border[n:], p[:min(len(p), 3)])
	if i := bytes.Index(border[:n+m], []byte("\n\r\n")); i >= 0 {
		h.size, h.found = h.size-n+i+3, true
		return
	}
	if i := bytes.Index(p, []byte("\n\r\n")); i >= 0 {
		h.size, h.found = h.size+i+3, true
		return
	}
	if len(p) >= 3 {
		copy(h.tail[:], p[len(p)-3:])
	} else {
		copy(h.tail[:], append(h.tail[len(p):len(h.tail):len(h.tail)], p...))
	}
	h.size += len(p)
}

// before returns up to 3 octets that came before, a line end before the first.
func (h *headerEnd) before() []byte {
	if h.size >= len(h.tail) {
		return h.tail[:]
	}
	return append([]byte("\n"), h.tail[len(h.tail)-h.size:]...)
}

// readHeader collects the facts from a header block as it came on the wire.
// Stuffed dots do not matter: no field name begins with a dot.
func readHeader(p []byte, hostname string) headerFacts {
	var h headerFacts
	mark := ownMark(hostname)
	for at := 0; at < len(p); {
		end := fieldEnd(p, at)
		field := p[at:end]
		switch name, value := splitField(field); {
		case bytes.EqualFold(name, []byte("Received")):
			h.received++
			if bytes.Contains(value, mark) {
				h.own++
			}
		case bytes.EqualFold(name, []byte("Message-ID")):
			h.hasMessageID = true
		case bytes.EqualFold(name, []byte("Authentication-Results")):
			if bytes.EqualFold(authservID(value), []byte(hostname)) {
				h.forgedAuthres = append(h.forgedAuthres, [2]int{at, end})
			}
		}
		at = end
	}
	return h
}

// fieldEnd returns the offset behind the field that begins at at, its folded
// lines included (RFC 5322 section 2.2.3). The empty line that ends a header
// is never folded: what follows it is content.
func fieldEnd(p []byte, at int) int {
	for {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return len(p)
		}
		empty := i == 0 || i == 1 && p[at] == '\r'
		at += i + 1
		if empty || at == len(p) || p[at] != ' ' && p[at] != '\t' {
			return at
		}
	}
}

// splitField returns a field's name, white space before the colon removed
// (RFC 5322 section 4.5 allows it), and what follows the colon.
func splitField(field []byte) (name, value []byte) {
	i := bytes.IndexByte(field, ':')
	if i <= 0 {
		return nil, nil
	}
	return bytes.TrimRight(field[:i], " \t"), field[i+1:]
}

// HeaderValues returns the values of the fields of a name in a header block, in
// order, unfolded and decoded to UTF-8. Names compare without case.
func HeaderValues(block []byte, name string) (values []string) {
	for at := 0; at < len(block); {
		end := fieldEnd(block, at)
		field := block[at:end]
		at = end
		if len(bytes.TrimRight(field, "\r\n")) == 0 {
			break // the end of the header
		}
		if n, value := splitField(field); bytes.EqualFold(n, []byte(name)) {
			values = append(values, strings.TrimSpace(string(mime.AppendWords(nil, value))))
		}
	}
	return values
}

// ownMark is what a Received field of this installation contains: trace.go
// writes it in one piece, never folded.
func ownMark(hostname string) []byte { return []byte("by " + hostname + " (Sluice)") }

// authservID returns the authserv-id of an Authentication-Results field
// (RFC 8601 section 2.2).
func authservID(value []byte) []byte {
	value = bytes.TrimLeft(value, " \t\r\n")
	if i := bytes.IndexAny(value, "; \t\r\n("); i >= 0 {
		value = value[:i]
	}
	return bytes.Trim(value, `"`)
}
