package stream

import (
	"strconv"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// A transaction is one mail transaction, MAIL to the reply to its end of data
// (RFC 5321 section 3.3). A session has one value for all of them, in turn.
type transaction struct {
	session *session
	open    bool
	setup   *Setup // what it began with; a reload does not touch it
	id      string
	began   time.Time

	mail    wire.Mail
	env     filter.Envelope
	run     *filter.Run
	refusal *wire.Reply // found at connect, HELO or MAIL, spoken at RCPT

	asked    []RecordRecipient
	accepted []wire.Rcpt
	answered []answered    // what the server said to each recipient, once
	route    *policy.Route // fixed by the first accepted recipient
	scope    *policy.Scope // likewise; all recipients share it
	dest     *policy.Route // where the message goes: route, or what policy chose instead
	up       *upstream     // session to dest's server; nil before and when dropped
	refused  wire.Reply    // the last refusal of a recipient, and who said it
	byServer bool

	message       *message // its data; noMessage until that begins
	claim         claim    // its 250, once there is one
	serverAddress string
	waited        time.Duration // for the sender
	ended         ending        // how it ended, once that is known
	connect       time.Duration
	server        time.Duration
}

// An answered recipient gets the same reply when it is said again.
type answered struct {
	to    wire.Path
	reply wire.Reply
}

// mailFrom is MAIL (RFC 5321 section 4.1.1.2).
func (s *session) mailFrom(arg []byte) {
	switch {
	case s.helo == "", s.tx.open:
		s.refuse(replySequence)
		return
	case s.server.interrupted(phaseIdle):
		s.hangUp(replyShutdown(s.setup.Hostname))
		return
	}
	s.takeSetup()
	m, err := wire.ParseMail(arg, s.offered)
	if err != nil {
		s.refuse(wire.ReplyForParse(err))
		return
	}
	if m.Size > s.setup.Limits.MaxMessage {
		s.refuse(replyTooBig(s.setup.Limits.MaxMessage))
		return
	}
	if s.server.budget.short() {
		s.reply(replyMemory)
		return
	}
	s.tx.begin(s, m)
	s.reply(wire.Reply{Code: 250, Enhanced: "2.1.0", Text: "OK"})
}

// begin opens the transaction and asks the modules about the reverse-path.
func (tx *transaction) begin(s *session, m wire.Mail) {
	s.serial++
	tx.session, tx.open, tx.setup = s, true, s.setup
	tx.id = s.info.ID + "." + strconv.Itoa(s.serial)
	tx.began = time.Now()
	tx.mail = m
	tx.message = noMessage
	tx.env = filter.Envelope{ID: tx.id, From: m.From, Size: m.Size, Recipients: tx.env.Recipients[:0]}
	s.phase.Store(phaseOpen)
	tx.run, tx.refusal = s.visit.Begin(s.server.ctx, &tx.env)
	if tx.refusal == nil {
		tx.refusal = s.refusal
	}
}

// shadow tells whether findings must not change what happens.
func (tx *transaction) shadow() bool { return tx.setup.Policy.Shadow(tx.route, tx.scope) }

// close ends the transaction, whatever state it is in: nothing that was not
// confirmed is committed (I2). What became of it is left for the log.
func (tx *transaction) close() {
	if !tx.open {
		return
	}
	tx.abandon()
	s := tx.session
	s.phase.Store(phaseIdle)
	s.records = append(s.records, tx.makeRecord())
	if tx.run != nil {
		tx.run.Close()
	}
	asked, accepted, answered := reusable(tx.asked), reusable(tx.accepted), reusable(tx.answered)
	recipients := reusable(tx.env.Recipients)
	tx.message.giveBack()
	*tx = transaction{} // in place: a copy would stand on every session's stack
	tx.asked, tx.accepted, tx.answered = asked, accepted, answered
	tx.env.Recipients = recipients
}

// maxKept is how many elements the scratch of a session has between
// transactions: most need fewer than 32, and a waiting session holds little.
const maxKept = 32

// reusable empties scratch for the next use, and lets go of what has grown.
func reusable[T any](s []T) []T {
	if cap(s) > maxKept {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}

// abandon lets go of the server's session: dropped if it is in the middle of
// the message, else kept for others.
func (tx *transaction) abandon() {
	tx.message.window.release()
	if tx.message.out.up != nil {
		tx.dropServer()
	}
	if tx.up != nil {
		tx.session.server.servers.release(tx.up)
		tx.up = nil
	}
}

// identity is how the sender is told to the server, where a route asks for it.
func (tx *transaction) identity() *senderIdentity {
	s := tx.session
	proto := "SMTP"
	if s.esmtp {
		proto = "ESMTP"
	}
	return &senderIdentity{
		addr: s.info.Peer, local: s.local, ptr: s.info.PTR, helo: s.helo,
		proto: proto, net: s.net.String(), exempt: s.exempt,
	}
}
