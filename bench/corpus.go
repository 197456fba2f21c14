package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// rspamdConnections is how many messages rspamd gets at once: one for each of
// its workers.
const rspamdConnections = 2

// A corpusRun holds the flags of corpus and what it reads.
type corpusRun struct {
	*env
	folder string
	rounds int
	rspamd bool
	corpus corpus
}

// A corpus is a folder of messages, one a file.
type corpus struct {
	Files  []string `json:"-"`
	Count  int      `json:"messages"`
	Octets int64    `json:"octets"`
	Median int64    `json:"median_size"`
	P99    int64    `json:"p99_size"`
}

// A corpusSample is one pass of one scanner over the folder.
type corpusSample struct {
	Round   int     `json:"round"`
	Scanner string  `json:"scanner"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"messages_per_second"`
	CPU     float64 `json:"cpu_ms_per_message"` // user and system
}

// corpusFigures is what corpus writes as JSON.
type corpusFigures struct {
	Corpus  corpus          `json:"corpus"`
	Summary []corpusSummary `json:"summary"`
	Samples []corpusSample  `json:"samples"`
}

// A corpusSummary is one scanner over all rounds.
type corpusSummary struct {
	Scanner string  `json:"scanner"`
	Rate    spread  `json:"messages_per_second"`
	CPU     spread  `json:"cpu_ms_per_message"`
	MB      float64 `json:"megabytes_per_second"` // of the median rate
	// ToSluice is its CPU by Sluice's, in the same round.
	ToSluice spread `json:"cpu_ratio_to_sluice"`
}

func corpusCommand(ctx context.Context, args []string) error {
	c := &corpusRun{}
	fs := newFlags("corpus", "CPU a message over a folder of messages: of one `proxy scan` over all of it, from its\n"+
		"start to its end, and of rspamd's processes asked by HTTP. In turn, a round at a time.")
	fs.StringVar(&c.folder, "folder", "", "folder of messages, one a file; required (bench/README.md names one)")
	fs.IntVar(&c.rounds, "rounds", 5, "rounds; at least 5 for figures that are told to others")
	fs.BoolVar(&c.rspamd, "rspamd", true, "measure rspamd as well, with the modules off that ask a network")
	newRun := runFlags(fs)
	err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case c.folder == "":
		fs.Usage()
		return flag.ErrHelp
	}
	if c.folder, err = filepath.Abs(c.folder); err != nil {
		return err
	}
	if c.corpus, err = readCorpus(c.folder); err != nil {
		return err
	}
	if c.env, err = newRun(); err != nil {
		return err
	}
	defer c.close()
	title := fmt.Sprintf("CPU a message: %d messages of a folder, %d rounds", c.corpus.Count, c.rounds)
	r := newResult(title, "corpus", args)
	samples, err := c.measure(ctx, r)
	if err != nil {
		return err
	}
	c.report(r, samples)
	r.print(os.Stdout)
	return r.save(c.out, "corpus", nil)
}

// readCorpus lists the messages that proxy scan would read in a folder.
func readCorpus(folder string) (corpus, error) {
	var c corpus
	var sizes []int64
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, path)
		c.Octets += info.Size()
		sizes = append(sizes, info.Size())
		return nil
	})
	if err == nil && len(c.Files) == 0 {
		err = fmt.Errorf("%s holds no messages", folder)
	}
	c.Count, c.Median, c.P99 = len(c.Files), quantile(sizes, 0.5), quantile(sizes, 0.99)
	return c, err
}

// A scanner is one way to pass over the corpus.
type scanner struct {
	name string
	pass func(ctx context.Context, files []string) (took, cpu time.Duration, err error)
}

// measure passes over the folder with every scanner, a round at a time.
func (c *corpusRun) measure(ctx context.Context, r *result) ([]corpusSample, error) {
	binary, err := c.sluice(ctx)
	if err != nil {
		return nil, err
	}
	c.noteVersion(r, peerNamed(peerSluice))
	scanners := []scanner{{peerSluice, func(ctx context.Context, _ []string) (took, cpu time.Duration, err error) {
		return scanFolder(ctx, binary, c.folder)
	}}}
	if why := missingProgram("rspamd")(); c.rspamd && why != "" {
		c.say("LEFT OUT: rspamd: %s (go run ./bench peers --install)", why)
		r.note("left out: rspamd: %s", why)
	} else if c.rspamd {
		p, _, address, err := c.startRspamdAlone(ctx)
		if err != nil {
			return nil, err
		}
		r.Versions["rspamd"] = rspamdVersion()
		scanners = append(scanners, scanner{peerRspamd, func(ctx context.Context, files []string) (took, cpu time.Duration, err error) {
			return askRspamd(ctx, p, address, files)
		}})
	}
	for _, s := range scanners { // fills the page cache and rspamd's own
		if _, _, err := s.pass(ctx, c.corpus.Files[:min(200, c.corpus.Count)]); err != nil {
			return nil, fmt.Errorf("warm up: %s: %w", s.name, err)
		}
	}
	var samples []corpusSample
	for round := range c.rounds {
		for _, s := range rotate(scanners, round) {
			took, cpu, err := s.pass(ctx, c.corpus.Files)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			one := corpusSample{Round: round + 1, Scanner: s.name, Seconds: took.Seconds(),
				Rate: float64(c.corpus.Count) / took.Seconds(), CPU: ms(cpu) / float64(c.corpus.Count)}
			samples = append(samples, one)
			c.say("round %d/%d  %-8s %8.0f messages/s  %7.3f ms CPU a message", one.Round, c.rounds, s.name, one.Rate, one.CPU)
		}
	}
	return samples, nil
}

// scanFolder runs proxy scan over a folder. Its exit status tells what it
// thinks of the mail, so that only those that mean failure are errors.
func scanFolder(ctx context.Context, binary, folder string) (took, cpu time.Duration, err error) {
	cmd := exec.CommandContext(ctx, binary, "scan", "--quiet", folder)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	start := time.Now()
	err = cmd.Run()
	took = time.Since(start)
	if cmd.ProcessState == nil {
		return 0, 0, err
	}
	switch cmd.ProcessState.ExitCode() {
	case 0, 3, 4, 5: // docs/reference: delivered; set aside; deferred; refused
	default:
		return 0, 0, fmt.Errorf("proxy scan: %w: %s", err, complaint.String())
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// askRspamd gives every file to rspamd.
func askRspamd(ctx context.Context, p *process, address string, files []string) (took, cpu time.Duration, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rspamdConnections}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	errs := make([]error, rspamdConnections)
	var running sync.WaitGroup
	start := time.Now()
	for i := range errs {
		running.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(files) && errs[i] == nil; n = int(next.Add(1)) - 1 {
				errs[i] = askOne(ctx, client, "http://"+address+"/checkv2", files[n])
			}
		})
	}
	running.Wait()
	took = time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return 0, 0, err
	}
	after, err := p.cpu()
	return took, after - before, err
}

// askOne posts one file.
func askOne(ctx context.Context, client *http.Client, url, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: rspamd says %s", file, resp.Status)
	}
	return nil
}

// summariseCorpus joins the samples of one scanner with Sluice's of the same
// rounds.
func summariseCorpus(samples []corpusSample, name string, c corpus) corpusSummary {
	pick := func(name string, figure func(corpusSample) float64) (byRound map[int]float64, list []float64) {
		byRound = map[int]float64{}
		for _, s := range samples {
			if s.Scanner == name {
				byRound[s.Round] = figure(s)
				list = append(list, figure(s))
			}
		}
		return byRound, list
	}
	cpu := func(s corpusSample) float64 { return s.CPU }
	own, all := pick(name, cpu)
	sluice, _ := pick(peerSluice, cpu)
	_, rates := pick(name, func(s corpusSample) float64 { return s.Rate })
	m := corpusSummary{Scanner: name, Rate: spreadOf(rates), CPU: spreadOf(all), ToSluice: spreadOf(paired(own, sluice))}
	m.MB = m.Rate.Median * float64(c.Octets) / float64(c.Count) / 1e6
	return m
}

// corpusCPU is what one message of about 5 kB may cost, in ms: a tenth of what
// rspamd takes.
const corpusCPU = 0.33

// report fills in table, figures and target.
func (c *corpusRun) report(r *result, samples []corpusSample) {
	figures := corpusFigures{Corpus: c.corpus, Samples: samples}
	t := &table{head: []string{"", "CPU ms", "(lowest to highest)", "CPU to Sluice", "(spread)", "messages/s", "MB/s"}}
	for _, name := range []string{peerSluice, peerRspamd} {
		m := summariseCorpus(samples, name, c.corpus)
		if m.Rate == (spread{}) {
			continue
		}
		figures.Summary = append(figures.Summary, m)
		t.add(map[string]string{peerSluice: "Sluice, proxy scan", peerRspamd: "rspamd, HTTP"}[name],
			fmt.Sprintf("%.3f", m.CPU.Median), fmt.Sprintf("%.3f to %.3f", m.CPU.Min, m.CPU.Max),
			ratioCell(m.ToSluice), spreadCell(m.ToSluice), fmt.Sprintf("%.0f", m.Rate.Median), fmt.Sprintf("%.1f", m.MB))
	}
	r.table(fmt.Sprintf("%d messages, mean %d, median %d, p99 %d octets; median of the rounds, CPU a message",
		c.corpus.Count, c.corpus.Octets/int64(c.corpus.Count), c.corpus.Median, c.corpus.P99), t)
	r.Figures = figures
	r.Targets = append(r.Targets, atMost("Sluice's CPU a message, ms", "%.3f", corpusCPU, figures.Summary[0].CPU.Median))
	r.note("proxy scan reads one message after the other; rspamd has two workers and gets two at once")
	r.note("rspamd is running already; proxy scan's start is in its figure")
	r.noteRounds(c.rounds)
}
