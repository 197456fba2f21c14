package stream

import (
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
	block  []byte         // the header block, kept only where user rules may ask for it
	judged bool           // facts are complete
	hash   *blake3.Hasher // of the content; nil outside data
	size   int64          // content octets

	discard *policy.Disposition // policy accepts it to drop it; nil: not
	begun   policy.Disposition  // what a message that flows was begun as
	detour  detouring

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

// noMessage stands where no data has begun: a session that waits has only the
// pointer. Nothing in it ever changes.
var noMessage = new(message)

// messages are for use again, with their scratch.
var messages = sync.Pool{New: func() any { return new(message) }}

// startMessage begins the data of a transaction.
func (tx *transaction) startMessage() *message {
	s := tx.session
	m := messages.Get().(*message)
	tx.message = m
	m.window.budget, m.out.ctx = &s.server.budget, s.server.ctx
	m.pace = pace{session: s, began: time.Now()}
	m.hash = hashers.Get().(*blake3.Hasher)
	m.hash.Reset()
	return m
}

// giveBack ends the use of m. The window must be released. What grew with the
// message is let go of; the rest is there for the next.
func (m *message) giveBack() {
	if m == noMessage {
		return
	}
	if m.hash != nil {
		hashers.Put(m.hash)
	}
	kept := message{pieces: reusable(m.pieces)}
	kept.window.chunks, kept.window.held = reusable(m.window.chunks), reusable(m.window.held)
	kept.out.bufs, kept.out.trace = reusable(m.out.bufs), m.out.trace[:0]
	*m = kept
	messages.Put(m)
}

// hashers are pooled because one takes 10 KiB, which a waiting session must
// not. BLAKE3 names contents as safely as SHA-256 in half the time, and
// hashing is the largest part of what a large message costs us.
var hashers = sync.Pool{New: func() any { return blake3.New() }}

// headerBlock is the header block, or as much of it as is looked at, while all
// of it is held as it came.
func (m *message) headerBlock() []byte {
	size := m.header.size
	if !m.header.found {
		size = maxHeader
	}
	return m.window.prefix(size)
}

// bare tells whether a stray CR or LF was seen.
func (m *message) bare() bool {
	return (m.framer.Faults|m.liner.Faults)&(wire.FaultBareCR|wire.FaultBareLF) != 0
}
