package stream

import (
	"time"

	"sluice/stream/wire"
)

// A Subject names one transaction exactly, keyed so that it names nobody
// without the key: tenant, sender net, reverse-path, accepted recipients
// (sorted), length and SHA-256 of the content, as 128 bits.
type Subject [16]byte

// A Guard remembers the server's reply to messages whose sender may not have
// got it, so that a retry is answered and not delivered twice (RFC 1047). The
// cluster implements it over all pods; MemoryGuard over one process.
type Guard interface {
	// Remember stores reply for subject, counted against net. It never waits.
	Remember(subject Subject, net string, reply wire.Reply)
	// Doubt notes that the terminator went out and no reply has come yet.
	Doubt(subject Subject, net string)
	// Lookup returns the stored reply, or doubt.
	Lookup(subject Subject, now time.Time) (reply wire.Reply, found, doubt bool)
	// Forget drops what is stored: the sender has the reply now.
	Forget(subject Subject)
	// Key is the secret subjects are keyed with.
	Key() []byte
}
