package antivirus

import (
	"sluice/filter"
	"sluice/policy"
)

// A tally is what the engines said together.
type tally struct {
	infected int
	answered int // clean or infected
}

// publish turns the votes into findings, engine by engine in their order.
func (s *scanner) publish() {
	var t tally
	for _, b := range s.ballots {
		v := b.vote()
		b.engine.counts.vote(v, b.took)
		s.channel.Voted(filter.EngineVote{Name: b.engine.name, Result: v.Result.String(), Took: b.took})
		switch v.Result {
		case Infected:
			t.infected, t.answered = t.infected+1, t.answered+1
		case Clean:
			t.answered++
		}
	}
	for _, b := range s.ballots {
		s.publishVote(b, t)
	}
}

// vote is the engine's vote on the message. One that was given nothing, since
// there was nothing to give, has found nothing.
func (b *ballot) vote() Vote {
	if !b.asked {
		return clean()
	}
	return b.worst
}

// convicts tells whether enough engines agree.
func (m *Module) convicts(t tally) bool {
	if m.convict == Majority {
		return 2*t.infected > t.answered
	}
	return t.infected > 0
}

func (s *scanner) publishVote(b *ballot, t tally) {
	v, name := b.vote(), " ("+b.engine.name+")"
	place := ""
	if b.worstAt != nil {
		place = b.worstAt.place
	}
	f := policy.Finding{Detail: string(v.Reason) + name, Place: place}
	switch {
	case v.Result == Infected && s.module.convicts(t):
		f.Rule, f.Detail, f.Force = RuleInfected, v.Name+name, policy.Reject
	case v.Result == Infected:
		f.Rule, f.Detail, f.Score = RuleMinority, v.Name+name, minorityScore
	case v.Result == Unscannable:
		f.Rule = RuleUnscannable
		b.engine.unseen(&f)
	case v.Result == Failed && t.answered < s.module.quorum:
		f.Rule = RuleQuorum
		b.engine.unseen(&f)
	case v.Result == Failed:
		f.Rule = RuleEngine
	}
	if f.Rule != "" {
		s.channel.Publish(f)
	}
	if b.guessAt != nil {
		s.channel.Publish(policy.Finding{
			Rule: RuleHeuristic, Detail: b.guess + name, Place: b.guessAt.place, Score: heuristicScore,
		})
	}
}

// unseen has f do what is to follow when the engine has no vote.
func (e *engine) unseen(f *policy.Finding) {
	if e.onFailure == nil {
		f.Force, f.Class = policy.Closed.Force(), policy.Unscannable
		return
	}
	f.Force = e.onFailure.Force()
}
