package stream

import (
	"math/rand/v2"
	"time"
)

const (
	// breakerRow failures in a row open a breaker: enough that one crashed
	// child of a server does not, few enough that senders do not queue up
	// behind time-outs.
	breakerRow = 5
	// breakerMin outcomes within breakerSpan are needed before their rate
	// counts: with fewer, chance decides.
	breakerMin  = 20
	breakerSpan = 30 * time.Second
	// The first pause is short (a restart), the longest still finds a server
	// that is back within a minute.
	breakerPause    = 5 * time.Second
	breakerPauseMax = 60 * time.Second

	breakerSlots = 6 // breakerSpan is counted in this many slots
	breakerSlot  = breakerSpan / breakerSlots
)

// A breaker keeps senders from waiting for a host that is known to be down.
// Its host's lock guards it.
//
//	closed --5 in a row, or >50 % of >=20 in 30 s--> open
//	open   --pause over, next caller-->              trial (one caller only)
//	trial  --it works--> closed    --it fails--> open, pause doubled
type breaker struct {
	state  breakerState
	until  time.Time     // open: when a trial may be made
	pause  time.Duration // the last pause; 0: none since closed
	row    int           // failures in a row
	counts [breakerSlots]outcomes
	epoch  time.Time // of the slots: differences of monotonic times only
}

// outcomes are what was counted in one slot of time.
type outcomes struct {
	at       int64 // which slot, to know stale ones
	ok, fail int
}

type breakerState uint8

const (
	breakerClosed breakerState = iota
	breakerOpen
	breakerTrial
)

// allow tells whether a caller may go on, and whether it makes the trial: then
// it must call success, failure or abandon.
func (b *breaker) allow(now time.Time) (ok, trial bool) {
	switch b.state {
	case breakerClosed:
		return true, false
	case breakerOpen:
		if now.Before(b.until) {
			return false, false
		}
		b.state = breakerTrial
		return true, true
	case breakerTrial:
	}
	return false, false
}

// works closes the breaker after a trial. It does not count as an outcome: the
// transaction is still to come.
func (b *breaker) works() {
	if b.state == breakerTrial {
		*b = breaker{epoch: b.epoch}
	}
}

// abandon takes back a trial that showed nothing.
func (b *breaker) abandon() {
	if b.state == breakerTrial {
		b.state = breakerOpen
	}
}

// success counts an orderly transaction.
func (b *breaker) success(now time.Time) {
	b.works()
	b.row = 0
	b.slot(now).ok++
}

// failure counts a failed connection or transaction. It reports whether the
// breaker opened.
func (b *breaker) failure(now time.Time) bool {
	if b.state == breakerOpen {
		return false
	}
	b.row++
	b.slot(now).fail++
	if b.state == breakerClosed && b.row < breakerRow && !b.mostlyFailing(now) {
		return false
	}
	b.pause = min(max(2*b.pause, breakerPause), breakerPauseMax)
	// Up to a fifth later, so that pods do not try all at once.
	b.open(now.Add(b.pause + rand.N(b.pause/5)))
	return true
}

// open keeps everybody away until a time.
func (b *breaker) open(until time.Time) {
	b.state, b.until = breakerOpen, until
}

func (b *breaker) index(now time.Time) int64 {
	if b.epoch.IsZero() {
		b.epoch = now
	}
	return max(0, int64(now.Sub(b.epoch)/breakerSlot))
}

func (b *breaker) slot(now time.Time) *outcomes {
	at := b.index(now)
	c := &b.counts[at%breakerSlots]
	if c.at != at {
		c.at, c.ok, c.fail = at, 0, 0
	}
	return c
}

func (b *breaker) mostlyFailing(now time.Time) bool {
	at := b.index(now)
	ok, fail := 0, 0
	for _, c := range b.counts {
		if c.at > at-breakerSlots {
			ok, fail = ok+c.ok, fail+c.fail
		}
	}
	return ok+fail >= breakerMin && fail > ok
}
