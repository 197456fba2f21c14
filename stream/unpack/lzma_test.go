package unpack

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"sluice/internal/smtptest"
)

// babble is text of few words, so that matches are long and far.
func babble(n int) []byte {
	random := rand.New(rand.NewPCG(3, uint64(n)))
	words := make([][]byte, 40)
	for i := range words {
		words[i] = noise(3 + i*7)
	}
	var b []byte
	for len(b) < n {
		b = append(b, words[random.IntN(len(words))]...)
	}
	return b[:n]
}

// TestLZMAWindow unpacks more than the window has, with every kind of
// properties.
func TestLZMAWindow(t *testing.T) {
	content := babble(smtptest.Rounds(100_000))
	for _, p := range []lzma.Properties{{LC: 3, PB: 2}, {LC: 0, LP: 4, PB: 0}, {LC: 8, LP: 0, PB: 4}, {LC: 4, LP: 4, PB: 4}} {
		for _, dict := range []int{4096, 5000, 1 << 20} {
			var b bytes.Buffer
			w, err := lzma.WriterConfig{Properties: &p, DictCap: dict}.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(content)
			w.Close()
			if r := readCuts(t, TypeLZMA, "", b.Bytes()); !r.finds(content) || len(r.notes) > 0 {
				t.Fatalf("%+v, %d:\n%s", p, dict, r)
			}
			if p.LC+p.LP > 4 {
				continue
			}
			b.Reset()
			x, err := xz.WriterConfig{Properties: &p, DictCap: dict, BlockSize: int64(smtptest.Rounds(70_000))}.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			x.Write(content)
			x.Close()
			if r := readCuts(t, TypeXZ, "", b.Bytes()); !r.finds(content) || len(r.notes) > 0 {
				t.Fatalf("xz %+v, %d:\n%s", p, dict, r)
			}
		}
	}
}

// FuzzLZMADecode compares with a library: what it unpacks without an error, so
// do we.
func FuzzLZMADecode(f *testing.F) {
	f.Add(lzmaed(f, babble(10_000), -1), false)
	f.Add(lzmaed(f, mixed(5000), 5000), false)
	f.Add(xzed(f, babble(10_000), xz.CRC32), true)
	f.Add(xzed(f, mixed(5000), xz.None), true)
	f.Fuzz(func(t *testing.T, packed []byte, isXZ bool) {
		const most = 1 << 20
		var lib io.Reader
		var err error
		if isXZ {
			// The block's dictionary is not capped there, so only LZMA2.
			if len(packed) < 24 {
				return
			}
			packed = packed[24:]
			lib, err = lzma.Reader2Config{DictCap: most}.NewReader2(bytes.NewReader(packed))
		} else {
			lib, err = lzma.ReaderConfig{DictCap: most}.NewReader(bytes.NewReader(packed))
		}
		if err != nil {
			return
		}
		want, err := io.ReadAll(io.LimitReader(lib, most))
		if err != nil || len(want) == most || len(want) == 0 {
			return
		}
		b := NewBudget(Limits{}, nil, "")
		r := bufio.NewReader(bytes.NewReader(packed))
		var own interface {
			io.Reader
			free()
		}
		if isXZ {
			own = newLZMA2Reader(b, r, most)
		} else {
			own, err = rawLZMA(b, r)
		}
		defer own.free()
		// A chunk that is longer than its content is an error here only.
		got, err2 := io.ReadAll(io.LimitReader(own, most))
		if err != nil || !bytes.HasPrefix(got, want) {
			t.Errorf("%d octets, %v, %v, the library has %d", len(got), err, err2, len(want))
		}
	})
}

func rawLZMA(b *Budget, r *bufio.Reader) (*lzmaReader, error) {
	var head [lzmaHead]byte
	io.ReadFull(r, head[:])
	size := int64(littleEndian(head[5:]))
	return newLZMAReader(b, r, head[0], int64(littleEndian(head[1:5])), size)
}
