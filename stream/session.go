package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/wire"
)

// A session is one sender's connection, served by one goroutine from the
// greeting to the close. Verbs are methods that return a reply and do not
// write it; replies leave together when the input is used up.
type session struct {
	server *Server
	listen *Listener
	conn   *conn
	in     input
	out    []byte // replies not written yet
	setup  *Setup // in force for the next transaction

	info    filter.Session
	net     netip.Prefix // the sender's net, the unit of counting
	exempt  bool         // from per-address limits
	visit   *filter.Visit
	first   *wire.Reply // refusal found at connect
	refusal *wire.Reply // found at HELO, or first; spoken at RCPT

	helo    string
	esmtp   bool
	offered wire.Extensions // in the last EHLO
	tx      transaction     // the current one; open says whether there is one
	serial  int             // of transactions begun
	errors  int             // refused commands
	idle    int             // commands without progress
	parting bool            // nothing more is read: the connection ends
	hungUp  bool            // by us, with a last reply
	asked   bool            // the sender has said something
	began   time.Time
	records []*Record // of finished transactions, told once their replies are out
	claims  []claim   // the 250s that the sender may not have yet
	early   bool      // the sender spoke before the greeting
	asks    []ask     // scratch of recipients
	local   netip.AddrPort

	phase   atomic.Int32           // one of the phases below, for Shutdown
	callOff atomic.Pointer[func()] // ends the server's session, for Shutdown
}

// What a session is doing, as far as a shutdown must know.
const (
	phaseIdle      int32 = iota // between transactions: 421 at once
	phaseOpen                   // in a transaction: may finish within the grace
	phaseCommitted              // the terminator is out: may wait for the server's word
)

// serve runs the session to its end. The connection is closed when it returns.
func (s *session) serve() {
	defer s.end()
	if !s.greet() {
		return
	}
	for !s.parting {
		line, err := s.nextLine()
		if err != nil {
			s.lineFailed(err)
			continue
		}
		s.command(line)
	}
	s.flush()
	s.part()
}

// greet says hello, after TLS on a listener with implicit TLS.
func (s *session) greet() bool {
	if s.listen.Implicit && !s.startTLS() {
		return false
	}
	s.visit = s.setup.Chain.Visit(&s.info)
	// Shadow mode delays nothing; whose mail it will be is not known yet, so
	// only that of the whole installation counts here.
	if d := s.setup.BannerDelay; d > 0 && !s.setup.Policy.Shadow(nil, nil) {
		s.awaitEarly(d)
	}
	// What has arrived before the greeting was written is an early talker
	// (RFC 5321 section 4.3.1); it costs no delay to see it.
	s.early = s.in.len() > 0 || s.conn.heard(&s.in)
	s.check()
	if s.server.stopping.Load() {
		s.reply(replyShutdown(s.setup.Hostname))
		s.parting = true
	} else {
		s.reply(wire.Reply{Code: 220, Text: s.setup.Hostname + " ESMTP Sluice id=" + s.info.ID})
	}
	return true
}

// check asks the modules about the session as far as it is known. What they
// refused at connect stays refused, whatever HELO says.
func (s *session) check() {
	s.refusal = s.visit.CheckSession(s.server.ctx)
	if s.info.Helo == "" {
		s.first = s.refusal
	}
	if s.refusal == nil {
		s.refusal = s.first
	}
}

// awaitEarly waits for d, or until the sender speaks before its turn.
func (s *session) awaitEarly(d time.Duration) {
	s.conn.SetReadDeadline(time.Now().Add(d))
	_ = s.conn.fill(&s.in)
}

// nextLine returns the next command line. Before it waits, all replies leave.
// The whole line has one deadline: octets that trickle in gain no time.
func (s *session) nextLine() ([]byte, error) {
	for waited := false; ; waited = true {
		line, n, err := wire.Line(s.in.bytes())
		if !errors.Is(err, wire.ErrShort) && (n > 0 || err == nil) {
			s.in.use(n)
			return line, err
		}
		// An overlong line's end is not there yet: it is read until it ends
		// or fills the chunk.
		if err := s.flush(); err != nil {
			return nil, err
		}
		if !waited {
			s.awaitTurn()
		}
		before := time.Now()
		err = s.conn.fill(&s.in)
		s.waited(before, time.Now())
		if err != nil {
			return nil, err
		}
		s.asked = true
		s.settle(false)
	}
}

// waited counts time that a transaction spent waiting for its sender.
func (s *session) waited(from, to time.Time) {
	if s.tx.open {
		s.tx.waited += to.Sub(from)
	}
}

// awaitTurn sets the deadline for the next command.
func (s *session) awaitTurn() {
	wait := s.setup.Timeouts.SenderCommand
	if s.server.strained() {
		wait = min(wait, strainedCommand)
	}
	now := time.Now()
	if s.tx.open { // which may hold a server's session, so it cannot go on for ever
		wait = min(wait, s.tx.began.Add(s.setup.Timeouts.SenderMessage).Sub(now))
	}
	s.conn.SetReadDeadline(now.Add(wait))
	// Shutdown first raises stopping, then sets past deadlines: whichever of
	// us was later, the session wakes.
	if s.server.interrupted(s.phase.Load()) {
		s.conn.SetReadDeadline(longAgo)
	}
}

// lineFailed answers a line that could not be had.
func (s *session) lineFailed(err error) {
	switch {
	case errors.Is(err, wire.ErrLineLong), errors.Is(err, wire.ErrBareNewline):
		s.refuse(replySyntax)
	case errors.Is(err, errInputFull):
		s.parting = true // 64 KiB without a line end
	case isTimeout(err):
		s.parting = true
		if s.server.interrupted(s.phase.Load()) {
			s.reply(replyShutdown(s.setup.Hostname))
		} else {
			s.reply(replyIdle)
		}
	default:
		s.parting = true
	}
}

// reply queues a reply of ours or one relayed. From MAIL on it names the
// message, so that whoever holds only a bounce can ask about it.
func (s *session) reply(r wire.Reply) {
	id := ""
	if s.tx.open && r.Class() != 3 {
		id = s.tx.id
	}
	s.replyTo(id, r)
}

func (s *session) replyTo(id string, r wire.Reply) {
	s.out = r.WithID(id).AppendTo(s.out)
	countReply(r)
}

// refuse queues a refusal of what the sender did wrong, and counts it.
func (s *session) refuse(r wire.Reply) {
	s.errors++
	if s.errors >= s.setup.Limits.Errors {
		s.hangUp(replyTooMuch(s.net.String()))
		return
	}
	s.reply(r)
}

// hangUp queues a last reply.
func (s *session) hangUp(r wire.Reply) {
	s.reply(r)
	s.parting, s.hungUp = true, true
}

// flush writes the replies of a group in one write.
func (s *session) flush() error {
	if len(s.out) > 0 {
		err := s.conn.send(s.out, s.setup.Timeouts.SenderCommand)
		s.out = s.out[:0]
		if cap(s.out) > maxKeptReplies {
			s.out = nil
		}
		if err != nil {
			s.parting = true
			return err
		}
		s.sent()
	}
	s.tellRecords()
	return nil
}

// tellRecords tells what became of the transactions that are over.
func (s *session) tellRecords() {
	for _, r := range s.records {
		s.server.tell(r)
	}
	clear(s.records)
	s.records = s.records[:0]
}

// maxKeptReplies is the largest reply buffer a waiting session keeps: 1 KiB
// holds an EHLO reply.
const maxKeptReplies = 1 << 10

// startTLS makes the handshake; on failure the connection is useless.
func (s *session) startTLS() bool {
	wait := s.setup.Timeouts.SenderTLS
	if s.server.strained() {
		wait = min(wait, strainedHandshake)
	}
	s.conn.SetDeadline(time.Now().Add(wait))
	if err := s.conn.startTLSServer(context.Background(), s.listen.TLS()); err != nil {
		countTLS("sender", "failed")
		s.parting = true
		return false
	}
	s.conn.SetDeadline(time.Time{})
	st := s.conn.tls.ConnectionState()
	s.info.TLS = tlsText(st)
	countTLS("sender", tls.VersionName(st.Version))
	return true
}

// part ends a connection in order. Where the sender's TCP has not yet
// acknowledged a 250, we wait a little for its close, which tells. So we do
// where the sender may still be writing: closing on octets that nobody read
// resets the connection, and takes the last reply from the sender.
func (s *session) part() {
	if s.settle(false); len(s.claims) == 0 && !s.hungUp {
		return
	}
	s.conn.shutdownWrite()
	until := time.Now().Add(partingWait)
	for err := error(nil); err == nil || isTimeout(err) && time.Now().Before(until); err = s.conn.fill(&s.in) {
		if s.settle(false); err != nil && len(s.claims) == 0 && !s.hungUp {
			return
		}
		s.in.drop()
		s.conn.SetReadDeadline(until) // a shutdown sets past ones
	}
}

// partingWait is how long the end of a connection waits for the sender's close
// or last acknowledgement: 5 s, several round trips; after it the reply counts
// as not received and is remembered.
const partingWait = 5 * time.Second

// end is the clean-up of every session, also of one that panicked.
func (s *session) end() {
	if s.caught(recover()) {
		s.tx.dropServer() // where its session stands is not known
		// Replies queued before stay: each answers its own command, and one
		// may be a 250 for a message that is delivered.
		s.reply(replyLocal)
		s.flush()
	}
	if s.tx.claim.open { // confirmed, and then a panic
		s.claims = append(s.claims, s.tx.claim)
	}
	s.tx.close()
	s.settle(true)
	s.tellRecords()
	if s.serial == 0 && (s.asked || s.in.len() > 0) {
		s.server.tell(s.sessionRecord())
	}
	s.conn.closeNotify()
	s.in.drop()
}

// caught reports a panic, if there was one: where, but neither its value nor
// arguments, as both may hold what is in the mail.
func (s *session) caught(panicked any) bool {
	if panicked != nil {
		panics.Inc()
		s.server.Log.Error("panic", "session", s.info.ID, "place", panicPlace())
	}
	return panicked != nil
}

// findings adds what the wire itself had to say to the modules' findings.
func (s *session) findings(found []policy.Finding) []policy.Finding {
	if s.early {
		found = append(found, policy.Finding{Module: "smtp", Rule: "smtp.early_talker"})
	}
	return found
}

// newID is 64 random bits in Crockford's base 32: 13 characters.
func newID() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [13]byte
	v := rand.Uint64()
	for i := range b {
		b[len(b)-1-i] = digits[v&31]
		v >>= 5
	}
	return string(b[:])
}

// tlsText is "TLS1.3 TLS_AES_128_GCM_SHA256".
func tlsText(st tls.ConnectionState) string {
	return strings.ReplaceAll(tls.VersionName(st.Version), " ", "") + " " + tls.CipherSuiteName(st.CipherSuite)
}

// Shorter waits while more than 80 % of sessions or memory are in use.
const (
	strainedHandshake = 10 * time.Second
	strainedCommand   = 10 * time.Second
	strainedData      = 30 * time.Second
	strainedDataRate  = 4 << 10 // octets a second
	strainedDrain     = 60 * time.Second
)
