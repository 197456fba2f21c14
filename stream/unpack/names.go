package unpack

import (
	"path"
	"strings"
	"unicode/utf8"
)

// NameSize is how much of a member's name is told: 4 KiB, the longest path of
// common systems. The rest is cut off, with a Note.
const NameSize = 4 << 10

// addName adds a name that is not there yet.
func addName(names []string, b []byte) []string {
	if len(b) == 0 {
		return names
	}
	for _, n := range names {
		if n == string(b) {
			return names
		}
	}
	return append(names, string(b))
}

// cutName cuts a name between two characters. A suffix is kept, since it says
// how programs open the file.
func cutName(name string) string {
	const tail = 64 // longer suffixes mean nothing to any system
	end := len(name) - tail
	for end < len(name) && !utf8.RuneStart(name[end]) {
		end++
	}
	begin := NameSize - tail
	for begin > 0 && !utf8.RuneStart(name[begin]) {
		begin--
	}
	return name[:begin] + name[end:]
}

// packed is the extensions of compressed files, with what stays of a name
// without them.
var packed = map[string]string{
	".gz": "", ".z": "", ".bz2": "", ".bz": "", ".xz": "", ".lzma": "", ".zst": "", ".zz": "",
	".tgz": ".tar", ".taz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar",
	".tlz": ".tar", ".tzst": ".tar", ".svgz": ".svg", ".emz": ".emf", ".wmz": ".wmf",
}

// nameInside returns the name that unpacking a compressed file of this name gives,
// which may be none.
func nameInside(name string) []string {
	ext := path.Ext(name)
	stays, ok := packed[strings.ToLower(ext)]
	if !ok || len(ext) == len(name) {
		return nil
	}
	return []string{name[:len(name)-len(ext)] + stays}
}
