// Package stream pairs a sender's session with a server's session and pumps
// one message at a time between them. It never queues and never writes a file.
// Until the server has said 250 the sender owns the message (RFC 5321 section
// 6.1).
//
// # The way of a message
//
//	accept     server.go takes the connection, counter.go counts it, names.go
//	           looks its name up
//	commands   session.go is the loop, command.go the verbs that bring no message
//	           nearer; transaction.go MAIL, recipient.go RCPT
//	data       pump.go DATA, bdat.go BDAT: octets are read into a message.go, at a
//	           pace.go, held in its window.go of chunk.go under a budget.go, and
//	           shown to the modules of package filter; header.go reads its header
//	verdict    verdict.go when the message is complete, or pump.go provisionally
//	           when it has outgrown its window (detour.go: the final verdict may
//	           be another); retry.go if it came before. refusal.go: it is not
//	           delivered, else:
//	server     begin.go opens the server's side, with our fields (trace.go, mark.go)
//	           before what is held; delivery.go is the message on its way;
//	           commit.go lets its end go and waits for the server's word
//	reply      reply.go has our own; claim.go sees whether the sender has the 250,
//	           else a guard.go remembers it; record.go is what the log is told
//
// # The server's side
//
// upstream.go is one session to a server, exchange.go how it asks and reads,
// identity.go what it tells of the sender. pool.go keeps sessions and hands them
// out: targets.go says which servers a route has, resolver.go and dane.go what
// the DNS says of them, host.go how many connections one may have, breaker.go
// whether it works. dial.go opens a connection, greet.go has the dialogue before
// MAIL, upstreamtls.go its TLS. offer.go is what EHLO may promise to senders
// before any of that is known.
//
// # Below and beside
//
// conn.go is one leg's connection, socket.go and fd.go the descriptor below it.
// setup.go is what a reload replaces, with defaults.go. shutdown.go ends it all in
// order; panic.go contains what must not end it. detourmemory.go and
// guardmemory.go remember, in this process only. metrics.go and
// upstreammetrics.go count. wirerules.go judges the form of messages that come by
// another way.
package stream
