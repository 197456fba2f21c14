package mime

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A charset is how octets become characters.
type charset struct {
	name string
	kind charsetKind
	enc  encoding.Encoding // of charsetOther
}

type charsetKind uint8

const (
	charsetUnknown charsetKind = iota // no such label: valid UTF-8, else windows-1252
	charsetUTF8
	charsetUTF7
	charsetOther
)

// QUIRK: labels that mail programs write and the index of the web lacks.
var charsetAlias = map[string]string{
	"cp932":    "shift_jis", // Python
	"cp936":    "gbk",
	"ms936":    "gbk", // Java
	"cp949":    "euc-kr",
	"ms949":    "euc-kr",
	"cp950":    "big5",
	"ms950":    "big5",
	"cp1250":   "windows-1250",
	"utf_8":    "utf-8",
	"utf-8mb4": "utf-8", // PHP on MySQL
	"ansi":     "windows-1252",
}

// findCharset looks a label up (WHATWG Encoding, section 4.2; then the register
// of IANA).
func findCharset(label string) charset {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
	if to, ok := charsetAlias[label]; ok {
		label = to
	}
	switch label {
	case "utf-8", "utf8", "unicode-1-1-utf-8":
		return charset{"utf-8", charsetUTF8, nil}
	case "utf-7", "utf7", "unicode-1-1-utf-7", "csunicode11utf7", "x-unicode-2-0-utf-7":
		return charset{"utf-7", charsetUTF7, nil}
	case "utf-16", "ucs-2", "iso-10646-ucs-2", "csunicode", "unicode":
		return charset{"utf-16", charsetOther, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}
	case "hz-gb-2312": // the web has given it up; mail has not
		return charset{label, charsetOther, simplifiedchinese.HZGB2312}
	}
	if enc, err := htmlindex.Get(label); err == nil {
		if enc == encoding.Replacement {
			// Escapes over ASCII, for which we have no tables: keep the ASCII.
			return charset{label, charsetOther, charmap.Windows1252}
		}
		if name, err := htmlindex.Name(enc); err == nil {
			label = name
		}
		return charset{label, charsetOther, enc}
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil {
		return charset{label, charsetOther, enc}
	}
	return charset{}
}

// ascii tells that octets below 0x80 stand for themselves in text that has no
// others, escapes or NULs.
func (c charset) ascii() bool {
	if c.kind == charsetUTF7 || c.size() > 1 || c.name == "hz-gb-2312" || c.name == "iso-2022-jp" {
		return false
	}
	// IBM037 and its like are not in the index of the web.
	return c.enc != charmap.CodePage037 && c.enc != charmap.CodePage1047 && c.enc != charmap.CodePage1140
}

// size is the size of the units that make characters, in octets.
func (c charset) size() int {
	switch c.name {
	case "utf-16be", "utf-16le", "utf-16":
		return 2
	case "utf-32", "utf-32be", "utf-32le":
		return 4
	}
	return 1
}

// toUTF8 appends b as UTF-8, bad octets as U+FFFD. Of an unknown charset it
// takes what is valid UTF-8 for that and all else for windows-1252.
func (c charset) toUTF8(dst, b []byte) []byte {
	switch {
	case c.kind == charsetUnknown:
		if utf8.Valid(b) {
			return append(dst, b...)
		}
		c = latin1
	case c.kind == charsetUTF8:
		return appendValid(dst, b)
	case c.kind == charsetUTF7:
		return decodeUTF7(dst, b)
	}
	if c.ascii() && isASCII(b) {
		return append(dst, b...)
	}
	out, _, err := transform.Append(c.enc.NewDecoder(), dst, b)
	if err != nil {
		return appendValid(dst, b)
	}
	return out
}

// appendValid appends b with a U+FFFD for each octet that is no UTF-8.
func appendValid(dst, b []byte) []byte {
	for len(b) > 0 {
		n := validPrefix(b)
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			dst = append(dst, "\uFFFD"...)
			b = b[1:]
		}
	}
	return dst
}

// validPrefix returns how many octets at the beginning of b are valid UTF-8.
func validPrefix(b []byte) int {
	n := 0
	for n < len(b) {
		if b[n] < utf8.RuneSelf {
			n += asciiPrefix(b[n:])
			continue
		}
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// asciiPrefix returns how many octets at the beginning of b are ASCII.
func asciiPrefix(b []byte) int {
	n := 0
	for len(b)-n >= 8 && binary.NativeEndian.Uint64(b[n:])&0x8080808080808080 == 0 {
		n += 8
	}
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// isASCII tells that b has no octet above 0x7F.
func isASCII(b []byte) bool { return asciiPrefix(b) == len(b) }
