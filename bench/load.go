package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// openQueue is how many due messages may wait for a worker in an open-loop
// run before the generator itself falls behind.
const openQueue = 100_000

func loadCommand(ctx context.Context, args []string) error {
	fs := newFlags("load", "Sends mail to --to and says how that went.")
	to := fs.String("to", "127.0.0.1:2525", "where to")
	messages := fs.Int("messages", 1000, "messages")
	workers := fs.Int("connections", 20, "parallel connections")
	per := fs.Int("per-connection", 1, "messages a connection")
	sizes := fs.String("sizes", "50k", "sizes with weights, such as 2k:70,50k:25,1m:5")
	recipients := fs.Int("recipients", 1, "recipients a message, all @y.test")
	pattern := fs.String("arrival", "closed", "closed, open:RATE or burst:N/DURATION")
	pipelining := fs.Bool("pipelining", true, "MAIL, RCPT and DATA in one write")
	bdat := fs.Bool("bdat", false, "BDAT instead of DATA")
	secure := fs.String("tls", "none", "none, starttls or implicit (certificates are not verified)")
	retry := fs.Bool("retry", false, "retry what got 4xx or no reply")
	seed := fs.Uint64("seed", 1, "seed of sizes and contents")
	bookFile := fs.String("book", "", "write the sender's book here, for check")
	if err := parse(fs, args); err != nil {
		return err
	}
	m, err := parseMix(*sizes)
	if err != nil {
		return err
	}
	when, err := parseArrival(*pattern)
	if err != nil {
		return err
	}
	d, err := dialerFor(*to, *secure)
	if err != nil {
		return err
	}
	var book ledgerBook
	g := &generator{dialer: d, workers: *workers, perConnection: *per, retry: *retry, book: &book,
		how: func(int) manner { return manner{*pipelining, *bdat} }}
	next := func(n int) (mail, bool) {
		if n >= *messages {
			return mail{}, false
		}
		size := m.pick(rand.New(rand.NewPCG(*seed, uint64(n)+1<<32)).Float64())
		one := makeMail(*seed, n, size, kindOrdinary, *recipients)
		book.send(one.sentMail)
		return one, true
	}
	took := g.drive(ctx, when, next)
	g.tally.print(took)
	if *bookFile != "" {
		return writeBooks(*bookFile, book.close())
	}
	return nil
}

// dialerFor reads --tls.
func dialerFor(to, secure string) (dialer, error) {
	config := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(0)} // a load generator, not a mail client
	switch secure {
	case "none":
		return dialer{address: to}, nil
	case "starttls":
		return dialer{address: to, tls: config}, nil
	case "implicit":
		return dialer{address: to, tls: config, implicit: true}, nil
	}
	return dialer{}, fmt.Errorf("--tls %q: want none, starttls or implicit", secure)
}

// drive feeds the generator and returns how long it all took.
func (g *generator) drive(ctx context.Context, when arrival, next func(int) (mail, bool)) time.Duration {
	room := 2 * g.workers
	if when.every > 0 {
		room = openQueue
	}
	queue := make(chan posted, room)
	start := time.Now()
	go when.feed(ctx, queue, next)
	g.run(ctx, queue)
	return time.Since(start)
}

// print shows the tally to a person.
func (t *tally) print(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &table{head: []string{"", "figure"}}
	out.add("messages settled", fmt.Sprint(t.Messages))
	out.add("a second", fmt.Sprintf("%.1f", float64(t.Messages)/took.Seconds()))
	out.add("MB a second", fmt.Sprintf("%.1f", float64(t.Octets)/1e6/took.Seconds()))
	out.add("attempts", fmt.Sprint(t.Attempts))
	out.add("connections", fmt.Sprint(t.Connections))
	out.add("connections refused", fmt.Sprint(t.NoConnect))
	if t.Resumed > 0 {
		out.add("TLS sessions resumed", fmt.Sprint(t.Resumed))
	}
	out.rule()
	for _, l := range []struct {
		name   string
		values []time.Duration
	}{{"MAIL to the last reply", t.latencies}, {"due to the last reply", t.waits}} {
		for _, q := range []float64{0.5, 0.99} {
			out.add(fmt.Sprintf("%s, p%.0f", l.name, q*100), fmt.Sprintf("%.2f ms", ms(quantile(l.values, q))))
		}
	}
	out.rule()
	for _, code := range sortedInts(t.Codes) {
		name := fmt.Sprintf("reply %d", code)
		if code == 0 {
			name = "no reply"
		}
		out.add(name, fmt.Sprint(t.Codes[code]))
	}
	out.write(os.Stdout)
	if t.last != "" {
		fmt.Println("\n  last refusal:", t.last)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func sinkCommand(ctx context.Context, args []string) error {
	fs := newFlags("sink", "Takes mail and keeps none. It fails on purpose if asked.")
	listen := fs.String("listen", "127.0.0.1:2600", "address")
	fail := fs.String("fail", "none", fmt.Sprintf("failures in percent, such as end4:2,lostcut:1 or all:1; of %v", failures()))
	delay := fs.Duration("delay", time.Second, "longest wait of the failure delay")
	seed := fs.Uint64("seed", 1, "seed of the failures")
	cert := fs.String("cert", "", "certificate, PEM: offers STARTTLS")
	key := fs.String("key", "", "its key, PEM")
	implicit := fs.Bool("implicit", false, "TLS before the greeting")
	x25519 := fs.Bool("x25519", false, "TLS 1.3 with X25519 only, as the comparison does")
	bookFile := fs.String("book", "", "write the sink's book here when interrupted, for check")
	quiet := fs.Bool("quiet", false, "print nothing")
	if err := parse(fs, args); err != nil {
		return err
	}
	p, err := parsePlan(*fail, *seed, *delay)
	if err != nil {
		return err
	}
	s := &sink{name: *listen, plan: p, implicit: *implicit}
	if *bookFile != "" {
		s.book = &ledgerBook{}
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return err
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
		if *x25519 {
			s.tls = strictTLS(s.tls)
		}
	}
	if _, err := raiseDescriptors(); err != nil {
		return err
	}
	return runSink(ctx, s, *listen, *bookFile, *quiet)
}

// runSink serves until ctx ends.
func runSink(ctx context.Context, s *sink, listen, bookFile string, quiet bool) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	var stopped atomic.Bool
	context.AfterFunc(ctx, func() {
		stopped.Store(true)
		l.Close()
	})
	if !quiet {
		fmt.Fprintf(os.Stderr, "  sink on %s; interrupt to end\n", l.Addr())
	}
	if err := s.serve(l); err != nil && !stopped.Load() {
		return err
	}
	s.close()
	fmt.Printf("messages %d handshakes %d resumed %d\n", s.messages.Load(), s.handshakes.Load(), s.resumed.Load())
	if bookFile != "" {
		return writeBooks(bookFile, s.book.close())
	}
	return nil
}
