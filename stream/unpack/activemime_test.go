package unpack

import (
	"bytes"
	"slices"
	"testing"
)

// activeMimed is content as Office packs macros, with so many octets of header.
func activeMimed(content []byte, at int) []byte {
	head := make([]byte, at)
	copy(head, "ActiveMime\x00\x00\x01\xF0\x04\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x07\xF0")
	return append(head, zlibbedOctets(content)...)
}

func TestActiveMime(t *testing.T) {
	ole := makeCFB(cfbFile{path: "VBA/dir", data: []byte("x")})
	for _, at := range []int{0x32, 0x22A, 0x40, 0x3F0} {
		packed := activeMimed(ole, at)
		if types := Detect(packed); !slices.Equal(types, []Type{TypeActiveMime}) {
			t.Errorf("at %#x: %v", at, types)
		}
		r := readCuts(t, TypeActiveMime, "", packed)
		if len(r.members) != 1 || !bytes.Equal(r.members[0].data, ole) {
			t.Errorf("at %#x:\n%s", at, r)
		}
	}
	if r := readCuts(t, TypeActiveMime, "", activeMimed(nil, 0x32)[:0x32]); !r.has(RuleBroken) {
		t.Errorf("%s", r)
	}
}

func FuzzActiveMime(f *testing.F) { fuzz(f, TypeActiveMime) }
