// Package sluice is the map of the program; it holds no code.
//
// Sluice is a stateless, zero-disk SMTP filtering proxy. A message enters in
// cmd/proxy's listeners, is read by a session of stream, is looked at by the
// modules of filter, is judged by policy, and leaves through the session that
// stream holds with the recipient's own server. The sender gets a 250 only
// after that server said 250.
package sluice
