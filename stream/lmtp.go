package stream

import (
	"slices"

	"sluice/stream/wire"
)

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
