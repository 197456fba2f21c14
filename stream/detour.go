package stream

import (
	"github.com/zeebo/blake3"

	"sluice/policy"
)

// A message larger than the window flows to a server by a provisional verdict.
// If the final one wants it elsewhere, to a quarantine for a late finding, it
// cannot be taken there any more: its sender is told 451, and where it was
// wanted is remembered, so that the retry begins there. By what is known of a
// message and where it was begun, its final verdict means:
//
//	known  begun           final verdict      reply          known then
//	any    anywhere        where it flows     that server's  2xx, 5xx: -, else as it was
//	-      provisionally   nowhere else (1)   that server's  -
//	-      provisionally   to Y               451            Y
//	X      to X            nowhere else (1)   451            -
//	X      to X            to Y               451            Y
//	any    anywhere        refuse, discard    4xx, 5xx, 250  4xx: as it was, else -
//
// "Elsewhere" is also the same server with another story: what is quarantined
// tells the envelope, all else must not, as it names recipients to each other.
//
// (1) is deliver and tag, which name no server. A message that began to flow
// to a divert's server stays there for them, as before there were detours;
// only one that was taken to X by what an earlier verdict said needs this one
// to say it too.
//
// So a message is committed at the server its final verdict has agreed to (I1),
// the others that saw of it never get its end (I2), and as soon as two verdicts
// in a row agree it is delivered: each further 451 means that something has
// changed since the attempt before.
//
// In shadow mode no verdict sends a message anywhere: nothing is remembered,
// and what was remembered before is not used. A rule in shadow has no part in
// where a verdict sends. Soft mode only makes a refusal a 4xx, which leaves all
// as it was.

// A detour is where such a message was wanted. The route is kept by name: a
// reload may have changed it, or taken it away.
type detour struct {
	action policy.Action // Divert or Quarantine
	route  string
	rule   string // that decided so
}

// A Detour is what earlier verdicts, or later ones, have to do with a message,
// one word for the log.
type Detour string

const (
	DetourNoted  Detour = "noted"  // it flowed to a server that the verdict did not want: the retry goes there
	DetourTaken  Detour = "taken"  // it was begun where an earlier verdict wanted it
	DetourMissed Detour = "missed" // the same, and now the verdict wants it elsewhere
)

// detouring is what a message larger than its window has to do with detours.
type detouring struct {
	subject Subject // its name
	named   bool    // it has one
	taken   bool    // it was begun by a detour
	word    Detour
}

// nameDetour names the message by what is known of it before it flows: its
// header block as it came, besides the envelope and the sender's net. The
// block must still be held, and whole: all of it or the most that is looked at.
func (tx *transaction) nameDetour() {
	m := tx.message
	block := m.headerBlock()
	if !m.header.found && len(block) < maxHeader {
		return // memory is short: the next time the cut is another
	}
	h := hashers.Get().(*blake3.Hasher)
	defer hashers.Put(h)
	h.Reset()
	_, _ = h.Write(block) // never fails
	var sum contentHash
	h.Sum(sum[:0])
	m.detour = detouring{subject: tx.subjectWith(int64(len(block)), sum, tx.env.Recipients), named: true}
}

// detoured is the provisional verdict, or, if an earlier attempt has shown
// that the final one wants the message elsewhere, that.
func (tx *transaction) detoured(d policy.Disposition) policy.Disposition {
	m := tx.message
	if !m.detour.named || tx.shadow() {
		return d
	}
	known, ok := tx.session.server.detours.lookup(m.detour.subject)
	if !ok {
		return d
	}
	route := tx.setup.Policy.RouteNamed(known.route)
	if route == nil {
		return d
	}
	there := policy.Disposition{Action: known.action, Route: route, Rule: known.rule, Score: d.Score}
	if tx.alike(there, d) {
		return d
	}
	detoursTaken.Inc()
	m.detour.taken, m.detour.word = true, DetourTaken
	return there
}

// whither is the route that d sends the message to: the target, else its own.
func (tx *transaction) whither(d policy.Disposition) *policy.Route {
	if rt := target(d); rt != nil {
		return rt
	}
	return tx.route
}

// alike tells whether two verdicts have the same server get the same octets: of
// those for a quarantine the envelope is a part.
func (tx *transaction) alike(a, b policy.Disposition) bool {
	return tx.whither(a) == tx.whither(b) && (a.Action == policy.Quarantine) == (b.Action == policy.Quarantine)
}

// strays settles whether a message flows to a server that the final verdict d
// does not want it to have, or not so. If so it is refused, and the retry goes by d.
func (tx *transaction) strays(d policy.Disposition) bool {
	m := tx.message
	want := target(d)
	if tx.alike(m.begun, d) || want == nil && !m.detour.taken {
		return false
	}
	if m.detour.taken {
		m.detour.word = DetourMissed
	}
	rule := d.Rule
	switch s := tx.session; {
	case want == nil:
		// Its own rule asks for no delay; the one it was taken aside for did.
		rule = m.begun.Rule
		s.server.detours.forget(m.detour.subject)
	case m.detour.named:
		known := s.server.detours.remember(m.detour.subject, s.net, detour{d.Action, want.Name, rule})
		if known && !m.detour.taken {
			m.detour.word = DetourNoted
		}
	}
	tx.refuse(replyDeferred(rule, ""), Deferred, "end", rule)
	return true
}

// endDetour forgets a message that does not come again: r answers it for good.
func (tx *transaction) endDetour(class int) {
	if d := &tx.message.detour; d.named && (class == 2 || class == 5) {
		tx.session.server.detours.forget(d.subject)
	}
}
