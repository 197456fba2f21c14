// Package stream pairs a sender's session with a server's session and pumps
// one message at a time between them.
//
// Accept (server.go), commands (session.go, command.go), recipients
// (transaction.go, upstream.go, pool.go), data (pump.go, window.go), verdict,
// terminator and reply (verdict.go): in that order, a file each. It never
// queues and never writes a file. Until the server has said 250 the sender
// owns the message (RFC 5321 section 6.1).
package stream
