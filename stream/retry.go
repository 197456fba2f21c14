package stream

import (
	"hash"
	"slices"

	"sluice/policy"
	"sluice/stream/wire"
)

// remembered answers an exact repetition of a message whose 250 the sender
// may not have got (RFC 1047). The server gets nothing. Of an LMTP server's
// recipients, the own route's or of where d sends it, some may have it.
func (tx *transaction) remembered(d policy.Disposition) (wire.Reply, bool) {
	if !tx.message.facts.hasMessageID {
		return wire.Reply{}, false
	}
	s := tx.session
	subject := tx.subject(tx.env.Recipients...)
	tx.claim = claim{subject: subject, known: true, net: s.net.String()}
	switch r, known := s.server.Guard.Lookup(subject); known {
	case Stored:
		tx.giveUp()
		duplicates.Inc()
		tx.ended.duplicate = true
		tx.claim.stored = true
		return tx.confirmed(confirmation{stored: true, reply: r}), true
	case Doubted:
		tx.refuse(replyUnconfirmed, DeferredByServer, "end", "")
		return replyUnconfirmed, true
	}
	lmtp := policy.LMTP
	if len(tx.accepted) > 1 && (tx.route.Protocol == lmtp || tx.dest.Protocol == lmtp || tx.whither(d).Protocol == lmtp) {
		return tx.withoutCommitted()
	}
	return wire.Reply{}, false
}

// subject names this transaction for the guard. It is had once, after the
// last octet of the content.
func (tx *transaction) subject(to ...wire.Path) Subject {
	var sum contentHash
	tx.message.hash.Sum(sum[:0])
	return tx.subjectWith(tx.message.size, sum, to)
}

// subjectWith names the envelope together with size octets of content.
func (tx *transaction) subjectWith(size int64, sum contentHash, to []wire.Path) Subject {
	m := tx.session.server.macs.Get().(hash.Hash)
	defer tx.session.server.macs.Put(m)
	m.Reset()
	return subjectOf(m, tx.route.Tenant, tx.session.net.String(), tx.mail.From, to, size, sum)
}

// rememberEach stores, after mixed LMTP replies, every recipient that has the
// message as a transaction of its own.
func (tx *transaction) rememberEach(replies []wire.Reply) {
	if !tx.message.facts.hasMessageID {
		return
	}
	s := tx.session
	for i, r := range replies {
		if r.Class() == 2 && i < len(tx.accepted) {
			s.server.Guard.Remember(tx.subject(tx.accepted[i].To), s.net.String(), r)
		}
	}
}

// withoutCommitted takes those recipients out of the transaction who got this
// very message before, when others had not. If none is left, the stored reply
// is the answer. A message that flows already cannot be told to the server
// anew, so it waits until what is stored is over.
func (tx *transaction) withoutCommitted() (wire.Reply, bool) {
	s := tx.session
	var reply wire.Reply
	rest := slices.DeleteFunc(slices.Clone(tx.accepted), func(r wire.Rcpt) bool {
		subject := tx.subject(r.To)
		stored, known := s.server.Guard.Lookup(subject)
		if known == Stored {
			reply = stored
			tx.claim.parts = append(tx.claim.parts, subject)
		}
		return known == Stored
	})
	switch {
	case len(rest) == len(tx.accepted):
		return wire.Reply{}, false
	case len(rest) == 0:
		tx.giveUp()
		duplicates.Inc()
		tx.ended.duplicate = true
		return tx.confirmed(confirmation{stored: true, reply: reply}), true
	case tx.message.state == flowing:
		tx.refuse(replyUnconfirmed, DeferredByServer, "end", "")
		return replyUnconfirmed, true
	}
	duplicates.Inc()
	tx.accepted = rest
	tx.message.out.up = nil // without look-ahead it has had DATA, but no octet
	if tx.up != nil {
		s.server.servers.release(tx.up)
		tx.up = nil
	}
	if err := tx.replay(); err != nil {
		tx.refuse(replyFor(err), DeferredByServer, "end", "")
		return tx.ended.reply, true
	}
	return wire.Reply{}, false
}
