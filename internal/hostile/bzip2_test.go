package hostile

import (
	"bytes"
	"compress/bzip2"
	"io"
	"testing"
)

func TestBzip2(t *testing.T) {
	for _, want := range [][]byte{
		[]byte("x"), []byte(EICAR()), []byte(crlf(text + text)), make([]byte, 255*10_000),
		bytes.Repeat([]byte("abc"), 1000), []byte("aaaaabbbbbbbbbbbbbbbbbb\xff\x00"),
	} {
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(bzip2Of(want))))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%.20q…: %d octets, %v", want, len(got), err)
		}
	}
}
