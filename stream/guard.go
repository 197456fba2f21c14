package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"sluice/stream/wire"
)

// A Subject names one transaction exactly, keyed so that it names nobody
// without the key: tenant, sender net, reverse-path, accepted recipients
// (sorted), length and hash of the content, as 128 bits.
type Subject [16]byte

// A Guard remembers the server's reply to messages whose sender may not have
// got it, so that a retry is answered and not delivered twice (RFC 1047). The
// cluster implements it over all pods; MemoryGuard over one process. Methods
// never wait.
type Guard interface {
	// Remember stores reply for subject, counted against net; it ends a doubt.
	Remember(subject Subject, net string, reply wire.Reply)
	// Doubt notes that the terminator went out and that its reply may still come.
	Doubt(subject Subject, net string)
	// Lookup returns what is known of subject.
	Lookup(subject Subject) (reply wire.Reply, known Known)
	// Forget drops what is stored: the sender has the reply, or the doubt has ended.
	Forget(subject Subject)
	// Key is the secret that subjects are keyed with.
	Key() []byte
}

// Known is what a Guard knows of a subject.
type Known uint8

const (
	Unknown Known = iota // deliver it
	Stored               // was delivered: give the stored reply
	Doubted              // may have been delivered: 451 until it is clear
)

// A contentHash is the BLAKE3 hash of all content octets as they were sent,
// dots unstuffed.
type contentHash [32]byte

// subjectOf names a transaction. Only an exact repetition has the same name:
// a wrong stored 250 loses mail, and a miss costs one duplicate. m is a fresh
// HMAC-SHA256 with the guard's key.
func subjectOf(m hash.Hash, tenant, net string, from wire.Path, to []wire.Path, size int64, content contentHash) Subject {
	b := make([]byte, 0, 512)
	field := func(p []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	field([]byte(tenant))
	field([]byte(net))
	field(from.Bytes())
	sorted := make([]string, len(to))
	for i, p := range to {
		sorted[i] = string(p.Bytes())
	}
	slices.Sort(sorted)
	b = binary.BigEndian.AppendUint32(b, uint32(len(sorted)))
	for _, p := range sorted {
		field([]byte(p))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	field(content[:])
	m.Write(b)
	var sum [sha256.Size]byte
	return Subject(m.Sum(sum[:0])[:16])
}
