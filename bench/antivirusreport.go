package main

import "fmt"

// What an engine may cost. Beyond the window all but the end has been scanned
// when the end comes; within it the scan begins then, and the handing over may
// take 20 ms.
const (
	antivirusRatio = 1.2
	antivirusOver  = 20 // ms
)

// summariseAntivirus joins the samples of one size.
func summariseAntivirus(samples []antivirusSample, size int) antivirusSummary {
	m := antivirusSummary{Size: size, Inside: size < window}
	var clamd, clamdEnd, end, added, ratio, over []float64
	for _, s := range samples {
		if s.Size != size {
			continue
		}
		clamd, clamdEnd = append(clamd, s.Clamd), append(clamdEnd, s.ClamdEnd)
		end, added = append(end, s.End), append(added, s.added())
		over = append(over, s.added()-s.Clamd)
		if s.ClamdEnd > 0 {
			ratio = append(ratio, s.End/s.ClamdEnd)
		}
	}
	m.Clamd, m.ClamdEnd, m.End = spreadOf(clamd), spreadOf(clamdEnd), spreadOf(end)
	m.Added, m.Ratio, m.Over = spreadOf(added), spreadOf(ratio), spreadOf(over)
	return m
}

// report fills in tables, figures and targets.
func (a *antivirusRun) report(r *result, samples []antivirusSample) {
	figures := antivirusFigures{Pace: a.pace, Samples: samples}
	inside := &table{head: []string{"", "clamd, all", "Sluice, end", "added", "(spread)", "less clamd, all", "(spread)"}}
	beyond := &table{head: []string{"", "clamd, end", "(spread)", "Sluice, end", "(spread)", "to clamd's", "(spread)"}}
	one := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	both := func(s spread) string { return fmt.Sprintf("%.1f to %.1f", s.Min, s.Max) }
	for _, size := range a.sizes {
		m := summariseAntivirus(samples, size)
		figures.Summary = append(figures.Summary, m)
		r.Targets = append(r.Targets, m.target())
		if m.Inside {
			inside.add(formatSize(size), one(m.Clamd.Median), one(m.End.Median), one(m.Added.Median), both(m.Added),
				one(m.Over.Median), both(m.Over))
		} else {
			beyond.add(formatSize(size), one(m.ClamdEnd.Median), both(m.ClamdEnd), one(m.End.Median), both(m.End),
				ratioCell(m.Ratio), spreadCell(m.Ratio))
		}
	}
	if len(inside.rows) > 0 {
		r.table("inside the window, ms: the end is from the terminator to the reply; added is that, less Sluice's without an engine", inside)
	}
	if len(beyond.rows) > 0 {
		r.table("beyond the window, ms: from the last octet to the reply; ratios are taken within each round", beyond)
	}
	r.Figures = figures
	pace := "as fast as it goes"
	if a.pace > 0 {
		pace = fmt.Sprintf("at %d MB/s", a.pace/1e6)
	}
	r.note("messages with one zip attachment, no two alike; senders and clamd's client write %s; clamd keeps nothing, its files are in memory", pace)
	r.noteRounds(a.rounds)
}

// target judges one size, by the side of the window it is on.
func (m antivirusSummary) target() target {
	if m.Inside {
		return atMost(fmt.Sprintf("%s: ms added, less all that clamd alone needs", formatSize(m.Size)), "%.1f", antivirusOver, m.Over.Median)
	}
	return atMost(fmt.Sprintf("%s: from the end to the reply, to clamd's", formatSize(m.Size)), "%.2f", antivirusRatio, m.Ratio.Median)
}
