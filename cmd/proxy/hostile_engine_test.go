package main

import (
	"context"
	"io"
	"slices"
	"testing"

	"sluice/filter/antivirus"
	"sluice/internal/hostile"
	"sluice/internal/smtptest"
	"sluice/policy"
)

// A blindEngine finds nothing in anything.
type blindEngine struct{}

func (blindEngine) Scan(ctx context.Context, content *antivirus.Content) antivirus.Vote {
	for {
		if _, err := content.Next(ctx); err == io.EOF {
			return antivirus.Vote{Result: antivirus.Clean}
		} else if err != nil {
			return antivirus.Vote{}
		}
	}
}

// TestHostileOneEngineKnows is row 32: what one of two engines knows is
// refused, whichever of them it is.
func TestHostileOneEngineKnows(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, engines := range [][]antivirus.Engine{{eicarEngine{}, blindEngine{}}, {blindEngine{}, eicarEngine{}}} {
		m, err := antivirus.New(antivirus.Settings{Engines: []antivirus.EngineSettings{
			{Name: "one", Engine: engines[0], Feed: antivirus.FeedLeaves},
			{Name: "two", Engine: engines[1], Feed: antivirus.FeedLeaves},
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := newHostileScanner(t, m)
		for _, c := range hostile.Cases() {
			if c.Row == 32 && s.scan(t, c.Message).Action != policy.Reject {
				t.Errorf("%s passes", caseName(&c))
			}
		}
		m.Wait()
	}
}

// TestHostileClamd has a real clamd look: EICAR in any container and any
// encoding is found or refused, by what we took apart and by what clamd did.
// By what it needs clamd finds it wherever it does when it is given everything.
// What it finds in the message alone is told for the record: its reading is one
// of several, and what it opens depends on how it was built.
func TestHostileClamd(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, hostile.EICAR(), "")
	leaves := clamdJudges(t, clamd.Addr, antivirus.FeedLeaves, false)
	both := clamdJudges(t, clamd.Addr, antivirus.FeedBoth, false)
	needed := clamdJudges(t, clamd.Addr, antivirus.FeedNeeded, false)
	beyond := clamdJudges(t, clamd.Addr, antivirus.FeedNeeded, true)
	raw := clamdJudges(t, clamd.Addr, antivirus.FeedRaw, false)
	lost := 0
	for _, c := range hostile.Cases() {
		name := caseName(&c)
		if c.Want.Found && c.Want.Or == nil {
			for _, j := range []*judgement{leaves[name], both[name], needed[name], beyond[name]} {
				if j.Action != policy.Reject {
					judge(t, name, []string{"passes clamd"})
				}
			}
		}
		if both[name].convicted() && !(needed[name].convicted() && beyond[name].convicted()) {
			t.Errorf("%s: not found by what is needed", name)
		}
		if both[name].convicted() && !raw[name].convicted() {
			lost++
		}
	}
	t.Logf("by the message and its doubtful parts clamd misses %d", lost)
}

// convicted tells whether an engine found something.
func (j *judgement) convicted() bool {
	return slices.ContainsFunc(j.findings, func(f policy.Finding) bool { return f.Rule == antivirus.RuleInfected })
}

// clamdEngine is the antivirus module with a clamd that has this feed.
func clamdEngine(t *testing.T, addr string, feed antivirus.Feed) *antivirus.Module {
	t.Helper()
	m, err := antivirus.New(antivirus.Settings{Engines: []antivirus.EngineSettings{
		{Name: "clamav", Addresses: []string{addr}, Feed: feed},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.Start()
	return m
}

// clamdJudges has a clamd with this feed among the modules that judge each
// case, inside the window or beyond it.
func clamdJudges(t *testing.T, addr string, feed antivirus.Feed, beyond bool) map[string]*judgement {
	m := clamdEngine(t, addr, feed)
	defer m.Close()
	s := newHostileScanner(t, m)
	s.overflow = beyond
	all := map[string]*judgement{}
	for _, c := range hostile.Cases() {
		all[caseName(&c)] = s.scan(t, c.Message)
	}
	m.Wait()
	return all
}

// TestHostileClamdLive sends every case through sockets to a clamd that is fed
// what is needed: on both sides of the window it is refused or not as the scan
// says.
func TestHostileClamdLive(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, hostile.EICAR(), "")
	m := clamdEngine(t, clamd.Addr, antivirus.FeedDefault)
	t.Cleanup(func() { m.Close(); m.Wait() })
	s := newHostileScanner(t, m)
	for _, window := range []int64{256 << 10, 1} {
		f := startFront(t, m, window, nil)
		for _, c := range hostile.Cases() {
			if !smtptest.Race || len(c.Message) <= raceMessage && c.Row%3 == 0 {
				sendCase(t, f, s, &c)
			}
		}
	}
}
