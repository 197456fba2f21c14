package filter

import (
	"context"
	"time"

	"sluice/policy"
)

// Finish waits for every scanner's vote, each under its deadline and the
// context, and returns all findings. Failures are findings. Scanners that are
// Immediate vote first and without a goroutine; a message that only those
// look at starts none.
func (r *Run) Finish(ctx context.Context) []policy.Finding {
	if r.chain == nil {
		return nil
	}
	if !r.finished && r.opened {
		r.finished = true
		if waiting := r.finishNow(); waiting > 0 {
			r.await(ctx, waiting)
		}
		r.board.seal()
	}
	return r.Findings()
}

// Waits tells whether Finish may wait: some scanner is not Immediate.
func (r *Run) Waits() bool {
	for i := range r.channels {
		if ch := &r.channels[i]; ch.scanner != nil && ch.immediate == nil && !ch.failed.Load() {
			return true
		}
	}
	return false
}

// finishNow takes the votes that need no waiting and counts the others.
func (r *Run) finishNow() (waiting int) {
	if b := r.board.body; b != nil && !b.channel.failed.Load() {
		b.channel.finishNow() // first: it still tells the others something
	}
	for i := range r.channels {
		ch := &r.channels[i]
		switch {
		case ch.scanner == nil || ch.failed.Load():
		case ch.immediate != nil:
			ch.finishNow()
		default:
			waiting++
		}
	}
	return waiting
}

func (ch *Channel) finishNow() {
	defer ch.recovered()
	if ch.immediate.FinishNow() != nil {
		ch.fail(faulty)
	}
}

// A ballot is one vote that is waited for.
type ballot struct {
	ch  *Channel // nil: voted, or left behind
	due time.Time
}

// await starts the scanners that may wait, and returns when each has voted or
// has been left behind.
func (r *Run) await(ctx context.Context, n int) {
	votes := make(chan *Channel, n) // room for all: a late one can still exit
	ballots := make([]ballot, 0, n)
	now := time.Now()
	for i := range r.channels {
		ch := &r.channels[i]
		if ch.scanner == nil || ch.immediate != nil || ch.failed.Load() {
			continue
		}
		ballots = append(ballots, ballot{ch, now.Add(ch.entry.Deadline)})
		ch.board.mu.Lock()
		ch.users, ch.finishing = ch.users+1, true
		ch.board.mu.Unlock()
		r.chain.running.start()
		go ch.finish(ctx, votes)
	}
	timer := time.NewTimer(untilFirst(ballots, now))
	defer timer.Stop()
	for open := len(ballots); open > 0; {
		select {
		case ch := <-votes:
			open -= cast(ballots, ch)
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		for len(votes) > 0 { // who voted at the last moment has voted
			open -= cast(ballots, <-votes)
		}
		open -= leave(ctx, ballots)
		timer.Reset(untilFirst(ballots, time.Now()))
	}
}

// untilFirst returns how long the first open ballot has.
func untilFirst(ballots []ballot, now time.Time) time.Duration {
	first := time.Duration(0)
	for _, b := range ballots {
		if left := b.due.Sub(now); b.ch != nil && (first == 0 || left < first) {
			first = max(left, 1)
		}
	}
	return first
}

// cast closes ch's ballot and returns how many it closed: none if ch was left
// behind and votes after all.
func cast(ballots []ballot, ch *Channel) int {
	for i := range ballots {
		if ballots[i].ch == ch {
			ballots[i].ch = nil
			return 1
		}
	}
	return 0
}

// leave gives up on those whose time is up, and returns how many they are.
func leave(ctx context.Context, ballots []ballot) (n int) {
	now := time.Now()
	for i := range ballots {
		ch := ballots[i].ch
		if ch == nil || ctx.Err() == nil && ballots[i].due.After(now) {
			continue
		}
		ballots[i].ch = nil
		n++
		why := overdue
		if ctx.Err() != nil {
			why = lateness(ctx)
		}
		ch.fail(why)
		ch.leaveBehind()
	}
	return n
}

// leaveBehind counts ch among those whose Finish nobody waits for any more.
func (ch *Channel) leaveBehind() {
	ch.board.mu.Lock()
	defer ch.board.mu.Unlock()
	if ch.finishing {
		ch.left = true
		ch.entry.left.Add(1)
	}
}

// finish runs one scanner's Finish, on a goroutine of its own, and votes.
func (ch *Channel) finish(ctx context.Context, votes chan<- *Channel) {
	defer ch.entry.chain.running.done()
	defer ch.finished(votes)
	ctx, cancel := context.WithTimeout(ctx, ch.entry.Deadline)
	defer cancel()
	returned := false
	defer func() {
		// A module can also end its goroutine: no vote, no panic, and failed.
		if recover() != nil || !returned {
			ch.fail(panicked)
		}
	}()
	err := ch.scanner.Finish(ctx)
	returned = true
	switch {
	case err == nil:
	case ctx.Err() != nil:
		ch.fail(lateness(ctx))
	default:
		ch.fail(faulty)
	}
}

// finished lets go of the scanner, which closes it if the run is over, and
// hands in the vote.
func (ch *Channel) finished(votes chan<- *Channel) {
	ch.board.mu.Lock()
	ch.finishing = false
	if ch.left {
		ch.entry.left.Add(-1)
	}
	ch.board.mu.Unlock()
	ch.release() // before the vote: else Run.Close could find it still in use
	votes <- ch
}
