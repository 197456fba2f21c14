package headers

import (
	"bytes"
	"io"
	stdmime "mime"

	"golang.org/x/text/encoding/htmlindex"
)

// decodeWords appends value to dst with its encoded-words (RFC 2047) as UTF-8.
func decodeWords(dst, value []byte) []byte {
	if !bytes.Contains(value, []byte("=?")) {
		return append(dst, value...)
	}
	text, err := decoder.DecodeHeader(string(value))
	if err != nil {
		return append(dst, value...)
	}
	return append(dst, text...)
}

var decoder = stdmime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(r), nil
}}
