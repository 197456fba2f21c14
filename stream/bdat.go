package stream

import (
	"time"

	"sluice/stream/wire"
)

// maxChunks is how many BDAT commands one message may have: 20,000 lets a
// 50 MiB message come in chunks of 2.6 kB, and ends one that comes octet by
// octet.
const maxChunks = 20000

// bdat is BDAT (RFC 3030 section 2). A chunk is read whatever the answer will
// be: its octets must never be taken for commands.
func (s *session) bdat(arg []byte) {
	size, last, err := wire.ParseBdat(arg)
	if err != nil {
		// Where the chunk ends is unknown, so nothing behind it can be read.
		s.in.drop()
		s.hangUp(replyArgument)
		return
	}
	tx := &s.tx
	m := tx.message
	if !s.offered.Has(wire.Chunking) || !tx.open || len(tx.accepted) == 0 || m.ended {
		if tx.open {
			// Nothing may follow a refused chunk, or a message would lack it.
			if m == noMessage {
				m = tx.startMessage()
			}
			m.ended = true
		}
		s.skipChunk(size, replySequence)
		return
	}
	if m == noMessage {
		m = tx.startMessage()
		if !tx.startChunks() {
			s.skipChunk(size, replyMemory)
			tx.close()
			return
		}
	}
	if m.chunks++; m.chunks > maxChunks {
		s.hangUp(replyTooMuch(s.net.String()))
		return
	}
	if err := tx.receiveChunk(size, last); err != nil {
		tx.senderFailed(err)
		return
	}
	switch {
	case last:
		m.ended = true
		tx.finish()
	case m.state == draining && m.discard == nil:
		// The chunk's answer is the refusal; what follows is out of sequence.
		m.ended = true
		s.reply(tx.ended.reply)
	default:
		s.reply(replyOK)
	}
}

// skipChunk reads a chunk that nobody wants and then answers it.
func (s *session) skipChunk(size int64, r wire.Reply) {
	if size > s.setup.Limits.MaxMessage {
		s.in.drop()
		s.hangUp(r)
		return
	}
	p := pace{session: s, began: time.Now()}
	for size > 0 {
		if s.in.len() == 0 {
			n, err := p.read(s.in.space())
			if err != nil {
				s.parting = true
				return
			}
			s.in.w += n
		}
		n := min(int64(s.in.len()), size)
		s.in.use(int(n))
		size -= n
	}
	s.refuse(r)
}

// startChunks makes the message ready for its first chunk.
func (tx *transaction) startChunks() bool {
	m := tx.message
	if !m.window.grow() {
		return false
	}
	m.out.stuff = tx.up == nil || !tx.up.ehlo.Ext.Has(wire.Chunking)
	tx.env.Scope = tx.scope
	tx.run.Open()
	return true
}

// receiveChunk reads the octets of one chunk.
func (tx *transaction) receiveChunk(size int64, last bool) error {
	s, m := tx.session, tx.message
	for size > 0 {
		if s.in.len() == 0 {
			n, err := m.pace.read(s.in.space())
			if err != nil {
				return err
			}
			s.in.w += n
		}
		p := s.in.bytes()
		p = p[:min(int64(len(p)), size)]
		size -= int64(len(p))
		if m.state == draining {
			m.size += int64(len(p))
			tx.checkSize()
			if err := tx.drain(len(p)); err != nil {
				return err
			}
		} else {
			tx.takeChunk(p, last && size == 0)
		}
		s.in.use(len(p))
	}
	if last && m.cr && m.state != draining {
		tx.takeChunk(nil, true) // "BDAT 0 LAST" behind a CR
	}
	return nil
}

// takeChunk looks at content that came by BDAT and holds it. A CR at its end
// waits for what follows, perhaps in another chunk.
func (tx *transaction) takeChunk(p []byte, final bool) {
	m := tx.message
	if m.cr {
		m.joined = append(append(m.joined[:0], '\r'), p...)
		p = m.joined
	}
	n := m.liner.Scan(p, final)
	m.cr = n < len(p)
	if m.bare() && !m.rewriting {
		if tx.setup.BareNewline == RejectBareNewline {
			tx.refuse(replyBareNewline, Rejected, "data", "smtp.bare_newline")
			return
		}
		m.rewriting = true
	}
	m.pieces = append(m.pieces[:0], p[:n])
	tx.scan(m.pieces)
	if m.rewriting {
		tx.rewrite(m.pieces)
	} else {
		tx.holdContent(p[:n])
	}
}
