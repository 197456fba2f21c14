package unpack

import (
	"path"
	"strings"
)

// SplitVolume tells whether a name is that of one volume of several: x.001,
// x.part1.rar, x.r00, x.z01. No volume but the first has a mark that Detect
// knows, so whoever judges names asks this for each.
func SplitVolume(name string) bool {
	name = strings.ToLower(name)
	ext := path.Ext(name)
	stem := name[:len(name)-len(ext)]
	switch {
	case len(ext) == 4 && isDigits(ext[1:]):
		return stem != ""
	case len(ext) == 4 && (ext[1] == 'r' || ext[1] == 'z') && isDigits(ext[2:]):
		return stem != ""
	case ext == ".rar" || ext == ".zip" || ext == ".7z":
		part, ok := strings.CutPrefix(path.Ext(stem), ".part")
		return ok && isDigits(part)
	}
	return false
}

func isDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
