package stream

import "sluice/stream/wire"

// Replies of the sender's leg that bring no message nearer.
var (
	replyOK   = wire.Reply{Code: 250, Enhanced: "2.0.0", Text: "OK"}
	replyVRFY = wire.Reply{Code: 252, Enhanced: "2.0.0", Text: "Send it and see"} // RFC 5321 section 3.5.3
	replyHelp = wire.Reply{Code: 214, Enhanced: "2.0.0", Text: "RFC 5321"}
	replyBye  = wire.Reply{Code: 221, Enhanced: "2.0.0", Text: "Bye"}
	replyIdle = wire.Reply{Code: 421, Enhanced: "4.4.2", Text: "Waited too long"}
	// Input behind a command that ends a pipelined group.
	replyPipelined = wire.Reply{Code: 503, Enhanced: "5.5.0", Text: "Input out of turn"}

	replyTooSlow = wire.Reply{Code: 421, Enhanced: "4.4.2", Text: "Data came too slowly"}
)

// replyDeferred is a deferral by rule.
func replyDeferred(rule string) wire.Reply {
	return wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "[" + rule + "] Try again later"}
}
