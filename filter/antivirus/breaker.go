package antivirus

import (
	"sync"
	"time"
)

const (
	// breakAfter is how many failures in a row open a breaker: 3. One is an
	// accident, two may be the same one.
	breakAfter = 3
	// trialEvery is how often one caller may try while a breaker is open, and
	// how often an engine is asked whether it lives: 5 s.
	trialEvery = 5 * time.Second
)

// A breaker leaves an engine alone that has failed several times in a row, so
// that messages do not each wait to find that out.
//
//	closed --breakAfter failures--> open --a success--> closed
//	                                 trialEvery: one caller tries
type breaker struct {
	mu       sync.Mutex // guards the rest
	failures int
	next     time.Time // of the next trial
}

// allow tells whether the caller may try.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	now := time.Now()
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(trialEvery)
	return true
}

// open tells whether the breaker is open, without trying.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= breakAfter
}

// report tells how a try went.
func (b *breaker) report(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.failures = 0
		return
	}
	if b.failures++; b.failures == breakAfter {
		b.next = time.Now().Add(trialEvery)
	}
}
