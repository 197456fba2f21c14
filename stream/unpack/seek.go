package unpack

import (
	"bufio"
	"bytes"
)

// seek reads up to a mark and leaves it to be read. False: there is none.
func seek(r *bufio.Reader, mark string) bool {
	for {
		ahead, _ := r.Peek(len(mark))
		if len(ahead) < len(mark) {
			r.Discard(len(ahead))
			return false
		}
		b, _ := r.Peek(r.Buffered())
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			r.Discard(i)
			return true
		}
		r.Discard(len(b) - len(mark) + 1)
	}
}
