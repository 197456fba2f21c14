// Package antivirus has messages looked at by antivirus engines outside the
// process: clamd, and whatever speaks ICAP. Any number of them look at once,
// and their votes make one judgement.
//
//	Write, PartData --> source (content.go): octets in pooled chunks, shared
//	                      |
//	Finish, Overflow -----+--> ballot, one an engine (ballot.go) --> Engine.Scan
//	                                                                   clamd.go, icap.go
//	all votes --> tally.go --> findings
//
// No engine sees anything before the message has ended or has outgrown its
// window: slow senders hold no engine. Up to then content is collected; from
// then on it is given to the engines while it arrives, and an engine that is
// slower than the sender holds the sender back, for its deadline in all.
//
// A vote is clean, infected, unscannable or failed, and nothing but an
// engine's own word makes it clean: whatever is not understood has failed. A
// scan is given up by closing its connection; neither protocol knows another
// way.
//
// The package writes nothing anywhere. Engines may: clamd spools each stream
// into its temporary directory, which belongs into memory (deploy/clamd).
package antivirus

import (
	"context"
	"errors"
	"sync"
	"time"

	"sluice/filter"
	"sluice/policy"
)

// Rules that the module publishes.
const (
	RuleInfected    = "antivirus.infected"
	RuleMinority    = "antivirus.minority"
	RuleHeuristic   = "antivirus.heuristic"
	RuleUnscannable = "antivirus.unscannable"
	RuleEngine      = "antivirus.engine"
	RuleQuorum      = "antivirus.quorum"
	RuleFailed      = "antivirus.failed" // published by the chain
)

// Scores of what does not convict, in points. An engine's guess alone should
// mark a message and not refuse it; half of the engines saying so weighs more.
const (
	heuristicScore = 3
	minorityScore  = 5
)

// Rules is every rule of the module.
var Rules = []filter.Rule{
	{Name: RuleInfected, Text: "Antivirus engines know the content as malware, and as many say so as convict demands; the message is refused."},
	{Name: RuleMinority, Score: minorityScore, Text: "An antivirus engine knows the content as malware, but too few others agree."},
	{Name: RuleHeuristic, Score: heuristicScore, Text: "An antivirus engine suspects the content: a heuristic, or a program that some do not want."},
	{Name: RuleUnscannable, Text: "An antivirus engine could not look at all of the content; unscannable, or the engine's on_failure, says what follows."},
	{Name: RuleEngine, Text: "An antivirus engine did not answer; enough others did."},
	{Name: RuleQuorum, Text: "Fewer antivirus engines answered than quorum demands; unscannable, or the engine's on_failure, says what follows."},
	{Name: RuleFailed, Text: "The antivirus module could not do its work on the message; the strictest on_failure says what follows."},
}

// A Module has messages looked at. It serves all sessions at once.
type Module struct {
	engines []*engine
	convict Conviction
	quorum  int
	memory  memory
	raw     bool // some engine is given the message itself
	hashes  bool // some engine is given every part
	needs   bool // some engine is given the parts that it needs

	running sync.WaitGroup // scans
	service sync.WaitGroup // what engines run in the background
	mu      sync.Mutex     // guards stop
	stop    context.CancelFunc
}

var _ filter.ContentModule = (*Module)(nil)

// errNoEngines: a module without engines would call everything clean.
var errNoEngines = errors.New("no engines")

// New makes a module. The error holds policy.Errors if settings are wrong.
// Nothing runs yet: see Start.
func New(s Settings) (*Module, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if len(s.Engines) == 0 {
		return nil, errNoEngines
	}
	m := &Module{convict: s.Convict, quorum: max(s.Quorum, 1)}
	m.memory.limit = s.Memory
	if m.memory.limit == 0 {
		m.memory.limit = DefaultMemory
	}
	for i := range s.Engines {
		e := newEngine(&s.Engines[i])
		m.engines = append(m.engines, e)
		m.raw = m.raw || e.feed.raw()
		m.needs = m.needs || e.feed == FeedNeeded
		m.hashes = m.hashes || e.feed == FeedLeaves || e.feed == FeedBoth
	}
	return m, nil
}

// Name returns "antivirus".
func (*Module) Name() string { return "antivirus" }

// Start begins what engines do in the background: looking after their health.
// Without it engines work, but an engine that has gone is noticed only by its
// failing scans.
func (m *Module) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	for _, e := range m.engines {
		if s, ok := e.Engine.(Service); ok {
			m.service.Go(func() { s.Run(ctx) })
		}
	}
}

// Close ends what Start began, closes idle connections, and waits for both.
// Scans under way go on, and so do messages that begin later: a configuration
// that has been replaced still serves the transactions that began with it.
func (m *Module) Close() {
	m.mu.Lock()
	stop := m.stop
	m.stop = nil
	m.mu.Unlock()
	if stop != nil {
		stop()
	}
	m.service.Wait()
	for _, e := range m.engines {
		if c, ok := e.Engine.(interface{ closeIdle() }); ok {
			c.closeIdle()
		}
	}
}

// Wait returns when no scan is under way. It is for the end, when no message
// is left that could begin one.
func (m *Module) Wait() { m.running.Wait() }

// Margin is what the chain has to give the module beyond the longest deadline
// of an engine: 2 s, for engines to notice and for the votes to be counted.
const Margin = 2 * time.Second

// Deadline is the least that the module's entry in a chain must have.
func (m *Module) Deadline() time.Duration {
	longest := time.Duration(0)
	for _, e := range m.engines {
		longest = max(longest, e.deadline)
	}
	return longest + Margin
}

// OnFailure is what follows when the module as a whole fails: the strictest
// word of its engines, Closed if one has none of its own.
func (m *Module) OnFailure() policy.FailurePolicy {
	strictest := policy.Open
	for _, e := range m.engines {
		if e.onFailure == nil {
			return policy.Closed
		}
		strictest = stricter(strictest, *e.onFailure)
	}
	return strictest
}

// stricter returns of two failure policies the one that lets less pass.
func stricter(a, b policy.FailurePolicy) policy.FailurePolicy {
	rank := map[policy.FailurePolicy]int{policy.Open: 0, policy.TagIt: 1, policy.Closed: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Open starts on one message.
func (m *Module) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := newScanner(m, ch)
	if m.hashes {
		return hashing{s}
	}
	return s
}
