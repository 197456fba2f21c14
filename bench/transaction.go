package main

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// An envelope is who a message is from and for.
type envelope struct {
	from string
	to   []string
}

// A manner is how a transaction is spoken.
type manner struct {
	pipelining bool // MAIL, RCPT and DATA in one write, if offered
	bdat       bool // CHUNKING, if offered
}

// A body is the part of a transaction after the envelope.
type body struct {
	bdat    bool
	replies int // to it all: one, or one a chunk
	write   func(io.Writer) error
}

// An outcome is how one transaction went.
type outcome struct {
	stage string
	code  int // of the reply that ended it; 0: none came
	text  string
	rcpt  []int // codes, in order of the recipients

	start, terminator, end time.Time // first octet of MAIL; terminator written; last reply
	err                    error     // why no reply came; the session is of no use then
}

// ok reports whether the message was taken.
func (o *outcome) ok() bool { return o.stage == stageEnd && o.code/100 == 2 }

// accepted and refused sort recipients by what they were told.
func (o *outcome) accepted(to []string) (list []string) {
	for i, code := range o.rcpt {
		if code/100 == 2 {
			list = append(list, to[i])
		}
	}
	return list
}

func (o *outcome) refused(to []string) map[string]int {
	m := map[string]int{}
	for i, code := range o.rcpt {
		if code/100 != 2 {
			m[to[i]] = code
		}
	}
	return m
}

// send runs one transaction. content is the message, data the same with dots
// stuffed and the terminator.
func (c *client) send(e envelope, content, data []byte, how manner) outcome {
	b := body{replies: 1, write: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
	if how.bdat && c.chunking {
		chunks := (max(len(content), 1) + bdatChunk - 1) / bdatChunk
		b = body{bdat: true, replies: chunks, write: func(w io.Writer) error { return writeChunks(w, content) }}
	}
	return c.transaction(e, how, b)
}

// bdatChunk is the size of BDAT chunks: a few a message, so that chunk borders
// are met.
const bdatChunk = 40_000

// writeChunks speaks content as BDAT (RFC 3030 section 2).
func writeChunks(w io.Writer, content []byte) error {
	var b bytes.Buffer
	for {
		chunk := content[:min(len(content), bdatChunk)]
		content = content[len(chunk):]
		last := ""
		if len(content) == 0 {
			last = " LAST"
		}
		fmt.Fprintf(&b, "BDAT %d%s\r\n", len(chunk), last)
		b.Write(chunk)
		if last != "" {
			_, err := w.Write(b.Bytes())
			return err
		}
	}
}

// transaction runs MAIL to the end of data.
func (c *client) transaction(e envelope, how manner, b body) outcome {
	o := outcome{start: time.Now()}
	switch {
	case how.pipelining && c.pipelining:
		c.envelopeAtOnce(e, b.bdat, &o)
	default:
		c.envelopeInTurn(e, b.bdat, &o)
	}
	if o.stage != "" {
		o.end = time.Now()
		return o
	}
	if err := b.write(c.conn); err != nil {
		c.cutInBody(&o, err)
		return o
	}
	o.terminator, o.stage = time.Now(), stageEnd
	c.endReplies(&o, b.replies)
	o.end = time.Now()
	if b.replies > 1 && o.err == nil && o.code/100 != 2 {
		c.reset(&o) // a chunk before the last may have been refused: the transaction is still open
	}
	return o
}

// endReplies reads the replies to the body: the first that refuses counts, or
// else the last. All are read, so that the session stays in step.
func (c *client) endReplies(o *outcome, n int) {
	for range n {
		code, text, err := c.reply()
		if err != nil {
			o.err = err
			if o.code/100 == 2 {
				o.code, o.text = 0, "" // the 2xx of a chunk before the last means nothing
			}
			return
		}
		if o.code/100 == 2 || o.code == 0 {
			o.code, o.text = code, text
		}
	}
}

// cutInBody looks for the reply that explains why the server stopped reading.
func (c *client) cutInBody(o *outcome, err error) {
	o.stage, o.err = stageBody, err
	if code, text, rerr := c.reply(); rerr == nil {
		o.code, o.text = code, text
	}
	o.end = time.Now()
}

// envelopeInTurn waits for each reply. It leaves o.stage empty if the data may
// follow.
func (c *client) envelopeInTurn(e envelope, bdat bool, o *outcome) {
	if !c.step(o, stageMail, "MAIL FROM:<"+e.from+">") || !c.judge(o, 2) {
		return
	}
	good := 0
	for _, to := range e.to {
		if !c.step(o, stageRcpt, "RCPT TO:<"+to+">") {
			return
		}
		o.rcpt = append(o.rcpt, o.code)
		if o.code/100 == 2 {
			good++
		}
	}
	if good == 0 {
		c.reset(o)
		return
	}
	if !bdat && (!c.step(o, stageData, "DATA") || !c.judge(o, 3)) {
		return
	}
	o.stage, o.code, o.text = "", 0, ""
}

// step sends a command and reads its reply into o; false: the session is dead.
func (c *client) step(o *outcome, stage, line string) bool {
	o.stage = stage
	if _, o.err = io.WriteString(c.conn, line+"\r\n"); o.err != nil {
		return false
	}
	o.code, o.text, o.err = c.reply()
	return o.err == nil
}

// judge reports whether the reply is of the wanted kind; if not, it leaves the
// session ready for another transaction.
func (c *client) judge(o *outcome, wanted int) bool {
	if o.code/100 != wanted {
		c.reset(o)
		return false
	}
	return true
}

// reset ends a refused transaction. What it meets is told by the next use.
func (c *client) reset(o *outcome) {
	if o.code == 421 {
		o.err = io.EOF // the server has said goodbye
		return
	}
	if _, o.err = io.WriteString(c.conn, "RSET\r\n"); o.err == nil {
		_, _, o.err = c.reply()
	}
}

// envelopeAtOnce pipelines MAIL, RCPT and DATA (RFC 2920).
func (c *client) envelopeAtOnce(e envelope, bdat bool, o *outcome) {
	b := fmt.Appendf(nil, "MAIL FROM:<%s>\r\n", e.from)
	for _, to := range e.to {
		b = fmt.Appendf(b, "RCPT TO:<%s>\r\n", to)
	}
	if !bdat {
		b = append(b, "DATA\r\n"...)
	}
	o.stage = stageMail
	if _, o.err = c.conn.Write(b); o.err != nil {
		return
	}
	var first outcome // the reply that refused the transaction, if one did
	if o.code, o.text, o.err = c.reply(); o.err != nil {
		return
	}
	if o.code/100 != 2 {
		first = *o
	}
	good := 0
	for range e.to {
		code, text, err := c.reply()
		if err != nil {
			c.lost(o, &first, stageRcpt, err)
			return
		}
		o.rcpt = append(o.rcpt, code)
		if code/100 == 2 {
			good++
		} else if first.stage == "" {
			o.code, o.text = code, text
		}
	}
	if first.stage == stageMail {
		o.rcpt = nil // whatever they got, it was for want of MAIL
	}
	if first.stage == "" && good == 0 {
		first = outcome{stage: stageRcpt, code: o.code, text: o.text}
	}
	if !bdat {
		c.dataReply(o, &first, good)
		return
	}
	o.stage, o.code, o.text = first.stage, first.code, first.text
	if first.stage != "" {
		c.reset(o)
	}
}

// lost notes that the session died at stage, keeping a refusal that came
// before: 421 is followed by a close.
func (c *client) lost(o, first *outcome, stage string, err error) {
	o.stage, o.code, o.text, o.err = stage, 0, "", err
	if first.stage != "" {
		o.stage, o.code, o.text = first.stage, first.code, first.text
	}
}

// dataReply reads the reply to a pipelined DATA.
func (c *client) dataReply(o, first *outcome, good int) {
	code, text, err := c.reply()
	switch {
	case err != nil:
		c.lost(o, first, stageData, err)
	case code == 354 && first.stage == "":
		o.stage, o.code, o.text = "", 0, ""
	case code == 354: // without a recipient: an empty message gets it out of data
		o.stage, o.code, o.text = first.stage, first.code, first.text
		if _, o.err = io.WriteString(c.conn, ".\r\n"); o.err == nil {
			_, _, o.err = c.reply()
		}
	case first.stage != "":
		o.stage, o.code, o.text = first.stage, first.code, first.text
		c.reset(o)
	default:
		o.stage, o.code, o.text = stageData, code, text
		c.reset(o)
	}
}
