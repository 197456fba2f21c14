package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// mallocsMetric counts heap objects ever allocated.
const mallocsMetric = "go_memstats_mallocs_total"

// An allocSample is one way of sending at one size.
type allocSample struct {
	Size          int     `json:"size"`
	PerConnection int     `json:"messages_per_connection"`
	Messages      int     `json:"messages"`
	Allocs        float64 `json:"allocations_per_message"`
}

func allocs(ctx context.Context, args []string) error {
	fs := newFlags("allocs", "Allocations a message, read from "+mallocsMetric+" of the running binary.")
	messages := fs.Int("messages", 2000, "messages a figure; a tenth of it at 1m")
	sizes := fs.String("sizes", "2k,50k,1m", "message sizes")
	newRun := runFlags(fs)
	if err := parse(fs, args); err != nil {
		return err
	}
	list, err := parseSizes(*sizes)
	if err != nil {
		return err
	}
	e, err := newRun()
	if err != nil {
		return err
	}
	defer e.close()
	r := newResult("Allocations a message, by the running binary's own metric", "allocs", args)
	sink, _, err := e.startOwnSink(ctx, "sink")
	if err != nil {
		return err
	}
	run, err := e.launch(ctx, r, peerNamed(peerSluice), sink)
	if err != nil {
		return err
	}
	var samples []allocSample
	t := &table{head: []string{"", "kept connection", "one connection a message"}}
	for _, size := range list {
		count := *messages
		if size >= 1e6 {
			count = max(20, count/10)
		}
		row := []string{formatSize(size)}
		for _, per := range []int{count, 1} {
			s, err := measureAllocs(ctx, run, size, per, count)
			if err != nil {
				return err
			}
			samples = append(samples, s)
			row = append(row, fmt.Sprintf("%.1f", s.Allocs))
			if per > 1 {
				what := fmt.Sprintf("allocations a message of %s, kept connection", formatSize(size))
				r.Targets = append(r.Targets, atMost(what, "%.0f", 80, s.Allocs))
			}
		}
		t.add(row...)
	}
	r.table("heap objects a message, both legs, log line and metrics included", t)
	r.note("nothing is allocated per line or chunk if the figure does not grow with the size")
	r.Figures = samples
	r.print(os.Stdout)
	return r.save(e.out, "allocs", nil)
}

// measureAllocs sends count messages from one sender. What reading the metric
// costs is measured and taken off.
func measureAllocs(ctx context.Context, run *running, size, per, count int) (allocSample, error) {
	mails := variants(makeMail(1, 1, size, kindOrdinary, 1), count)
	send := func(n int) error {
		g := &generator{dialer: dialer{address: run.address}, workers: 1, perConnection: per,
			how: func(int) manner { return manner{pipelining: true} }}
		g.drive(ctx, arrival{}, func(i int) (mail, bool) { return mails(i), i < n })
		if g.tally.Codes[250] != n {
			return fmt.Errorf("%d of %d messages were taken; replies %v; %s", g.tally.Codes[250], n, g.tally.Codes, g.tally.last)
		}
		return nil
	}
	if err := send(max(10, count/20)); err != nil { // fills pools
		return allocSample{}, err
	}
	var m [4]float64
	for i := range m {
		if i == 3 {
			if err := send(count); err != nil {
				return allocSample{}, err
			}
		}
		var err error
		if m[i], err = scrape(ctx, run.admin, mallocsMetric); err != nil {
			return allocSample{}, err
		}
	}
	reading := m[2] - m[1]
	return allocSample{size, per, count, max(0, m[3]-m[2]-reading) / float64(count)}, nil
}

// scrape reads one metric without labels from /metrics.
func scrape(ctx context.Context, admin, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return metricIn(string(text), name)
}

// metricIn finds a metric without labels in Prometheus text.
func metricIn(text, name string) (float64, error) {
	for line := range strings.SplitSeq(text, "\n") {
		if key, value, ok := strings.Cut(line, " "); ok && key == name {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("/metrics has no %s", name)
}
