package mime

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// decodeAll runs a decoder over pieces.
func decodeAll(d decoder, pieces ...[]byte) []byte {
	var out []byte
	emit := func(b []byte) { out = append(out, b...) }
	for _, p := range pieces {
		d.write(p, emit)
	}
	d.close(emit)
	return out
}

// cuts calls f with in cut in one, into single octets, into each two halves
// (of short input) and into pieces of random sizes.
func cuts(in []byte, f func(name string, pieces [][]byte)) {
	f("whole", [][]byte{in})
	f("octets", slices.Collect(slices.Chunk(in, 1)))
	if len(in) <= 200 {
		for i := range in {
			f("halves", [][]byte{in[:i], in[i:]})
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(len(in))))
	for range 3 {
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1+r.IntN(3000)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		f("random", pieces)
	}
}

// sameInAnyCut checks that a decoder's output and defects do not depend on the
// cut, and returns them. The decoder is reset and used again each time.
func sameInAnyCut(t *testing.T, d decoder, in []byte) ([]byte, []Defect) {
	t.Helper()
	want := decodeAll(d, in)
	defects := d.defects()
	cuts(in, func(name string, pieces [][]byte) {
		d.reset()
		if got := decodeAll(d, pieces...); !bytes.Equal(got, want) {
			t.Fatalf("%q cut into %s: %q, whole %q", in, name, got, want)
		}
		if got := d.defects(); !slices.Equal(got, defects) {
			t.Fatalf("%q cut into %s: defects %v, whole %v", in, name, got, defects)
		}
	})
	return want, defects
}

func details(list []Defect) (s string) {
	for i, d := range list {
		if i > 0 {
			s += ", "
		}
		s += d.Detail
	}
	return s
}
