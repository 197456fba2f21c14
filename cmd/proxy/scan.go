package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sluice/filter"
	"sluice/filter/antivirus"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// Exit codes of scan, in order of severity; several messages: the highest.
const (
	exitAside    = 3 // diverted or quarantined
	exitDeferred = 4
	exitRefused  = 5
)

type scanCommand struct {
	Files   []string `arg:"" name:"file" help:"Messages, mbox files or folders of them; - is standard input."`
	JSON    bool     `help:"Print a JSON object a message."`
	Explain bool     `help:"Say what each rule means."`
	Quiet   bool     `help:"Print only the disposition of each message."`
	IP      string   `name:"ip" help:"Address the message came from." placeholder:"ADDR"`
	Helo    string   `help:"Name the sender gave." placeholder:"NAME"`
	From    string   `help:"Reverse-path." placeholder:"MAILBOX"`
	Rcpt    []string `help:"Recipient whose policy applies; several: the severest disposition is printed." placeholder:"MAILBOX"`
	Config  string   `help:"Configuration file. Without it, everything built in runs with its defaults." placeholder:"FILE"`
	configFlags
}

// scanConfig is what scan works with when no file is given: every module that
// needs no setting, and a route that is never used.
const scanConfig = `
hostname: scan.invalid
listeners: [{address: "127.0.0.1:2525"}]
routes: [{domains: ["*"], servers: [{address: "127.0.0.1:25"}], tls: none}]
`

// Run judges each message as run would, on the same path but for the wire, and
// prints what came of it. Nothing is delivered, and nothing is changed.
func (c *scanCommand) Run(a *app) error {
	src := c.source(a, c.Config)
	if c.Config == "" {
		src.file, src.stdin = "-", strings.NewReader(scanConfig)
	}
	conf, found := src.load()
	if errs, _ := found.split(); len(errs) > 0 {
		return errs
	}
	s, err := c.scanner(a.ctx, conf)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	print := printerOf(c, out)
	worst := exitDone
	r := mailReader{limit: int(conf.Limits.MaxMessage), stdin: a.stdin}
	err = r.read(c.Files, func(name string, content []byte) error {
		result := s.scan(name, content)
		worst = max(worst, result.exitCode())
		return print(result)
	})
	if err := errors.Join(err, out.Flush(), s.close()); err != nil {
		return err
	}
	if worst != exitDone {
		return exitCode(worst)
	}
	return nil
}

// scanner makes what all messages are scanned with.
func (c *scanCommand) scanner(ctx context.Context, conf *loaded) (*mailScanner, error) {
	s := &mailScanner{ctx: ctx, policy: conf.policy}
	if c.IP != "" {
		ip, err := netip.ParseAddr(c.IP)
		if err != nil {
			return nil, fmt.Errorf("--ip: %q is no address", c.IP)
		}
		s.session.Peer = netip.AddrPortFrom(ip.Unmap(), 0)
	}
	s.session.Helo = c.Helo
	var err error
	if c.From != "" {
		if s.reverse, err = wire.ParsePath(c.From); err != nil {
			return nil, fmt.Errorf("--from: not a mailbox")
		}
		s.from = policy.Mailbox{Local: s.reverse.Local(), Domain: s.reverse.Domain()}
	}
	for _, text := range c.Rcpt {
		to, err := wire.ParsePath(text)
		if err != nil || to.IsNull() {
			return nil, fmt.Errorf("--rcpt: not a mailbox")
		}
		box, _ := conf.policy.Alias(policy.Mailbox{Local: to.Local(), Domain: to.Domain()})
		s.paths = append(s.paths, wire.PathOf(box.Local, box.Domain))
		s.recipients = append(s.recipients, box)
	}
	s.parts = &partsModule{}
	if s.engines, err = conf.engines(nil); err != nil {
		return nil, err
	}
	s.chain, err = chain(conf, s.engines, filter.Entry{Module: s.parts})
	return s, err
}

// A mailScanner judges messages, one after the other.
type mailScanner struct {
	ctx        context.Context
	chain      *filter.Chain
	engines    *antivirus.Module // nil: none
	parts      *partsModule
	policy     *policy.Snapshot
	session    filter.Session
	reverse    wire.Path
	paths      []wire.Path
	from       policy.Mailbox   // reverse, and
	recipients []policy.Mailbox // paths, as policy knows them
}

// A scanResult is what came of one message.
type scanResult struct {
	file        string
	disposition policy.Disposition
	findings    []policy.Finding
	parts       []*filter.Part
}

// exitCode is what the disposition means to a script.
func (r *scanResult) exitCode() int {
	switch r.disposition.Action {
	case policy.Divert, policy.Quarantine:
		return exitAside
	case policy.Defer:
		return exitDeferred
	case policy.Reject, policy.Discard:
		return exitRefused
	}
	return exitDone
}

// scan judges one message.
func (s *mailScanner) scan(name string, content []byte) *scanResult {
	visit := s.chain.Visit(&s.session)
	visit.CheckSession(s.ctx)
	envelope := filter.Envelope{ID: "scan", From: s.reverse, Size: -1, Scope: s.scope()}
	run, _ := visit.Begin(s.ctx, &envelope)
	defer run.Close()
	for _, to := range s.paths {
		run.Recipient(s.ctx, to)
		envelope.Recipients = append(envelope.Recipients, to)
	}
	run.Open()
	var liner wire.Liner
	liner.Scan(content, true)
	run.Write(content)
	findings := stream.WireFindings(run.Finish(s.ctx), liner.Faults)
	result := &scanResult{file: name, parts: s.parts.take()}
	result.disposition, result.findings = s.decide(findings, content)
	return result
}

// scope is the policy that modules work by: the first recipient's.
func (s *mailScanner) scope() *policy.Scope {
	if len(s.recipients) == 0 {
		return nil
	}
	return s.policy.Scope(s.recipients[0])
}

// decide asks policy, for each recipient, and returns the severest answer.
func (s *mailScanner) decide(findings []policy.Finding, content []byte) (policy.Disposition, []policy.Finding) {
	c := policy.Case{
		Sender: s.from, Peer: s.session.Peer.Addr(), Helo: s.session.Helo, Size: int64(len(content)),
		Header: func(name string) []string { return stream.HeaderValues(content, name) },
	}
	recipients := s.recipients
	if len(recipients) == 0 {
		recipients = []policy.Mailbox{{}} // nobody's: the installation's policy
	}
	var worst policy.Disposition
	for i, to := range recipients {
		one := c
		one.Route, one.Scope, one.Recipients = s.policy.Route(to.Domain), s.policy.Scope(to), []policy.Mailbox{to}
		one.Findings = slices.Clone(findings)
		if d := s.policy.Decide(&one); i == 0 || d.Action.Over(worst.Action) {
			worst, c.Findings = d, one.Findings
		}
	}
	return worst, c.Findings
}

// close waits for what modules still do.
func (s *mailScanner) close() error {
	succeed(s.engines, nil)
	return s.chain.Wait(s.ctx)
}
