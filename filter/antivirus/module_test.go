package antivirus

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/internal/smtptest"
	"sluice/policy"
)

// engines makes a module of fakes called a, b, c.
func engines(s Settings, fakes ...*fake) Settings {
	for i, f := range fakes {
		s.Engines = append(s.Engines, EngineSettings{Name: string(rune('a' + i)), Engine: f})
	}
	return s
}

var (
	saysFailed      = &fake{voting: fail(Refused)}
	saysUnscannable = &fake{voting: unscannable(TooLarge)}
	saysInfected    = &fake{voting: Vote{Result: Infected, Name: "X"}}
	saysGuess       = &fake{voting: Vote{Result: Infected, Name: "PUA.X"}}
	saysClean       = &fake{}
	saysNothing     = &fake{voting: Vote{Reason: "no word of ours"}}
)

func TestTally(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   Settings
		fakes []*fake
		want  string
	}{
		{"all clean", Settings{}, []*fake{saysClean, saysClean}, ""},
		{"one convicts", Settings{}, []*fake{saysClean, saysInfected}, "antivirus.infected X (b)"},
		{"one convicts beside a failure", Settings{}, []*fake{saysFailed, saysInfected}, "antivirus.engine refused (a); antivirus.infected X (b)"},
		{"half is no majority", Settings{Convict: Majority}, []*fake{saysClean, saysInfected}, "antivirus.minority X (b)"},
		{"a majority", Settings{Convict: Majority}, []*fake{saysInfected, saysClean, saysInfected}, "antivirus.infected X (a); antivirus.infected X (c)"},
		// Who did not answer is not asked for agreement.
		{"of those that answered", Settings{Convict: Majority}, []*fake{saysInfected, saysFailed}, "antivirus.infected X (a); antivirus.engine refused (b)"},
		{"a guess", Settings{}, []*fake{saysGuess}, "antivirus.heuristic PUA.X (a)"},
		{"quorum of one", Settings{}, []*fake{saysClean, saysFailed}, "antivirus.engine refused (b)"},
		{"none answered", Settings{}, []*fake{saysFailed, saysFailed}, "antivirus.quorum refused (a); antivirus.quorum refused (b)"},
		{"quorum of two", Settings{Quorum: 2}, []*fake{saysClean, saysFailed}, "antivirus.quorum refused (b)"},
		{"quorum of two reached", Settings{Quorum: 2}, []*fake{saysClean, saysGuess, saysFailed}, "antivirus.heuristic PUA.X (b); antivirus.engine refused (c)"},
		{"unscannable beside clean", Settings{}, []*fake{saysClean, saysUnscannable}, "antivirus.unscannable size (b)"},
		{"unscannable alone", Settings{}, []*fake{saysUnscannable}, "antivirus.unscannable size (a)"},
		{"limits are no guess", Settings{}, []*fake{{voting: Vote{Result: Infected, Name: "Heuristics.Limits.Exceeded.X"}}}, "antivirus.unscannable limit (a)"},
		{"a vote nobody knows", Settings{}, []*fake{{voting: Vote{Result: 9}}}, "antivirus.quorum unknown (a)"},
		{"a foreign reason", Settings{}, []*fake{saysNothing}, "antivirus.quorum unknown (a)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, engines(c.set, c.fakes...))
			for _, flows := range []bool{false, true} {
				if got := said(send(t, m, testMail{raw: small, flows: flows})); got != c.want {
					t.Errorf("flows %v: %q, want %q", flows, got, c.want)
				}
			}
		})
	}
}

// What follows is the engine's word, or the tenant's.
func TestUnseen(t *testing.T) {
	tag, open := policy.TagIt, policy.Open
	for _, c := range []struct {
		own   *policy.FailurePolicy
		force policy.Action
		class policy.Class
	}{{nil, policy.Defer, policy.Unscannable}, {&tag, policy.Tag, policy.Plain}, {&open, policy.Deliver, policy.Plain}} {
		for _, f := range []*fake{saysFailed, saysUnscannable} {
			s := engines(Settings{}, f)
			s.Engines[0].OnFailure = c.own
			got := send(t, newModule(t, s), testMail{raw: small})
			if len(got) != 1 || got[0].Force != c.force || got[0].Class != c.class {
				t.Errorf("%v: %+v", c.own, got)
			}
		}
	}
}

func TestInfectedIsRejected(t *testing.T) {
	got := send(t, newModule(t, engines(Settings{}, saysInfected)), testMail{raw: small})
	if len(got) != 1 || got[0].Force != policy.Reject || got[0].Class != policy.Plain {
		t.Errorf("%+v", got)
	}
}

// F20: an engine of ours that panics costs that message, and is counted.
func TestF20EnginePanics(t *testing.T) {
	smtptest.CheckLeaks(t)
	m := newModule(t, engines(Settings{}, &fake{}))
	before := panics.Get()
	if got := said(send(t, m, testMail{raw: "do:panic"})); got != none+"panic (a)" {
		t.Errorf("%q", got)
	}
	if panics.Get() != before+1 {
		t.Error("the panic was not counted")
	}
	if got := said(send(t, m, testMail{raw: "x"})); got != "" {
		t.Errorf("the next message: %q", got)
	}
}

// Who gets what: by feed, and by what is doubtful.
func TestFeeds(t *testing.T) {
	big := strings.Repeat("x", 2*wholeSize)
	for _, c := range []struct {
		name  string
		feed  Feed
		parts []testPart
		want  string
	}{
		{"raw", FeedRaw, []testPart{{path: "1", content: "virus:P;"}}, "antivirus.infected R (a)"},
		{"raw and doubtful", FeedRaw, []testPart{{path: "1", content: "virus:P;", doubtful: true}}, "antivirus.infected R (a)"},
		{"leaves", FeedLeaves, []testPart{{path: "1", content: "x"}, {path: "2", content: "virus:P;"}}, "antivirus.infected P (a) at 2"},
		{"large leaves", FeedLeaves, []testPart{{path: "1", content: big}, {path: "2", content: big + "virus:P;"}, {path: "2/1", content: big + "virus:Q;"}}, "antivirus.infected P (a) at 2"},
		{"both", FeedBoth, []testPart{{path: "1", content: "virus:P;"}}, "antivirus.infected R (a)"},
	} {
		for _, flows := range []bool{false, true} {
			s := engines(Settings{}, &fake{})
			s.Engines[0].Feed = c.feed
			mail := testMail{raw: "Subject: x\r\n\r\nvirus:R;", flows: flows, parts: c.parts}
			if got := said(send(t, newModule(t, s), mail)); got != c.want {
				t.Errorf("%s, flows %v: %q, want %q", c.name, flows, got, c.want)
			}
		}
	}
}

// An engine that is fed raw messages is given the parts that it may decode
// otherwise than a reader would: known to be so from the beginning, or only at
// the end, small and large.
func TestDoubtfulParts(t *testing.T) {
	big := strings.Repeat("x", 2*wholeSize) + "virus:P;"
	for _, c := range []struct {
		name string
		part testPart
		want string
	}{
		{"sure", testPart{path: "1", content: "virus:P;"}, ""},
		{"sure and large", testPart{path: "1", content: big}, ""},
		{"doubtful", testPart{path: "1", content: "virus:P;", doubtful: true}, "antivirus.infected P (a) at 1"},
		{"doubtful and large", testPart{path: "1", content: big, doubtful: true}, "antivirus.infected P (a) at 1"},
		{"turns", testPart{path: "1", content: "virus:P;", turns: true}, "antivirus.infected P (a) at 1"},
		{"turns and large", testPart{path: "1", content: big, turns: true}, "antivirus.infected P (a) at 1"},
		// Nobody holds so much for a mere possibility.
		{"turns and huge", testPart{path: "1", content: strings.Repeat("x", maxKept+chunkSize), turns: true}, "antivirus.unscannable late (a) at 1"},
		{"sure and huge", testPart{path: "1", content: strings.Repeat("x", maxHeld+chunkSize)}, ""},
	} {
		for _, flows := range []bool{false, true} {
			settings := engines(Settings{}, &fake{})
			settings.Engines[0].Feed = FeedRaw
			m := newModule(t, settings)
			if got := said(send(t, m, testMail{raw: small, flows: flows, parts: []testPart{c.part}})); got != c.want {
				t.Errorf("%s, flows %v: %q, want %q", c.name, flows, got, c.want)
			}
		}
	}
}

// The same part in several readings is looked at once.
func TestSamePartOnce(t *testing.T) {
	n := make(chan int, 10)
	s := engines(Settings{}, &fake{reads: func(size int) { n <- size }})
	s.Engines[0].Feed = FeedLeaves
	same := testPart{path: "1", content: "the same"}
	send(t, newModule(t, s), testMail{raw: small, parts: []testPart{same, same, {path: "2", content: "other"}}})
	if len(n) != 2 {
		t.Errorf("%d scans, want 2", len(n))
	}
}

// A thousand parts do not start a thousand scans at once, and all are looked at.
func TestManyParts(t *testing.T) {
	smtptest.CheckLeaks(t)
	var parts []testPart
	for i := range 1000 {
		parts = append(parts, testPart{path: "1", content: strings.Repeat("y", i+1)})
	}
	parts = append(parts, testPart{path: "last", content: "virus:L;"})
	for _, flows := range []bool{false, true} {
		s := engines(Settings{}, &fake{}, &fake{})
		s.Engines[0].Feed, s.Engines[1].Feed = FeedLeaves, FeedBoth
		want := "antivirus.infected L (a) at last; antivirus.infected L (b) at last"
		if got := said(send(t, newModule(t, s), testMail{raw: small, parts: parts, flows: flows})); got != want {
			t.Errorf("flows %v: %q", flows, got)
		}
	}
}

// Content beyond what the engine takes is not sent to it, and not clean.
func TestMaxSize(t *testing.T) {
	for _, flows := range []bool{false, true} {
		s := engines(Settings{}, &fake{})
		s.Engines[0].MaxSize = 100
		m := newModule(t, s)
		for n, want := range map[int]string{100: "", 101: "antivirus.unscannable size (a)", 1 << 20: "antivirus.unscannable size (a)"} {
			if got := said(send(t, m, testMail{raw: strings.Repeat("x", n), flows: flows})); got != want {
				t.Errorf("%d octets, flows %v: %q, want %q", n, flows, got, want)
			}
		}
	}
}

// Without memory there is no vote, and others' messages are not harmed.
func TestNoMemory(t *testing.T) {
	m := newModule(t, engines(Settings{Memory: 2 * chunkSize}, &fake{}))
	if got := said(send(t, m, testMail{raw: strings.Repeat("x", 3*chunkSize)})); got != none+"memory (a)" {
		t.Errorf("%q", got)
	}
	if got := said(send(t, m, testMail{raw: small})); got != "" {
		t.Errorf("the next message: %q", got)
	}
}

// Parts that no engine is to be given, unless they turn out doubtful, do not
// take the memory that messages need.
func TestDoubtIsFirstToGo(t *testing.T) {
	settings := engines(Settings{Memory: 8 * chunkSize}, &fake{})
	settings.Engines[0].Feed = FeedRaw
	m := newModule(t, settings)
	mail := testMail{raw: strings.Repeat("x", 2*chunkSize), parts: []testPart{{path: "1", content: strings.Repeat("y", 64*chunkSize)}}}
	if got := said(send(t, m, mail)); got != "" {
		t.Errorf("%q", got)
	}
	mail.parts[0].turns = true
	if got := said(send(t, m, mail)); got != "antivirus.unscannable late (a) at 1" {
		t.Errorf("%q", got)
	}
}

// A message that flows holds no more than the queue, however large it is and
// however slow the engine.
func TestFlowIsBounded(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		m := newModule(t, engines(Settings{Memory: maxQueue + 4*chunkSize}, &fake{slow: 10 * time.Millisecond}))
		if got := said(send(t, m, testMail{raw: strings.Repeat("x", 32<<20) + "virus:L;", flows: true})); got != "antivirus.infected L (a)" {
			t.Errorf("%q", got)
		}
		closeModule(t, m)
	})
}

// An engine that stops reading holds the sender back for its deadline in all,
// and the others are not harmed.
func TestSlowEngineIsGivenUp(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		m := newModule(t, engines(Settings{}, &fake{stuck: true}, &fake{}))
		began := time.Now()
		got := said(send(t, m, testMail{raw: strings.Repeat("x", 32<<20) + "virus:L;", flows: true}))
		if got != "antivirus.engine behind (a); antivirus.infected L (b)" {
			t.Errorf("%q", got)
		}
		if held := time.Since(began); held != DefaultDeadline {
			t.Errorf("held back for %v, want %v", held, DefaultDeadline)
		}
		closeModule(t, m)
	})
}

// Each engine has its own deadline, from the end of the message.
func TestDeadlines(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		s := engines(Settings{}, &fake{hold: make(chan struct{})}, &fake{})
		s.Engines[0].Deadline = 3 * time.Second
		m := newModule(t, s)
		for _, flows := range []bool{false, true} {
			began := time.Now()
			if got := said(send(t, m, testMail{raw: small, flows: flows})); got != "antivirus.engine deadline (a)" {
				t.Errorf("%q", got)
			}
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("took %v", took)
			}
		}
		closeModule(t, m)
	})
}

// A session that ends ends the scans, and is nobody's fault.
func TestSessionEnds(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		m := newModule(t, engines(Settings{}, &fake{hold: make(chan struct{})}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := said(sendContext(ctx, t, m, testMail{raw: small}))
		if !strings.HasPrefix(got, RuleFailed) {
			t.Errorf("%q", got)
		}
		closeModule(t, m)
	})
}

// While an engine is left alone nobody asks it but for a trial.
func TestBreaker(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		var b breaker
		allowed := func() (n int) {
			for range 5 {
				if b.allow() {
					n++
				}
			}
			return n
		}
		for range breakAfter - 1 {
			b.report(false)
		}
		if allowed() != 5 {
			t.Error("open too early")
		}
		b.report(false)
		if allowed() != 0 || !b.open() {
			t.Error("not open")
		}
		time.Sleep(trialEvery - 1)
		if allowed() != 0 {
			t.Error("a trial too early")
		}
		time.Sleep(time.Nanosecond)
		if allowed() != 1 {
			t.Error("want one trial")
		}
		b.report(false)
		time.Sleep(trialEvery)
		if allowed() != 1 {
			t.Error("want one more trial")
		}
		b.report(true)
		if allowed() != 5 {
			t.Error("not closed after a success")
		}
	})
}

// Slots come in order, and change with what a service says.
func TestSlots(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		s := slots{limit: 1}
		if s.take(t.Context()) != nil {
			t.Fatal("no first slot")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if s.take(ctx) == nil {
			t.Error("a second slot of one")
		}
		got := make(chan error, 2)
		for range 2 {
			go func() { got <- s.take(context.Background()) }()
		}
		time.Sleep(time.Second)
		if s.inFlight() != 3 {
			t.Errorf("%d in flight", s.inFlight())
		}
		s.setLimit(2)
		if err := <-got; err != nil {
			t.Error(err)
		}
		s.give()
		if err := <-got; err != nil {
			t.Error(err)
		}
		s.give()
		s.give()
		if s.inFlight() != 0 {
			t.Errorf("%d in flight at the end", s.inFlight())
		}
	})
}

// Votes are told to who keeps the books.
func TestEnginesTopic(t *testing.T) {
	m := newModule(t, engines(Settings{}, saysClean, saysFailed))
	var told []string
	chain, err := filter.New(
		filter.Entry{Module: listener(func(v filter.EngineVote) { told = append(told, v.Name+" "+v.Result) })},
		filter.Entry{Module: m, Deadline: m.Deadline()},
	)
	if err != nil {
		t.Fatal(err)
	}
	run, _ := chain.Visit(&filter.Session{}).Begin(t.Context(), &filter.Envelope{})
	run.Open()
	run.Write([]byte(small))
	run.Finish(t.Context())
	run.Close()
	if got := strings.Join(told, ", "); got != "a clean, b failed" {
		t.Errorf("%q", got)
	}
}

type listener func(filter.EngineVote)

func (listener) Name() string { return "listener" }
func (l listener) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	filter.Engines.Subscribe(ch, l)
	return nothing{}
}

type nothing struct{}

func (nothing) Write([]byte)                 {}
func (nothing) FinishNow() error             { return nil }
func (nothing) Finish(context.Context) error { return nil }
func (nothing) Close()                       {}

func TestValidate(t *testing.T) {
	good := EngineSettings{Name: "a", Addresses: []string{"127.0.0.1:3310"}}
	change := func(f func(*EngineSettings)) Settings {
		e := good
		f(&e)
		return Settings{Engines: []EngineSettings{e}}
	}
	for _, c := range []struct {
		name string
		set  Settings
		want string
	}{
		{"good", Settings{Engines: []EngineSettings{good}}, ""},
		{"none", Settings{}, ""},
		{"a socket", change(func(e *EngineSettings) { e.Addresses = []string{"unix:/run/clamav/clamd.ctl"} }), ""},
		{"icap", change(func(e *EngineSettings) { *e = EngineSettings{Name: "i", Type: TypeICAP, URL: "icap://av.test/scan"} }), ""},
		{"icap with a profile's path", change(func(e *EngineSettings) {
			*e = EngineSettings{Name: "i", Type: TypeICAP, URL: "icap://av.test:1344", Profile: "c-icap"}
		}), ""},
		{"twice", Settings{Engines: []EngineSettings{good, good}}, `engines[1].name: another engine is called "a"`},
		{"name", change(func(e *EngineSettings) { e.Name = "A b" }), `engines[0].name: want 1 to 32 lower-case letters, digits, "-" and "_"`},
		{"no address", change(func(e *EngineSettings) { e.Addresses = nil }), `engines[0].address: clamd needs an address: "host:port" or "unix:/path"`},
		{"no port", change(func(e *EngineSettings) { e.Addresses = []string{"clamd"} }), `engines[0].address: want "host:port" or "unix:/path", got "clamd"`},
		{"relative socket", change(func(e *EngineSettings) { e.Addresses = []string{"unix:clamd.ctl"} }), `engines[0].address: "unix:clamd.ctl": the socket's path must be absolute`},
		{"URL for clamd", change(func(e *EngineSettings) { e.URL = "icap://x/y" }), `engines[0].url: an engine of type clamd has an address, not a URL`},
		{"address for icap", change(func(e *EngineSettings) { e.Type, e.URL = TypeICAP, "icap://x/y" }), `engines[0].address: an engine of type icap has a URL, not an address`},
		{"no URL", change(func(e *EngineSettings) { e.Type, e.Addresses = TypeICAP, nil }), `engines[0].url: icap needs a URL: "icap://host:port/service"`},
		{"http", change(func(e *EngineSettings) { e.Type, e.Addresses, e.URL = TypeICAP, nil, "http://x/y" }), `engines[0].url: want "icap://host:port/service"`},
		{"no service", change(func(e *EngineSettings) { e.Type, e.Addresses, e.URL = TypeICAP, nil, "icap://x/" }), `engines[0].url: profile generic needs the path of the service: "icap://host:port/service"`},
		{"profile", change(func(e *EngineSettings) { e.Type, e.Addresses, e.URL, e.Profile = TypeICAP, nil, "icap://x/y", "z" }), `engines[0].profile: unknown profile "z"`},
		{"quorum", Settings{Engines: []EngineSettings{good}, Quorum: 2}, `quorum: 2 of 1 engines cannot answer`},
		{"negative", change(func(e *EngineSettings) { e.Deadline, e.MaxSize = -1, -1 }), `engines[0].deadline: must not be negative; engines[0].max_size: must not be negative`},
	} {
		got := ""
		if err := c.set.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Every rule that is published stands in Rules, with its score.
func TestRules(t *testing.T) {
	scores := map[string]float64{}
	for _, r := range Rules {
		scores[r.Name] = r.Score
		if r.Text == "" {
			t.Errorf("%s has no text", r.Name)
		}
	}
	for _, s := range []Settings{
		engines(Settings{}, saysInfected), engines(Settings{}, saysGuess), engines(Settings{}, saysUnscannable),
		engines(Settings{}, saysFailed), engines(Settings{}, saysFailed, saysClean),
		engines(Settings{Convict: Majority}, saysInfected, saysClean),
	} {
		for _, f := range send(t, newModule(t, s), testMail{raw: small}) {
			if score, ok := scores[f.Rule]; !ok || score != f.Score {
				t.Errorf("%s scores %v", f.Rule, f.Score)
			}
		}
	}
}
