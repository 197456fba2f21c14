package wire

// Limits of what a peer may send and of what we send. RFC 5321 section 4.5.3.1
// gives least maxima; where these are larger, a reason stands beside them.
const (
	// MaxCommandLine bounds a command line with its CRLF, in octets: the 512
	// of RFC 5321 section 4.5.3.1.4, and room for every parameter extension we
	// offer (DSN alone adds 500 octets of ORCPT) and for long SMTPUTF8 paths.
	MaxCommandLine = 2048

	// MaxReplyLine bounds a reply line that we write, with its CRLF, in octets
	// (RFC 5321 section 4.5.3.1.5).
	MaxReplyLine = 512

	// MaxReplyLines bounds the lines of one reply, ours or a server's. The
	// longest EHLO replies seen have about 25.
	MaxReplyLines = 64

	// MaxReply bounds a server's whole reply, in octets: 64 lines of 512.
	MaxReply = MaxReplyLines * MaxReplyLine

	// maxServerLine bounds one line of a server's reply, with its CRLF, in
	// octets.
	// QUIRK: Exchange quotes the Message-ID in its 250, and an identifier may
	// fill a line of 998 octets. A limit of 512 would turn the acceptance of
	// such a message into a 451, and each retry into one more copy.
	maxServerLine = 2048

	// maxPath bounds a path with its angle brackets, in octets (RFC 5321
	// section 4.5.3.1.3).
	maxPath = 256

	// maxDomain bounds a domain, in octets (RFC 5321 section 4.5.3.1.2).
	maxDomain = 255

	// maxLabel bounds one label of a domain, in octets (RFC 1035 section 2.3.4).
	maxLabel = 63

	// maxLocal bounds a local part, in octets.
	// QUIRK: RFC 5321 section 4.5.3.1.1 asks for 64, but bounce addresses of
	// mailing services (VERP) and forwarders (SRS) put a whole address into
	// their local part, and servers take them. 64 would refuse that mail.
	maxLocal = 128

	// maxHelo bounds the argument of HELO and EHLO, in octets: a domain.
	maxHelo = 255

	// maxEnvID bounds ENVID as given, in octets (RFC 3461 section 4.4).
	maxEnvID = 100

	// maxORcpt bounds ORCPT as given, in octets (RFC 3461 section 4.2).
	maxORcpt = 500

	// maxTextLine bounds a line of text without its CRLF, in octets (RFC 5321
	// section 4.5.3.1.6). Longer ones pass; they are a finding.
	maxTextLine = 998
)
