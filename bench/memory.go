package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// window is Sluice's default look-ahead, and what a large message may hold.
	window = 256 << 10
	// rssPause is between two readings while a large message flows.
	rssPause = 20 * time.Millisecond
)

// A memoryRun holds the flags of memory.
type memoryRun struct {
	*env
	sessions, tlsSessions int
	big                   int
	settle                time.Duration
	parallel              int
}

// memoryFigures is what memory writes as JSON; all in octets.
type memoryFigures struct {
	Sessions int           `json:"sessions"`
	PerClear float64       `json:"per_clear_text_session"`
	TLS      int           `json:"tls_sessions"`
	PerTLS   float64       `json:"per_tls_session"`
	Big      int           `json:"large_message"`
	Rise     int64         `json:"rss_rise_during_large_message"`
	Took     time.Duration `json:"large_message_took_ns"`
}

func memory(ctx context.Context, args []string) error {
	m := &memoryRun{}
	fs := newFlags("memory", "Resident memory of Sluice: sessions waiting after RCPT with both legs open,\nand one large message.")
	fs.IntVar(&m.sessions, "sessions", 9000, "clear-text sessions; 0: skip")
	fs.IntVar(&m.tlsSessions, "tls-sessions", 2000, "TLS sessions, both legs; 0: skip")
	big := fs.String("big", "1gi", "the large message")
	fs.DurationVar(&m.settle, "settle", 130*time.Second, "quiet time before a reading: Go collects at least every 2 minutes")
	fs.IntVar(&m.parallel, "parallel", 50, "sessions opened at once")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if m.big, err = parseSize(*big); err != nil {
		return err
	}
	descriptors, err := raiseDescriptors()
	if err != nil {
		return err
	}
	if need := uint64(2*m.sessions + 200); descriptors < need {
		return fmt.Errorf("%d sessions need %d open files in Sluice, and the limit is %d (ulimit -Hn)", m.sessions, need, descriptors)
	}
	if m.env, err = newRun(); err != nil {
		return err
	}
	defer m.close()
	r := newResult("Resident memory of Sluice", "memory", args)
	if err := m.measure(ctx, r); err != nil {
		return err
	}
	r.print(os.Stdout)
	return r.save(m.out, "memory", nil)
}

func (m *memoryRun) measure(ctx context.Context, r *result) error {
	dir, err := m.folder("tls")
	if err != nil {
		return err
	}
	cert, err := makeCertificate(dir)
	if err != nil {
		return err
	}
	sink, _, err := m.startOwnSink(ctx, "sink", "--cert", cert.cert, "--key", cert.key)
	if err != nil {
		return err
	}
	f := memoryFigures{Sessions: m.sessions, TLS: m.tlsSessions, Big: m.big}
	t := &table{head: []string{"", "figure"}}
	if m.sessions > 0 {
		c := sluiceConfig{Server: sink, MaxConnections: m.sessions + 100, Sessions: m.sessions + 1000}
		if f.PerClear, err = m.perSession(ctx, "sluice-clear", c, dialer{}, m.sessions); err != nil {
			return err
		}
		t.add(fmt.Sprintf("a clear-text session, of %d", m.sessions), fmt.Sprintf("%.1f KiB", f.PerClear/1024))
		r.Targets = append(r.Targets, atMost("KiB a session waiting after RCPT", "%.1f", 16, f.PerClear/1024))
	}
	if m.tlsSessions > 0 {
		c := sluiceConfig{Server: sink, MaxConnections: m.tlsSessions + 100, Sessions: m.tlsSessions + 1000,
			Cert: cert.cert, Key: cert.key, RouteTLS: "verify", TLSName: tlsName, CA: cert.cert}
		if f.PerTLS, err = m.perSession(ctx, "sluice-tls", c, dialer{tls: clientTLS()}, m.tlsSessions); err != nil {
			return err
		}
		t.add(fmt.Sprintf("a TLS session, both legs, of %d", m.tlsSessions), fmt.Sprintf("%.1f KiB", f.PerTLS/1024))
	}
	if f.Rise, f.Took, err = m.largeMessage(ctx, sink); err != nil {
		return err
	}
	t.add(fmt.Sprintf("rise during a message of %d MiB", m.big>>20), fmt.Sprintf("%.1f MiB", float64(f.Rise)/(1<<20)))
	t.add("that message took", f.Took.Round(time.Millisecond).String())
	const limit = float64(window+8<<20) / (1 << 20)
	r.Targets = append(r.Targets, atMost("MiB rise during the large message", "%.2f", limit, float64(f.Rise)/(1<<20)))
	r.table("resident set (VmRSS) of the process, less what it was before", t)
	r.Figures = f
	m.noteVersion(r, peerNamed(peerSluice))
	return nil
}

// perSession opens n sessions up to RCPT and returns the octets each costs.
func (m *memoryRun) perSession(ctx context.Context, name string, c sluiceConfig, d dialer, n int) (float64, error) {
	run, err := m.env.startSluice(ctx, name, c)
	if err != nil {
		return 0, err
	}
	defer run.stop()
	d.address = run.address
	if err := warm(ctx, d); err != nil {
		return 0, err
	}
	before, err := m.quietRSS(ctx, run)
	if err != nil {
		return 0, err
	}
	open, err := m.openSessions(ctx, d, n)
	defer func() {
		for _, one := range open {
			one.conn.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	m.say("%d sessions wait after RCPT", len(open))
	after, err := m.quietRSS(ctx, run)
	if err != nil {
		return 0, err
	}
	for _, one := range open[:min(5, len(open))] { // they must be alive still
		if err := one.command("NOOP", 250, "NOOP"); err != nil {
			return 0, fmt.Errorf("a session that waited: %w", err)
		}
	}
	return float64(after-before) / float64(n), nil
}

// warm sends a little mail, so that what is made once is there.
func warm(ctx context.Context, d dialer) error {
	mails := variants(makeMail(1, 1, 10e3, kindOrdinary, 1), 100)
	g := &generator{dialer: d, workers: 4, perConnection: 10, how: func(int) manner { return manner{pipelining: true} }}
	g.drive(ctx, arrival{}, func(n int) (mail, bool) { return mails(n), n < 100 })
	if g.tally.Codes[250] != 100 {
		return fmt.Errorf("warm up: %d of 100 messages were taken; replies %v; %s", g.tally.Codes[250], g.tally.Codes, g.tally.last)
	}
	return nil
}

// quietRSS waits until Go has collected and given back, and reads.
func (m *memoryRun) quietRSS(ctx context.Context, run *running) (int64, error) {
	m.say("waiting %v for a quiet heap", m.settle)
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(m.settle):
	}
	rss, err := run.rss()
	if err == nil {
		m.say("resident: %.1f MiB", float64(rss)/(1<<20))
	}
	return rss, err
}

// openSessions opens n sessions up to an accepted RCPT. The list holds those
// that are open also if there is an error.
func (m *memoryRun) openSessions(ctx context.Context, d dialer, n int) ([]*client, error) {
	var mu sync.Mutex // guards open and errs
	var open []*client
	var errs []error
	var running sync.WaitGroup
	for i := range m.parallel {
		running.Go(func() {
			for range n/m.parallel + btoi(i < n%m.parallel) {
				c, err := waitingSession(ctx, &d)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				open = append(open, c)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return open, errors.Join(errs[:min(1, len(errs))]...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// waitingSession opens a session and leaves it after RCPT.
func waitingSession(ctx context.Context, d *dialer) (*client, error) {
	c, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err = c.command(stageMail, 250, "MAIL FROM:<a@x.test>"); err == nil {
		err = c.command(stageRcpt, 250, "RCPT TO:<b@y.test>")
	}
	if err != nil {
		c.conn.Close()
		return nil, err
	}
	return c, nil
}

// largeMessage sends one message of m.big octets and returns by how much the
// resident set rose above what it was before.
func (m *memoryRun) largeMessage(ctx context.Context, sink string) (rise int64, took time.Duration, err error) {
	run, err := m.env.startSluice(ctx, "sluice-large", sluiceConfig{Server: sink, MaxMessage: fmt.Sprintf("%dMiB", m.big>>20+64)})
	if err != nil {
		return 0, 0, err
	}
	defer run.stop()
	d := dialer{address: run.address}
	if err := warm(ctx, d); err != nil {
		return 0, 0, err
	}
	c, err := d.dial(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer c.quit()
	before, err := run.rss()
	if err != nil {
		return 0, 0, err
	}
	done := make(chan outcome, 1)
	go func() {
		done <- c.transaction(envelope{"a@x.test", []string{"b@y.test"}}, manner{pipelining: true},
			body{replies: 1, write: func(w io.Writer) error { return writeLarge(w, m.big) }})
	}()
	peak := before
	for {
		select {
		case o := <-done:
			if !o.ok() {
				return 0, 0, fmt.Errorf("the large message: %s: %d %s %v", o.stage, o.code, o.text, o.err)
			}
			return peak - before, o.end.Sub(o.start), nil
		case <-time.After(rssPause):
			now, err := run.rss()
			if err != nil {
				return 0, 0, err
			}
			peak = max(peak, now)
		}
	}
}

// writeLarge writes about size octets of text and the terminator.
func writeLarge(w io.Writer, size int) error {
	if _, err := io.WriteString(w, "From: <a@x.test>\r\nSubject: large\r\nMessage-ID: <large@ledger.test>\r\n\r\n"); err != nil {
		return err
	}
	one := makeMail(1, 1, 1<<20, kindOrdinary, 1)
	block := one.data[:len(one.data)-len(".\r\n")]
	for written := 0; written < size; written += len(one.content) {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, ".\r\n")
	return err
}
