package wire

import "bytes"

// A Stuffer makes the octets that follow DATA from content, by a second dot
// before each dot at the start of a line (RFC 5321 section 4.5.2). It never
// adds a terminator. The zero value is at the start of a line.
type Stuffer struct {
	place place
}

// place is where in a line the next octet stands.
type place uint8

const (
	lineStart place = iota
	insideLine
	behindCR
)

// SetLineStart says whether the next octet begins a line, for a message whose
// first octets went out without s.
func (s *Stuffer) SetLineStart(yes bool) {
	s.place = insideLine
	if yes {
		s.place = lineStart
	}
}

// Append appends content to dst, stuffed. Content may be cut anywhere.
func (s *Stuffer) Append(dst, content []byte) []byte {
	if len(content) == 0 {
		return dst
	}
	done := 0 // octets of content that are in dst
	if s.place == lineStart && content[0] == '.' {
		dst = append(dst, '.')
	}
	for pos := 0; ; {
		lf := bytes.IndexByte(content[pos:], '\n')
		if lf < 0 {
			break
		}
		next := pos + lf + 1
		if next < len(content) && content[next] == '.' && s.isCRLF(content[:next]) {
			dst = append(append(dst, content[done:next]...), '.')
			done = next
		}
		pos = next
	}
	dst = append(dst, content[done:]...)
	switch last := content[len(content)-1]; {
	case last == '\r':
		s.place = behindCR
	case last == '\n' && s.isCRLF(content):
		s.place = lineStart
	default:
		s.place = insideLine
	}
	return dst
}

// isCRLF reports whether the LF that p ends with has a CR before it, in p or
// in what came before p.
func (s *Stuffer) isCRLF(p []byte) bool {
	if len(p) == 1 {
		return s.place == behindCR
	}
	return p[len(p)-2] == '\r'
}

// AtLineStart reports whether all content so far, if any, ends in a CRLF, so
// that a terminator may follow.
func (s *Stuffer) AtLineStart() bool { return s.place == lineStart }

var crByte = []byte{'\r'}

// Normalise appends content to dst with each LF that has no CR before it as a
// CRLF, and each CR that has no LF behind it as a space. What is a line start
// changes with that, so the result has to be stuffed anew. Pass no CR at the
// end of content unless it is known to be lone.
func Normalise(dst, content []byte) []byte {
	for len(content) > 0 {
		line := content
		lf := bytes.IndexByte(content, '\n')
		if lf >= 0 {
			line = content[:lf]
			content = content[lf+1:]
			line = bytes.TrimSuffix(line, crByte)
		} else {
			content = nil
		}
		start := len(dst)
		dst = append(dst, line...)
		for rest := dst[start:]; ; {
			cr := bytes.IndexByte(rest, '\r')
			if cr < 0 {
				break
			}
			rest[cr] = ' '
			rest = rest[cr+1:]
		}
		if lf >= 0 {
			dst = append(dst, "\r\n"...)
		}
	}
	return dst
}
