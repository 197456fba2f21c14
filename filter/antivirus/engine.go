package antivirus

import (
	"context"
	"strings"
)

// An Engine looks at content. Another kind of engine is plugged in by
// implementing it (EngineSettings.Engine). All methods may be called by many
// goroutines at once.
type Engine interface {
	// Scan has content looked at and returns the vote. It reads content to its
	// end or gives up before, and returns soon after ctx has ended. Content is
	// the engine's until it returns. What the engine did not clearly say must
	// not be voted clean: the zero Vote has failed.
	Scan(ctx context.Context, content *Content) Vote
}

// A Service is an Engine with work in the background, such as looking after
// its health. Run returns when ctx ends and has then cleaned up.
type Service interface {
	Engine
	Run(ctx context.Context)
}

// A Tagger is an Engine whose votes are worth remembering. Tag names what it
// knows just now, such as the version of its signatures; a new tag voids what
// it voted before. Empty: its votes are not to be remembered.
type Tagger interface {
	Engine
	Tag() string
}

// A Result is what an engine said about content. The order is that of weight:
// the highest of one engine's votes on the parts of a message is its vote on
// the message.
type Result uint8

const (
	Failed      Result = iota // it could not be asked or did not answer
	Clean                     // it found nothing
	Unscannable               // it could not look at all of it
	Infected                  // it knows it as malware
)

var resultNames = [...]string{"failed", "clean", "unscannable", "infected"}

// String returns the word that logs use.
func (r Result) String() string { return resultNames[min(int(r), len(resultNames)-1)] }

// weight orders results: a failure outweighs what was clean elsewhere in the
// message.
func (r Result) weight() int { return [...]int{Failed: 2, Clean: 0, Unscannable: 1, Infected: 3}[r] }

// A Vote is an engine's word on one content. The zero Vote is a failure.
type Vote struct {
	Result Result
	Name   string // of what it found, for Infected; see sanitise
	Reason Reason // for Failed and Unscannable
}

// A Reason tells why there is no vote. It is a label in metrics and stands in
// findings, so it is one of a few words.
type Reason string

// Reasons of failed votes.
const (
	Unknown   Reason = "unknown"   // the engine gave none
	Connect   Reason = "connect"   // no connection
	Cut       Reason = "cut"       // the connection ended or broke
	Garbled   Reason = "garbled"   // the answer was none
	Refused   Reason = "refused"   // the engine reported an error
	Deadline  Reason = "deadline"  // no answer in time
	Behind    Reason = "behind"    // slower than the sender for too long
	Down      Reason = "down"      // failed before and is being left alone
	Panicked  Reason = "panic"     // our side of it panicked
	NoMemory  Reason = "memory"    // no room to hold the content
	Cancelled Reason = "cancelled" // the message ended first; nobody's fault
)

// Reasons of unscannable votes.
const (
	TooLarge Reason = "size"     // more than the engine takes
	Limit    Reason = "limit"    // a limit inside the engine was reached
	Modified Reason = "modified" // the engine changed it and did not say why
	Late     Reason = "late"     // turned out doubtful when its beginning was gone
)

// known is the reason, or Unknown for one that is not among the above: reasons
// are labels in metrics.
func (r Reason) known() Reason {
	switch r {
	case Connect, Cut, Garbled, Refused, Deadline, Behind, Down, Panicked, NoMemory, Cancelled,
		TooLarge, Limit, Modified, Late:
		return r
	}
	return Unknown
}

// fail, clean, unscannable and infected make votes.
func fail(why Reason) Vote        { return Vote{Result: Failed, Reason: why} }
func clean() Vote                 { return Vote{Result: Clean} }
func unscannable(why Reason) Vote { return Vote{Result: Unscannable, Reason: why} }

// limitsExceeded begins the names clamd gives to what exceeds its limits
// (AlertExceedsMax).
const limitsExceeded = "Heuristics.Limits.Exceeded"

// infected makes the vote for something found. What an engine calls so for
// want of a better word is no conviction.
func infected(name []byte) Vote {
	v := Vote{Result: Infected, Name: sanitise(name)}
	if strings.HasPrefix(v.Name, limitsExceeded) {
		return unscannable(Limit)
	}
	return v
}

// heuristic tells whether a name is a guess: clamd's classes Heuristics and
// PUA (possibly unwanted applications).
func heuristic(name string) bool {
	return strings.HasPrefix(name, "Heuristics.") || strings.HasPrefix(name, "PUA.")
}

// maxName bounds an engine's name for something, in octets: 64; the longest
// in use have about 60.
const maxName = 64

// sanitise makes an engine's word fit for logs and replies: printable ASCII
// and short. An engine could be made to echo what it was sent, so "@" goes
// too: no address gets out this way.
func sanitise(name []byte) string {
	out := make([]byte, 0, maxName)
	for _, c := range name[:min(len(name), maxName)] {
		if c <= ' ' || c > '~' || c == '@' {
			c = '_'
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return "unnamed"
	}
	return string(out)
}
