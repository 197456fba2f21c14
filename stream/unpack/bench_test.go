package unpack

import (
	"testing"

	"github.com/ulikunitz/xz"
)

// deaf is a Sink that does nothing.
type deaf struct{}

func (deaf) Open(*Member)         {}
func (deaf) Data(*Member, []byte) {}
func (deaf) Close(*Member)        {}
func (deaf) Note(Note)            {}
func (deaf) Link([]byte)          {}

// BenchmarkRead is by decoded octets.
func BenchmarkRead(b *testing.B) {
	content := mixed(4 << 20)
	small := mixed(2000)
	for _, c := range []struct {
		name   string
		t      Type
		packed []byte
		size   int
	}{
		{"zip stored", TypeZip, zipFile{entries: []zipEntry{{name: "x", content: content}}}.bytes(), len(content)},
		{"zip stored, unsized", TypeZip, zipFile{entries: []zipEntry{{name: "x", content: content, stream: true}}}.bytes(), len(content)},
		{"zip deflate", TypeZip, zipFile{entries: []zipEntry{{name: "x", content: content, method: 8}}}.bytes(), len(content)},
		{"zip small", TypeZip, zipFile{entries: []zipEntry{{name: "x", content: small, method: 8}}}.bytes(), len(small)},
		{"gzip", TypeGzip, gzipped("", content), len(content)},
		{"gzip small", TypeGzip, gzipped("", small), len(small)},
		{"zstd", TypeZstd, zstdStream(b, content), len(content)},
		{"xz", TypeXZ, xzed(b, content, xz.CRC64), len(content)},
		{"lzma", TypeLZMA, lzmaed(b, content, -1), len(content)},
		{"tar", TypeTar, tarred(b, map[string][]byte{"x": content}, "x"), len(content)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				budget := NewBudget(Limits{}, nil, "")
				r := Open(c.t, "", budget, deaf{})
				r.Write(c.packed)
				r.Close(true)
				budget.Release()
			}
		})
	}
}
