package unpack

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// plist is a binary property list of these objects, written out.
func plist(objects ...[]byte) []byte {
	b := []byte("bplist00")
	var offsets []byte
	for _, o := range objects {
		offsets = binary.BigEndian.AppendUint16(offsets, uint16(len(b)))
		b = append(b, o...)
	}
	trailer := append(make([]byte, 6), 2, 1)
	trailer = binary.BigEndian.AppendUint64(trailer, uint64(len(objects)))
	trailer = binary.BigEndian.AppendUint64(trailer, 0)
	trailer = binary.BigEndian.AppendUint64(trailer, uint64(len(b)))
	return slices.Concat(b, offsets, trailer)
}

func TestPlist(t *testing.T) {
	data := slices.Concat([]byte{0x4F, 0x11}, binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload)
	for _, c := range []struct {
		what  string
		in    []byte
		files int
		link  string
		rule  string
	}{
		{"file", plist([]byte{0xD0}, data), 1, "", ""},
		{"two", plist(data, []byte{0x10, 7}, data), 2, "", ""},
		{"setting", plist([]byte("\x43abc"), []byte{0x09}), 0, "", ""},
		{"address", plist([]byte("\x5Ehttp://a.test/x")), 0, "http://a.test/x"[:14], ""},
		{"address in UTF-16", plist([]byte("\x6A\x00h\x00t\x00t\x00p\x00:\x00/\x00/\x00a\x00.\x00b")), 0, "http://a.b", ""},
		{"no objects", plist(), 0, "", ""},
		{"cut object", plist([]byte("\x4F\x12\x00\x00\xFF\xFFabcdefghijklmnopqrstuvwxyz")), 1, "", RuleBroken},
		{"length of nothing", plist([]byte("\x4F\x55")), 0, "", RuleBroken},
		{"cut", plist(data)[:30], 0, "", RuleBroken},
		{"table elsewhere", append(plist(data)[:len(plist(data))-1], 0xFF), 0, "", RuleBroken},
	} {
		if types := Detect(c.in); !slices.Equal(types, []Type{TypePlist}) {
			t.Errorf("%s: %v", c.what, types)
		}
		r := readCuts(t, TypePlist, "", c.in)
		if len(r.members) != c.files || c.rule == "" && (len(r.notes) > 0 || c.files > 0 && !bytes.Equal(r.members[0].data, payload)) || c.rule != "" && !r.has(c.rule) {
			t.Errorf("%s: %d members, %v", c.what, len(r.members), r.notes)
		}
		if c.link != "" && !slices.Contains(r.links, c.link) {
			t.Errorf("%s: links %v", c.what, r.links)
		}
	}
}

func FuzzPlist(f *testing.F) {
	fuzz(f, TypePlist, plist([]byte("\x4F\x10\x14abcdefghijklmnopqrst")), plist([]byte("\x63\x00a\x00b\x00c")))
}
