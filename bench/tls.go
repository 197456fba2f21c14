package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A tlsWay is one path with TLS on both legs.
type tlsWay struct {
	name, label string
	peer        string // missing programs are this peer's
	implicit    bool   // on the generator's leg
	// server leg: sinkImplicit says how the way's own sink speaks TLS
	sinkImplicit bool
	start        func(ctx context.Context, t *tlsRun, sink string) (*running, error)
}

// A tlsRun holds the flags of tls and what it started.
type tlsRun struct {
	*env
	rounds, connections, messages, size int
	per                                 []int
	cert                                certificate
	ways                                []tlsWay
	running                             map[string]*running
	sinks                               map[string]*process // by way
}

func tlsWays() []tlsWay {
	straight := func(_ context.Context, _ *tlsRun, sink string) (*running, error) { return &running{address: sink}, nil }
	haproxy := func(ctx context.Context, t *tlsRun, sink string) (*running, error) {
		bind := " ssl crt " + t.cert.both + " ssl-min-ver TLSv1.3 curves X25519"
		return t.startHAProxy(ctx, "haproxy-tls", sink, bind, " ssl verify none ssl-min-ver TLSv1.3")
	}
	sluice := func(implicit bool) func(context.Context, *tlsRun, string) (*running, error) {
		return func(ctx context.Context, t *tlsRun, sink string) (*running, error) {
			return t.startSluiceTLS(ctx, fmt.Sprintf("sluice-implicit-%t", implicit), sink, implicit)
		}
	}
	return []tlsWay{
		{"direct", "no proxy, implicit", peerDirect, true, true, straight},
		{"sluice", "Sluice, implicit on both legs", peerSluice, true, true, sluice(true)},
		{"haproxy", "HAProxy, implicit on both legs", peerHAProxy, true, true, haproxy},
		{"direct-starttls", "no proxy, STARTTLS", peerDirect, false, false, straight},
		{"sluice-starttls", "Sluice, STARTTLS on both legs", peerSluice, false, false, sluice(false)},
	}
}

// startSluiceTLS starts Sluice with TLS of one kind on both legs; it verifies
// the server's certificate.
func (t *tlsRun) startSluiceTLS(ctx context.Context, name, sink string, implicit bool) (*running, error) {
	return t.env.startSluice(ctx, name, sluiceConfig{Server: sink, MaxConnections: 100,
		Cert: t.cert.cert, Key: t.cert.key, Implicit: implicit, RouteImplicit: implicit, RouteTLS: "verify", TLSName: tlsName, CA: t.cert.cert})
}

// A tlsSample is one way in one round.
type tlsSample struct {
	Round    int     `json:"round"`
	Way      string  `json:"way"`
	Per      int     `json:"messages_per_connection"`
	Messages int     `json:"messages"`
	Rate     float64 `json:"messages_per_second"`
	CPU      float64 `json:"cpu_ms_per_message"`
	Resumed  float64 `json:"resumed"` // share of the generator's TLS sessions
}

func tlsBoth(ctx context.Context, args []string) error {
	t := &tlsRun{running: map[string]*running{}, sinks: map[string]*process{}}
	fs := newFlags("tls", "TLS 1.3, X25519 and resumption on both legs, the same certificate everywhere.")
	fs.IntVar(&t.rounds, "rounds", 5, "rounds")
	fs.IntVar(&t.connections, "connections", 20, "parallel connections")
	fs.IntVar(&t.messages, "messages", 2000, "messages a run")
	size := fs.String("size", "50k", "message size")
	per := fs.String("per-connection", "1,10", "messages a connection")
	list := fs.String("peers", "direct,sluice,haproxy", "peers to run")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if t.size, err = parseSize(*size); err != nil {
		return err
	}
	for part := range strings.SplitSeq(*per, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return fmt.Errorf("--per-connection %q: want numbers", *per)
		}
		t.per = append(t.per, n)
	}
	if t.env, err = newRun(); err != nil {
		return err
	}
	defer t.close()
	r := newResult(fmt.Sprintf("TLS 1.3 on both legs, %s, %d connections, %d rounds", formatSize(t.size), t.connections, t.rounds), "tls", args)
	if err := t.chooseWays(*list, r); err != nil {
		return err
	}
	samples, err := t.measure(ctx, r)
	if err != nil {
		return err
	}
	t.report(r, samples)
	r.print(os.Stdout)
	return r.save(t.out, "tls", t.chart(r, samples))
}

func (t *tlsRun) chooseWays(list string, r *result) error {
	chosen, err := choosePeers(list, r, t.env)
	if err != nil {
		return err
	}
	for _, w := range tlsWays() {
		for _, p := range chosen {
			if w.peer == p.name {
				t.ways = append(t.ways, w)
				t.noteVersion(r, p)
			}
		}
	}
	return nil
}

func (t *tlsRun) measure(ctx context.Context, r *result) ([]tlsSample, error) {
	dir, err := t.folder("tls")
	if err != nil {
		return nil, err
	}
	if t.cert, err = makeCertificate(dir); err != nil {
		return nil, err
	}
	for _, w := range t.ways {
		flags := []string{"--cert", t.cert.cert, "--key", t.cert.key, "--x25519", fmt.Sprintf("--implicit=%t", w.sinkImplicit)}
		var sink string
		if sink, t.sinks[w.name], err = t.startOwnSink(ctx, "sink-"+w.name, flags...); err != nil {
			return nil, err
		}
		if t.running[w.name], err = w.start(ctx, t, sink); err != nil {
			return nil, fmt.Errorf("%s: %w", w.label, err)
		}
		if _, err := t.sample(ctx, w, t.per[0], 100); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
	}
	r.note("generator and sinks are ours, in Go; every end has the same P-256 certificate")
	var samples []tlsSample
	for round := range t.rounds {
		for _, per := range t.per {
			for _, w := range rotate(t.ways, round) {
				s, err := t.sample(ctx, w, per, t.messages)
				if err != nil {
					return nil, err
				}
				s.Round = round + 1
				samples = append(samples, s)
				t.say("round %d/%d  %2d a connection  %-16s %8.0f messages/s", s.Round, t.rounds, per, w.name, s.Rate)
			}
		}
	}
	return samples, t.serverLegs(r)
}

// serverLegs ends the sinks and notes what TLS each saw over the whole run.
func (t *tlsRun) serverLegs(r *result) error {
	for _, w := range t.ways {
		p := t.sinks[w.name]
		p.stop()
		var messages, handshakes, resumed int
		if _, err := fmt.Sscanf(p.tail(), "messages %d handshakes %d resumed %d", &messages, &handshakes, &resumed); err != nil {
			return fmt.Errorf("%s: what its sink said: %w", w.label, err)
		}
		r.note("server leg of %q: %d messages, %d handshakes, %.0f %% resumed", w.label, messages, handshakes,
			100*float64(resumed)/float64(max(1, handshakes)))
	}
	return nil
}

// sample sends count messages over as many connections at once as asked for.
func (t *tlsRun) sample(ctx context.Context, w tlsWay, per, count int) (tlsSample, error) {
	run := t.running[w.name]
	mails := variants(makeMail(1, 1, t.size, kindOrdinary, 1), count)
	g := &generator{dialer: dialer{address: run.address, tls: clientTLS(), implicit: w.implicit},
		workers: t.connections, perConnection: per, how: func(int) manner { return manner{pipelining: true} }}
	before, err := cpuOfPeer(run)
	if err != nil {
		return tlsSample{}, err
	}
	start := time.Now()
	g.drive(ctx, arrival{}, func(n int) (mail, bool) { return mails(n), n < count })
	took := time.Since(start)
	after, err := cpuOfPeer(run)
	if err != nil {
		return tlsSample{}, err
	}
	if good := g.tally.Codes[250]; good != count {
		return tlsSample{}, fmt.Errorf("%s: %d of %d messages were taken; replies %v; %s", w.label, good, count, g.tally.Codes, g.tally.last)
	}
	return tlsSample{Way: w.name, Per: per, Messages: count, Rate: float64(count) / took.Seconds(),
		CPU: ms(after-before) / float64(count), Resumed: float64(g.tally.Resumed) / float64(max(1, g.tally.Connections))}, nil
}

// cpuOfPeer is the CPU time of a peer's processes; 0 without one.
func cpuOfPeer(run *running) (time.Duration, error) {
	if run.process == nil {
		return 0, nil
	}
	return run.cpu()
}

// figure picks one figure of one way by round.
func (t *tlsRun) figure(samples []tlsSample, way string, per int, of func(tlsSample) float64) map[int]float64 {
	m := map[int]float64{}
	for _, s := range samples {
		if s.Way == way && s.Per == per {
			m[s.Round] = of(s)
		}
	}
	return m
}

func values(m map[int]float64) []float64 {
	var list []float64
	for _, round := range sortedInts(m) {
		list = append(list, m[round])
	}
	return list
}

func (t *tlsRun) report(r *result, samples []tlsSample) {
	rate := func(s tlsSample) float64 { return s.Rate }
	for _, per := range t.per {
		tab := &table{head: []string{"", "messages/s", "(lowest to highest)", "to HAProxy", "(spread)", "CPU ms", "resumed"}}
		for _, w := range t.ways {
			rates := t.figure(samples, w.name, per, rate)
			m := spreadOf(values(rates))
			ratio := spreadOf(paired(rates, t.figure(samples, "haproxy", per, rate)))
			cpu := spreadOf(values(t.figure(samples, w.name, per, func(s tlsSample) float64 { return s.CPU })))
			resumed := spreadOf(values(t.figure(samples, w.name, per, func(s tlsSample) float64 { return s.Resumed })))
			tab.add(w.label, fmt.Sprintf("%.0f", m.Median), fmt.Sprintf("%.0f to %.0f", m.Min, m.Max), ratioCell(ratio), spreadCell(ratio),
				cpuCell(cpu.Median), fmt.Sprintf("%.0f %%", 100*resumed.Median))
			if w.name == "sluice" && ratio.Median > 0 {
				r.Targets = append(r.Targets, atLeast(fmt.Sprintf("Sluice to HAProxy, %d a connection", per), "%.2f", 0.9, ratio.Median))
			}
		}
		r.table(fmt.Sprintf("%d messages a connection; resumed: share of the generator's TLS sessions", per), tab)
	}
	r.Figures = samples
}

func (t *tlsRun) chart(r *result, samples []tlsSample) []byte {
	c := barChart{title: r.Title, footer: r.footer()}
	for _, per := range t.per {
		p := panel{title: fmt.Sprintf("%d a connection", per), unit: "messages/s"}
		for _, w := range t.ways {
			m := spreadOf(values(t.figure(samples, w.name, per, func(s tlsSample) float64 { return s.Rate })))
			p.bars = append(p.bars, bar{label: w.label, value: m, strong: w.peer == peerSluice})
		}
		c.panels = append(c.panels, p)
	}
	return c.svg()
}
