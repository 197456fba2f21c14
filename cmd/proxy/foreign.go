package main

import (
	"iter"
	"strings"
	"unicode/utf8"

	"sluice/stream"
)

// foreignOctets is how much of a foreign string a log line keeps: 200 octets,
// enough for every sensible reply.
const foreignOctets = 200

// addressMark stands where an address was.
const addressMark = "[address]"

// atSigns are the ways in which '@' is written in replies, and in links in
// them. An address around any of them is removed.
var atSigns = []string{"@", "%40", "=40", "&#64;", "\uff20", "\ufe6b"}

// appendForeign appends a text that came from a peer: cut at foreignOctets,
// whatever stands around an '@' replaced, and so the local parts that this
// very message has in its envelope, since servers like to quote them.
func appendForeign(b []byte, text string, rec *stream.Record) []byte {
	if len(text) > foreignOctets {
		// A little more than is kept, so that an address across the cut is seen whole.
		text = text[:min(len(text), 2*foreignOctets)]
	}
	if text == "" {
		return b
	}
	if !mentions(text, rec) {
		return appendClean(b, cut(text))
	}
	return appendClean(b, cut(withoutAddresses(text, rec)))
}

// cut shortens at a rune's border.
func cut(s string) string {
	if len(s) <= foreignOctets {
		return s
	}
	n := foreignOctets
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// mentions reports whether text may hold something to remove. It is the
// common case that it does not, and it must not allocate then.
func mentions(text string, rec *stream.Record) bool {
	for _, at := range atSigns {
		if strings.Contains(text, at) {
			return true
		}
	}
	for local := range localParts(rec) {
		if indexWord(text, local) >= 0 {
			return true
		}
	}
	return false
}

// shortestLocal is the shortest local part that is looked for by itself: below
// three letters it would be found in words that mean nobody.
const shortestLocal = 3

func withoutAddresses(text string, rec *stream.Record) string {
	for _, at := range atSigns {
		text = withoutAround(text, at)
	}
	for local := range localParts(rec) {
		for from := 0; from < len(text); {
			i := indexWord(text[from:], local)
			if i < 0 {
				break
			}
			i += from
			text = text[:i] + addressMark + text[i+len(local):]
			from = i + len(addressMark)
		}
	}
	return text
}

// withoutAround replaces every run of address characters around sep. A quoted
// local part is taken whole, with its spaces.
func withoutAround(text, sep string) string {
	for from := 0; ; {
		i := strings.Index(text[from:], sep)
		if i < 0 {
			return text
		}
		i += from
		start, end := i, i+len(sep)
		if start > 0 && text[start-1] == '"' {
			if open := strings.LastIndexByte(text[:start-1], '"'); open >= 0 {
				start = open
			}
		}
		for start > 0 && !endsAddress(text[start-1]) {
			start--
		}
		for end < len(text) && !endsAddress(text[end]) {
			end++
		}
		text = text[:start] + addressMark + text[end:]
		from = start + len(addressMark)
	}
}

// endsAddress holds for what stands around an address in running text.
func endsAddress(c byte) bool {
	return c <= ' ' || c == 0x7f || strings.IndexByte("<>(),;\"'`|", c) >= 0
}

// localParts yields those of the envelope that are worth looking for.
func localParts(rec *stream.Record) iter.Seq[string] {
	return func(yield func(string) bool) {
		if rec == nil {
			return
		}
		if local := rec.From.Local(); len(local) >= shortestLocal && !yield(local) {
			return
		}
		for i := range rec.Recipients {
			if local := rec.Recipients[i].To.Local(); len(local) >= shortestLocal && !yield(local) {
				return
			}
		}
	}
}

// indexWord is strings.Index without regard to ASCII case, for word standing
// by itself.
func indexWord(text, word string) int {
	first := word[0] | 0x20
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 != first || i > 0 && isWordOctet(text[i-1]) {
			continue
		}
		end := i + len(word)
		if strings.EqualFold(text[i:end], word) && (end == len(text) || !isWordOctet(text[end])) {
			return i
		}
	}
	return -1
}

func isWordOctet(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

// appendClean appends text with controls and invalid octets made visible as
// \n, \r, \t or \xNN, and U+2028 and its kin as they would break a line in a
// viewer: what follows them is never mistaken for another field or line.
func appendClean[T string | []byte](b []byte, text T) []byte {
	const digits = "0123456789abcdef"
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
			if printable(r, n) {
				b = append(b, text[i:i+n]...)
			} else {
				for _, c := range []byte(text[i : i+n]) {
					b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
				}
			}
			i += n
			continue
		}
		switch {
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return b
}

// printable refuses invalid octets, C1 controls, and characters that turn the
// direction of writing or break lines.
func printable(r rune, n int) bool {
	switch {
	case r == utf8.RuneError && n == 1, r < 0xa0:
		return false
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return false
	}
	return true
}

// queueID finds the server's own name for a message in its reply: Postfix's
// "queued as X", Exim's "id=X". It is foreign text.
func queueID(reply string) string {
	for _, mark := range []string{"queued as ", "id="} {
		if _, after, ok := strings.Cut(reply, mark); ok {
			end := strings.IndexFunc(after, func(r rune) bool {
				return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.' || r == '_')
			})
			if end < 0 {
				end = len(after)
			}
			return after[:min(end, queueIDOctets)]
		}
	}
	return ""
}

// queueIDOctets is more than any server's queue id has.
const queueIDOctets = 64
