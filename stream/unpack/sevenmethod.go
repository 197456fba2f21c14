package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/bodgit/sevenzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

const (
	// sevenDictionary is the largest dictionary of LZMA that is granted: 64
	// MiB, the default of 7-Zip's best level.
	sevenDictionary = 64 << 20
	// sevenBasic is what a simple method takes: 1 MiB.
	sevenBasic = 1 << 20
)

var errSeven = errors.New("method not granted")

// sevenMemory returns what a method takes, or by which rule it is refused.
// Size is what it unpacks to: no dictionary is needed beyond that.
func sevenMemory(c sevenCoder, size uint64) (int64, string) {
	switch string(c.id) {
	case "\x00", "\x03", "\x0A", // copy, delta, ARM64
		"\x03\x03\x01\x03", "\x03\x03\x02\x05", "\x03\x03\x05\x01", "\x03\x03\x08\x05": // BCJ, PPC, ARM, SPARC
		return sevenBasic, ""
	case "\x03\x03\x01\x1B", "\x04\x01\x08": // BCJ2, deflate
		return sevenBasic, ""
	case "\x04\x02\x02": // bzip2
		return 4 << 20, ""
	case "\x03\x01\x01":
		if len(c.props) < 5 {
			return 0, RuleMethod
		}
		// Up to 6 MiB of probabilities besides, for lc=8, lp=4.
		return dictionaryNeed(uint64(le32(c.props, 1)), size, 6<<20)
	case "\x21":
		if len(c.props) < 1 || c.props[0] > 40 {
			return 0, RuleMethod
		}
		return dictionaryNeed(uint64(lzma2Dictionary(c.props[0])), size, 1<<20)
	case "\x04\xF7\x11\x01":
		return zstdWindow + 8<<20, ""
	}
	return 0, RuleMethod
}

func dictionaryNeed(dict, size uint64, more int64) (int64, string) {
	dict = fitDictionary(dict, size)
	if dict > sevenDictionary {
		return 0, RuleDictionary
	}
	return int64(dict) + more, ""
}

// fitDictionary returns how large a dictionary has to be, 4 KiB at least.
func fitDictionary(dict, size uint64) uint64 { return max(min(dict, size), lzma.MinDictCap) }

// registerSeven replaces the library's methods that take what memory the
// archive asks for, and those that are not granted.
var registerSeven = sync.OnceFunc(func() {
	sevenzip.RegisterDecompressor([]byte{0x03, 0x01, 0x01}, sevenLZMA)
	sevenzip.RegisterDecompressor([]byte{0x21}, sevenLZMA2)
	sevenzip.RegisterDecompressor([]byte{0x04, 0xF7, 0x11, 0x01}, sevenZstd)
	for _, id := range []string{
		"\x03\x04\x01",     // PPMd
		"\x04\xF7\x11\x02", // brotli
		"\x04\xF7\x11\x04", // LZ4
		"\x06\xF1\x07\x01", // AES: deriving a key takes as long as the archive says
	} {
		sevenzip.RegisterDecompressor([]byte(id), sevenRefused)
	}
})

func sevenRefused([]byte, uint64, []io.ReadCloser) (io.ReadCloser, error) { return nil, errSeven }

func sevenLZMA(props []byte, size uint64, in []io.ReadCloser) (io.ReadCloser, error) {
	if len(in) != 1 || len(props) < 5 {
		return nil, errSeven
	}
	dict := fitDictionary(uint64(le32(props, 1)), size)
	if dict > sevenDictionary {
		return nil, errSeven
	}
	head := binary.LittleEndian.AppendUint32([]byte{props[0]}, uint32(dict))
	head = binary.LittleEndian.AppendUint64(head, size)
	r, err := lzma.ReaderConfig{DictCap: int(dict)}.NewReader(io.MultiReader(bytes.NewReader(head), in[0]))
	return sevenStream{r, in[0]}, err
}

func sevenLZMA2(props []byte, size uint64, in []io.ReadCloser) (io.ReadCloser, error) {
	if len(in) != 1 || len(props) < 1 || props[0] > 40 {
		return nil, errSeven
	}
	dict := fitDictionary(uint64(lzma2Dictionary(props[0])), size)
	if dict > sevenDictionary {
		return nil, errSeven
	}
	r, err := lzma.Reader2Config{DictCap: int(dict)}.NewReader2(in[0])
	return sevenStream{r, in[0]}, err
}

func sevenZstd(_ []byte, _ uint64, in []io.ReadCloser) (io.ReadCloser, error) {
	if len(in) != 1 {
		return nil, errSeven
	}
	r, err := zstd.NewReader(in[0], zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow))
	if err != nil {
		return nil, errSeven
	}
	return r.IOReadCloser(), nil
}

// A sevenStream is a decoder with what it reads from.
type sevenStream struct {
	io.Reader
	in io.Closer
}

func (s sevenStream) Close() error { return s.in.Close() }
