package stream

import (
	"net"
	"sync"
	"time"

	"github.com/zeebo/blake3"

	"sluice/policy"
	"sluice/stream/wire"
)

// A message is the data of one transaction on its way: what frames it, what
// is known of it, and what of it is still here.
type message struct {
	state  messageState
	window window
	framer wire.Framer // DATA
	liner  wire.Liner  // BDAT
	pieces [][]byte    // scratch of the framer
	chunks int         // BDAT commands; 0: this is DATA
	ended  bool        // BDAT: LAST was seen, or a chunk was refused; no data is taken any more
	cr     bool        // BDAT: a CR waits for the octet behind it
	joined []byte      // BDAT: scratch, that CR and what follows

	// rewriting is on from the first bare CR or LF under NormaliseBareNewline:
	// content is then made anew instead of forwarded.
	rewriting bool
	stuffer   wire.Stuffer
	scratch   []byte // content made anew
	stuffed   []byte // the same with dots stuffed

	header headerEnd
	facts  headerFacts
	judged bool           // facts are complete
	hash   *blake3.Hasher // of the content; nil outside data
	size   int64          // content octets

	discard *policy.Disposition // policy accepts it to drop it; nil: not
	begun   policy.Disposition  // what a message that flows was begun as

	pace         pace
	out          delivery
	drained      int64     // octets read for nothing after a refusal
	drainedSince time.Time // zero: not
}

// messageState says where the octets of a message go.
//
//	           first octets          over the window        refused
//	(holding) -------------> holding -------------> flowing
//	                            |                      |
//	                            +------> draining <----+
//
// From holding the server has seen nothing and its session stays usable; from
// flowing a refusal means dropping it.
type messageState uint8

const (
	holding messageState = iota
	flowing
	draining
)

// start makes m ready for the data of a new message.
func (m *message) start(s *session) {
	m.window.budget, m.out.ctx = &s.server.budget, s.server.ctx
	m.pace = pace{session: s, began: time.Now()}
	m.hash = hashers.Get().(*blake3.Hasher)
	m.hash.Reset()
}

// hashers are pooled because one takes 10 KiB, which a waiting session must
// not. BLAKE3 names contents as safely as SHA-256 in half the time, and
// hashing is the largest part of what a large message costs us.
var hashers = sync.Pool{New: func() any { return blake3.New() }}

// messageScratch is what one message leaves to the next, where it is small.
type messageScratch struct {
	pieces     [][]byte
	chunks     []*[chunkSize]byte
	held, bufs net.Buffers
	trace      []byte
}

// scratchParts ends the use of m and returns what can be used again. The
// window must be released.
func (m *message) scratchParts() messageScratch {
	if m.hash != nil {
		hashers.Put(m.hash)
	}
	return messageScratch{
		reusable(m.pieces), reusable(m.window.chunks),
		reusable(m.window.held), reusable(m.out.bufs), m.out.trace[:0],
	}
}

// reuse gives an empty m the scratch of another.
func (m *message) reuse(s messageScratch) {
	m.pieces, m.window.chunks, m.window.held = s.pieces, s.chunks, s.held
	m.out.bufs, m.out.trace = s.bufs, s.trace
}

// bare tells whether a stray CR or LF was seen.
func (m *message) bare() bool {
	return (m.framer.Faults|m.liner.Faults)&(wire.FaultBareCR|wire.FaultBareLF) != 0
}
