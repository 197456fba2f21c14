package filtertest

import (
	"bytes"
	"encoding/base64"
)

// Attached returns a message that has file attached, in base64, under a name
// of ASCII letters.
func Attached(name string, file []byte) []byte {
	b := []byte("From: a@x.test\r\nTo: b@y.test\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@x.test>\r\n" +
		"Subject: a file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.AppendEncode(nil, file)
	for len(text) > 0 {
		n := min(76, len(text)) // RFC 2045 section 6.8
		b = append(append(b, text[:n]...), "\r\n"...)
		text = text[n:]
	}
	return b
}

// UUDecode returns the first file of a uuencoded text, as the simplest decoder
// there can be reads it: archives of the public corpora come so.
func UUDecode(text []byte) (file []byte) {
	begun := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case bytes.HasPrefix(line, []byte("begin ")):
			begun = true
		case !begun || len(line) == 0:
		case string(line) == "end":
			return file
		default:
			file = append(file, uuLine(line)...)
		}
	}
	return file
}

// uuLine decodes a line: its length, then groups of four characters.
func uuLine(line []byte) []byte {
	at := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 63
		}
		return 0
	}
	size := int(at(0))
	var out []byte
	for i := 1; len(out) < size; i += 4 {
		a, b, c, d := at(i), at(i+1), at(i+2), at(i+3)
		out = append(out, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	}
	return out[:size]
}
