package unpack

import (
	"bytes"
	"strings"
)

// Flags of a shell link ([MS-SHLLINK] section 2.1.1).
const (
	lnkIDList   = 1 << 0
	lnkInfo     = 1 << 1
	lnkName     = 1 << 2
	lnkRelative = 1 << 3
	lnkWorkDir  = 1 << 4
	lnkArgs     = 1 << 5
	lnkIcon     = 1 << 6
	lnkUnicode  = 1 << 7

	lnkHeader = 0x4C // octets

	// lnkStrings bounds how much of what a shortcut starts is told: 64 KiB.
	// The command line of Windows ends at 32,767 characters.
	lnkStrings = 64 << 10
)

// readLNK tells what a Windows shortcut starts: its target and arguments as
// text, as a command line has them, and addresses in it.
func readLNK(t *teller, data []byte) {
	if len(data) < lnkHeader {
		t.broken("header")
		return
	}
	flags := le32(data, 0x14)
	t.note(RuleShortcut, Low, "lnk")
	var text [][]byte
	b := data[lnkHeader:]
	if flags&lnkIDList != 0 {
		n := min(2+le16(b, 0), len(b))
		text = append(text, idList(b[min(2, len(b)):n])...)
		b = b[n:]
	}
	if flags&lnkInfo != 0 {
		n := int(min(uint64(le32(b, 0)), uint64(len(b))))
		text = append(text, linkInfo(b[:n])...)
		b = b[n:]
	}
	for _, flag := range []uint32{lnkName, lnkRelative, lnkWorkDir, lnkArgs, lnkIcon} {
		if flags&flag == 0 {
			continue
		}
		n, wide := le16(b, 0), flags&lnkUnicode != 0
		if wide {
			n *= 2
		}
		if len(b) < 2 {
			t.broken("strings")
			break
		}
		s := b[2:min(2+n, len(b))]
		b = b[2+len(s):]
		if wide {
			s = utf16le(s)
		}
		text = append(text, s)
	}
	for len(b) >= 8 { // extra data: blocks of a size, a mark, and octets
		n := le32(b, 0)
		if n < 4 {
			b = b[4:]
			break
		}
		if n < 8 || uint64(n) > uint64(len(b)) {
			break
		}
		text = append(text, lnkExtra(b[:n])...)
		b = b[n:]
	}
	tellShortcut(t, text)
	if len(bytes.Trim(b, "\x00")) > 4 { // a payload that the arguments carve out
		t.note(RuleOverlay, Middle, "lnk")
		t.whole(Member{Size: int64(len(b))}, b)
	}
}

// lnkExtra returns the target in an environment, icon or Darwin block (section
// 2.5): 260 octets, then 520 in UTF-16.
func lnkExtra(b []byte) [][]byte {
	switch le32(b, 4) {
	case 0xA0000001, 0xA0000006, 0xA0000007:
		if len(b) >= 0x314 {
			return [][]byte{untilZero(b[8 : 8+260]), utf16le(b[268 : 268+520])}
		}
	}
	return nil
}

// idList returns the strings in a list of shell items: their format is the
// shell's own, but names stand in it as they are.
func idList(b []byte) (out [][]byte) {
	for len(b) >= 2 {
		n := le16(b, 0)
		if n < 2 || n > len(b) {
			break
		}
		out = append(out, printable(b[2:n], 3)...)
		b = b[n:]
	}
	return out
}

// printable returns runs of printable ASCII, in one octet or two a character.
func printable(b []byte, least int) (out [][]byte) {
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && b[i] >= ' ' && b[i] < 0x7F {
			i++
		}
		if i-from >= least {
			out = append(out, b[from:i])
			continue
		}
		i = from
		for i+1 < len(b) && b[i] >= ' ' && b[i] < 0x7F && b[i+1] == 0 {
			i += 2
		}
		if (i-from)/2 >= least {
			out = append(out, utf16le(b[from:i]))
			continue
		}
		i = max(i, from+1)
	}
	return out
}

// linkInfo returns the paths in a LinkInfo structure (section 2.3).
func linkInfo(b []byte) (out [][]byte) {
	text := func(at uint32) {
		if at > 0 && uint64(at) < uint64(len(b)) {
			if s := untilZero(b[at:]); len(s) > 0 {
				out = append(out, s)
			}
		}
	}
	text(le32(b, 16)) // LocalBasePath
	text(le32(b, 24)) // CommonPathSuffix
	if net := le32(b, 20); net > 0 && uint64(net)+20 <= uint64(len(b)) {
		text(net + le32(b, int(net)+8)) // NetName
	}
	if le32(b, 4) >= 0x24 {
		for _, at := range []int{28, 32} {
			if off := le32(b, at); off > 0 && uint64(off) < uint64(len(b)) {
				out = append(out, utf16le(b[off:]))
			}
		}
	}
	return out
}

// tellShortcut tells what a shortcut starts, a string a line, and the
// addresses in it.
func tellShortcut(t *teller, text [][]byte) {
	var lines []byte
	seen := make(map[string]bool)
	for _, s := range text {
		if len(s) == 0 || seen[string(s)] || len(lines)+len(s) > lnkStrings {
			continue
		}
		seen[string(s)] = true
		lines = append(append(lines, s...), '\n')
		if bytes.HasPrefix(s, []byte(`\\`)) {
			t.address(s)
		}
		t.addressesIn(s)
	}
	if len(lines) > 0 {
		t.whole(Member{Names: []string{"command.txt"}, Size: int64(len(lines)), Text: true}, lines)
	}
}

// shortcutKeys are the lines of .url and .desktop files that name something
// to be opened or loaded.
var shortcutKeys = map[string]bool{
	"url": true, "baseurl": true, "iconfile": true, "exec": true, "tryexec": true, "icon": true, "workingdirectory": true,
	"path": true, "iconresource": true,
}

// readURL tells what an internet shortcut or a desktop entry opens.
func readURL(t *teller, data []byte) {
	if bytes.HasPrefix(data, []byte("\xFF\xFE")) {
		data = utf16le(data[2:])
	}
	t.note(RuleShortcut, Low, "url")
	for line := range bytes.SplitSeq(data[:min(len(data), lnkStrings)], []byte("\n")) {
		key, value, ok := bytes.Cut(bytes.Trim(line, " \t\r"), []byte("="))
		name, _, _ := strings.Cut(strings.ToLower(string(bytes.TrimSpace(key))), "[")
		if !ok || !shortcutKeys[name] {
			continue
		}
		if name == "exec" || name == "tryexec" {
			t.note(RuleShortcut, Middle, "command")
			t.addressesIn(value)
			continue
		}
		if v := bytes.TrimSpace(value); bytes.Contains(v, []byte(":")) || bytes.HasPrefix(v, []byte(`\\`)) {
			t.address(v)
		}
	}
}
