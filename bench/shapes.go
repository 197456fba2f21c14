package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// messageBudget is what taking one message apart may hold: 128 MiB.
	messageBudget = 128 << 20
	// fixedPart is what Sluice counts for all that is no message and no
	// session, and sessionPart for each session there may be.
	fixedPart   = 192 << 20
	sessionPart = 64 << 10
	// runaway is how far over its limit Sluice may get before it is ended, so
	// that it does not take the machine down: 2 GiB.
	runaway = 2 << 30
)

// A shapesRun holds the flags of shapes.
type shapesRun struct {
	*env
	size, parallel int
	limit          int // limits.memory
	shapes         []shape
}

// A shapeSample is what one shape did to Sluice; octets.
type shapeSample struct {
	Shape    string  `json:"shape"`
	Parallel int     `json:"parallel"`
	Message  int     `json:"message_octets"`
	Before   int64   `json:"rss_before"`
	Peak     int64   `json:"rss_peak"`
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu_seconds"`
	// Codes are the replies; 0: none came.
	Codes map[int]int `json:"replies"`
	// Text are those to plain text alone, good mail among the others.
	Text map[int]int `json:"replies_to_text,omitempty"`
	// Ended tells that Sluice ran away, and was ended at Peak.
	Ended bool `json:"ended,omitempty"`
}

func (s shapeSample) rise() int64 { return s.Peak - s.Before }

func shapesCommand(ctx context.Context, args []string) error {
	s := &shapesRun{shapes: shapes()}
	fs := newFlags("shapes", "Peak resident memory of Sluice while the worst messages pass: one alone, in a process of its\n"+
		"own each; then many of all shapes at once.")
	size := fs.String("size", "37m", "octets of the largest attachment (limits.max_message is 50 MiB, in base64)")
	limit := fs.String("memory", "512mi", "limits.memory of the instance that gets many")
	fs.IntVar(&s.parallel, "parallel", 200, "messages at once; 0: skip")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if s.size, err = parseSize(*size); err != nil {
		return err
	}
	if s.limit, err = parseSize(*limit); err != nil {
		return err
	}
	if s.env, err = newRun(); err != nil {
		return err
	}
	defer s.close()
	r := newResult("Peak resident memory of Sluice, worst shapes", "shapes", args)
	samples, err := s.measure(ctx, r)
	if err != nil {
		return err
	}
	s.report(r, samples)
	r.print(os.Stdout)
	return r.save(s.out, "shapes", nil)
}

func (s *shapesRun) measure(ctx context.Context, r *result) ([]shapeSample, error) {
	sink, _, err := s.startOwnSink(ctx, "sink")
	if err != nil {
		return nil, err
	}
	s.noteVersion(r, peerNamed(peerSluice))
	var samples []shapeSample
	var all [][]byte
	for i, one := range s.shapes {
		message := one.message(s.size)
		all = append(all, message)
		c := sluiceConfig{Server: sink}
		sample, err := s.sample(ctx, fmt.Sprintf("sluice-%d", i), c, [][]byte{message}, 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		sample.Shape = one.name
		samples = append(samples, sample)
	}
	if s.parallel == 0 {
		return samples, nil
	}
	c := sluiceConfig{Server: sink, MaxConnections: s.parallel, Sessions: s.parallel + 20, Memory: fmt.Sprintf("%dMiB", s.limit>>20)}
	sample, err := s.sample(ctx, "sluice-many", c, all, s.parallel)
	sample.Shape = "all, in turn"
	return append(samples, sample), err
}

// sample sends count messages at once, each shape in turn, to a new instance.
func (s *shapesRun) sample(ctx context.Context, name string, c sluiceConfig, messages [][]byte, count int) (shapeSample, error) {
	run, err := s.env.startSluice(ctx, name, c)
	if err != nil {
		return shapeSample{}, err
	}
	defer run.stop()
	d := dialer{address: run.address}
	if err := warm(ctx, d); err != nil {
		return shapeSample{}, err
	}
	one := shapeSample{Parallel: count, Message: len(messages[0]), Codes: map[int]int{}, Text: map[int]int{}}
	if one.Before, err = run.rss(); err != nil {
		return one, err
	}
	before, err := run.cpu()
	if err != nil {
		return one, err
	}
	var mu sync.Mutex // guards one's replies
	var running sync.WaitGroup
	start := time.Now()
	for i := range count {
		running.Go(func() {
			code := sendShape(ctx, d, messages[i%len(messages)])
			mu.Lock()
			one.Codes[code]++
			if i%len(messages) == 0 {
				one.Text[code]++
			}
			mu.Unlock()
		})
	}
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	stop := int64(max(s.limit, messageBudget)) + runaway
	one.Peak, one.Ended, err = run.watchPeak(ctx, done, stop)
	<-done
	one.Seconds = time.Since(start).Seconds()
	if err != nil || one.Ended {
		return one, err
	}
	after, err := run.cpu()
	one.CPU = (after - before).Seconds()
	s.say("%-3d %-34s peak %6.1f MiB, was %5.1f; %.1f s", count, name, mib(one.Peak), mib(one.Before), one.Seconds)
	return one, err
}

// sendShape sends one message and returns the reply's code, 0 if there was none.
func sendShape(ctx context.Context, d dialer, data []byte) int {
	c, err := d.dial(ctx)
	if err != nil {
		var stage *stageError
		if errors.As(err, &stage) {
			return stage.code
		}
		return 0
	}
	defer c.quit()
	o := c.send(envelope{"a@x.test", []string{"b@y.test"}}, nil, data, manner{pipelining: true})
	return o.code
}

// watchPeak waits until done and returns the most memory that was resident.
// Above stop it ends the process.
func (r *running) watchPeak(ctx context.Context, done <-chan struct{}, stop int64) (peak int64, ended bool, err error) {
	for {
		now, err := r.peakRSS()
		if err != nil && !r.ended() {
			return peak, false, err
		}
		if peak = max(peak, now); peak > stop {
			r.kill()
			return peak, true, nil
		}
		select {
		case <-done:
			now, err = r.peakRSS()
			return max(peak, now), false, err
		case <-ctx.Done():
			r.kill() // so that the senders end
			return peak, false, ctx.Err()
		case <-time.After(rssPause):
		}
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// report fills in table and targets.
func (s *shapesRun) report(r *result, samples []shapeSample) {
	t := &table{head: []string{"", "messages", "of", "RSS before", "peak", "rise", "time", "CPU", "replies"}}
	for _, one := range samples {
		t.add(one.Shape, fmt.Sprint(one.Parallel), fmt.Sprintf("%.1f MiB", mib(int64(one.Message))), fmt.Sprintf("%.1f MiB", mib(one.Before)),
			fmt.Sprintf("%.1f MiB", mib(one.Peak)), fmt.Sprintf("%.1f MiB", mib(one.rise())),
			fmt.Sprintf("%.1f s", one.Seconds), fmt.Sprintf("%.1f s", one.CPU), codesCell(one.Codes))
		r.Targets = append(r.Targets, s.target(one))
		if one.Parallel > 1 {
			r.note("replies to plain text among those at once: %s", codesCell(one.Text))
			r.Targets = append(r.Targets, atLeast("share of the plain text among them that is taken", "%.2f", 1, share(one.Text, 250)))
		}
		if one.Ended {
			r.note("%s: Sluice was ended by the harness at %.0f MiB", one.Shape, mib(one.Peak))
		}
	}
	r.table("peak is VmHWM, of a new process each", t)
	r.Figures = samples
	r.note("rise has garbage in it that nobody had to collect yet: what is held is less")
}

// target judges one message by its budget, many by what the process may have.
func (s *shapesRun) target(one shapeSample) target {
	if one.Parallel == 1 {
		return atMost(one.Shape+": MiB that one message adds", "%.0f", mib(messageBudget), mib(one.rise()))
	}
	limit := int64(s.limit) + fixedPart + int64(one.Parallel+20)*sessionPart
	return atMost(fmt.Sprintf("%d at once, limits.memory %d MiB: MiB of the process", one.Parallel, s.limit>>20), "%.0f", mib(limit), mib(one.Peak))
}

// share is how much of all replies one code was; 0 of none.
func share(codes map[int]int, code int) float64 {
	all := 0
	for _, n := range codes {
		all += n
	}
	if all == 0 {
		return 0
	}
	return float64(codes[code]) / float64(all)
}

// codesCell shows how often which reply came: "190 × 250, 10 × 452".
func codesCell(codes map[int]int) string {
	text := ""
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d × %03d", codes[code], code)
	}
	return text
}
