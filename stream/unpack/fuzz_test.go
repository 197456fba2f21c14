package unpack

import (
	"bytes"
	"testing"
)

// fuzzLimits keep a fuzzing process small.
var fuzzLimits = Limits{Output: 4 << 20, Leaf: 4 << 20, RatioFrom: 1 << 20, Entries: 300, Memory: 32 << 20, Held: 1 << 20}

// fuzz wants of a format what holds for all: no panic, no memory kept, each
// member closed (read looks for these), and the same from any cutting.
func fuzz(f *testing.F, typ Type, more ...[]byte) {
	f.Add(samples(f)[typ], uint16(3))
	for _, m := range more {
		f.Add(m, uint16(1000))
	}
	f.Fuzz(func(t *testing.T, packed []byte, piece uint16) {
		whole := read(t, typ, "name", packed, 0, fuzzLimits)
		if whole.has(RuleTime) {
			t.Skip("a slow machine")
		}
		for _, n := range whole.notes {
			if n.Rule == RuleBroken && n.Detail == "panic" {
				t.Error("a panic was contained")
			}
		}
		cut := read(t, typ, "name", packed, int(piece)+1, fuzzLimits)
		if cut.String() != whole.String() && !cut.has(RuleTime) {
			t.Errorf("pieces of %d:\n%s\nwhole:\n%s", int(piece)+1, cut, whole)
		}
		if typ == TypeZip && !whole.has(RuleEntries) && !whole.has(RuleOutput) && !whole.has(RuleBomb) && len(packed) < 1<<20 {
			againstZip(t, packed, whole)
		}
	})
}

func FuzzZip(f *testing.F) {
	locked := quotedBomb(make([]byte, 1000), 5)
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+46+2+9] |= 0xF8 // flags of the second entry, there only
	pretended := zipFile{entries: []zipEntry{{name: "z", content: payload, method: methodDeflate, local: put16(6, 1), central: put16(8, 1)},
		{name: "y", content: payload, local: put16(6, flagMasked|flagStrong), central: put16(8, flagMasked|flagStrong)}}}.bytes()
	fuzz(f, TypeZip, pretended, quotedBomb(make([]byte, 1000), 5), overlapped(make([]byte, 1000), 5), locked,
		zipFile{prefix: noise(50), entries: []zipEntry{{name: "z", content: payload, local: put16(8, 8)}}, suffix: zipFile{}.bytes()}.bytes())
}

func FuzzGzip(f *testing.F) { fuzz(f, TypeGzip, gzipped("", nil)) }
func FuzzZlib(f *testing.F) { fuzz(f, TypeZlib) }
func FuzzXz(f *testing.F)   { fuzz(f, TypeXZ) }
func FuzzLZMA(f *testing.F) { fuzz(f, TypeLZMA) }
func FuzzZstd(f *testing.F) { fuzz(f, TypeZstd) }
func FuzzTar(f *testing.F)  { fuzz(f, TypeTar) }

func FuzzDetect(f *testing.F) {
	for _, packed := range samples(f) {
		f.Add(packed)
	}
	f.Add([]byte("<!-- x --><HTML>"))
	f.Add([]byte(ole2Magic))
	f.Add([]byte("\xFF\xFE<\x00h\x00t\x00m\x00l\x00>\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		types := Detect(head)
		seen := make(map[Type]bool)
		for _, typ := range types {
			if _, known := kinds[typ]; !known || seen[typ] {
				t.Errorf("types %v", types)
			}
			seen[typ] = true
		}
	})
}
