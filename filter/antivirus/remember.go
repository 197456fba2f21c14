package antivirus

import (
	"sync"
	"time"
)

const (
	// rememberFor is how long a vote on a part is remembered: 5 min, which is
	// how long most of a mailing takes, and no later than signatures are
	// brought up to date.
	rememberFor = 5 * time.Minute
	// maxRemembered is how many votes of one engine, times two: 4096, about
	// 1 MiB.
	maxRemembered = 4096
)

// remembered is what an engine voted on parts lately, by their SHA-256. When
// it is full the older half goes.
type remembered struct {
	mu       sync.Mutex // guards the rest
	tag      string     // under which they were voted
	now, old map[[32]byte]memo
}

type memo struct {
	vote  Vote
	until time.Time
}

// tag is what the engine knows just now; empty: nothing is to be remembered.
func (e *engine) tag() string {
	if t, ok := e.Engine.(Tagger); ok {
		return t.Tag()
	}
	return ""
}

// recall returns the vote on a part that was looked at before.
func (e *engine) recall(s *source) (Vote, bool) {
	if s.sum == nil {
		return Vote{}, false
	}
	tag := e.tag()
	r := &e.votes
	r.mu.Lock()
	defer r.mu.Unlock()
	if tag == "" || tag != r.tag {
		return Vote{}, false
	}
	m, ok := r.now[*s.sum]
	if !ok {
		m, ok = r.old[*s.sum]
	}
	if !ok || !time.Now().Before(m.until) {
		return Vote{}, false
	}
	return m.vote, true
}

// remember keeps a vote that was made under tag, if the engine still knows
// the same.
func (e *engine) remember(s *source, tag string, v Vote) {
	if s.sum == nil || tag == "" || tag != e.tag() || v.Result != Clean && v.Result != Infected {
		return
	}
	r := &e.votes
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tag != tag || r.now == nil {
		r.tag, r.now, r.old = tag, map[[32]byte]memo{}, nil
	}
	if len(r.now) >= maxRemembered {
		r.now, r.old = map[[32]byte]memo{}, r.now
	}
	r.now[*s.sum] = memo{v, time.Now().Add(rememberFor)}
}
