package stream

import (
	"cmp"
	"errors"
	"strconv"

	"sluice/stream/wire"
)

// A ReplyError is a fault together with the reply it means for the sender.
type ReplyError struct {
	Reply wire.Reply // 4xx or 5xx
	Err   error      // what happened, for the log; may be nil
}

func (e *ReplyError) Error() string {
	text := "reply " + strconv.Itoa(e.Reply.Code) + " " + e.Reply.Enhanced
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ReplyError) Unwrap() error { return e.Err }

// replyFor is the only way from an error to a reply. What nobody classified
// is our fault: the sender keeps the message (I4). No error gives a 2xx (I1).
func replyFor(err error) wire.Reply {
	if e, ok := errors.AsType[*ReplyError](err); ok && e.Reply.Code >= 400 {
		return e.Reply
	}
	return replyLocal
}

// Our own replies with a fixed text. Those about the recipient's server are
// all 4xx: whatever is wrong there or on the way, the sender keeps the message.
var (
	replyLocal        = wire.Reply{Code: 451, Enhanced: "4.3.0", Text: "Local problem, try again later"}
	replyUnreachable  = wire.Reply{Code: 451, Enhanced: "4.4.1", Text: "Recipient's server not reachable"}
	replyUnconfirmed  = wire.Reply{Code: 451, Enhanced: "4.4.2", Text: "Recipient's server did not confirm"}
	replyBusy         = wire.Reply{Code: 451, Enhanced: "4.4.5", Text: "Recipient's server busy"}
	replyInsecure     = wire.Reply{Code: 451, Enhanced: "4.7.5", Text: "Secure connection not possible"}
	replyRoutingLoop  = wire.Reply{Code: 451, Enhanced: "4.4.6", Text: "Routing error"}
	replyShrunkOffer  = wire.Reply{Code: 451, Enhanced: "4.3.5", Text: "Try again"}
	replyHops         = wire.Reply{Code: 554, Enhanced: "5.4.6", Text: "Too many hops"}
	replyRelayDenied  = wire.Reply{Code: 550, Enhanced: "5.7.1", Text: "Relay denied"}
	replySeparately   = wire.Reply{Code: 452, Enhanced: "4.5.3", Text: "Send separately"}
	replyBareNewline  = wire.Reply{Code: 550, Enhanced: "5.5.2", Text: "Bare CR or LF"}
	replyUnchecked    = wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "Could not be checked"}
	replyMemory       = wire.Reply{Code: 452, Enhanced: "4.3.1", Text: "Try again later"}
	replyMemoryAccept = wire.Reply{Code: 421, Enhanced: "4.3.1", Text: "Try again later"}
	replyAccepted     = wire.Reply{Code: 250, Enhanced: "2.0.0", Text: "Accepted"}

	// What a server lacks that the sender asked for (PROTOCOL section 4).
	replyNeedsUTF8    = wire.Reply{Code: 550, Enhanced: "5.6.7", Text: "Address needs SMTPUTF8"}
	replyNoUTF8       = wire.Reply{Code: 550, Enhanced: "5.6.7", Text: "Recipient's server cannot take UTF-8 addresses"}
	replyNoDSN        = wire.Reply{Code: 550, Enhanced: "5.3.3", Text: "Recipient's server does not support NOTIFY"}
	replyNoRequireTLS = wire.Reply{Code: 550, Enhanced: "5.7.30", Text: "REQUIRETLS not possible"}
	replyNoFinalCRLF  = wire.Reply{Code: 554, Enhanced: "5.6.3", Text: "Message must end in CRLF"}

	// The sender's own protocol mistakes.
	replySequence  = wire.Reply{Code: 503, Enhanced: "5.5.1", Text: "Bad sequence of commands"}
	replySyntax    = wire.Reply{Code: 500, Enhanced: "5.5.2", Text: "Syntax error"}
	replyArgument  = wire.Reply{Code: 501, Enhanced: "5.5.4", Text: "Bad argument"}
	replyVerb      = wire.Reply{Code: 502, Enhanced: "5.5.1", Text: "Command not implemented"}
	replyPipelined = wire.Reply{Code: 503, Enhanced: "5.5.0", Text: "Input out of turn"} // behind a command that ends a pipelined group

	// The sender took too long.
	replyIdle    = wire.Reply{Code: 421, Enhanced: "4.4.2", Text: "Waited too long"}
	replyTooSlow = wire.Reply{Code: 421, Enhanced: "4.4.2", Text: "Data came too slowly"}

	// Commands that bring no message nearer.
	replyOK   = wire.Reply{Code: 250, Enhanced: "2.0.0", Text: "OK"}
	replyVRFY = wire.Reply{Code: 252, Enhanced: "2.0.0", Text: "Send it and see"} // RFC 5321 section 3.5.3
	replyHelp = wire.Reply{Code: 214, Enhanced: "2.0.0", Text: "RFC 5321"}
	replyBye  = wire.Reply{Code: 221, Enhanced: "2.0.0", Text: "Bye"}
)

func replyShutdown(host string) wire.Reply {
	return wire.Reply{Code: 421, Enhanced: "4.3.2", Text: host + " restarting"}
}

// replyTooMuch answers rates, connections and mistakes beyond the limits; net
// is the sender's network as text.
func replyTooMuch(net string) wire.Reply {
	return wire.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too much from " + net}
}

// replyPolicy is a refusal by rule, in the operator's words unless words is
// empty; url is the page about it, or empty.
func replyPolicy(rule, words, url string) wire.Reply {
	text := "[" + rule + "] " + cmp.Or(words, "Refused")
	if url != "" {
		text += "; see " + url
	}
	return wire.Reply{Code: 550, Enhanced: "5.7.1", Text: text}
}

// replyDeferred is a deferral by rule, in the operator's words unless words is
// empty.
func replyDeferred(rule, words string) wire.Reply {
	return wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "[" + rule + "] " + cmp.Or(words, "Try again later")}
}

// replyTooBig answers a message beyond limit octets (RFC 1870 section 6).
func replyTooBig(limit int64) wire.Reply {
	return wire.Reply{Code: 552, Enhanced: "5.3.4", Text: "Message exceeds " + strconv.FormatInt(limit, 10) + " bytes"}
}
