package wire

import (
	"bytes"
	"errors"
	"strings"
)

// ErrShort says that what was asked for is not complete yet: read more octets.
var ErrShort = errors.New("incomplete")

// ErrReply says that a server's reply is malformed. Its connection is of no
// use any more: where the next reply begins is not known.
var ErrReply = errors.New("malformed reply")

// ParseReply reads one complete reply at the start of b and returns its
// length. The enhanced code is split off the text if its class is that of the
// code. Text is as the server sent it, foreign octets and all.
//
// ErrShort (n is 0) asks for more octets. ErrReply: not three digits from 200
// to 599 and a space or hyphen, codes that differ between lines, an LF without
// a CR before it, a NUL, a line over 2,048 octets, more than
// MaxReplyLines lines or MaxReply octets. Whatever is added to b, an error
// other than ErrShort stays, and so does a reply.
func ParseReply(b []byte) (r Reply, n int, err error) {
	var lines [MaxReplyLines][]byte
	for i := range lines {
		line, err := replyLine(b[n:])
		if err == ErrShort && len(b) >= MaxReply {
			err = ErrReply // however it ends, it will be too long
		}
		if err != nil {
			return Reply{}, 0, err
		}
		n += len(line) + len("\r\n")
		if n > MaxReply {
			return Reply{}, 0, ErrReply
		}
		code, more, ok := replyCode(line)
		if !ok || i > 0 && code != r.Code {
			return Reply{}, 0, ErrReply
		}
		r.Code = code
		lines[i] = line[min(len(line), len("250 ")):]
		if !more {
			r.Enhanced, r.Text = replyText(lines[:i+1], byte('0'+r.Class()))
			return r, n, nil
		}
	}
	return Reply{}, 0, ErrReply
}

// replyLine returns the first line of b without its CRLF.
func replyLine(b []byte) ([]byte, error) {
	head := b[:min(len(b), maxServerLine)]
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		// A NUL inside cannot get better, and waiting for the end of
		// a line that will be refused would only cost time.
		if len(head) == maxServerLine || spoilt(head[:max(len(head)-1, 0)]) {
			return nil, ErrReply
		}
		return nil, ErrShort
	}
	if end == 0 || head[end-1] != '\r' || spoilt(head[:end-1]) {
		return nil, ErrReply
	}
	return head[:end-1], nil
}

func spoilt(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }

// replyCode reads the code that a line begins with, and whether more lines follow.
func replyCode(line []byte) (code int, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !isDigit(line[1]) || !isDigit(line[2]) {
		return 0, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, false, true // the text is optional, its space as well
	}
	return code, line[3] == '-', line[3] == '-' || line[3] == ' '
}

// replyText joins the lines and splits the enhanced code of the first off
// every line that has it. Keywords of EHLO hold no dot (RFC 5321 section
// 4.1.1.1), so none of them is taken for one.
func replyText(lines [][]byte, class byte) (enhanced, text string) {
	if len(lines) == 1 {
		return splitEnhanced(string(lines[0]), class) // nearly always; one allocation
	}
	text = string(bytes.Join(lines, []byte("\n")))
	n := enhancedLen(strings.SplitN(text, "\n", 2)[0])
	if n == 0 || text[0] != class {
		return "", text
	}
	enhanced = text[:n]
	parts := strings.Split(text, "\n")
	for i, part := range parts {
		if rest, ok := strings.CutPrefix(part, enhanced); ok && (rest == "" || rest[0] == ' ') {
			parts[i] = strings.TrimPrefix(rest, " ")
		}
	}
	return enhanced, strings.Join(parts, "\n")
}

// splitEnhanced splits the enhanced code off a line of text.
func splitEnhanced(line string, class byte) (enhanced, text string) {
	n := enhancedLen(line)
	if n == 0 || line[0] != class {
		return "", line
	}
	return line[:n], strings.TrimPrefix(line[n:], " ")
}
