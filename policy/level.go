package policy

import "errors"

// A Level is what can be set for the whole installation, a tenant, a domain
// and a mailbox. The levels of a recipient are laid over each other in that
// order; a field that is not set at one leaves what the one before says:
//
//	field                        laid over
//	Thresholds                   each of the three by itself
//	SubjectMark, Contact, …      the more specific level's
//	Rules                        by rule; in a rule each field by itself, Action with its Route
//	UserRules                    all together; of one name, the more specific level's
//	Allow, Block                 not: asked level by level, see List
//	Shadow, Soft                 on at any level is on, and cannot be taken back
type Level struct {
	// Thresholds turn a message's score into an action.
	Thresholds Thresholds
	// SubjectMark is put before the subject of mail that is tagged. Empty text:
	// no mark.
	SubjectMark *string
	// Contact is shown to senders of refused mail: an address of the
	// operator's, or a page. Below the global level it wins over Route.Contact.
	Contact string
	// Quarantine names the route quarantined mail goes to. Empty at all levels:
	// what should be quarantined is deferred.
	Quarantine string
	// Rules changes what single rules do, by rule name ("literal.gtube"). A
	// rule that is not named does what its module says.
	Rules map[string]RuleSetting
	// UserRules are the operator's own.
	UserRules []UserRule
	// Allow and Block are lists of senders.
	Allow, Block *List
	// Ambiguity and OverLimit decide about findings of the classes Ambiguous
	// and OverLimit. "": as the level before; at the global level ScanAll and
	// RejectOver.
	Ambiguity AmbiguityPolicy
	OverLimit OverLimitPolicy
	// Unscannable decides about findings of that class: no engine, or too few,
	// could look at the message. nil: as the level before; at the global level
	// Closed.
	Unscannable *FailurePolicy
	// Attachments is for the module that judges attachments.
	Attachments *Opaque
	// Soft makes our 5xx a 4xx. Routes and rules can ask for it as well.
	Soft bool
	// Shadow lets no finding change anything. Routes and rules can ask for it
	// as well.
	Shadow bool
}

// An Opaque is a setting that policy hands on without knowing it.
type Opaque struct {
	Name  string // equal names have equal values
	Value any
}

// Thresholds are scores from which on a message is treated so. Zero: never.
// Nil: not set, and so never if no level sets it.
type Thresholds struct {
	Tag, Quarantine, Reject *float64
}

// A RuleSetting is an operator's word on one rule.
type RuleSetting struct {
	Off    *bool    // the finding has no effect; it is still logged. nil: not set
	Action *Action  // replaces Finding.Force; nil: as the module says
	Score  *float64 // replaces Finding.Score; nil: as the module says
	// Route names the target of Divert, or of Quarantine when that is not
	// Level.Quarantine.
	Route  string
	Soft   bool   // a 5xx of this rule is a 4xx
	Shadow bool   // the finding changes nothing; what it would do is told
	Text   string // what a refused sender reads; empty: the program's text
}

// An AmbiguityPolicy says what follows from content that mail programs read in
// several ways. The zero value is not set.
type AmbiguityPolicy string

const (
	ScanAll         AmbiguityPolicy = "scan"   // every reading is scanned, the finding scores
	RejectAmbiguous AmbiguityPolicy = "reject" // the finding rejects
)

// An OverLimitPolicy says what follows from a message that exhausts a budget
// and would exhaust it again. The zero value is not set.
type OverLimitPolicy string

const (
	RejectOver OverLimitPolicy = "reject"
	TagOver    OverLimitPolicy = "tag"
	AcceptOver OverLimitPolicy = "accept" // the finding only scores
)

var (
	errAmbiguity = errors.New("not scan or reject")
	errOverLimit = errors.New("not reject, tag or accept")
)

var (
	ambiguities = map[AmbiguityPolicy]Action{ScanAll: Deliver, RejectAmbiguous: Reject}
	overLimits  = map[OverLimitPolicy]Action{RejectOver: Reject, TagOver: Tag, AcceptOver: Deliver}
)
