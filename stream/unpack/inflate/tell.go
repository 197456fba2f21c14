package inflate

import (
	"bufio"
	"io"
	"sync"
)

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Tell decodes the stream that begins at the next octet of r and gives f what
// it holds, piece by piece. It returns nil behind the end of the stream, or
// the error of f, which ends it, or one that Decoder.Next has.
func Tell(r *bufio.Reader, f func([]byte) error) error {
	d := decoders.Get().(*Decoder)
	defer func() {
		d.Reset(nil)
		decoders.Put(d)
	}()
	d.Reset(r)
	for {
		b, err := d.Next()
		if len(b) > 0 {
			if err := f(b); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
