package stream

import (
	"net/netip"
	"strconv"
	"time"

	"sluice/policy"
)

// maxTrace is what our fields may add to a message: 8 KiB. They stay below it
// altogether, but for the envelope that only a quarantine gets; a server's SIZE
// is offered less by so much.
const maxTrace = 8 << 10

// foldAt is the line length above which a Received field is folded (RFC 5322
// section 2.1.1).
const foldAt = 78

// A traceField collects the words of one Received field and folds them.
type traceField struct {
	b    []byte
	line int // octets in the current line
}

// word appends words that belong together on one line.
func (f *traceField) word(w string) {
	if f.line > 0 && f.line+1+len(w) > foldAt {
		f.b = append(f.b, "\r\n\t"...)
		f.line = 1
	} else if f.line > 0 {
		f.b = append(f.b, ' ')
		f.line++
	}
	f.b = append(f.b, w...)
	f.line += len(w)
}

// appendTrace appends the fields that stand before every message: Received
// (RFC 5321 section 4.4), and, but for shadow mode, the message id and what
// the verdict was if it is complete. What is done to the message is told in
// either case: that it is tagged, and to a quarantine the envelope. There is
// no "for" unless it is asked for: it would tell one recipient of another.
func (tx *transaction) appendTrace(b []byte, verdict *policy.Disposition, complete bool) []byte {
	s := tx.session
	f := traceField{b: b}
	f.word("Received: from " + cleanName(s.helo))
	f.word("(" + cleanName(orUnknown(s.info.PTR)) + " [" + addressText(s.info.Peer.Addr()) + "])")
	f.word(string(ownMark(tx.setup.Hostname)))
	f.word("with " + s.protocol(tx))
	last := "id " + tx.id
	if tls := s.info.TLS; tls != "" {
		f.word(last)
		last = "(" + tls + ")"
	}
	if tx.setup.ReceivedFor && len(tx.accepted) == 1 {
		f.word(last)
		last = "for " + string(tx.accepted[0].To.AppendTo(nil))
	}
	f.word(last + ";")
	f.word(tx.began.Format(time.RFC1123Z))
	b = append(f.b, "\r\n"...)
	if tx.shadow() {
		return b
	}
	b = append(b, "X-Sluice-Id: "...)
	b = append(b, tx.id...)
	b = append(b, "\r\n"...)
	if complete {
		b = appendVerdict(b, verdict, tx.ended.findings)
	}
	switch verdict.Action {
	case policy.Tag:
		// What mail stores' filters look for.
		b = append(b, "X-Spam-Flag: YES\r\n"...)
	case policy.Quarantine:
		b = tx.appendEnvelope(b)
	}
	return b
}

// maxTraceRules bounds the rules that X-Sluice-Findings names: 50, at most
// 4 KiB. The log has all.
const maxTraceRules = 50

// appendVerdict says what was decided, why, and what else was found.
func appendVerdict(b []byte, d *policy.Disposition, findings []policy.Finding) []byte {
	f := traceField{b: b}
	f.word("X-Sluice-Verdict: " + d.Action.String())
	if d.Rule != "" {
		f.b = append(f.b, ';')
		f.word("rule=" + cleanName(d.Rule))
	}
	f.b = append(f.b, ';')
	f.word("score=" + strconv.FormatFloat(d.Score, 'f', 2, 64))
	b = append(f.b, "\r\n"...)
	if len(findings) == 0 {
		return b
	}
	f = traceField{b: b}
	f.word("X-Sluice-Findings:")
	for i := range min(len(findings), maxTraceRules) {
		if i > 0 {
			f.b = append(f.b, ',')
		}
		text := cleanName(findings[i].Rule)
		if score := findings[i].Score; score != 0 {
			text += "=" + strconv.FormatFloat(score, 'f', 2, 64)
		}
		f.word(text)
	}
	return append(f.b, "\r\n"...)
}

// appendEnvelope adds what a quarantine must know to let the message go again:
// the envelope and where it came from. These are addresses, so no other server
// gets the fields.
func (tx *transaction) appendEnvelope(b []byte) []byte {
	s := tx.session
	b = append(b, "X-Sluice-Envelope-From: "...)
	b = append(tx.mail.From.AppendTo(b), "\r\n"...)
	f := traceField{b: b}
	f.word("X-Sluice-Envelope-To:")
	for i := range tx.accepted {
		if i > 0 {
			f.b = append(f.b, ',')
		}
		f.word(string(tx.accepted[i].To.AppendTo(nil)))
	}
	f.b = append(f.b, "\r\n"...)
	f = traceField{b: f.b}
	f.word("X-Sluice-Client: [" + addressText(s.info.Peer.Addr()) + "]")
	f.word("helo=" + cleanName(s.helo))
	return append(f.b, "\r\n"...)
}

// protocol is the "with" of Received (RFC 3848, RFC 6531 section 3.7.3).
func (s *session) protocol(tx *transaction) string {
	if !s.esmtp {
		return "SMTP"
	}
	name := "ESMTP"
	if tx.mail.SMTPUTF8 {
		name = "UTF8SMTP"
	}
	if s.info.TLS != "" {
		name += "S"
	}
	return name
}

// cleanName reduces a name a peer claimed to what can stand in a header field.
func cleanName(name string) string {
	clean := true
	for i := range len(name) {
		clean = clean && nameOctet(name[i])
	}
	if clean && name != "" && len(name) <= 255 {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := range min(len(name), 255) {
		if nameOctet(name[i]) {
			b = append(b, name[i])
		}
	}
	if len(b) == 0 {
		return "unknown"
	}
	return string(b)
}

func nameOctet(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']'
}

func orUnknown(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}

// addressText is an address literal's inside (RFC 5321 section 4.1.3).
func addressText(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		return "IPv6:" + a.WithZone("").String()
	}
	return a.String()
}
