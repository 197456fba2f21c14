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
// A feed finds the lines and hands them to its readers (feed.go). A reader is
// one way to read (view.go), with its own stack of open containers: in a header
// it gathers fields (header.go), whose meanings open the next part (content.go,
// part.go), in a body it looks for boundary lines (multipart.go) and gives the
// rest to a leaf, which decodes it (leaf.go) and finds the files inside
// (child.go). A container in a transfer encoding gets a feed of its own.
//
// It never fails: hostile input gives Defects, and what cannot be taken apart
// goes on whole as a leaf. Where mail programs read broken mail differently it
// follows every plausible reading (view.go), so that none of them can hide a
// part. What it tells does not depend on how the input was cut, and its memory
// is bounded by Limits.
//
// It decides nothing: what a Defect means for the message is policy's.
package mime
