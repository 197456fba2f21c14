package policy

// An Action is what a rule may ask for, and what becomes of a message.
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

// A Finding is one fact a module states about a session or a message.
type Finding struct {
	Module string
	Rule   string  // stable name, "module.rule"
	Score  float64 // adds to the message's score
	Detail string  // safe for logs: never message content or an address
	Force  Action  // the least that must happen; Deliver forces nothing
}

// A Disposition is the judgement on one message.
type Disposition struct {
	Action Action
	Rule   string // the rule that decided; empty for Deliver
	Route  *Route // target of Divert and Quarantine
	Score  float64
	Would  Action // in shadow mode, what Action would have been
	Shadow bool   // Action was lowered to Deliver by shadow mode
}
