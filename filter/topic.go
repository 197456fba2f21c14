package filter

import (
	"slices"
	"time"
)

// Links are the links of a message, each once, as found.
var Links = NewTopic[Link]()

// A Link is one link of a message.
type Link struct {
	URL    string // canonical: as browsers read it, without userinfo and fragment
	Host   string // of the URL: a name as A-labels, or an address without brackets
	Domain string // under which Host was registered; Host itself if it is an address
	Text   string // what the reader sees, if that is an address itself
	Place  string // path of the part it was first found in
}

// Leaves are the decoded leaves of a message, those in containers included.
var Leaves = NewTopic[Leaf]()

// A Leaf is one decoded part of a message that contains no further ones.
type Leaf struct {
	Path   string   // of its Part
	SHA256 [32]byte // of the decoded octets
	Size   int64    // octets
	Type   string   // as recognised by content, not as declared; may be empty
}

// Engines are the antivirus engines' votes on a message, one an engine, in
// their order. Modules publish them by Channel.Voted.
var Engines = NewTopic[EngineVote]()

// An EngineVote is what one engine said about a message.
type EngineVote struct {
	Name   string // as configured
	Result string // clean, infected, unscannable or failed
	Took   time.Duration
}

// Voted publishes an engine's vote, and notes it for the log.
func (ch *Channel) Voted(v EngineVote) {
	if ch == nil {
		return
	}
	ch.board.mu.Lock()
	if ch.open() {
		ch.board.votes = append(ch.board.votes, v)
	}
	ch.board.mu.Unlock()
	Engines.Publish(ch, v)
}

// Votes returns what engines outside the process said about the message.
func (r *Run) Votes() []EngineVote {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return slices.Clone(r.board.votes)
}

// A Topic is one kind of event. Topics are package variables: the address of
// one is its identity. Events are passed by value; slices inside one belong to
// the publisher and are valid during the call.
type Topic[T any] struct {
	_ byte // topics of no size could share an address
}

// NewTopic returns a new topic.
func NewTopic[T any]() *Topic[T] { return new(Topic[T]) }

// Subscribe has f called with every event that is published on ch's message
// from now on, until the module's scanner is closed. f runs on the publisher's
// goroutine and must not wait.
func (t *Topic[T]) Subscribe(ch *Channel, f func(T)) {
	if ch != nil {
		ch.board.subscribe(subscription{topic: t, f: f, ch: ch})
	}
}

// Publish gives event to all subscribers of ch's message and returns when each
// has had it.
func (t *Topic[T]) Publish(ch *Channel, event T) {
	if ch == nil {
		return
	}
	for i := 0; ; i++ {
		s, at := ch.board.subscriber(ch, t, i)
		if at < 0 {
			return
		}
		i = at
		deliver(s, event)
	}
}

func deliver[T any](s subscription, event T) {
	defer s.ch.delivered()
	s.f.(func(T))(event)
}
