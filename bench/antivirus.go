package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// An antivirusRun holds the flags of antivirus and what it started.
type antivirusRun struct {
	*env
	rounds, pace int
	sizes        []int
	mails        map[int][]byte // content a size, lines in CRLF
	clamd        string
	plain, armed *running // Sluice without and with the engine
	number       int      // of messages so far: no two are alike
}

// An antivirusSample is the median of a few messages of one size in a round,
// in milliseconds. What is behind the last octet depends on nothing but the
// scan: pacing and transport are over by then.
type antivirusSample struct {
	Round int `json:"round"`
	Size  int `json:"size"`
	// Of clamd alone, by INSTREAM: all of it, and from the last octet on.
	Clamd    float64 `json:"clamd_ms"`
	ClamdEnd float64 `json:"clamd_end_ms"`
	// From the terminator to the reply, with the engine and without.
	End   float64 `json:"end_ms"`
	Plain float64 `json:"plain_end_ms"`
}

// added is what the engine adds to the reply.
func (s antivirusSample) added() float64 { return s.End - s.Plain }

// An antivirusSummary is one size over all rounds, in milliseconds.
type antivirusSummary struct {
	Size     int    `json:"size"`
	Inside   bool   `json:"inside_window"`
	Clamd    spread `json:"clamd_ms"`
	ClamdEnd spread `json:"clamd_end_ms"`
	End      spread `json:"end_ms"`
	Added    spread `json:"added_ms"`
	// Ratio is the whole time from the terminator to the reply, by what clamd
	// alone needs behind its own last octet, in the same round.
	Ratio spread `json:"ratio_to_clamd_end"`
	// Over is what is added less all that clamd alone needs, in the same round.
	Over spread `json:"added_over_clamd_ms"`
}

// antivirusFigures is what antivirus writes as JSON.
type antivirusFigures struct {
	Pace    int                `json:"octets_per_second"` // of senders and of clamd's client; 0: as fast as it goes
	Summary []antivirusSummary `json:"summary"`
	Samples []antivirusSample  `json:"samples"`
}

func antivirusCommand(ctx context.Context, args []string) error {
	a := &antivirusRun{mails: map[int][]byte{}}
	fs := newFlags("antivirus", "What an antivirus engine adds: clamd alone, Sluice with it and Sluice without, in turn,\n"+
		"a message with an attachment at a time.")
	fs.IntVar(&a.rounds, "rounds", 5, "rounds; at least 5 for figures that are told to others")
	sizes := fs.String("sizes", "10k,50k,200k,1m,5m,20m", "message sizes; those below 256ki are inside the window")
	pace := fs.String("pace", "100m", "octets a second of whoever sends, as a network has them; unpaced: as fast as it goes")
	newRun := runFlags(fs)
	err := parse(fs, args)
	if err != nil {
		return err
	}
	if a.sizes, err = parseSizes(*sizes); err != nil {
		return err
	}
	if *pace != "unpaced" {
		if a.pace, err = parseSize(*pace); err != nil {
			return err
		}
	}
	if why := missingClamd(); why != "" {
		return fmt.Errorf("%s (go run ./bench peers --install)", why)
	}
	for _, size := range a.sizes {
		text, err := mixedMessage("attachment", size)
		if err != nil {
			return err
		}
		a.mails[size] = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	if a.env, err = newRun(); err != nil {
		return err
	}
	defer a.close()
	r := newResult(fmt.Sprintf("What clamd adds to Sluice's reply, %d rounds", a.rounds), "antivirus", args)
	samples, err := a.measure(ctx, r)
	if err != nil {
		return err
	}
	a.report(r, samples)
	r.print(os.Stdout)
	return r.save(a.out, "antivirus", nil)
}

// start brings up clamd, the sink and both instances of Sluice.
func (a *antivirusRun) start(ctx context.Context, r *result) error {
	var err error
	if _, a.clamd, err = a.startClamd(ctx); err != nil {
		return err
	}
	r.Versions["clamd"] = clamdVersion()
	sink, _, err := a.startOwnSink(ctx, "sink")
	if err != nil {
		return err
	}
	if a.plain, err = a.startSluice(ctx, "sluice-plain", sluiceConfig{Server: sink}); err != nil {
		return err
	}
	a.armed, err = a.startSluice(ctx, "sluice-antivirus", sluiceConfig{Server: sink, Clamd: a.clamd})
	a.noteVersion(r, peerNamed(peerSluice))
	return err
}

// measure runs the rounds, after one that is not counted.
func (a *antivirusRun) measure(ctx context.Context, r *result) ([]antivirusSample, error) {
	if err := a.start(ctx, r); err != nil {
		return nil, err
	}
	var samples []antivirusSample
	for round := range a.rounds + 1 {
		for _, size := range a.sizes {
			one, err := a.sample(ctx, round, size)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", formatSize(size), err)
			}
			if round == 0 {
				continue // warms up
			}
			samples = append(samples, one)
			a.say("round %d/%d  %-7s clamd %7.1f ms, %7.1f after the end; Sluice %7.1f with it, %5.1f without",
				round, a.rounds, formatSize(size), one.Clamd, one.ClamdEnd, one.End, one.Plain)
		}
	}
	return samples, nil
}

// messagesAt is how many messages of a size a sample has: an odd number, for
// its median, and fewer of those that take long.
func messagesAt(size int) int {
	switch {
	case size <= window:
		return 9
	case size <= 2e6:
		return 5
	}
	return 3
}

// sample has each of the three look at a few messages, one after the other.
func (a *antivirusRun) sample(ctx context.Context, round, size int) (antivirusSample, error) {
	var clamd, clamdEnd, end, plain []float64
	steps := []func() error{
		func() error {
			whole, rest, err := a.askClamd(ctx, a.next(size))
			clamd, clamdEnd = append(clamd, ms(whole)), append(clamdEnd, ms(rest))
			return err
		},
		func() (err error) { end, err = a.timed(ctx, a.armed, size, end); return err },
		func() (err error) { plain, err = a.timed(ctx, a.plain, size, plain); return err },
	}
	for n := range messagesAt(size) {
		for _, step := range rotate(steps, round+n) {
			if err := step(); err != nil {
				return antivirusSample{}, err
			}
		}
	}
	return antivirusSample{Round: round, Size: size, Clamd: median(clamd), ClamdEnd: median(clamdEnd),
		End: median(end), Plain: median(plain)}, nil
}

// next returns a message of a size that nobody has seen before.
func (a *antivirusRun) next(size int) []byte {
	a.number++
	return append(fmt.Appendf(nil, "X-Number: %d\r\n", a.number), a.mails[size]...)
}

// timed sends a message and appends the time from its terminator to the reply.
func (a *antivirusRun) timed(ctx context.Context, run *running, size int, list []float64) ([]float64, error) {
	d := dialer{address: run.address}
	c, err := d.dial(ctx)
	if err != nil {
		return list, err
	}
	defer c.quit()
	data := stuff(a.next(size))
	o := c.transaction(envelope{"a@x.test", []string{"b@y.test"}}, manner{pipelining: true},
		body{replies: 1, write: func(w io.Writer) error { return writePaced(w, data, a.pace) }})
	if !o.ok() {
		return list, fmt.Errorf("%s: %w", run.name, &stageError{o.stage, o.code, o.text, o.err})
	}
	return append(list, ms(o.end.Sub(o.terminator))), nil
}

// paceChunk is how much is written at once: 256 KiB, 2.6 ms at 100 MB/s, so
// that sleeping is exact enough.
const paceChunk = 256 << 10

// writePaced writes p at a number of octets a second; 0: at once. The first
// chunk never waits, so messages inside the window go at once too.
func writePaced(w io.Writer, p []byte, pace int) error {
	start, written := time.Now(), 0
	for len(p) > 0 {
		n := len(p)
		if pace > 0 {
			n = min(paceChunk, n)
			due := time.Duration(float64(written) / float64(pace) * float64(time.Second))
			time.Sleep(due - time.Since(start))
		}
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		p, written = p[n:], written+n
	}
	return nil
}

// askClamd scans content by INSTREAM (clamd(8)), and tells how long it took in
// all and from when the end was written.
func (a *antivirusRun) askClamd(ctx context.Context, content []byte) (whole, rest time.Duration, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.clamd)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(replyWait)); err != nil {
		return 0, 0, err
	}
	framed := frames(content)
	start := time.Now()
	if err := writePaced(conn, framed, a.pace); err != nil {
		return 0, 0, err
	}
	ended := time.Now()
	answer, err := bufio.NewReader(conn).ReadString(0)
	now := time.Now()
	if err != nil {
		return 0, 0, fmt.Errorf("clamd: %w", err)
	}
	return now.Sub(start), now.Sub(ended), cleanAnswer(answer)
}

// frameSize is how much of content one frame of INSTREAM holds: 64 KiB.
const frameSize = 64 << 10

// frames is a whole scan as clamd takes it: the command, frames with their
// lengths before them, and one of no length.
func frames(content []byte) []byte {
	out := append(make([]byte, 0, len(content)+len(content)/frameSize*4+64), "zINSTREAM\x00"...)
	for len(content) > 0 {
		n := min(frameSize, len(content))
		out = binary.BigEndian.AppendUint32(out, uint32(n))
		out = append(out, content[:n]...)
		content = content[n:]
	}
	return append(out, 0, 0, 0, 0)
}

// cleanAnswer returns nil for clamd's answer that there is nothing.
func cleanAnswer(answer string) error {
	if strings.TrimRight(answer, "\x00") != "stream: OK" {
		return errors.New("clamd does not say that the message is clean")
	}
	return nil
}
