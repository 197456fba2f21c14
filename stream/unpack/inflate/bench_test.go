package inflate

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

// prose is text of words as often as words are.
func prose(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 3000)
	for i := range words {
		var w strings.Builder
		for range 2 + rng.IntN(8) {
			w.WriteByte("eeeeetttaaooiinnsshhrrdlcumwfgypbvkjxqz"[rng.IntN(39)])
		}
		words[i] = w.String()
	}
	zipf := rand.NewZipf(rng, 1.2, 4, uint64(len(words)-1))
	var out bytes.Buffer
	for out.Len() < size {
		out.WriteString(words[zipf.Uint64()])
		out.WriteByte(" \n,.      "[rng.IntN(10)])
	}
	return out.Bytes()[:size]
}

// markup is what the parts of an office document look like.
func markup(size int) []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	text := prose(size)
	var out bytes.Buffer
	for out.Len() < size {
		n := 5 + rng.IntN(60)
		at := rng.IntN(len(text) - n)
		fmt.Fprintf(&out, `<w:p w:rsidR="%08X" w:rsidRDefault="00A77B3E"><w:pPr><w:pStyle w:val="Normal"/><w:spacing w:after="%d"/></w:pPr>`+
			`<w:r><w:rPr><w:sz w:val="22"/></w:rPr><w:t xml:space="preserve">%s</w:t></w:r></w:p>`, rng.Uint32(), rng.IntN(400), text[at:at+n])
	}
	return out.Bytes()[:size]
}

// samples is of octets like those in attachments.
func samples(size int) []struct {
	name string
	data []byte
} {
	rng := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	program := make([]byte, 0, size) // records that differ little
	for len(program) < size {
		program = append(program, 0x48, 0x8B, byte(rng.IntN(16)), byte(rng.Uint32()), 0xE8, byte(rng.Uint32()), byte(rng.IntN(8)), 0, 0)
	}
	return []struct {
		name string
		data []byte
	}{
		{"prose", prose(size)},
		{"markup", markup(size)},
		{"program", program[:size]},
		{"noise", noise},
		{"phrase", bytes.Repeat([]byte("all the same "), size/13+1)[:size]},
		{"zeros", make([]byte, size)},
	}
}

// BenchmarkNext is by decoded octets, beside the library.
func BenchmarkNext(b *testing.B) {
	type input struct {
		name   string
		packed []byte
		size   int
	}
	var inputs []input
	for _, s := range samples(4 << 20) {
		inputs = append(inputs, input{s.name, compress(b, s.data, 6), len(s.data)})
	}
	inputs = append(inputs,
		input{"small prose", compress(b, prose(4<<10), 6), 4 << 10},
		input{"tiny", compress(b, prose(200), 6), 200})
	for _, in := range inputs {
		b.Run(in.name+"/ours", func(b *testing.B) { benchOurs(b, in.packed, in.size) })
		b.Run(in.name+"/library", func(b *testing.B) { benchLibrary(b, in.packed, in.size) })
	}
}

func benchOurs(b *testing.B, packed []byte, size int) {
	r := bufio.NewReaderSize(nil, 32<<10)
	d := new(Decoder)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(bytes.NewReader(packed))
		d.Reset(r)
		for {
			if _, err := d.Next(); err != nil {
				break
			}
		}
	}
}

func benchLibrary(b *testing.B, packed []byte, size int) {
	r := bufio.NewReaderSize(nil, 32<<10)
	d := flate.NewReader(r)
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(bytes.NewReader(packed))
		d.(flate.Resetter).Reset(r, nil)
		for {
			if _, err := d.Read(buf); err != nil {
				break
			}
		}
	}
}
