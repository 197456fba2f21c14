package attachment

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// nameSize is how much of a name is read: 4 KiB at its start and as much at its
// end, where extensions stand. File systems end at 255 octets.
const nameSize = 4 << 10

// paddingSize is how many blanks in a row move an extension out of sight: 5.
// People type one, and programs that justify names some more than that never.
const paddingSize = 5

// tricks are things found in a name that are there to mislead.
type tricks uint8

const (
	bidiTrick   tricks = 1 << iota // characters that turn the direction of writing
	nulTrick                       // a NUL, at which some programs end the name
	streamTrick                    // "::$DATA", which Windows drops
	classTrick                     // ".{CLSID}", which Windows takes for the type and hides
)

// readings calls yield with every canonical form of a file name: the part that
// a program could keep of it, without its folders, as Windows stores it and as
// a reader sees it, in lower case. Ordinary names have one. What was taken off
// is returned.
func readings(raw string, yield func(text string)) (t tricks) {
	if len(raw) > 2*nameSize {
		t |= readings(raw[:nameSize], yield)
		raw = raw[len(raw)-nameSize:]
	}
	if plain(raw) {
		yield(strings.ToLower(raw))
		return t
	}
	if strings.IndexByte(raw, 0) < 0 {
		return t | reading(raw, yield)
	}
	// C programs end a name at NUL; others drop it, or replace it.
	t |= nulTrick
	for piece := range strings.SplitSeq(raw, "\x00") {
		t |= reading(piece, yield)
	}
	return t | reading(strings.ReplaceAll(raw, "\x00", ""), yield)
}

// plain tells that raw is ASCII of which nothing is taken off.
func plain(raw string) bool {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c < ' ' || c > '~', c == '/', c == '\\', c == ':', c == '}':
			return false
		}
	}
	return raw == "" || raw[len(raw)-1] != '.' && raw[len(raw)-1] != ' '
}

// reading makes one name without NUL canonical.
func reading(raw string, yield func(text string)) (t tricks) {
	text := strings.ToValidUTF8(raw, "\uFFFD")
	if strings.IndexFunc(text, bidiControl) >= 0 {
		t |= bidiTrick
	}
	// Compatibility forms of letters, dots and slashes first become what they
	// stand for; what is left then is mapped again, as some forms decompose
	// into characters that are taken off.
	text = strings.Map(visible, norm.NFKC.String(strings.Map(visible, text)))
	text = text[strings.LastIndexAny(text, `/\`)+1:]
	text = strings.ToLower(text)
	for {
		kept := strings.TrimRight(text, ". :")
		if stream, ok := strings.CutSuffix(kept, ":$data"); ok {
			t |= streamTrick
			if i := strings.LastIndexByte(stream, ':'); i >= 0 {
				stream = stream[:i]
			}
			kept = stream
		}
		if i := classID(kept); i >= 0 {
			t |= classTrick
			kept = kept[:i]
		}
		if kept == text {
			break
		}
		text = kept
	}
	yield(text)
	return t
}

// classID returns where the ".{CLSID}" begins that ends text, or -1.
func classID(text string) int {
	if !strings.HasSuffix(text, "}") {
		return -1
	}
	i := strings.LastIndex(text, ".{")
	if i < 0 || strings.Trim(text[i+2:len(text)-1], "0123456789abcdef-") != "" {
		return -1
	}
	return i
}

// bidiControl tells the characters that turn the direction of writing: with
// U+202E before it "fdp.exe" is seen as "exe.pdf".
func bidiControl(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// visible maps a character to what it is judged as; -1: nothing is seen of it.
func visible(r rune) rune {
	switch {
	case r >= ' ' && r <= '~':
		return r
	case r < ' ', r == 0x7F, r >= 0x80 && r < 0xA0: // controls
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	switch r {
	case 0x2800, 0x3164, 0xFFA0, 0x115F, 0x1160: // blank Braille, Hangul fillers
		return ' '
	case 0x00B7, 0x0589, 0x06D4, 0x0701, 0x0702, 0x2027, 0x2219, 0x22C5, 0x3002, 0xA4F8, 0xFF61:
		return '.' // full stops of other scripts, dots in the middle
	case 0x034F, 0x180B, 0x180C, 0x180D, 0x180F: // joiner, Mongolian selectors
		return -1
	}
	if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
		return -1 // zero width, marks of direction, tags
	}
	return r
}

// extension splits the extension off a canonical name: "" if there is none.
func extension(text string) (rest, ext string) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimLeft(text[i+1:], " ")
}

// doubled tells that what stands before an extension makes a reader take
// another one for it: a document's extension, or blanks that push it away.
func doubled(rest string) bool {
	if strings.Contains(rest, strings.Repeat(" ", paddingSize)) {
		return true
	}
	_, ext := extension(strings.TrimRight(rest, " "))
	return decoys[ext]
}

// archives are the extensions that programs number the pieces of.
var archives = map[string]bool{"7z": true, "gz": true, "rar": true, "tar": true, "tgz": true, "zip": true, "bz2": true, "xz": true}

// volume tells that a canonical name is that of a piece of an archive in
// several pieces: none of them can be opened.
func volume(text string) bool {
	rest, ext := extension(text)
	_, before := extension(rest)
	switch {
	case ext == "001": // 7-Zip, HJSplit
		return true
	case len(ext) == 3 && digits(ext):
		return archives[before]
	case len(ext) == 3 && (ext[0] == 'r' || ext[0] == 'z') && digits(ext[1:]): // RAR, ZIP
		return true
	case ext == "rar" || ext == "exe":
		number, ok := strings.CutPrefix(before, "part")
		return ok && digits(number)
	}
	return false
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
