package unpack

import (
	"bytes"
	"strings"
)

// judgeField judges the instruction of a field of Word (ECMA-376 part 1
// section 17.16).
func judgeField(t *teller, b []byte) {
	b = bytes.TrimLeft(b, " \t\r\n\"")
	if len(b) == 0 {
		return
	}
	if hasFold(b, "quote ") { // characters by number, a way to hide a word
		b = fieldQuoted(b[6:])
	}
	switch {
	case hasFold(b, "dde"):
		t.note(RuleDDE, Middle, "")
	case hasFold(b, "includetext"), hasFold(b, "import"), hasFold(b, "link"):
		t.note(RuleExternal, Middle, "document")
	case hasFold(b, "includepicture"):
		t.note(RuleExternal, Low, "image")
	}
	if i := bytes.Index(b, []byte("://")); i > 0 {
		from := bytes.LastIndexAny(b[:i], " \t\"") + 1
		to := bytes.IndexAny(b[i:], " \t\"\\")
		if to < 0 {
			to = len(b) - i
		}
		t.address(b[from : i+to])
	}
}

// fieldQuoted returns the characters whose numbers stand in a QUOTE field.
func fieldQuoted(b []byte) []byte {
	var out []byte
	for _, f := range bytes.Fields(b) {
		n, ok := pdfInt(f)
		if !ok || n < 0 || n > 255 {
			return b
		}
		out = append(out, byte(n))
	}
	return out
}

// hasField reports whether text holds a field of Word whose name begins so:
// behind the mark 0x13 and blanks, in one octet or two a character.
func hasField(b []byte, name string) bool {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], 0x13)
		if i < 0 {
			return false
		}
		at += i + 1
		field := bytes.ReplaceAll(b[at:min(at+64, len(b))], []byte{0}, nil)
		field = bytes.TrimLeft(field, " \t\"")
		if len(field) >= len(name) && strings.EqualFold(string(field[:len(name)]), name) {
			return true
		}
	}
}
