package main

import (
	"strconv"
	"time"

	"sluice/stream"
)

// appendPostfix writes a record as Postfix's daemons do, for parsers that
// exist: a line about the sender, then one a recipient.
func (r *recorder) appendPostfix(b []byte, rec *stream.Record, p *privacy) []byte {
	var space [textSpace]byte
	peer := p.appendIP(space[:0], rec.Peer.Addr())
	if rec.ID == "" {
		b = r.postfixHead(b, rec, "smtpd", rec.Session)
		b = append(append(b, "disconnect from unknown["...), peer...)
		b = append(append(b, "], helo=<"...), appendForeign(nil, rec.Helo, nil)...)
		b = append(append(b, ">, stage="...), rec.Stage...)
		b = append(b, ", code="...)
		return append(strconv.AppendInt(b, int64(rec.Code), 10), '\n')
	}
	b = r.postfixHead(b, rec, "smtpd", rec.ID)
	b = append(append(b, "client=unknown["...), peer...)
	b = append(b, "]\n"...)
	b = r.postfixHead(b, rec, "qmgr", rec.ID)
	b = append(b, "from=<"...)
	b = p.appendPostfixAddress(b, rec.From.IsNull(), func(b []byte) []byte { return p.appendAddress(b, rec.From) })
	b = strconv.AppendInt(append(b, ">, size="...), rec.Size, 10)
	b = strconv.AppendInt(append(b, ", nrcpt="...), int64(len(rec.Recipients)), 10)
	b = append(b, " (queue active)\n"...)
	for _, to := range rec.Recipients {
		b = r.postfixHead(b, rec, "smtp", rec.ID)
		b = append(b, "to=<"...)
		b = p.appendPostfixAddress(b, false, func(b []byte) []byte { return p.appendAddress(b, to.To) })
		b = append(b, ">, relay="...)
		b = append(b, orNone(rec.Upstream)...)
		b = append(b, ", "...)
		b = appendPostfixOutcome(b, rec, to.Code)
	}
	return b
}

// appendPostfixAddress leaves the brackets empty for the null path and where
// nothing may be said.
func (p *privacy) appendPostfixAddress(b []byte, null bool, address func([]byte) []byte) []byte {
	if null || p.level == "none" {
		return b
	}
	return address(b)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// postfixHead is syslog's: time, host, process.
func (r *recorder) postfixHead(b []byte, rec *stream.Record, daemon, id string) []byte {
	b = rec.Time.AppendFormat(b, time.Stamp)
	b = append(append(b, ' '), r.pod...)
	b = append(append(b, " sluice/"...), daemon...)
	b = append(append(b, '['), r.pid...)
	b = append(append(b, "]: "...), id...)
	return append(b, ": "...)
}

// appendPostfixOutcome writes delay= delays=a/b/c/d dsn= status=. The four
// delays are what Postfix means by them as far as a proxy has them: reading
// the message, scanning, connecting, transmission to the reply.
func appendPostfixOutcome(b []byte, rec *stream.Record, rcptCode int) []byte {
	reading := max(0, rec.Total-rec.Scan-rec.Connect-rec.Server)
	b = appendSeconds(append(b, "delay="...), rec.Total)
	b = appendSeconds(append(b, ", delays="...), reading)
	b = appendSeconds(append(b, '/'), rec.Scan)
	b = appendSeconds(append(b, '/'), rec.Connect)
	b = appendSeconds(append(b, '/'), rec.Server)
	code, enhanced := rec.Code, rec.Enhanced
	if rcptCode >= 400 || code == 0 {
		code, enhanced = rcptCode, ""
	}
	if enhanced == "" {
		enhanced = strconv.Itoa(code/100) + ".0.0"
	}
	b = append(append(b, ", dsn="...), enhanced...)
	b = append(append(b, ", status="...), postfixStatus(code, rec.Verdict)...)
	b = append(b, " ("...)
	switch {
	case rcptCode < 400 && rec.Reply != "":
		b = appendForeign(b, rec.Reply, rec)
	case rcptCode >= 400 && rec.Stage != "rcpt":
		b = append(b, "refused at RCPT"...) // the verdict is the others'
	default:
		b = append(b, rec.Verdict...)
		if rec.Rule != "" {
			b = append(append(b, " by "...), rec.Rule...)
		}
	}
	return append(b, ")\n"...)
}

// postfixStatus has Postfix's words only.
func postfixStatus(code int, v stream.Verdict) string {
	switch {
	case v == stream.Aborted:
		return "deferred" // the sender still has it
	case code >= 500:
		return "bounced"
	case code >= 400:
		return "deferred"
	}
	return "sent"
}

// appendSeconds has two digits behind the point, as Postfix writes them.
func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 2, 64)
}
