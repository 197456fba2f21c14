package main

import (
	"context"
	"io"
	"strings"
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
// What clamd finds in the message alone is told for the record: its reading is
// one of several, and what it opens depends on how it was built.
func TestHostileClamd(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, hostile.EICAR(), "")
	passed := clamdPasses(t, clamd.Addr, antivirus.FeedRaw)
	t.Logf("the message alone: %d pass: %s", len(passed), strings.Join(passed, "; "))
	for _, feed := range []antivirus.Feed{antivirus.FeedLeaves, antivirus.FeedBoth, antivirus.FeedNeeded} {
		for _, name := range clamdPasses(t, clamd.Addr, feed) {
			judge(t, name, []string{"passes clamd"})
		}
	}
}

// clamdPasses returns the cases that a clamd with this feed lets pass.
func clamdPasses(t *testing.T, addr string, feed antivirus.Feed) (passed []string) {
	m, err := antivirus.New(antivirus.Settings{Engines: []antivirus.EngineSettings{
		{Name: "clamav", Addresses: []string{addr}, Feed: feed},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.Start()
	defer m.Close()
	s := newHostileScanner(t, m)
	for _, c := range hostile.Cases() {
		if c.Want.Found && c.Want.Or == nil && s.scan(t, c.Message).Action != policy.Reject {
			passed = append(passed, caseName(&c))
		}
	}
	m.Wait()
	return passed
}
