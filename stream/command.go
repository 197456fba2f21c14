package stream

import (
	"strconv"

	"sluice/policy"
	"sluice/stream/wire"
)

// command carries out one command line.
func (s *session) command(line []byte) {
	verb, arg := wire.ParseCommand(line)
	switch verb {
	case wire.VerbRCPT:
		s.recipients(arg)
	case wire.VerbMAIL:
		s.mailFrom(arg)
	case wire.VerbDATA:
		s.data(arg)
	case wire.VerbBDAT:
		s.bdat(arg)
	case wire.VerbEHLO, wire.VerbHELO:
		s.hello(verb, arg)
	case wire.VerbRSET:
		s.rset(arg)
	case wire.VerbQUIT:
		s.quit(arg)
	case wire.VerbSTARTTLS:
		s.starttls(arg)
	case wire.VerbNOOP:
		s.idler(replyOK)
	case wire.VerbVRFY:
		s.idler(replyVRFY)
	case wire.VerbHELP:
		s.idler(replyHelp)
	case wire.VerbHTTP:
		// A web client sent here by a page must not get to speak SMTP.
		s.hangUp(replyTooMuch(s.net.String()))
	default:
		s.refuse(replyVerb)
	}
}

// idler answers a command that brings no message nearer.
func (s *session) idler(r wire.Reply) {
	if s.idle++; s.idle > s.setup.Limits.IdleCommands {
		s.hangUp(replyTooMuch(s.net.String()))
		return
	}
	s.reply(r)
}

// hello is EHLO and HELO (RFC 5321 section 4.1.1.1). Both reset a transaction.
func (s *session) hello(verb wire.Verb, arg []byte) {
	name, err := wire.ParseHelo(arg)
	if err != nil {
		s.refuse(replyArgument)
		return
	}
	if verb == wire.VerbEHLO && s.in.len() > 0 {
		// EHLO ends a pipelined group (RFC 2920 section 3.1): what stands
		// behind it was written without knowing our answer.
		s.outOfStep()
		return
	}
	s.tx.close()
	s.takeSetup()
	s.helo, s.esmtp = name, verb == wire.VerbEHLO
	s.info.Helo = name
	s.check()
	if !s.esmtp {
		s.offered = 0
		s.idler(wire.Reply{Code: 250, Text: s.setup.Hostname})
		return
	}
	s.idler(s.capabilities())
}

// capabilities is the EHLO reply: what every server behind this listener can
// do (PROTOCOL: capabilities), and what we do ourselves.
func (s *session) capabilities() wire.Reply {
	offer := s.server.servers.offer(s.setup)
	ext := wire.Pipelining | wire.EnhancedStatusCodes | wire.EightBitMIME | wire.Size | wire.Limits
	ext |= offer.ext & (wire.SMTPUTF8 | wire.Chunking | wire.DSN)
	if s.conn.tls != nil {
		ext |= offer.ext & wire.RequireTLS
	}
	s.offered = ext
	lines := []byte(s.setup.Hostname + "\nPIPELINING\nSIZE ")
	lines = strconv.AppendInt(lines, offer.size, 10)
	lines = append(lines, "\n8BITMIME\nENHANCEDSTATUSCODES"...)
	for _, e := range []struct {
		ext  wire.Extensions
		line string
	}{
		{wire.SMTPUTF8, "SMTPUTF8"}, {wire.Chunking, "CHUNKING"},
		{wire.DSN, "DSN"}, {wire.RequireTLS, "REQUIRETLS"},
	} {
		if ext.Has(e.ext) {
			lines = append(append(lines, '\n'), e.line...)
		}
	}
	if s.canTLS() {
		lines = append(lines, "\nSTARTTLS"...)
	}
	lines = append(lines, "\nLIMITS RCPTMAX="...)
	lines = strconv.AppendInt(lines, int64(s.setup.Limits.Recipients), 10)
	if manyPlaces(s.setup.Policy.Routes()) {
		lines = append(lines, " RCPTDOMAINMAX=1"...)
	}
	return wire.Reply{Code: 250, Text: string(lines)}
}

// manyPlaces tells whether recipients of two domains may have other servers,
// so that they cannot share a transaction.
func manyPlaces(routes []*policy.Route) bool {
	if len(routes) != 1 || !routes[0].MX {
		return len(routes) > 1
	}
	domains := routes[0].Domains
	return len(domains) > 1 || domains[0] == "*" || domains[0][0] == '.'
}

func (s *session) canTLS() bool { return s.listen.TLS != nil && s.conn.tls == nil }

// starttls is RFC 3207. The sender's octets behind the command are not ours
// to interpret: they came before the handshake (section 4.2, CVE-2011-0411).
func (s *session) starttls(arg []byte) {
	switch {
	case s.in.len() > 0:
		s.outOfStep()
	case s.listen.TLS == nil:
		s.refuse(replyVerb)
	case len(arg) > 0:
		s.refuse(replyArgument)
	case s.conn.tls != nil, s.tx.open:
		s.refuse(replySequence)
	default:
		s.reply(wire.Reply{Code: 220, Enhanced: "2.0.0", Text: "Go ahead"})
		if s.flush() != nil || !s.startTLS() {
			return
		}
		s.helo, s.esmtp, s.offered = "", false, 0
		s.info.Helo, s.refusal = "", s.first
		s.tx.close()
	}
}

func (s *session) rset(arg []byte) {
	if len(arg) > 0 {
		s.refuse(replyArgument)
		return
	}
	s.tx.close()
	s.idler(replyOK)
}

func (s *session) quit(arg []byte) {
	if len(arg) > 0 {
		s.refuse(replyArgument)
		return
	}
	s.tx.close()
	s.reply(replyBye)
	s.parting = true
}

// outOfStep ends a session that sent octets where it had to wait, so that a
// body never runs as commands.
func (s *session) outOfStep() {
	s.in.drop()
	s.hangUp(replyPipelined)
}

// takeSetup brings the session up to the configuration in force. It is called
// between transactions only.
func (s *session) takeSetup() {
	setup := s.server.Setup()
	if setup == s.setup {
		return
	}
	if setup.Chain != s.setup.Chain {
		s.visit = setup.Chain.Visit(&s.info)
		s.info.Helo = "" // new modules see what the old ones saw, in order
		s.check()
		if s.helo != "" {
			s.info.Helo = s.helo
			s.check()
		}
	}
	s.setup = setup
}
