package inflate

import (
	"bufio"
	"bytes"
	stdflate "compress/flate"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/flate"
)

// An oracle is what a library makes of a stream.
type oracle struct {
	out  []byte
	rest int
	err  error
}

// library asks compress/flate's descendant; a new one each time, see
// TestEmptyCodes.
func library(b []byte) (o oracle) {
	r := bufio.NewReader(bytes.NewReader(b))
	return ask(r, flate.NewReader(r))
}

// standard asks compress/flate.
func standard(b []byte) (o oracle) {
	r := bufio.NewReader(bytes.NewReader(b))
	return ask(r, stdflate.NewReader(r))
}

func ask(r *bufio.Reader, f io.Reader) (o oracle) {
	o.out, o.err = io.ReadAll(f)
	rest, _ := io.ReadAll(r)
	o.rest = len(rest)
	return o
}

// against compares with the standard library, in all ways of reading.
func against(t *testing.T, name string, packed []byte, want oracle) {
	t.Helper()
	d := new(Decoder)
	for _, in := range []struct {
		name string
		r    *bufio.Reader
	}{
		{"whole", bufio.NewReaderSize(bytes.NewReader(packed), len(packed)+16)},
		{"small buffer", bufio.NewReaderSize(bytes.NewReader(packed), 16)},
		{"one by one", bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(packed)), 16)},
		{"halves", bufio.NewReaderSize(iotest.HalfReader(bytes.NewReader(packed)), 64)},
		{"error with data", bufio.NewReaderSize(iotest.DataErrReader(bytes.NewReader(packed)), 40)},
	} {
		out, rest, err := inflated(t, d, in.r)
		if (err == io.EOF) != (want.err == nil) {
			t.Fatalf("%s, %s: error %v, the library %v", name, in.name, err, want.err)
		}
		if want.err == nil && len(rest) != want.rest {
			t.Errorf("%s, %s: %d octets left, the library leaves %d", name, in.name, len(rest), want.rest)
		}
		if !bytes.HasPrefix(out, want.out) || want.err == nil && len(out) != len(want.out) {
			t.Errorf("%s, %s: %d octets, the library %d (%v), or others", name, in.name, len(out), len(want.out), want.err)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, s := range samples(3000) {
		for _, level := range []int{-2, 0, 1, 6, 9} {
			f.Add(append(compress(f, s.data, level), "rest"...))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		against(t, "fuzz", packed, standard(packed))
	})
}

// TestDamage compares what single changes and cuts make of good streams, which
// a fuzzer that knows no format finds slowly.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var good [][]byte
	for _, s := range samples(3000) {
		for _, level := range []int{-2, 0, 1, 6, 9} {
			good = append(good, append(compress(t, s.data, level), "rest"...))
		}
	}
	for range 5000 {
		b := bytes.Clone(good[rng.IntN(len(good))])
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(b))
			if rng.IntN(2) == 0 {
				at = rng.IntN(min(len(b), 100)) // where codes are described
			}
			b[at] = byte(rng.Uint32())
		}
		if rng.IntN(4) == 0 {
			b = b[:rng.IntN(len(b))]
		}
		against(t, "damage", b, standard(b))
	}
}
