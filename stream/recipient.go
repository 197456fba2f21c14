package stream

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// An ask is one RCPT command of a pipelined group and the answer it gets.
type ask struct {
	given    wire.Path  // as the sender named the recipient
	rcpt     wire.Rcpt  // to whom it goes: another if that is an alias
	reply    wire.Reply // Code 0: not answered yet
	byServer bool       // the reply is the server's, or is about it
	same     int        // index of an equal recipient in the same group, or -1
}

// maxAsked is how many RCPTs one transaction may have in all, refused ones
// included: 1000, as all are kept for the log, and who is refused so often is
// looking for addresses.
const maxAsked = 1000

// recipients is RCPT, together with the RCPTs pipelined behind it: those that
// reach the server reach it in one write.
func (s *session) recipients(arg []byte) {
	if !s.tx.open || s.tx.message.chunks > 0 {
		s.refuse(replySequence)
		return
	}
	if len(s.tx.asked) >= maxAsked {
		s.hangUp(replyTooMuch(s.net.String()))
		return
	}
	asks := s.asks
	for {
		asks = append(asks, s.tx.ask(asks, arg))
		line, n, err := wire.Line(s.in.bytes())
		if err != nil || len(asks) >= s.setup.Limits.Recipients {
			break
		}
		verb, next := wire.ParseCommand(line)
		if verb != wire.VerbRCPT {
			break
		}
		s.in.use(n)
		arg = next
	}
	s.tx.forward(asks)
	for i := 0; i < len(asks) && !s.parting; i++ {
		s.tx.answer(asks, i)
	}
	s.asks = reusable(asks)
}

// ask answers one RCPT as far as we can without the server.
func (tx *transaction) ask(asks []ask, arg []byte) ask {
	offered := tx.session.offered
	if !tx.mail.SMTPUTF8 {
		offered &^= wire.SMTPUTF8 // a UTF-8 address needs it for the whole transaction
	}
	rcpt, err := wire.ParseRcpt(arg, offered)
	a := ask{given: rcpt.To, rcpt: rcpt, same: -1}
	if err != nil {
		a.reply = wire.ReplyForParse(err)
		return a
	}
	if to, is := tx.setup.Policy.Alias(mailbox(rcpt.To)); is {
		rcpt.To = wire.PathOf(to.Local, to.Domain)
		a.rcpt.To = rcpt.To
		if !tx.mail.SMTPUTF8 && rcpt.To.NeedsUTF8() {
			a.reply = replyNeedsUTF8 // RFC 6531 section 3.4: no server may be sent it
			return a
		}
	}
	for i := range tx.answered {
		if tx.answered[i].to.Same(rcpt.To) {
			a.reply, a.byServer = tx.answered[i].reply, true
			return a
		}
	}
	for i := range asks {
		if asks[i].rcpt.To.Same(rcpt.To) && asks[i].same < 0 {
			a.same = i
			return a
		}
	}
	rt := tx.routeFor(rcpt.To)
	switch {
	case rt == nil:
		a.reply = replyRelayDenied
	case len(tx.accepted)+len(asks) >= tx.setup.Limits.Recipients:
		a.reply = replySeparately
	case tx.elsewhere(asks, rcpt.To, rt):
		a.reply = replySeparately
	case rt.MaxMessage > 0 && tx.mail.Size > rt.MaxMessage:
		a.reply = replyTooBig(rt.MaxMessage)
	default:
		a.reply = tx.judgeRecipient(rt, rcpt)
	}
	return a
}

// elsewhere tells whether a recipient has other servers than the transaction,
// or than the first recipient of the group that goes to one: another route, or
// another domain on a route by MX; or a policy that could end differently.
func (tx *transaction) elsewhere(asks []ask, to wire.Path, rt *policy.Route) bool {
	if len(tx.accepted) > 0 {
		return rt != tx.route || tx.scopeFor(to) != tx.scope || rt.MX && to.Domain() != tx.accepted[0].To.Domain()
	}
	for i := range asks {
		if asks[i].reply.Code == 0 && asks[i].same < 0 {
			first := asks[i].rcpt.To
			return rt != tx.routeFor(first) || tx.scopeFor(to) != tx.scopeFor(first) || rt.MX && to.Domain() != first.Domain()
		}
	}
	return false
}

// routeFor finds a recipient's route. The bare <Postmaster> (RFC 5321 section
// 4.5.1) belongs to the first route.
func (tx *transaction) routeFor(to wire.Path) *policy.Route {
	p := tx.setup.Policy
	if to.IsPostmaster() {
		if routes := p.Routes(); len(routes) > 0 {
			return routes[0]
		}
	}
	return p.Route(to.Domain())
}

// scopeFor finds a recipient's effective policy.
func (tx *transaction) scopeFor(to wire.Path) *policy.Scope {
	return tx.setup.Policy.Scope(mailbox(to))
}

// mailbox is a path as policy compares it.
func mailbox(p wire.Path) policy.Mailbox { return policy.Mailbox{Local: p.Local(), Domain: p.Domain()} }

// judgeRecipient asks policy: what was found at connect, HELO or MAIL is
// spoken here, then the modules see the recipient. The zero Reply: go on.
func (tx *transaction) judgeRecipient(rt *policy.Route, rcpt wire.Rcpt) wire.Reply {
	scope := tx.scopeFor(rcpt.To)
	tx.env.Tenant, tx.env.Scope = cmp.Or(scope.Tenant, rt.Tenant), scope
	refusal := tx.refusal
	if r := tx.run.Recipient(tx.session.server.ctx, rcpt.To); refusal == nil {
		refusal = r
	}
	if refusal == nil || tx.setup.Policy.Shadow(rt, scope) {
		return wire.Reply{}
	}
	if tx.setup.Policy.Soft(rt, scope) {
		return soft(*refusal)
	}
	return *refusal
}

// forward takes the group's open recipients to the server and notes its answers.
func (tx *transaction) forward(asks []ask) {
	var rcpts []wire.Rcpt
	for i := range asks {
		if asks[i].reply.Code == 0 && asks[i].same < 0 {
			rcpts = append(rcpts, asks[i].rcpt)
		}
	}
	if len(rcpts) == 0 {
		return
	}
	replies := tx.askServer(rcpts)
	n := 0
	for i := range asks {
		if asks[i].reply.Code == 0 && asks[i].same < 0 {
			asks[i].reply = replies[n]
			tx.answered = append(tx.answered, answered{asks[i].rcpt.To, replies[n]})
			asks[i].byServer = true
			n++
		}
	}
}

// askServer returns one reply for each recipient, ours if the server is not
// to be had.
func (tx *transaction) askServer(rcpts []wire.Rcpt) []wire.Reply {
	start := time.Now()
	defer func() { tx.server += time.Since(start) }()
	if len(tx.accepted) == 0 {
		replies, err := tx.openServer(tx.routeFor(rcpts[0].To), rcpts)
		if err != nil {
			return slices.Repeat([]wire.Reply{replyFor(err)}, len(rcpts))
		}
		return replies
	}
	alive := tx.up != nil
	replies, err := tx.addRecipients(rcpts)
	if alive && errors.Is(err, errServerGone) {
		// The session died: nothing of the message was sent, so the transaction
		// is said again on a fresh one, once. After a time-out it is not: that
		// would take longer than the sender waits.
		replies, err = tx.addRecipients(rcpts)
	}
	if err != nil {
		return slices.Repeat([]wire.Reply{replyFor(err)}, len(rcpts))
	}
	return replies
}

// addRecipients says more recipients in the transaction that has some. On
// error the session is gone, and the next who needs one replays all.
func (tx *transaction) addRecipients(rcpts []wire.Rcpt) ([]wire.Reply, error) {
	s := tx.session
	if tx.up == nil {
		if err := tx.replay(); err != nil {
			return nil, err
		}
	}
	replies, err := tx.up.recipients(s.server.ctx, rcpts)
	if err != nil {
		s.server.servers.drop(tx.up)
		tx.up = nil
	}
	return replies, err
}

// openServer opens the server's side of the transaction with its first recipients.
func (tx *transaction) openServer(rt *policy.Route, rcpts []wire.Rcpt) ([]wire.Reply, error) {
	up, replies, err := tx.reach(rt, rcpts)
	if err != nil {
		return nil, err
	}
	if !anyAccepted(replies) {
		tx.session.server.servers.release(up)
		return replies, nil
	}
	tx.up, tx.route, tx.dest = up, rt, rt
	tx.scope = tx.scopeFor(rcpts[0].To)
	return replies, nil
}

// reach says MAIL and RCPTs to a server of a route.
func (tx *transaction) reach(rt *policy.Route, rcpts []wire.Rcpt) (*upstream, []wire.Reply, error) {
	s := tx.session
	start := time.Now()
	up, _, replies, err := s.server.servers.open(s.server.ctx, tx.setup, rt, rcpts[0].To.Domain(), tx.identity(), tx.serverMail(), rcpts)
	tx.connect += time.Since(start)
	if err == nil {
		tx.serverAddress = up.addr
	}
	return up, replies, err
}

// serverMail is MAIL as the server gets it: the sender's parameters, and a
// SIZE that counts what we prepend (RFC 1870).
func (tx *transaction) serverMail() wire.Mail {
	m := tx.mail
	if m.Size >= 0 {
		m.Size += maxTrace / 8 // what the fields take in practice, rounded up
	}
	return m
}

// replay says the transaction again on another session to where the message
// goes.
func (tx *transaction) replay() error {
	s := tx.session
	if tx.up != nil {
		s.server.servers.drop(tx.up)
		tx.up = nil
	}
	up, err := tx.reachAgain(tx.dest)
	if err != nil {
		return err
	}
	tx.up = up
	return nil
}

// reachAgain says MAIL and the accepted RCPTs to a server of a route. All must
// be accepted again: the sender has been told that they are.
func (tx *transaction) reachAgain(rt *policy.Route) (*upstream, error) {
	up, replies, err := tx.reach(rt, tx.accepted)
	if err != nil {
		return nil, err
	}
	for _, r := range replies {
		if r.Class() != 2 {
			tx.session.server.servers.release(up)
			return nil, errNotConfirmed
		}
	}
	return up, nil
}

// errNotConfirmed: the server did not, or not again, say what is needed.
var errNotConfirmed = &ReplyError{Reply: replyUnconfirmed, Err: errors.New("server did not confirm")}

// answer queues the reply to the i-th RCPT of a group.
func (tx *transaction) answer(asks []ask, i int) {
	s, a := tx.session, &asks[i]
	if a.same >= 0 {
		a.reply, a.byServer = asks[a.same].reply, asks[a.same].byServer
	}
	tx.asked = append(tx.asked, RecordRecipient{To: a.given, Code: a.reply.Code})
	if a.reply.Class() == 2 {
		if a.same < 0 && !tx.has(a.rcpt.To) {
			tx.accepted = append(tx.accepted, a.rcpt)
			tx.env.Recipients = append(tx.env.Recipients, a.rcpt.To)
		}
		s.reply(a.reply)
		return
	}
	tx.refused, tx.byServer = a.reply, a.byServer
	switch a.reply.Code {
	case 500, 501, 555, 553:
		s.refuse(a.reply) // counts
	default:
		s.reply(a.reply)
	}
}

func (tx *transaction) has(to wire.Path) bool {
	return slices.ContainsFunc(tx.accepted, func(r wire.Rcpt) bool { return r.To.Same(to) })
}

func anyAccepted(replies []wire.Reply) bool {
	return slices.ContainsFunc(replies, func(r wire.Reply) bool { return r.Class() == 2 })
}
