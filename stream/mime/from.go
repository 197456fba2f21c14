package mime

import "bytes"

// checkFrom finds what keeps a message's author from being known (RFC 5322
// section 3.6.2 wants one field): DMARC, RFC 7489 section 6.6.1, judges one.
func (h *header) checkFrom() (d Defect, bad bool) {
	fields := 0
	for i := range h.fields {
		if h.fields[i].what != fromField {
			continue
		}
		if fields++; fields > 1 {
			return Defect{RuleFrom, Middle, "several fields"}, true
		}
		switch n := addresses(h.value(&h.fields[i])); {
		case n == 0:
			d, bad = Defect{RuleFrom, Middle, "no address"}, true
		case n > 1:
			d, bad = Defect{RuleFrom, Middle, "several addresses"}, true
		}
	}
	return d, bad
}

// addresses counts the addresses in a list: between commas, what has an "@"
// outside quotes and comments.
func addresses(b []byte) (n int) {
	at, depth := false, 0
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\"(),;@\\")
		if i < 0 {
			break
		}
		c := b[i]
		b = b[i+1:]
		switch {
		case c == '\\':
			b = b[min(1, len(b)):]
		case c == '(':
			depth++
		case c == ')':
			depth = max(depth-1, 0)
		case depth > 0:
		case c == '"':
			if end := quoteEnd(b); end >= 0 {
				b = b[end+1:]
			}
		case c == '@':
			at = true
		case at:
			n, at = n+1, false
		}
	}
	if at {
		n++
	}
	return n
}
