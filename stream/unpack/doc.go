// Package unpack takes containers apart in memory: archives, compressed
// streams, office documents, PDF; and says what a file really is.
//
// Detect names the types of some content by its first octets. For a container
// Open returns a Reader, which is written the container's octets as they
// arrive and tells a Sink its members:
//
//	Detect --> Open --> Reader.Write --> Sink.Open, Data, Close
//	                                     Sink.Note, Link
//
// A Reader opens one layer; who wants the next hands a member's octets to
// Detect and Open again, with the same Budget. One Budget bounds what a
// message may cost, one Memory what all messages may hold. Nothing here
// returns an error: what cannot be opened is a Note, never silence.
//
// Most of the work is DEFLATE, which package inflate decodes.
package unpack
