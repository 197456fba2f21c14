package unpack

import (
	"path"
	"strings"
)

// packed is the extensions of compressed files, with what stays of a name
// without them.
var packed = map[string]string{
	".gz": "", ".z": "", ".bz2": "", ".bz": "", ".xz": "", ".lzma": "", ".zst": "", ".zz": "",
	".tgz": ".tar", ".taz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar",
	".tlz": ".tar", ".tzst": ".tar", ".svgz": ".svg", ".emz": ".emf", ".wmz": ".wmf",
}

// inner returns the name that unpacking a compressed file of this name gives,
// which may be none.
func inner(name string) []string {
	ext := path.Ext(name)
	stays, ok := packed[strings.ToLower(ext)]
	if !ok || len(ext) == len(name) {
		return nil
	}
	return []string{name[:len(name)-len(ext)] + stays}
}
