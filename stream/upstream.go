package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"sluice/stream/wire"
)

// Why a session to a server failed. Methods of upstream wrap them in a
// *ReplyError (451 4.4.2), but for errServerSpoke: what it means shows only
// when the reply is read.
var (
	errServerGone   = errors.New("server ended the session")
	errServerLate   = errors.New("server too late")
	errReplyGarbled = errors.New("server's reply garbled or out of place")
	errCalledOff    = errors.New("called off")
	errServerSpoke  = errPeerSpoke // or closed, before the end of data
)

// An upstream is one session to a server, driven by the goroutine that
// acquired it. While it waits it holds no buffer.
//
//	ready   -- envelope -->    open     RSET goes first if the session was kept
//	open    -- recipients -->  open
//	open    -- rset -->        ready
//	open    -- data -->        in data  after 354
//	in data -- write -->       in data
//	in data -- commit -->      ready
//	open    -- bdat -->        chunked
//	chunked -- bdat last, lateReplies --> ready
//
// A fault, a 421 or garbage in any state leaves it broken: nothing but drop,
// and lateReplies after a time-out, makes sense then.
type upstream struct {
	c    *conn
	pool *pool
	host *host

	ehlo     wire.EHLO
	addr     string // IP address and port
	tls      string // "TLS1.3 TLS_AES_128_GCM_SHA256", or empty
	verified bool   // the certificate was checked as the route demands
	noDSN    bool   // no server of the route has DSN, for certain
	lmtp     bool

	in      input
	times   *Timeouts
	who     *senderIdentity
	ctx     context.Context // its end closes the connection; nil: none
	unwatch func() bool     // stops that
	callOff func()          // closes the connection, from any goroutine

	born      time.Time
	idleSince time.Time
	messages  int // replied 2xx
	refusals  int // since the last of these

	kept       bool  // used before: RSET comes first
	trial      bool  // makes the breaker's trial
	answered   bool  // gave a good reply since it was acquired
	octets     bool  // of a message went out, and its outcome is not known
	inData     bool  // between 354 and the end of data
	chunked    bool  // between the first BDAT and the outcome of the last
	terminated bool  // the end of data went out, the outcome is not known
	owed       int   // replies to BDAT chunks not yet read
	mails      int   // MAIL commands, for the server's MAILMAX
	rcpts      int   // RCPT commands of this transaction, for its RCPTMAX
	counted    bool  // the breaker knows of the fault
	broken     error // why the session cannot go on

	unsent  []byte       // commands held back, as the server does not pipeline
	replies []wire.Reply // what the last call returned
	iov     net.Buffers  // header and octets of a BDAT
	header  [32]byte

	// The last one-line reply to RCPT: most are alike, and parsing one costs
	// two allocations.
	memo      [80]byte
	memoLen   int
	memoReply wire.Reply
}

// begin makes u the session of a sender.
func (u *upstream) begin(setup *Setup, who *senderIdentity, trial bool) {
	u.times, u.who, u.trial = &setup.Timeouts, who, trial
	u.answered, u.octets, u.counted = false, false, false
}

// bind lets the end of ctx close the session.
func (u *upstream) bind(ctx context.Context) {
	if u.ctx == ctx {
		return
	}
	u.unbind()
	if ctx.Done() != nil {
		u.ctx, u.unwatch = ctx, context.AfterFunc(ctx, u.callOff)
	}
}

// unbind reports false if the session has been called off already.
func (u *upstream) unbind() bool {
	if u.ctx == nil {
		return true
	}
	ok := u.unwatch()
	u.ctx, u.unwatch = nil, nil
	return ok
}

// reusable applies the reuse rules, but for how many may be idle.
func (u *upstream) reusable(now time.Time) bool {
	clean := u.broken == nil && !u.inData && !u.chunked && !u.terminated && u.owed == 0 &&
		u.in.len() == 0 && len(u.unsent) == 0
	return clean && u.messages < sessionMessages && u.refusals < sessionRefusals &&
		(u.ehlo.MailMax == 0 || u.mails < u.ehlo.MailMax) && now.Sub(u.born) < u.times.PoolAge
}

// sent is true while the server has octets of a message and has not answered
// its end: then it must not see that end, and the session must be dropped.
func (u *upstream) sent() bool { return u.octets }

var (
	quitLine = []byte("QUIT\r\n")
	rsetLine = []byte("RSET\r\n")
	dataLine = []byte("DATA\r\n")
)

// quitWait bounds the writing of QUIT, which a socket nearly always takes at
// once.
const quitWait = time.Second

// quit ends an orderly session. The answer is not awaited.
func (u *upstream) quit() {
	u.in.drop()
	_ = u.c.SetWriteDeadline(time.Now().Add(quitWait))
	if _, err := u.c.Write(quitLine); err == nil {
		_ = u.c.closeNotify()
	}
	_ = u.c.Close()
}

// shut closes the connection at once.
func (u *upstream) shut() {
	u.unbind()
	_ = u.c.Close()
	u.in.drop()
}

// envelope opens the transaction: RSET if the session was kept, MAIL and the
// RCPTs, in one write where the server pipelines (RFC 2920). It returns MAIL's
// reply and one reply a recipient, valid until the next call; if MAIL is
// refused they are its reply.
func (u *upstream) envelope(ctx context.Context, m wire.Mail, rcpts []wire.Rcpt, deadline time.Time) (wire.Reply, []wire.Reply, error) {
	u.bind(ctx)
	u.octets = false
	began := time.Now()
	buf := getCommands()
	defer putCommands(buf)
	b := (*buf)[:0]
	reset := u.kept
	if reset {
		b = append(b, rsetLine...)
	}
	b, forwards := u.appendXForward(b)
	b = m.AppendTo(b, u.ehlo.Ext)
	u.mails, u.rcpts = u.mails+1, 0
	b = u.appendRcpts(b, rcpts)
	*buf = b
	if err := u.send(b, deadline); err != nil {
		return wire.Reply{}, nil, err
	}
	if reset {
		if r, err := u.turn(2); err != nil {
			return wire.Reply{}, nil, err
		} else if r.Class() != 2 {
			return wire.Reply{}, nil, u.fault(errServerGone)
		}
		u.kept = false
	}
	for range forwards {
		// What the server thinks of XFORWARD changes nothing: it is for its log.
		if r, err := u.turn(2); err != nil {
			return wire.Reply{}, nil, err
		} else if r.Code == 421 {
			return wire.Reply{}, nil, u.parted(r)
		}
	}
	mail, err := u.envelopeReplies()
	rcptSeconds.Update(time.Since(began).Seconds())
	return mail, u.replies, err
}

// envelopeReplies reads MAIL's reply and the recipients'.
func (u *upstream) envelopeReplies() (wire.Reply, error) {
	mail, err := u.verdict(2)
	if err != nil {
		return mail, err
	}
	refused := mail.Class() != 2
	if !refused || u.ehlo.Ext.Has(wire.Pipelining) {
		// Also behind a refused MAIL the answers have to be read.
		if err := u.readRcpts(); err != nil {
			return mail, err
		}
	}
	if refused {
		for i := range u.replies {
			u.replies[i] = mail
		}
	}
	return mail, u.endTurn()
}

// recipients adds further recipients to the open transaction. The replies are
// valid until the next call.
func (u *upstream) recipients(ctx context.Context, rcpts []wire.Rcpt) ([]wire.Reply, error) {
	u.bind(ctx)
	buf := getCommands()
	defer putCommands(buf)
	*buf = u.appendRcpts((*buf)[:0], rcpts)
	if err := u.send(*buf, time.Now().Add(u.times.ServerRecipient)); err != nil {
		return nil, err
	}
	if err := u.readRcpts(); err != nil {
		return nil, err
	}
	return u.replies, u.endTurn()
}

// appendRcpts adds the RCPTs the server can take, and sets u.replies: to the
// refusal of the others, and no reply where the server's is to come.
func (u *upstream) appendRcpts(b []byte, rcpts []wire.Rcpt) []byte {
	u.replies = u.replies[:0]
	for i := range rcpts {
		r := u.lacksFor(&rcpts[i])
		if r.Code == 0 {
			b = rcpts[i].AppendTo(b, u.ehlo.Ext)
			u.rcpts++
		}
		u.replies = append(u.replies, r)
	}
	return b
}

// readRcpts reads a reply to each RCPT that was sent.
func (u *upstream) readRcpts() error {
	for i := range u.replies {
		if u.replies[i].Code != 0 {
			continue
		}
		r, err := u.verdict(0)
		if err != nil {
			return err
		}
		u.replies[i] = r
	}
	return nil
}

// rset takes the open transaction back.
func (u *upstream) rset(ctx context.Context) error {
	u.bind(ctx)
	if err := u.send(rsetLine, time.Now().Add(u.times.ServerReset)); err != nil {
		return err
	}
	r, err := u.turn(2)
	if err != nil {
		return err
	}
	if r.Class() != 2 {
		return u.fault(errServerGone)
	}
	return u.endTurn()
}

// data sends DATA and returns 354, or the server's refusal.
func (u *upstream) data(ctx context.Context) (wire.Reply, error) {
	u.bind(ctx)
	if err := u.send(dataLine, time.Now().Add(u.times.ServerData)); err != nil {
		return wire.Reply{}, err
	}
	r, err := u.turn(354)
	if err != nil {
		return r, err
	}
	switch {
	case r.Code == 354:
		u.inData = true
	case r.Class() == 4, r.Class() == 5:
		u.refusals++
		r = u.relayed(r)
	default:
		return r, u.fault(errReplyGarbled)
	}
	return r, u.endTurn()
}

// write sends message octets as they are. It returns errServerSpoke, which
// leaves the reply to be read, if the server says something or closes although
// the data has no end yet.
func (u *upstream) write(bufs net.Buffers) error {
	if u.spoke() {
		return errServerSpoke
	}
	u.octets = true
	return u.wrote(u.c.writeBuffers(bufs, u.times.ServerWrite, true))
}

func (u *upstream) wrote(err error) error {
	if err == nil || err == errServerSpoke {
		return err
	}
	return u.fault(err)
}

// spoke tells whether the server has said something that is here already. In
// clear text writeBuffers finds out; under TLS the octet it finds would be lost.
func (u *upstream) spoke() bool {
	if u.in.len() > 0 {
		return true
	}
	if u.c.tls == nil || !u.c.sock.canLook() {
		return false
	}
	n, err := u.c.fillNow(&u.in)
	u.in.release()
	return n > 0 || !errors.Is(err, errWouldBlock)
}

// bdat sends one chunk of n octets, the last one also without any. Its reply
// is read with reply; those to the last one with lateReplies.
func (u *upstream) bdat(n int64, last bool, bufs net.Buffers) error {
	if last && !u.unbind() {
		return u.fault(errCalledOff)
	}
	watch := u.owed == 0 // else the server may speak
	if watch && u.spoke() {
		return errServerSpoke
	}
	h := append(u.header[:0], "BDAT "...)
	h = strconv.AppendInt(h, n, 10)
	if last {
		h = append(h, " LAST"...)
	}
	h = append(h, '\r', '\n')
	u.iov = append(append(u.iov[:0], h), bufs...)
	u.octets, u.chunked = true, true
	err := u.c.writeBuffers(u.iov, u.times.ServerWrite, watch)
	clear(u.iov)
	if err != nil {
		return u.wrote(err)
	}
	if last {
		u.terminated = true
	} else {
		u.owed++
	}
	return nil
}

// reply reads the next reply: to a chunk, or one that came too early.
func (u *upstream) reply(ctx context.Context, timeout time.Duration) (wire.Reply, error) {
	u.bind(ctx)
	if err := u.c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return wire.Reply{}, u.fault(err)
	}
	r, err := u.read(0)
	if err != nil {
		return r, err
	}
	if r.Class() == 3 {
		return r, u.fault(errReplyGarbled)
	}
	u.owed = max(0, u.owed-1)
	if r.Class() != 2 {
		u.refusals++
	}
	u.in.release()
	return u.relayed(r), nil
}

// commit sends the last octets with the terminator and returns the server's
// reply, over LMTP one for each accepted recipient. Nothing calls it off any
// more. errServerSpoke, and every error while terminated is false, means that
// the server never got the terminator. On other errors the outcome is unknown,
// and the replies returned are those that came.
func (u *upstream) commit(final net.Buffers, recipients int, deadline time.Time) ([]wire.Reply, error) {
	if !u.unbind() {
		return nil, u.fault(errCalledOff)
	}
	if u.spoke() {
		return nil, errServerSpoke
	}
	began := time.Now()
	u.octets = true
	stall := min(u.times.ServerWrite, deadline.Sub(began))
	if err := u.wrote(u.c.writeBuffers(final, stall, true)); err != nil {
		return nil, err
	}
	u.inData, u.terminated = false, true
	replies, err := u.lateReplies(recipients, deadline)
	commitSeconds.Update(time.Since(began).Seconds())
	return replies, err
}

// lateReplies reads the outcome: after the last BDAT, or again after commit
// ran out of time, then of as many recipients as are left.
func (u *upstream) lateReplies(recipients int, deadline time.Time) ([]wire.Reply, error) {
	if !u.lmtp {
		recipients = 1
	}
	u.replies = u.replies[:0]
	if err := u.c.SetDeadline(deadline); err != nil {
		return nil, u.fault(err)
	}
	for len(u.replies) < recipients {
		r, err := u.read(0)
		if err != nil {
			return u.replies, err
		}
		switch r.Class() {
		case 2:
			u.refusals = 0
		case 4, 5:
			u.refusals++
		default:
			return u.replies, u.fault(errReplyGarbled)
		}
		u.replies = append(u.replies, u.relayed(r))
	}
	if err := u.surplus(); err != nil {
		return nil, err
	}
	u.in.release()
	u.terminated, u.chunked, u.octets = false, false, false
	u.messages++
	return u.replies, nil
}

// surplus makes sure that nothing stands behind the outcome: two replies to
// one end of data prove nothing. Only a parting 421 is what it seems, as far
// as it is here.
func (u *upstream) surplus() error {
	rest := u.in.bytes()
	if len(rest) == 0 {
		return nil
	}
	if n := min(len(rest), len("421")); string(rest[:n]) != "421"[:n] {
		return u.fault(errReplyGarbled)
	}
	if _, n, err := wire.ParseReply(rest); err == wire.ErrReply || err == nil && n < len(rest) {
		return u.fault(errReplyGarbled)
	}
	u.broken = errServerGone
	u.in.drop()
	return nil
}

// relayed is r, which read has sanitised, as the sender may see it. A 421 ends
// the server's connection only: the sender gets 451.
func (u *upstream) relayed(r wire.Reply) wire.Reply {
	if r.Code == 421 {
		u.fault(errServerGone)
		r.Code = 451
	}
	return r
}

// parted is the error for a server that said goodbye instead of answering.
func (u *upstream) parted(r wire.Reply) error {
	return &ReplyError{Reply: u.relayed(r), Err: errServerGone}
}

// fault marks the session as broken and classifies what happened. The host's
// breaker is told, unless a kept session was merely stale or we ended it.
func (u *upstream) fault(err error) error {
	class := err
	switch {
	case u.ctx != nil && u.ctx.Err() != nil, errors.Is(err, errCalledOff):
		class = errCalledOff
	case errors.Is(err, errServerGone), errors.Is(err, errReplyGarbled):
	case isTimeout(err):
		class = errServerLate
	default:
		class = errServerGone
	}
	if u.broken == nil {
		u.broken = class
	}
	if class == errReplyGarbled {
		garbledReplies.Inc()
	}
	if class != errCalledOff && !u.counted && (!u.kept || u.answered) {
		u.counted, u.trial = true, false
		u.host.failed()
	}
	if class != err {
		err = fmt.Errorf("%w: %w", class, err)
	}
	return &ReplyError{Reply: replyUnconfirmed, Err: err}
}
