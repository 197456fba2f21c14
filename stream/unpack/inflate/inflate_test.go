package inflate

import (
	"bufio"
	"bytes"
	stdflate "compress/flate"
	"io"
	"testing"

	"github.com/klauspost/compress/flate"
)

// inflated is all that a stream gives, with the octets that follow it.
func inflated(d *Decoder, r *bufio.Reader) (out []byte, rest []byte, err error) {
	d.Reset(r)
	for err == nil {
		var b []byte
		b, err = d.Next()
		out = append(out, b...)
	}
	rest, _ = io.ReadAll(r)
	return out, rest, err
}

func compress(tb testing.TB, b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		tb.Fatal(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func stdCompress(tb testing.TB, b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := stdflate.NewWriter(&out, level)
	if err != nil {
		tb.Fatal(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}
