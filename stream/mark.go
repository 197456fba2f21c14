package stream

import (
	"bytes"
	"mime"

	"sluice/policy"
)

// markSubject puts the policy's mark before the subject of a message that is
// tagged: the one change of the sender's own octets, and only where the
// operator asked for it (I3). The header is still held. A message without
// Subject gets one.
func (tx *transaction) markSubject(d *policy.Disposition) {
	m := tx.message
	if d.Action != policy.Tag || d.Mark == "" {
		return
	}
	mark := []byte(encodedMark(d.Mark) + " ")
	at, value := subjectIn(m.headerBlock())
	switch {
	case at < 0:
		m.out.trace = append(append(append(m.out.trace, "Subject: "...), mark...), "\r\n"...)
	case !bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), mark):
		m.window.insert(at, mark)
	}
}

// encodedMark is a mark as a header field has it: ASCII as it is, other text as
// an encoded word (RFC 2047).
func encodedMark(mark string) string { return mime.QEncoding.Encode("utf-8", mark) }

// subjectIn returns where the text of the first Subject begins in a header
// block, behind the blanks, and the rest of its line; -1: there is none.
func subjectIn(p []byte) (at int, value []byte) {
	for begin := 0; begin < len(p); {
		end := fieldEnd(p, begin)
		name, value := splitField(p[begin:end])
		if bytes.EqualFold(name, []byte("Subject")) {
			text := bytes.TrimLeft(value, " \t")
			return end - len(text), text
		}
		if len(bytes.Trim(p[begin:end], "\r\n")) == 0 {
			break // the end of the header
		}
		begin = end
	}
	return -1, nil
}
