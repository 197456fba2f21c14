package stream

import (
	"sluice/policy"
	"sluice/stream/wire"
)

// WireRefusal returns the rule by which a message is refused for its form
// alone, whatever modules say of it: a stray CR or LF, a header that has been
// round in circles, and, but in shadow mode, a forged Authentication-Results
// field. Empty: none. Content is the whole message, unstuffed, faults those of
// its framing. It is for judging messages that come by another way than a
// session's.
func (s *Setup) WireRefusal(content []byte, faults wire.Fault, shadow bool) string {
	if faults&(wire.FaultBareCR|wire.FaultBareLF) != 0 && s.BareNewline == RejectBareNewline {
		return "smtp.bare_newline"
	}
	end := headerEnd{}
	end.scan(content)
	size := end.size
	if !end.found {
		size = min(size, maxHeader)
	}
	facts := readHeader(content[:size], s.Hostname)
	switch {
	case facts.loops():
		return "smtp.loop"
	case len(facts.forgedAuthres) > 0 && s.AuthresForged == RejectAuthres && !shadow:
		return "smtp.authres_forged"
	}
	return ""
}

// WireFindings adds to findings what faults of the framing mean.
func WireFindings(findings []policy.Finding, faults wire.Fault) []policy.Finding {
	if faults&wire.FaultNUL != 0 {
		findings = append(findings, policy.Finding{Module: "smtp", Rule: "smtp.nul"})
	}
	if faults&wire.FaultLongLine != 0 {
		findings = append(findings, policy.Finding{Module: "smtp", Rule: "smtp.long_line"})
	}
	return findings
}
