// Package wire is SMTP as octets: command lines, replies, paths and their
// parameters, and the framing of message data (RFC 5321, 2920, 3030).
//
// A session reads a line (line.go), finds the verb (command.go) and hands the
// rest to ParseMail, ParseRcpt, ParseHelo or ParseBdat (mail.go, rcpt.go,
// argument.go), which work on paths (path.go, mailbox.go). Replies are
// reply.go and parsereply.go, what an EHLO reply offers is ehlo.go. Message
// data passes through a Framer (frame.go) or a Liner (liner.go), which share
// the one look at every octet (lines.go), and where the two legs differ through
// Normalise and a Stuffer (stuff.go).
//
// It has no sockets and no policy. What comes from a peer is parsed into plain
// values; what goes to a peer is built from those values and never copied
// from a line, so nothing can be smuggled from one leg to the other.
package wire
