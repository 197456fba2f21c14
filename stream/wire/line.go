package wire

import (
	"bytes"
	"errors"
)

var (
	// ErrBareNewline says that a command line holds a CR or LF that is not
	// its final CRLF (RFC 5321 section 2.3.8). The peer may see two lines.
	ErrBareNewline = errors.New("bare newline in command")

	// ErrLineLong says that a command line is longer than MaxCommandLine.
	ErrLineLong = errors.New("command line too long")
)

// Line returns the first command line in b without its CRLF, and its length
// with it. line is a part of b.
//
// ErrShort: none is complete yet (n is 0). ErrBareNewline: it holds a CR or LF
// that is not its final CRLF; n is its length up to and with the first LF.
// ErrLineLong: with its CRLF it is longer than MaxCommandLine; n is its length,
// or 0 if its end is not in b.
func Line(b []byte) (line []byte, n int, err error) {
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0 && len(b) >= MaxCommandLine:
		return nil, 0, ErrLineLong
	case end < 0:
		return nil, 0, ErrShort
	case end >= MaxCommandLine:
		return nil, end + 1, ErrLineLong
	}
	if end == 0 || bytes.IndexByte(b[:end], '\r') != end-1 {
		return nil, end + 1, ErrBareNewline
	}
	return b[:end-1], end + 1, nil
}
