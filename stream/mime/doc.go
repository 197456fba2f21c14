// Package mime takes a message apart while it flows: header fields, multipart
// structure, transfer encodings, the embedded forms of mail programs.
//
// A Parser is written the message's octets, dots unstuffed, in pieces of any
// size, and tells a Sink what it finds, part by part:
//
//	Write --> header --> boundaries --> transfer decoding --> Sink
//	                          ^                  |
//	                          +--- embedded message, TNEF, uuencode …
//
// It never fails: hostile input gives Defects, and what cannot be taken apart
// goes on whole as a leaf. Where mail programs read broken mail differently it
// follows every plausible reading, so that none of them can hide a part. What it
// tells does not depend on how the input was cut, and its memory is bounded by
// Limits.
//
// It decides nothing: what a Defect means for the message is policy's.
//
// # Files
//
// parser.go is what is written to, sink.go what is told, with limits.go and
// rules.go. A feed finds the lines and hands them to its readers (feed.go). A
// reader is one way to read, with its own stack of open containers (reader.go):
//
//	in a header   it gathers fields (header.go), whose meanings (content.go) open
//	              the next part (part.go). What a field says is in param.go and
//	              extended.go, in simple.go where everybody reads it alike,
//	              external.go, from.go
//	in a body     it looks for boundary lines (multipart.go) and gives the rest
//	              (body.go) to a leaf, which decodes it and finds what is inside
//	              (leaf.go, child.go)
//
// A container in a transfer encoding gets a feed of its own. Readings part where
// a line is odd (header.go, multipart.go), where something only looks like a
// header or like base64 (guess.go), and by the alphabet of base64 (alphabet.go).
//
// What a leaf uses: the decoders of decoder.go, which are base64.go and qp.go;
// embedded.go for files in text, by uu.go, yenc.go and binhex.go; tnef.go for
// Outlook's, with mapi.go and rtf.go; smime.go, with pem.go and der.go.
//
// Beside the Parser stand Text (text.go), which makes UTF-8 of a text leaf, with
// textstream.go, charset.go, utf7.go and meta.go; and the encoded words of header
// fields (word.go). held.go is how both hold content that somebody counts.
package mime
