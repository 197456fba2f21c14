package wire

import (
	"strconv"
	"strings"
)

// A Reply is one SMTP reply (RFC 5321 section 4.2), the only type for replies
// in the program. The zero value is no reply.
type Reply struct {
	Code     int    // three digits, 200 to 599
	Enhanced string // RFC 3463 code such as "5.7.1", or empty
	Text     string // lines separated by "\n"; anything: AppendTo makes it safe
}

// maxEnhanced is the longest enhanced code with its space, in octets: "5.123.123 ".
const maxEnhanced = 10

// noReply stands for a Reply that is none. The sender keeps the message (I4).
var noReply = Reply{Code: 451, Enhanced: "4.3.0", Text: "Local problem, try again later"}

// Class is the first digit of the code, 2 to 5, or 0 if r is no reply.
func (r Reply) Class() int {
	if r.Code < 200 || r.Code > 599 {
		return 0
	}
	return r.Code / 100
}

// AppendTo appends the complete reply. Each line of Text is a line of the
// reply, with the enhanced code on each (RFC 2034 section 4). Controls and
// octets above 126 become "?". A line longer than MaxReplyLine continues on
// the next; beyond MaxReplyLines the lines before the last are left out. An
// enhanced code that is malformed is left out, and no reply becomes a 451.
func (r Reply) AppendTo(b []byte) []byte {
	if r.Class() == 0 {
		r = noReply
	}
	room := MaxReplyLine - len("250 ") - len("\r\n")
	if enhancedLen(r.Enhanced) != len(r.Enhanced) {
		r.Enhanced = ""
	}
	if r.Enhanced != "" {
		room -= len(r.Enhanced) + 1
	}
	total := 0
	for rest, more := r.Text, true; more; total++ {
		_, rest, more = nextLine(rest, room)
	}
	for i, rest, more := 0, r.Text, true; more; i++ {
		var line string
		line, rest, more = nextLine(rest, room)
		if i >= MaxReplyLines-1 && i < total-1 {
			continue // the last line has the id
		}
		b = r.appendLine(b, line, more)
	}
	return b
}

// appendLine appends one line of the reply; more follow.
func (r Reply) appendLine(b []byte, line string, more bool) []byte {
	b = strconv.AppendInt(b, int64(r.Code), 10)
	if more {
		b = append(b, '-')
	} else {
		b = append(b, ' ')
	}
	if r.Enhanced != "" {
		b = append(b, r.Enhanced...)
		if line != "" {
			b = append(b, ' ')
		}
	}
	start := len(b)
	b = append(b, line...)
	clean(b[start:])
	return append(b, "\r\n"...)
}

// nextLine cuts the next line of at most room octets off text, at a space if
// one is near. more: text had not ended.
func nextLine(text string, room int) (line, rest string, more bool) {
	line, rest, more = strings.Cut(text, "\n")
	if len(line) <= room {
		return line, rest, more
	}
	if i := strings.LastIndexByte(line[:room+1], ' '); i > room/2 {
		return text[:i], text[i+1:], true
	}
	return text[:room], text[room:], true
}

// clean replaces what may not stand in a reply's text (RFC 5321 section 4.2,
// textstring) by question marks: a terminal that shows the sender's log must
// not obey a server.
func clean(text []byte) {
	for i, c := range text {
		if !printable(c) {
			text[i] = '?'
		}
	}
}

func printable(c byte) bool { return c == '\t' || ' ' <= c && c <= '~' }

// WithID returns r with "(id=ID)" at the end of its text. The last line is
// shortened so that both fit on one line of the reply. An empty id changes nothing.
func (r Reply) WithID(id string) Reply {
	if id == "" {
		return r
	}
	mark := "(id=" + id + ")"
	start := strings.LastIndexByte(r.Text, '\n') + 1
	last := r.Text[start:]
	room := MaxReplyLine - len("250 ") - maxEnhanced - len(" ") - len(mark) - len("\r\n")
	last = strings.TrimRight(last[:min(len(last), max(room, 0))], " ")
	if last != "" {
		last += " "
	}
	r.Text = r.Text[:start] + last + mark
	return r
}

// Sanitised returns r as it may go out: controls and octets above 126 in Text
// are "?", and the enhanced code has the class of Code (RFC 2034 section 4):
// a missing or malformed one becomes "x.0.0", and a 3xx has none. No reply
// becomes a 451.
func (r Reply) Sanitised() Reply {
	class := r.Class()
	if class == 0 {
		return noReply
	}
	digit := strconv.Itoa(class)
	switch {
	case class == 3:
		r.Enhanced = ""
	case r.Enhanced == "" || enhancedLen(r.Enhanced) != len(r.Enhanced):
		r.Enhanced = digit + ".0.0"
	case r.Enhanced[:1] != digit:
		r.Enhanced = digit + r.Enhanced[1:]
	}
	for i := 0; i < len(r.Text); i++ {
		if c := r.Text[i]; c != '\n' && !printable(c) {
			r.Text = cleanLines(r.Text)
			break
		}
	}
	return r
}

// cleanLines is clean for text of several lines.
func cleanLines(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c != '\n' && !printable(c) {
			b[i] = '?'
		}
	}
	return string(b)
}

// enhancedLen returns the length of the enhanced code that s begins with and
// that ends at a space or with s, or 0 (RFC 3463 section 2).
func enhancedLen(s string) int {
	if len(s) < len("2.0.0") || s[0] != '2' && s[0] != '4' && s[0] != '5' {
		return 0
	}
	i := 1
	for range 2 { // subject, detail: one to three digits each
		if i >= len(s) || s[i] != '.' {
			return 0
		}
		i++
		start := i
		for i < len(s) && i < start+3 && isDigit(s[i]) {
			i++
		}
		if i == start {
			return 0
		}
	}
	if i < len(s) && s[i] != ' ' {
		return 0
	}
	return i
}
