package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"time"
)

// A latencyRun holds the flags of latency and what it started.
type latencyRun struct {
	*env
	rounds, connections, size int
	rate                      float64
	length                    time.Duration
	peers                     []*peer
	running                   map[string]*running
}

// A latencySample is one peer in one round.
type latencySample struct {
	Round    int     `json:"round"`
	Peer     string  `json:"peer"`
	Messages int     `json:"messages"`
	P50      float64 `json:"p50_ms"` // first octet of MAIL to the last reply
	P99      float64 `json:"p99_ms"`
	EndP50   float64 `json:"end_p50_ms"` // terminator written to the last reply
	EndP99   float64 `json:"end_p99_ms"`
	DueP99   float64 `json:"due_p99_ms"` // when the message was due to the last reply
}

func latency(ctx context.Context, args []string) error {
	l := &latencyRun{running: map[string]*running{}}
	fs := newFlags("latency", "Messages at a fixed rate over kept connections, direct and through proxies in turn;\nwhat a proxy adds is its figure less that of the direct way in the same round.")
	fs.IntVar(&l.rounds, "rounds", 5, "rounds")
	fs.IntVar(&l.connections, "connections", 8, "kept connections")
	fs.Float64Var(&l.rate, "rate", 100, "messages a second")
	size := fs.String("size", "10k", "message size")
	fs.DurationVar(&l.length, "length", 10*time.Second, "of one run")
	list := fs.String("peers", "direct,sluice,haproxy", "peers to run; direct must be among them")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if l.size, err = parseSize(*size); err != nil {
		return err
	}
	if l.env, err = newRun(); err != nil {
		return err
	}
	defer l.close()
	r := newResult(fmt.Sprintf("Latency at %g messages a second of %s, %d kept connections, %d rounds of %v",
		l.rate, formatSize(l.size), l.connections, l.rounds, l.length), "latency", args)
	if l.peers, err = choosePeers(*list, r, l.env); err != nil {
		return err
	}
	samples, err := l.measure(ctx, r)
	if err != nil {
		return err
	}
	l.report(r, samples)
	r.print(os.Stdout)
	return r.save(l.out, "latency", nil)
}

// startOwnSink runs our sink as a process of its own and returns its address.
func (e *env) startOwnSink(ctx context.Context, name string, flags ...string) (string, *process, error) {
	address, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	p, err := e.self(name, append([]string{"sink", "--listen", address, "--quiet"}, flags...)...)
	if err != nil {
		return "", nil, err
	}
	return address, p, p.waitAccepting(ctx, address)
}

func (l *latencyRun) measure(ctx context.Context, r *result) ([]latencySample, error) {
	address, _, err := l.startOwnSink(ctx, "sink")
	if err != nil {
		return nil, err
	}
	for _, p := range l.peers {
		if l.running[p.name], err = l.launch(ctx, r, p, address); err != nil {
			return nil, err
		}
		if _, err := l.sample(ctx, p, time.Second); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
	}
	var samples []latencySample
	for round := range l.rounds {
		for _, p := range rotate(l.peers, round) {
			s, err := l.sample(ctx, p, l.length)
			if err != nil {
				return nil, err
			}
			s.Round = round + 1
			samples = append(samples, s)
			l.say("round %d/%d  %-8s p50 %.3f ms  p99 %.3f ms", s.Round, l.rounds, p.name, s.P50, s.P99)
		}
	}
	return samples, nil
}

// sample sends at the fixed rate for a while. A message that finds every
// connection busy waits in the queue: the arrivals do not slow down.
func (l *latencyRun) sample(ctx context.Context, p *peer, length time.Duration) (latencySample, error) {
	count := max(1, int(l.rate*length.Seconds()))
	mails := variants(makeMail(1, 1, l.size, kindOrdinary, 1), count)
	results := make(chan outcome, count)
	queue := make(chan posted, count)
	waits := make(chan time.Duration, count)
	for range l.connections {
		d := dialer{address: l.running[p.name].address}
		c, err := d.dial(ctx)
		if err != nil {
			return latencySample{}, fmt.Errorf("%s: %w", p.label, err)
		}
		go func() {
			defer c.quit()
			for m := range queue {
				o := c.send(envelope{m.from, m.Recipients}, m.content, m.data, manner{pipelining: true})
				results <- o
				waits <- o.end.Sub(m.due)
				if o.err != nil {
					return
				}
			}
		}()
	}
	when := arrival{time.Duration(float64(time.Second) / l.rate), 1}
	go when.feed(ctx, queue, func(n int) (mail, bool) { return mails(n), n < count })
	return l.collect(p, count, results, waits)
}

func (l *latencyRun) collect(p *peer, count int, results <-chan outcome, waits <-chan time.Duration) (latencySample, error) {
	var whole, end, due []time.Duration
	for range count {
		o := <-results
		if !o.ok() {
			return latencySample{}, fmt.Errorf("%s: %s: %d %s %v", p.label, o.stage, o.code, o.text, o.err)
		}
		whole = append(whole, o.end.Sub(o.start))
		end = append(end, o.end.Sub(o.terminator))
		due = append(due, <-waits)
	}
	return latencySample{Peer: p.name, Messages: count, P50: ms(quantile(whole, 0.5)), P99: ms(quantile(whole, 0.99)),
		EndP50: ms(quantile(end, 0.5)), EndP99: ms(quantile(end, 0.99)), DueP99: ms(quantile(due, 0.99))}, nil
}

// latencyFigures is what latency writes as JSON.
type latencyFigures struct {
	Added   map[string]map[string]spread `json:"added_ms"` // by peer and figure, over direct in the same round
	Samples []latencySample              `json:"samples"`
}

func (l *latencyRun) report(r *result, samples []latencySample) {
	figures := []struct {
		name string
		of   func(latencySample) float64
	}{
		{"p50", func(s latencySample) float64 { return s.P50 }},
		{"p99", func(s latencySample) float64 { return s.P99 }},
		{"end p50", func(s latencySample) float64 { return s.EndP50 }},
		{"end p99", func(s latencySample) float64 { return s.EndP99 }},
		{"due p99", func(s latencySample) float64 { return s.DueP99 }},
	}
	added := map[string]map[string]spread{}
	absolute := &table{head: []string{"ms, median of the rounds", "p50", "p99", "end p50", "end p99", "due p99"}}
	over := &table{head: []string{"ms, median (lowest to highest)", "p50", "p99", "end p50", "end p99"}}
	for _, p := range l.peers {
		row, plus := []string{p.label}, []string{p.label}
		added[p.name] = map[string]spread{}
		for _, f := range figures {
			row = append(row, fmt.Sprintf("%.3f", spreadOf(l.values(samples, p.name, f.of, false)).Median))
			more := spreadOf(l.values(samples, p.name, f.of, true))
			added[p.name][f.name] = more
			if f.name != "due p99" {
				plus = append(plus, formatSpread(more, "%+.3f"))
			}
		}
		absolute.add(row...)
		if p.name != peerDirect {
			over.add(plus...)
		}
	}
	r.table("from the first octet of MAIL to the last reply; end: from the terminator; due: from the time of arrival", absolute)
	r.table("added over the direct way, in the same round", over)
	r.Figures = latencyFigures{added, samples}
	if a, ok := added[peerSluice]; ok {
		r.Targets = append(r.Targets, atMost("Sluice adds, p50, ms", "%.2f", 0.3, a["p50"].Median),
			atMost("Sluice adds, p99, ms", "%.2f", 3, a["p99"].Median))
	}
}

// values lists one figure of one peer by round; with less, direct's is taken off.
func (l *latencyRun) values(samples []latencySample, name string, of func(latencySample) float64, less bool) []float64 {
	direct := map[int]float64{}
	for _, s := range samples {
		if s.Peer == peerDirect {
			direct[s.Round] = of(s)
		}
	}
	var values []float64
	for _, s := range samples {
		if s.Peer != name {
			continue
		}
		v := of(s)
		if less {
			v -= direct[s.Round]
		}
		values = append(values, v)
	}
	return values
}

// clientTLS is what the generator speaks in comparisons.
func clientTLS() *tls.Config {
	return strictTLS(&tls.Config{ServerName: tlsName, InsecureSkipVerify: true, // speed is measured, not trust
		ClientSessionCache: tls.NewLRUClientSessionCache(64)})
}
