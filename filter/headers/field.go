package headers

// A field is a header field that rules look at.
type field uint8

const (
	other field = iota
	bcc
	cc
	contentEncoding
	contentType
	date
	from
	inReplyTo
	listID
	messageID
	mimeVersion
	originatingScript
	received
	references
	replyTo
	sender
	subject
	to
	xMailer
	xMimeOLE
	fields // their number
)

// names are their names, for findings.
var names = [fields]string{
	bcc: "Bcc", cc: "Cc", contentEncoding: "Content-Transfer-Encoding", contentType: "Content-Type",
	date: "Date", from: "From", inReplyTo: "In-Reply-To", listID: "List-Id", messageID: "Message-ID",
	mimeVersion: "MIME-Version", originatingScript: "X-PHP-Originating-Script", received: "Received",
	references: "References", replyTo: "Reply-To", sender: "Sender", subject: "Subject", to: "To",
	xMailer: "X-Mailer", xMimeOLE: "X-MimeOLE",
}

// once are the fields of which a message has at most one (RFC 5322 section
// 3.6, RFC 2045 section 4). From is not among them: a message of several
// authors is found where it is taken apart.
var once = [...]field{bcc, cc, date, inReplyTo, messageID, mimeVersion, references, replyTo, sender, subject, to}

// longestName is that of the longest field of ours: 25 octets.
const longestName = len("Content-Transfer-Encoding")

// fieldOf returns which field has this name.
func fieldOf(name []byte) field {
	if len(name) > longestName {
		return other
	}
	var lower [longestName]byte
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "bcc":
		return bcc
	case "cc":
		return cc
	case "content-transfer-encoding":
		return contentEncoding
	case "content-type":
		return contentType
	case "date":
		return date
	case "from":
		return from
	case "in-reply-to":
		return inReplyTo
	case "list-id":
		return listID
	case "message-id":
		return messageID
	case "mime-version":
		return mimeVersion
	case "x-php-originating-script":
		return originatingScript
	case "received":
		return received
	case "references":
		return references
	case "reply-to":
		return replyTo
	case "sender":
		return sender
	case "subject":
		return subject
	case "to":
		return to
	case "x-mailer":
		return xMailer
	case "x-mimeole":
		return xMimeOLE
	}
	return other
}

// kept tells which fields' values are needed when the header has ended.
func (f field) kept() bool {
	switch f {
	case cc, date, from, messageID, originatingScript, replyTo, subject, to, xMailer:
		return true
	}
	return false
}
