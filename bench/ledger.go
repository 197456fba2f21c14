package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A scenario is one way to disturb Sluice under load.
type scenario struct {
	name, summary string
	missing       func() string
	run           func(ctx context.Context, l *ledgerRun) error
}

func scenarios() []scenario {
	nothing := func() string { return "" }
	return []scenario{
		{"kill", "kill -9 at random instants, own generator", nothing, killScenario},
		{"fail", "a server that fails in every way it can", nothing, failScenario},
		{"queue", "kill -9 and a failing server, a Postfix queue as sender", missingPostfix, queueScenario},
		{"term", "SIGTERM, three instances in turn", nothing, termScenario},
		{"handover", "SIGUSR2: listeners go to a new process", nothing, handoverScenario},
	}
}

// ledgerFlags are what a person may vary.
type ledgerFlags struct {
	kills, messages, rolls int
	seed                   uint64
	seeds                  int
	sizes                  mix
	fail                   string
	patience               time.Duration
	workers                int
	ordinary               bool
}

// A ledgerRun is one scenario with one seed.
type ledgerRun struct {
	*env
	ledgerFlags
	book   ledgerBook
	random *rand.Rand // of the scenario itself; workers have their own
	sink   *sink
	server string // the sink's address
	tally  *tally
	extra  []string // what the scenario has to say beside the books
	broken []string // promises beside the books that did not hold
	folder string   // name of the proxy's folder
}

// defaultFail is what goes wrong in percent of transactions where a failing
// server is part of the scenario.
const defaultFail = "all:1"

func ledger(ctx context.Context, args []string) error {
	var f ledgerFlags
	fs := newFlags("ledger", "Loads Sluice, disturbs it, and audits the books of sender and server.")
	names := fs.String("scenarios", "all", "which: all, or some of "+scenarioNames())
	fs.IntVar(&f.kills, "kills", 20, "times that Sluice is killed; the promise speaks of 1000")
	fs.IntVar(&f.messages, "messages", 2000, "messages of the scenario fail")
	fs.IntVar(&f.rolls, "rolls", 6, "restarts of term and hand-overs of handover")
	fs.Uint64Var(&f.seed, "seed", 1, "first seed")
	fs.IntVar(&f.seeds, "seeds", 1, "seeds a scenario")
	sizes := fs.String("sizes", "1k:50,20k:35,300k:13,2m:2", "sizes with weights")
	fs.StringVar(&f.fail, "fail", defaultFail, "what a failing server does, in percent; see sink --help")
	fs.DurationVar(&f.patience, "patience", 3*time.Minute, "how long retries may go on once the disturbance is over")
	fs.IntVar(&f.workers, "connections", 20, "parallel senders")
	fs.BoolVar(&f.ordinary, "ordinary", false, "no messages that must be refused (for a proxy without filter)")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if f.sizes, err = parseMix(*sizes); err != nil {
		return err
	}
	if _, err := parsePlan(f.fail, 0, 0); err != nil {
		return err
	}
	e, err := newRun()
	if err != nil {
		return err
	}
	defer e.close()
	r := newResult("Ledger: what sender and server wrote down, compared", "ledger", args)
	e.noteVersion(r, peerNamed(peerSluice))
	good, err := runScenarios(ctx, e, f, *names, r)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if err := r.save(e.out, "ledger", nil); err != nil {
		return err
	}
	if !good {
		return errors.New("the books do not agree")
	}
	return nil
}

func scenarioNames() string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return strings.Join(names, ",")
}

// A ledgerLine is the outcome of one scenario with one seed.
type ledgerLine struct {
	Scenario string   `json:"scenario"`
	Seed     uint64   `json:"seed"`
	Seconds  float64  `json:"seconds"`
	Audit    audit    `json:"audit"`
	Broken   []string `json:"broken,omitempty"`
	Extra    []string `json:"remarks,omitempty"`
}

func (l *ledgerLine) good() bool { return l.Audit.clean() && len(l.Broken) == 0 }

// runScenarios runs those named, each with every seed, and fills in r.
func runScenarios(ctx context.Context, e *env, f ledgerFlags, names string, r *result) (good bool, err error) {
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		known := slices.ContainsFunc(scenarios(), func(s scenario) bool { return s.name == name })
		if name != "all" && !known {
			return false, fmt.Errorf("unknown scenario %q: want some of %s", name, scenarioNames())
		}
	}
	var lines []ledgerLine
	for _, s := range scenarios() {
		if names != "all" && !slices.Contains(wanted, s.name) {
			continue
		}
		if why := s.missing(); why != "" {
			e.say("LEFT OUT: %s: %s", s.name, why)
			r.note("left out: %s: %s", s.name, why)
			continue
		}
		for i := range f.seeds {
			line, err := runScenario(ctx, e, f, s, f.seed+uint64(i))
			if err != nil {
				return false, fmt.Errorf("%s: %w", s.name, err)
			}
			lines = append(lines, line)
		}
	}
	return ledgerReport(r, lines), nil
}

// runScenario starts the sink, runs s, and audits its books.
func runScenario(ctx context.Context, e *env, f ledgerFlags, s scenario, seed uint64) (ledgerLine, error) {
	f.seed = seed
	l := &ledgerRun{env: e, ledgerFlags: f, random: rand.New(rand.NewPCG(seed, 0)), folder: fmt.Sprintf("%s-%d", s.name, seed)}
	e.say("%s, seed %d: %s", s.name, seed, s.summary)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := len(e.running)
	start := time.Now()
	err := s.run(ctx, l)
	for _, p := range slices.Backward(e.running[first:]) {
		p.stop()
	}
	e.running = e.running[:first]
	if err != nil {
		return ledgerLine{}, err
	}
	if ctx.Err() != nil {
		return ledgerLine{}, ctx.Err()
	}
	line := ledgerLine{Scenario: s.name, Seed: seed, Seconds: time.Since(start).Seconds(), Broken: l.broken, Extra: l.extra}
	b := l.book.close()
	line.Audit = check(b, prefixOf)
	if !line.good() {
		if err := os.MkdirAll(e.out, 0o755); err != nil {
			return line, err
		}
		name := filepath.Join(e.out, fmt.Sprintf("ledger-%s-%d.json", s.name, seed))
		e.say("the books of this run are in %s", name)
		return line, writeBooks(name, b)
	}
	return line, nil
}

// ledgerReport shows all lines and reports whether every one is good.
func ledgerReport(r *result, lines []ledgerLine) bool {
	good := true
	head := []string{"scenario", "seed", "messages", "attempts", "commits", "kills", "explained"}
	for _, c := range classes() {
		head = append(head, string(c))
	}
	t := &table{head: append(head, "")}
	for _, l := range lines {
		row := []string{l.Scenario, fmt.Sprint(l.Seed), fmt.Sprint(l.Audit.Messages), fmt.Sprint(l.Audit.Attempts),
			fmt.Sprint(l.Audit.Commits), fmt.Sprint(l.Audit.Kills), fmt.Sprint(l.Audit.Explained)}
		for _, c := range classes() {
			row = append(row, fmt.Sprint(l.Audit.Counts[c]))
		}
		mark := "clean"
		if !l.good() {
			mark, good = "BROKEN", false
		}
		t.add(append(row, mark)...)
		for _, text := range slices.Concat(l.Extra, l.Broken) {
			r.note("%s, seed %d: %s", l.Scenario, l.Seed, text)
		}
		for _, x := range l.Audit.Faults[:min(5, len(l.Audit.Faults))] {
			r.note("%s, seed %d: %s: %s %s: %s", l.Scenario, l.Seed, x.Class, x.ID, x.Recipient, x.Why)
		}
	}
	r.table("explained: duplicates, each matched with a kill or a lost reply of its own; everything right of it must be 0", t)
	r.Figures = lines
	return good
}

// startSink opens the server of this run, failing as fail says.
func (l *ledgerRun) startSink(ctx context.Context, fail string, delay time.Duration) error {
	p, err := parsePlan(fail, l.seed, delay)
	if err != nil {
		return err
	}
	l.sink = &sink{name: "sink", plan: p, book: &l.book}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l.server = listener.Addr().String()
	go l.sink.serve(listener) //nolint:errcheck // ends with ctx
	context.AfterFunc(ctx, func() {
		listener.Close()
		l.sink.close()
	})
	return nil
}

// next returns a source of mail that ends when stop is set, or after most
// messages if most > 0. kinds are what some of the messages are.
func (l *ledgerRun) next(stop *atomic.Bool, most int, kinds []mailKind) func(int) (mail, bool) {
	if l.ordinary {
		kinds = nil
	}
	return func(n int) (mail, bool) {
		if stop.Load() || (most > 0 && n >= most) {
			return mail{}, false
		}
		random := rand.New(rand.NewPCG(l.seed, uint64(n)+1<<32))
		kind := kindOrdinary
		if len(kinds) > 0 && random.IntN(100) < 8 {
			kind = kinds[random.IntN(len(kinds))]
		}
		m := makeMail(l.seed, n, l.sizes.pick(random.Float64()), kind, 1+random.IntN(3))
		l.book.send(m.sentMail)
		return m, true
	}
}

// manners mixes pipelining and BDAT into the load, the same for a message at
// every attempt.
func manners(number int) manner {
	return manner{pipelining: number%2 == 0, bdat: number%5 == 0}
}

// generator returns a sender that retries until it has an answer.
func (l *ledgerRun) generator(address string) *generator {
	return &generator{dialer: dialer{address: address}, how: manners, workers: l.workers, perConnection: 7, retry: true, book: &l.book}
}

// load runs g until stop is set and every message is settled, or patience ends.
func (l *ledgerRun) load(ctx context.Context, g *generator, stop *atomic.Bool, most int, kinds []mailKind) <-chan struct{} {
	done := make(chan struct{})
	l.tally = &g.tally
	go func() {
		defer close(done)
		g.drive(ctx, arrival{}, l.next(stop, most, kinds))
	}()
	return done
}

// drain waits for the load to end, at most patience.
func (l *ledgerRun) drain(done <-chan struct{}, cancel context.CancelFunc) {
	select {
	case <-done:
	case <-time.After(l.patience):
		l.broken = append(l.broken, fmt.Sprintf("messages were still unsettled after %v", l.patience))
		cancel()
		<-done
	}
}

// remark adds what the sender saw to the report.
func (l *ledgerRun) remark() {
	t := l.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	var codes []string
	for _, c := range sortedInts(t.Codes) {
		codes = append(codes, fmt.Sprintf("%d × %d", t.Codes[c], c))
	}
	l.extra = append(l.extra, fmt.Sprintf("replies %s (0: none); %d connections refused", strings.Join(codes, ", "), t.NoConnect))
}

func checkCommand(_ context.Context, args []string) error {
	fs := newFlags("check", "Audits books written by load --book and sink --book: --books FILE[,FILE...]")
	names := fs.String("books", "", "files")
	if err := parse(fs, args); err != nil {
		return err
	}
	var all books
	for name := range strings.SplitSeq(*names, ",") {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		b, err := readBooks(f)
		f.Close()
		if err != nil {
			return err
		}
		all.merge(b)
	}
	line := ledgerLine{Scenario: "books", Audit: check(all, prefixOf)}
	r := newResult("Audit of the books", "check", args)
	good := ledgerReport(r, []ledgerLine{line})
	r.print(os.Stdout)
	if !good {
		return errors.New("the books do not agree")
	}
	return nil
}
