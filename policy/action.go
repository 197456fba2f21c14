package policy

import "errors"

// An Action is what a rule may ask for, and what becomes of a message. Which of
// two is the more severe is said in decide.go, not by their numbers.
type Action uint8

const (
	Deliver    Action = iota // as it came
	Tag                      // deliver with prepended header fields
	Divert                   // to another route
	Quarantine               // to the quarantine route
	Defer                    // 4xx
	Reject                   // 5xx
	Discard                  // 250 and nothing delivered; explicit only
)

var actionNames = [...]string{"deliver", "tag", "divert", "quarantine", "defer", "reject", "discard"}

// ErrAction is returned for a word that names no action.
var ErrAction = errors.New("not an action (deliver, tag, divert, quarantine, defer, reject, discard)")

// String returns the word configuration and logs use.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// Over tells whether a is the more severe: it stands where both are asked for.
func (a Action) Over(b Action) bool { return severity[a] > severity[b] }

// MarshalText returns the word configuration uses.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the word configuration uses. The error is ErrAction.
func (a *Action) UnmarshalText(text []byte) error {
	for i, name := range actionNames {
		if name == string(text) {
			*a = Action(i)
			return nil
		}
	}
	return ErrAction
}

// A FailurePolicy says what follows when a module could not do its work on a
// message: it panicked, failed, or did not vote in time.
type FailurePolicy uint8

const (
	Closed FailurePolicy = iota // defer with 4xx, so that nothing passes unseen
	Open                        // go on as if it had found nothing
	TagIt                       // go on, marked
)

var failureNames = [...]string{"closed", "open", "tag"}

// ErrFailurePolicy is returned for a word that names no failure policy.
var ErrFailurePolicy = errors.New("not a failure policy (closed, open, tag)")

// Force returns what the finding about a failure forces.
func (p FailurePolicy) Force() Action {
	switch p {
	case Open:
		return Deliver
	case TagIt:
		return Tag
	}
	return Defer // Closed, and whatever is unknown
}

// String returns the word configuration, logs and metrics use.
func (p FailurePolicy) String() string {
	if int(p) < len(failureNames) {
		return failureNames[p]
	}
	return failureNames[Closed]
}

// MarshalText returns the word configuration uses.
func (p FailurePolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the word configuration uses. The error is ErrFailurePolicy.
func (p *FailurePolicy) UnmarshalText(text []byte) error {
	for i, name := range failureNames {
		if name == string(text) {
			*p = FailurePolicy(i)
			return nil
		}
	}
	return ErrFailurePolicy
}
