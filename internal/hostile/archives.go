package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// must is for encoders, which have no reason to fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

type tarEntry struct {
	name string
	data []byte
}

func tarOf(entries ...tarEntry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		must(w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.data)), Mode: 0o644}))
		w.Write(e.data)
	}
	must(w.Close())
	return b.Bytes()
}

func gzipOf(name string, data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	must(err)
	w.Name = name
	w.Write(data)
	must(w.Close())
	return b.Bytes()
}

func zstdOf(data []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	must(err)
	defer w.Close()
	return w.EncodeAll(data, nil)
}

func xzOf(data []byte) []byte {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	must(err)
	w.Write(data)
	must(w.Close())
	return b.Bytes()
}

func lzmaOf(data []byte) []byte {
	var b bytes.Buffer
	w, err := lzma.NewWriter(&b)
	must(err)
	w.Write(data)
	must(w.Close())
	return b.Bytes()
}
