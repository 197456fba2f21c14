// Package wire is SMTP as octets: command lines, replies, paths and their
// parameters, and the framing of message data (RFC 5321, 2920, 3030).
//
// It has no sockets and no policy. What comes from a peer is parsed into plain
// values; what goes to a peer is built from those values and never copied
// from a line, so nothing can be smuggled from one leg to the other.
package wire
