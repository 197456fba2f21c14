package main

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// at is an instant of forged books, in milliseconds after their beginning.
func at(ms int) time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, ms*int(time.Millisecond), time.UTC)
}

// A forger writes books about one message with one recipient.
type forger struct {
	mail mail
	b    books
}

func forge(kind mailKind) *forger {
	f := &forger{mail: makeMail(1, 1, 3000, kind, 1)}
	f.b.Sent = []sentMail{f.mail.sentMail}
	return f
}

// try adds an attempt from start to end that ended at stage with code.
func (f *forger) try(start, end int, stage string, code int) *forger {
	a := attempt{ID: f.mail.ID, Stage: stage, Code: code, Start: at(start), End: at(end)}
	if stage == stageEnd {
		a.Accepted = f.mail.Recipients
	}
	f.b.Attempts = append(f.b.Attempts, a)
	return f
}

// commit adds a true commit.
func (f *forger) commit(when int, replied bool) *forger {
	f.b.Commits = append(f.b.Commits, commit{ID: f.mail.ID, Recipients: f.mail.Recipients, Length: f.mail.Length, Sum: f.mail.Sum,
		At: at(when), Replied: replied})
	return f
}

// change edits the last commit.
func (f *forger) change(edit func(*commit)) *forger {
	edit(&f.b.Commits[len(f.b.Commits)-1])
	return f
}

func (f *forger) kill(when int) *forger {
	f.b.Kills = append(f.b.Kills, kill{at(when), at(when + 1)})
	return f
}

func (f *forger) refuse(code int) *forger {
	f.b.Refusals = append(f.b.Refusals, refusal{ID: f.mail.ID, Stage: stageEnd, Code: code, At: at(0)})
	return f
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name      string
		forged    *forger
		want      class // "" is clean
		explained int
	}{
		{"delivered", forge("").try(0, 10, stageEnd, 250).commit(5, true), "", 0},
		{"deferred, then delivered", forge("").try(0, 10, stageEnd, 451).try(20, 30, stageEnd, 250).commit(25, true), "", 0},
		{"refused by the server", forge("").refuse(554).try(0, 10, stageEnd, 554), "", 0},
		{"refused as it must", forge(kindGTUBE).try(0, 10, stageEnd, 550), "", 0},

		{"250 and no commit", forge("").try(0, 10, stageEnd, 250), lost, 0},
		{"250 before the commit", forge("").try(0, 10, stageEnd, 250).commit(11, true), lost, 0},
		{"no answer at all", forge("").try(0, 10, stageEnd, 451), unfinished, 0},
		{"never tried", forge(""), unfinished, 0},

		{"two commits, both attempts told", forge("").try(0, 10, stageEnd, 250).commit(4, true).commit(5, true), duplicated, 0},
		// The kill fell into the attempt that got no reply: its commit is explained.
		{"killed before the reply", forge("").try(0, 10, stageEnd, 0).commit(5, true).kill(7).try(20, 30, stageEnd, 250).commit(25, true), "", 1},
		// The terminator was on the wire when the kill came; the sink read it later.
		{"committed after the kill", forge("").try(0, 10, stageEnd, 0).kill(7).commit(12, true).try(20, 30, stageEnd, 250).commit(25, true), "", 1},
		{"kill in another attempt", forge("").try(0, 10, stageEnd, 0).commit(5, true).kill(15).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		{"kill before the attempt", forge("").kill(1).try(5, 10, stageEnd, 0).commit(7, true).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		{"kill, and yet a reply", forge("").try(0, 10, stageEnd, 451).commit(5, true).kill(7).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		{"no terminator on the wire", forge("").try(0, 10, stageBody, 0).commit(5, true).kill(7).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		{"the sink's reply was lost", forge("").try(0, 10, stageEnd, 451).commit(5, false).try(20, 30, stageEnd, 250).commit(25, true), "", 1},
		{"451 although the sink replied", forge("").try(0, 10, stageEnd, 451).commit(5, true).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		// One attempt without a reply explains one commit, not two.
		{"one excuse, two extra commits", forge("").try(0, 10, stageEnd, 0).commit(4, true).commit(5, true).kill(7).try(20, 30, stageEnd, 250).commit(25, true), duplicated, 0},
		{"two excuses, two extra commits", forge("").try(0, 10, stageEnd, 0).commit(5, true).kill(7).try(12, 18, stageEnd, 451).commit(15, false).try(20, 30, stageEnd, 250).commit(25, true), "", 2},
		// The reply was kept and given to the retry: one commit, told later.
		{"stored reply", forge("").try(0, 10, stageEnd, 0).commit(5, true).try(20, 30, stageEnd, 250), "", 0},

		{"cut short", forge("").try(0, 10, stageEnd, 250).commit(5, true).change(func(c *commit) {
			c.Length = 1000
			c.Sum = prefixOf(makeMail(1, 1, 3000, "", 1).sentMail, 1000)
		}), truncated, 0},
		{"short, and other octets", forge("").try(0, 10, stageEnd, 250).commit(5, true).change(func(c *commit) { c.Length, c.Sum = 1000, "00" }), altered, 0},
		{"one octet changed", forge("").try(0, 10, stageEnd, 250).commit(5, true).change(func(c *commit) { c.Sum = "00" }), altered, 0},
		{"one octet more", forge("").try(0, 10, stageEnd, 250).commit(5, true).change(func(c *commit) { c.Length++ }), altered, 0},

		{"5xx of nobody's", forge("").try(0, 10, stageEnd, 554), falselyRefused, 0},
		{"5xx although the server deferred", forge("").refuse(451).try(0, 10, stageEnd, 554), falselyRefused, 0},
		{"5xx at the greeting", forge("").try(0, 10, stageGreeting, 554), falselyRefused, 0},

		{"250 to a virus", forge(kindGTUBE).try(0, 10, stageEnd, 250).commit(5, true), falselyAccepted, 0},
		{"virus committed, sender told no", forge(kindGTUBE).try(0, 10, stageEnd, 550).commit(5, true), falselyAccepted, 0},
		{"virus never answered", forge(kindGTUBE).try(0, 10, stageEnd, 451), unfinished, 0},

		{"commit of nobody's", forge("").try(0, 10, stageEnd, 250).commit(5, true).commit(6, true).change(func(c *commit) { c.ID = "9-9" }), invented, 0},
		{"commit for another recipient", forge("").try(0, 10, stageEnd, 250).commit(5, true).change(func(c *commit) {
			c.Recipients = append(slices.Clone(c.Recipients), "other@y.test")
		}), invented, 0},

		{"committed, sender told no", forge("").refuse(554).try(0, 10, stageEnd, 554).commit(5, true), stray, 0},
		{"the sink's reply was lost, sender told no", forge("").refuse(554).try(0, 10, stageEnd, 554).commit(5, false), stray, 0},
		{"committed, told 4xx, and given up", forge("").try(0, 10, stageEnd, 451).commit(5, true), stray, 0},
		{"committed and killed, and given up", forge("").try(0, 10, stageEnd, 0).commit(5, true).kill(7), "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check(c.forged.b, prefixOf)
			want := map[class]int{}
			if c.want != "" {
				want[c.want] = 1
			}
			if !maps.Equal(got.Counts, want) {
				t.Errorf("counts %v, want %v; faults %+v", got.Counts, want, got.Faults)
			}
			if c.want == "" && got.Explained != c.explained {
				t.Errorf("explained %d, want %d", got.Explained, c.explained)
			}
		})
	}
}

func TestCheckSlack(t *testing.T) {
	f := forge("").try(0, 10, stageEnd, 250).commit(11, true)
	f.b.Slack = 5 * time.Millisecond
	if got := check(f.b, prefixOf); !got.clean() {
		t.Errorf("a commit within the slack of the clocks: %+v", got.Faults)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		options [][]int
		want    int
	}{
		{nil, 0},
		{[][]int{{}}, 0},
		{[][]int{{0}, {0}}, 1},
		{[][]int{{0, 1}, {0}}, 2}, // the first must make room
		{[][]int{{0, 1}, {0, 2}, {0}}, 3},
		{[][]int{{0}, {0}, {1}}, 2},
	} {
		if got := match(c.options, 3); got != c.want {
			t.Errorf("match(%v) = %d, want %d", c.options, got, c.want)
		}
	}
}
