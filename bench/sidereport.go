package main

import (
	"fmt"
	"slices"
)

// A sideFigures is what sidebyside writes as JSON.
type sideFigures struct {
	Sessions int           `json:"sessions"`
	Kept     bool          `json:"kept_connections"`
	Summary  []sideSummary `json:"summary"`
	Samples  []sample      `json:"samples"`
}

// A sideSummary is one peer at one size over all rounds.
type sideSummary struct {
	Peer           string `json:"peer"`
	Size           int    `json:"size"`
	Rate           spread `json:"messages_per_second"`
	CPU            spread `json:"cpu_ms_per_message"`
	ToHAProxy      spread `json:"ratio_to_haproxy"`      // of the rate, in the same round
	SluiceToThis   spread `json:"ratio_of_sluice_to_it"` // likewise
	RoundsMeasured int    `json:"rounds"`
}

// byRound picks one figure of one peer at one size, by round.
func byRound(samples []sample, name string, size int, figure func(sample) float64) map[int]float64 {
	m := map[int]float64{}
	for _, s := range samples {
		if s.Peer == name && s.Size == size {
			m[s.Round] = figure(s)
		}
	}
	return m
}

func rateOf(s sample) float64 { return s.Rate }
func cpuOf(s sample) float64  { return s.CPU }

// summarise joins the samples of one peer at one size with the others' of the
// same rounds.
func summarise(samples []sample, name string, size int) sideSummary {
	rates := byRound(samples, name, size, rateOf)
	list := func(m map[int]float64) (values []float64) {
		for _, v := range m {
			values = append(values, v)
		}
		return values
	}
	return sideSummary{
		Peer: name, Size: size, RoundsMeasured: len(rates),
		Rate:         spreadOf(list(rates)),
		CPU:          spreadOf(list(byRound(samples, name, size, cpuOf))),
		ToHAProxy:    spreadOf(paired(rates, byRound(samples, peerHAProxy, size, rateOf))),
		SluiceToThis: spreadOf(paired(byRound(samples, peerSluice, size, rateOf), rates)),
	}
}

// report fills in tables, figures and targets.
func (s *sideRun) report(r *result, samples []sample) {
	figures := sideFigures{Sessions: s.sessions, Kept: s.kept, Samples: samples}
	for _, size := range s.sizes {
		t := &table{head: []string{"", "messages/s", "(lowest to highest)", "to HAProxy", "(spread)", "Sluice to it", "(spread)", "CPU ms"}}
		for _, p := range s.peers {
			m := summarise(samples, p.name, size)
			figures.Summary = append(figures.Summary, m)
			t.add(p.label, fmt.Sprintf("%.0f", m.Rate.Median), fmt.Sprintf("%.0f to %.0f", m.Rate.Min, m.Rate.Max),
				ratioCell(m.ToHAProxy), spreadCell(m.ToHAProxy), ratioCell(m.SluiceToThis), spreadCell(m.SluiceToThis),
				cpuCell(m.CPU.Median))
		}
		r.table(formatSize(size)+": median of the rounds; ratios are taken within each round", t)
	}
	r.Figures = figures
	if !s.kept {
		r.Targets = s.targets(figures.Summary)
	}
	r.noteRounds(s.rounds)
}

func ratioCell(s spread) string {
	if s.Median == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", s.Median)
}

func spreadCell(s spread) string {
	if s.Median == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f to %.2f", s.Min, s.Max)
}

func cpuCell(ms float64) string {
	if ms == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", ms)
}

// A ratioTarget is what Sluice's rate must be of a peer's at one size.
type ratioTarget struct {
	peer  string
	size  int
	ratio float64
}

// What is wanted. For mixed mail everything built in runs, so that there is
// something to decode, unpack and read.
var (
	forwarderTargets = []ratioTarget{
		{peerHAProxy, 2e3, 1}, {peerHAProxy, 50e3, 1}, {peerHAProxy, 1e6, 0.95},
		{peerPostfix, 50e3, 1.8}, {peerHaraka, 50e3, 7},
	}
	mixedTargets = []ratioTarget{{peerHAProxy, 2e3, 1}, {peerHAProxy, 50e3, 0.9}, {peerHAProxy, 1e6, 0.7}}
)

// targets judges what was measured; a peer or size left out has no row.
func (s *sideRun) targets(all []sideSummary) []target {
	wanted := forwarderTargets
	if s.files != nil {
		wanted = mixedTargets
	}
	find := func(name string, size int) (sideSummary, bool) {
		i := slices.IndexFunc(all, func(m sideSummary) bool { return m.Peer == name && m.Size == size })
		if i < 0 {
			return sideSummary{}, false
		}
		return all[i], true
	}
	var targets []target
	for _, w := range wanted {
		if m, ok := find(w.peer, w.size); ok && m.SluiceToThis.Median > 0 {
			what := fmt.Sprintf("Sluice to %s at %s", peerNamed(w.peer).label, formatSize(w.size))
			targets = append(targets, atLeast(what, "%.2f", w.ratio, m.SluiceToThis.Median))
		}
	}
	if s.files != nil {
		return targets
	}
	for _, w := range []struct {
		size int
		ms   float64
	}{{50e3, 0.30}, {1e6, 1.8}} {
		if m, ok := find(peerSluice, w.size); ok {
			what := fmt.Sprintf("Sluice's CPU a message at %s, ms", formatSize(w.size))
			targets = append(targets, atMost(what, "%.2f", w.ms, m.CPU.Median))
		}
	}
	return targets
}

// chart draws one panel a size.
func (s *sideRun) chart(r *result, samples []sample) []byte {
	c := barChart{title: r.Title, footer: r.footer()}
	for _, size := range s.sizes {
		p := panel{title: formatSize(size), unit: "messages/s"}
		for _, q := range s.peers {
			m := summarise(samples, q.name, size)
			b := bar{label: q.label, value: m.Rate, strong: q.name == peerSluice}
			if m.ToHAProxy.Median > 0 && q.name != peerHAProxy {
				b.remark = fmt.Sprintf("%.2f × HAProxy", m.ToHAProxy.Median)
			}
			p.bars = append(p.bars, b)
		}
		c.panels = append(c.panels, p)
	}
	return c.svg()
}
