package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// A sample is one run of one peer at one size in one round.
type sample struct {
	Round    int     `json:"round"`
	Peer     string  `json:"peer"`
	Size     int     `json:"size"` // octets of a message
	Messages int     `json:"messages"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"messages_per_second"`
	CPU      float64 `json:"cpu_ms_per_message"` // of all the peer's processes; 0 without a proxy
}

// A sideRun holds the flags of sidebyside and what it started.
type sideRun struct {
	*env
	rounds, sessions int
	sizes            []int
	messages         map[int]int // a size
	kept             bool
	files            map[int][]string // messages to send, a size; nil: smtp-source's own
	sink             string
	peers            []*peer
	running          map[string]*running
}

// Enough messages that a run of a fast peer takes about a second: CPU is read
// in ticks of 10 ms.
var defaultMessages = map[int]int{2e3: 4000, 50e3: 2500, 1e6: 250}

func sideBySide(ctx context.Context, args []string) error {
	s := &sideRun{running: map[string]*running{}}
	fs := newFlags("sidebyside", "smtp-source -> peer -> smtp-sink, the peers in turn, a round at a time.\n"+
		"Ratios are taken within a round.")
	fs.IntVar(&s.rounds, "rounds", 5, "rounds; at least 5 for figures that are told to others")
	fs.IntVar(&s.sessions, "sessions", 20, "parallel sessions of smtp-source")
	sizes := fs.String("sizes", "2k,50k,1m", "message sizes")
	messages := fs.Int("messages", 0, "messages a run; 0: 4000 of 2k, 2500 of 50k, 250 of 1m")
	fs.BoolVar(&s.kept, "kept", false, "many messages a connection (smtp-source -d) instead of one")
	mixed := fs.Bool("mixed", false, "send text, HTML and attachments in turn instead of smtp-source's filler, by default through peers that scan")
	list := fs.String("peers", "", "peers to run (default "+forwarders+"; with --mixed "+scanners+")")
	newRun := runFlags(fs)
	if err := parse(fs, args); err != nil {
		return err
	}
	var err error
	if s.sizes, err = parseSizes(*sizes); err != nil {
		return err
	}
	s.messages = messageCounts(s.sizes, *messages)
	if s.env, err = newRun(); err != nil {
		return err
	}
	defer s.close()
	if *mixed {
		s.files = map[int][]string{}
		for _, size := range s.sizes {
			if s.files[size], err = s.mixedFiles(size); err != nil {
				return err
			}
		}
	}
	if *list == "" {
		*list = forwarders
		if *mixed {
			*list = scanners
		}
	}
	title := fmt.Sprintf("Side by side: smtp-source -> peer -> smtp-sink, %d sessions, one message a connection, %d rounds", s.sessions, s.rounds)
	name := "sidebyside"
	if s.kept {
		title = fmt.Sprintf("Side by side: smtp-source -d -> peer -> smtp-sink, %d kept connections, %d rounds", s.sessions, s.rounds)
		name = "sidebyside-kept"
	}
	if *mixed {
		title += "; text, HTML and attachment in turn"
		name += "-mixed"
	}
	r := newResult(title, "sidebyside", args)
	if s.peers, err = choosePeers(*list, r, s.env); err != nil {
		return err
	}
	samples, err := s.measure(ctx, r)
	if err != nil {
		return err
	}
	s.report(r, samples)
	r.print(os.Stdout)
	return r.save(s.out, name, s.chart(r, samples))
}

// messageCounts says how many messages a run of each size has.
func messageCounts(sizes []int, fixed int) map[int]int {
	counts := map[int]int{}
	for _, size := range sizes {
		switch n, ok := defaultMessages[size]; {
		case fixed > 0:
			counts[size] = fixed
		case ok:
			counts[size] = n
		default:
			counts[size] = min(4000, max(100, int(250e6)/size))
		}
	}
	return counts
}

// measure starts every peer, warms it up, and runs the rounds.
func (s *sideRun) measure(ctx context.Context, r *result) ([]sample, error) {
	var err error
	if s.sink, err = s.startSMTPSink(ctx); err != nil {
		return nil, err
	}
	for _, p := range s.peers {
		if s.running[p.name], err = s.launch(ctx, r, p, s.sink); err != nil {
			return nil, err
		}
		for _, size := range s.sizes {
			if _, err := s.sample(ctx, p, size, max(20, s.messages[size]/10)); err != nil {
				return nil, fmt.Errorf("warm up: %w", err)
			}
		}
	}
	r.Versions["smtp-source/sink"] = postfixVersion()
	var samples []sample
	for round := range s.rounds {
		for _, size := range s.sizes {
			for _, p := range rotate(s.peers, round) {
				one, err := s.sample(ctx, p, size, max(20, s.messages[size]/p.share(size)))
				if err != nil {
					return nil, err
				}
				one.Round = round + 1
				samples = append(samples, one)
				s.say("round %d/%d  %-8s %-8s %8.0f messages/s", one.Round, s.rounds, formatSize(size), p.name, one.Rate)
			}
		}
	}
	return samples, nil
}

// sample sends count messages through a peer.
func (s *sideRun) sample(ctx context.Context, p *peer, size, count int) (sample, error) {
	run := s.running[p.name]
	var before, after time.Duration
	var err error
	if run.process != nil {
		if before, err = run.cpu(); err != nil {
			return sample{}, err
		}
	}
	took, count, err := s.send(ctx, run.address, count, size)
	if err != nil {
		return sample{}, fmt.Errorf("%s, %s: %w", p.label, formatSize(size), err)
	}
	if run.process != nil {
		if after, err = run.cpu(); err != nil {
			return sample{}, err
		}
	}
	return sample{Peer: p.name, Size: size, Messages: count, Seconds: took.Seconds(),
		Rate: float64(count) / took.Seconds(), CPU: float64(after-before) / float64(time.Millisecond) / float64(count)}, nil
}

// send sends about count messages and returns how long that took and how many
// they were.
func (s *sideRun) send(ctx context.Context, address string, count, size int) (took time.Duration, sent int, err error) {
	files := s.files[size]
	if files == nil {
		took, err = runSMTPSource(ctx, address, s.sessions, count, size, s.kept, "")
		return took, count, err
	}
	each := max(1, count/len(files))
	for _, file := range files {
		one, err := runSMTPSource(ctx, address, min(s.sessions, each), each, size, s.kept, file)
		if err != nil {
			return 0, 0, err
		}
		took += one
	}
	return took, each * len(files), nil
}

// startSMTPSink runs Postfix's smtp-sink and returns its address.
func (e *env) startSMTPSink(ctx context.Context) (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	argv := []string{"smtp-sink", "-m", "4000"}
	if os.Getuid() == 0 {
		argv = append(argv, "-u", "nobody") // it insists
	}
	p, err := e.start(e.scratch, "smtp-sink", append(argv, address, "4096")...)
	if err != nil {
		return "", err
	}
	return address, p.waitAccepting(ctx, address)
}

// runSMTPSource sends count messages with size octets of body, or the message
// in file, and returns how long that took. smtp-source stops at the first
// refusal.
func runSMTPSource(ctx context.Context, address string, sessions, count, size int, kept bool, file string) (time.Duration, error) {
	args := []string{"-s", strconv.Itoa(sessions), "-m", strconv.Itoa(count),
		"-M", "sender.test", "-f", "a@x.test", "-t", "b@y.test"}
	if file != "" {
		args = append(args, "-F", file)
	} else {
		args = append(args, "-l", strconv.Itoa(size))
	}
	if kept {
		args = append(args, "-d")
	}
	start := time.Now()
	out, err := exec.CommandContext(ctx, "smtp-source", append(args, address)...).CombinedOutput()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("smtp-source: %w: %s", err, out)
	}
	return took, nil
}
