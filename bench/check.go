package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A class is a way in which mail can go wrong.
type class string

const (
	lost            class = "lost"             // 2xx to the sender, and no commit by then
	duplicated      class = "duplicated"       // more commits than one, unexplained
	truncated       class = "truncated"        // a commit of a proper prefix
	altered         class = "altered"          // a commit of other content
	falselyRefused  class = "falsely refused"  // 5xx, and no sink said 5xx
	falselyAccepted class = "falsely accepted" // 2xx or a commit, where a refusal was due
	invented        class = "invented"         // a commit that nobody sent
	stray           class = "stray"            // a commit, and no attempt saw 2xx, unexplained
	unfinished      class = "unfinished"       // neither accepted nor refused when the run ended
)

// classes lists all, in the order of reports.
func classes() []class {
	return []class{lost, duplicated, truncated, altered, falselyRefused, falselyAccepted, invented, stray, unfinished}
}

// A fault is one entry of the books that must not be.
type fault struct {
	Class     class  `json:"class"`
	ID        string `json:"id"`
	Recipient string `json:"recipient,omitempty"`
	Why       string `json:"why"`
}

// An audit is the checker's judgement.
type audit struct {
	Messages  int           `json:"messages"`
	Attempts  int           `json:"attempts"`
	Commits   int           `json:"commits"`
	Kills     int           `json:"kills"`
	Faults    []fault       `json:"faults,omitempty"`
	Counts    map[class]int `json:"counts"`
	Explained int           `json:"explained_duplicates"` // each matched with a kill or a lost reply of its own
}

// clean reports whether no entry is at fault.
func (a *audit) clean() bool { return len(a.Faults) == 0 }

// A prefixSum returns the SHA-256 of the first n octets of what was sent.
type prefixSum func(m sentMail, n int64) string

// A checker joins the books of the generator and of the sinks.
type checker struct {
	books    books
	prefix   prefixSum
	sent     map[string]sentMail
	attempts map[string][]attempt
	commits  map[string][]commit
	refused  map[string]bool // ids that a sink said 5xx to
	audit    audit
}

// check judges books. It reads no clock and no file, and changes nothing.
func check(b books, prefix prefixSum) audit {
	c := &checker{
		books: b, prefix: prefix,
		sent: map[string]sentMail{}, attempts: map[string][]attempt{}, commits: map[string][]commit{}, refused: map[string]bool{},
		audit: audit{Messages: len(b.Sent), Attempts: len(b.Attempts), Commits: len(b.Commits), Kills: len(b.Kills), Counts: map[class]int{}},
	}
	for _, m := range b.Sent {
		c.sent[m.ID] = m
	}
	for _, a := range b.Attempts {
		c.attempts[a.ID] = append(c.attempts[a.ID], a)
	}
	for _, k := range b.Commits {
		c.commits[k.ID] = append(c.commits[k.ID], k)
	}
	for _, r := range b.Refusals {
		c.refused[r.ID] = c.refused[r.ID] || r.Code/100 == 5
	}
	for _, k := range b.Commits {
		c.origin(k)
	}
	for _, m := range b.Sent {
		c.message(m)
	}
	return c.audit
}

func (c *checker) fault(k class, id, recipient, format string, args ...any) {
	c.audit.Counts[k]++
	c.audit.Faults = append(c.audit.Faults, fault{k, id, recipient, fmt.Sprintf(format, args...)})
}

// origin judges whether a commit is of something sent, and the same octets.
func (c *checker) origin(k commit) {
	m, ok := c.sent[k.ID]
	if !ok {
		c.fault(invented, k.ID, "", "commit of %d octets with an id nobody sent", k.Length)
		return
	}
	for _, to := range k.Recipients {
		if !slices.Contains(m.Recipients, to) {
			c.fault(invented, k.ID, to, "commit for a recipient the message did not have")
		}
	}
	switch {
	case k.Sum == m.Sum && k.Length == m.Length:
	case k.Length < m.Length && k.Sum == c.prefix(m, k.Length):
		c.fault(truncated, k.ID, "", "%d of %d octets", k.Length, m.Length)
	default:
		c.fault(altered, k.ID, "", "%d octets sent, %d committed", m.Length, k.Length)
	}
}

// message judges all that became of one message.
func (c *checker) message(m sentMail) {
	for _, a := range c.attempts[m.ID] {
		c.refusals(m, a)
	}
	for _, to := range m.Recipients {
		if m.Kind.mustFail() {
			c.mustNotArrive(m, to)
			continue
		}
		c.recipient(m, to)
	}
}

// refusals judges the 5xx of one attempt.
func (c *checker) refusals(m sentMail, a attempt) {
	if m.Kind.mustFail() {
		return
	}
	if a.Code/100 == 5 && !c.refused[m.ID] {
		c.fault(falselyRefused, m.ID, "", "%d at %s", a.Code, a.Stage)
		return // one fault, whatever else the attempt saw
	}
	for to, code := range a.Refused {
		if code/100 == 5 && !c.refused[m.ID] {
			c.fault(falselyRefused, m.ID, to, "%d to the recipient", code)
		}
	}
}

// mustNotArrive judges a message that had to be refused.
func (c *checker) mustNotArrive(m sentMail, to string) {
	refused := false
	for _, a := range c.attempts[m.ID] {
		if a.accepted() && slices.Contains(a.Accepted, to) {
			c.fault(falselyAccepted, m.ID, to, "%d to a message of kind %s", a.Code, m.Kind)
			return
		}
		refused = refused || a.Code/100 == 5 || a.Refused[to]/100 == 5
	}
	if n := len(commitsFor(c.commits[m.ID], to)); n > 0 {
		c.fault(falselyAccepted, m.ID, to, "%d commits of a message of kind %s", n, m.Kind)
		return
	}
	if !refused {
		c.fault(unfinished, m.ID, to, "never refused, though of kind %s", m.Kind)
	}
}

// recipient judges one recipient of a message that had to arrive.
func (c *checker) recipient(m sentMail, to string) {
	commits := commitsFor(c.commits[m.ID], to)
	var told, untold []attempt // those that saw 2xx for it, and the others
	done := false
	for _, a := range c.attempts[m.ID] {
		switch {
		case a.accepted() && slices.Contains(a.Accepted, to):
			told = append(told, a)
		default:
			untold = append(untold, a)
		}
		done = done || a.Code/100 == 5 || a.Refused[to]/100 == 5
	}
	switch {
	case len(told) > 0 && len(commits) == 0:
		c.fault(lost, m.ID, to, "%d at %s, and no commit", told[0].Code, told[0].End.Format(time.TimeOnly))
		return
	case len(told) > 0 && commits[0].At.After(told[0].End.Add(c.books.Slack)):
		c.fault(lost, m.ID, to, "%d came before any commit", told[0].Code)
		return
	case len(told) == 0 && len(commits) == 0:
		if !done {
			c.fault(unfinished, m.ID, to, "%d attempts, no answer", len(untold))
		}
		return
	}
	c.surplus(m, to, commits, told, untold)
}

// surplus matches every commit that no 2xx stands for with an attempt that
// never got a reply and with the reason it did not: a kill, or a reply that
// the sink did not write. One attempt explains one commit.
func (c *checker) surplus(m sentMail, to string, commits []commit, told, untold []attempt) {
	explains := make([][]int, len(commits)) // indexes of attempts in untold, then in told
	for i, k := range commits {
		for j, a := range untold {
			if c.explains(a, to, k) {
				explains[i] = append(explains[i], j)
			}
		}
		// A 2xx stands for one commit: its own, or that of an earlier attempt
		// whose reply was kept for the retry.
		for j, a := range told {
			if !k.At.After(a.End.Add(c.books.Slack)) {
				explains[i] = append(explains[i], len(untold)+j)
			}
		}
	}
	matched := match(explains, len(untold)+len(told))
	c.audit.Explained += max(0, matched-len(told))
	if unmatched := len(commits) - matched; unmatched > 0 {
		k := duplicated
		if len(told) == 0 {
			k = stray
		}
		c.fault(k, m.ID, to, "%d commits, %d attempts told 2xx; %d commits unexplained", len(commits), len(told), unmatched)
	}
}

// explains reports whether the sender of attempt a may not know of commit k.
func (c *checker) explains(a attempt, to string, k commit) bool {
	if a.Code/100 == 5 && a.Stage == stageEnd {
		return false // it was told a clear no: the message must not have been taken
	}
	if a.Stage != stageEnd || !slices.Contains(a.Accepted, to) {
		return false // its terminator was never on the wire
	}
	slack := c.books.Slack
	if k.At.Before(a.Start.Add(-slack)) || k.At.After(a.End.Add(slack+commitLag)) {
		return false // not the commit of this attempt
	}
	if !k.Replied {
		return true
	}
	return a.Code == 0 && slices.ContainsFunc(c.books.Kills, func(x kill) bool {
		return !x.Until.Before(a.Start.Add(-slack)) && !x.At.After(a.End.Add(slack))
	})
}

// commitLag is how long after the sender's connection broke a sink may still
// read the terminator that was on the wire by then.
const commitLag = 2 * time.Second

// match returns the size of a largest one-to-one matching of commits to
// attempts, given the attempts each commit may go to (augmenting paths).
func match(options [][]int, attempts int) int {
	taken := make([]int, attempts) // commit+1 of each attempt
	var place func(i int, seen []bool) bool
	place = func(i int, seen []bool) bool {
		for _, j := range options[i] {
			if seen[j] {
				continue
			}
			seen[j] = true
			if taken[j] == 0 || place(taken[j]-1, seen) {
				taken[j] = i + 1
				return true
			}
		}
		return false
	}
	n := 0
	for i := range options {
		if place(i, make([]bool, attempts)) {
			n++
		}
	}
	return n
}

// commitsFor returns the commits that reached a recipient, in order of time.
func commitsFor(all []commit, to string) []commit {
	var mine []commit
	for _, k := range all {
		if slices.Contains(k.Recipients, to) {
			mine = append(mine, k)
		}
	}
	slices.SortFunc(mine, func(a, b commit) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return mine
}
