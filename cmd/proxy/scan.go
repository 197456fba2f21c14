package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"sluice/filter"
	"sluice/filter/antivirus"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// Exit codes of scan, in order of severity; several messages or recipients:
// the highest.
const (
	exitAside    = 3 // diverted or quarantined
	exitDeferred = 4
	exitRefused  = 5 // or discarded: nobody gets it
)

type scanCommand struct {
	Files   []string `arg:"" name:"file" help:"Messages, mbox files or folders of them; - is standard input."`
	JSON    bool     `help:"Print a JSON object a message."`
	Explain bool     `help:"Say what each rule means, and what the score could do."`
	Quiet   bool     `help:"Print only the disposition of each message."`
	IP      string   `name:"ip" help:"Address the message came from." placeholder:"ADDR"`
	Helo    string   `help:"Name the sender gave." placeholder:"NAME"`
	From    string   `help:"Reverse-path; <> is the null sender." placeholder:"MAILBOX"`
	Rcpt    []string `help:"Recipient whose policy applies; several: the severest disposition counts." placeholder:"MAILBOX"`
	Config  string   `help:"Configuration file. Without it, everything built in runs with its defaults." placeholder:"FILE"`
	configFlags
}

// Help is printed below the flags.
func (*scanCommand) Help() string {
	return "Exit code: 0 delivered or tagged, 3 diverted or quarantined, 4 deferred, 5 refused or discarded;\n" +
		"of several messages or recipients the highest. 1: something could not be read. 64: wrong usage."
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
	s := &mailScanner{ctx: a.ctx}
	if err := c.sender(s); err != nil {
		fmt.Fprintf(a.stderr, "proxy: %v\n", err)
		return exitCode(exitUsage)
	}
	src := c.source(a, c.Config)
	if c.Config == "" {
		src.file, src.stdin = "-", strings.NewReader(scanConfig)
	}
	conf, found := src.load()
	if errs, _ := found.split(); len(errs) > 0 {
		return errs
	}
	s.policy = conf.policy
	if err := c.recipients(s); err != nil {
		return err
	}
	if err := s.build(conf); err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	show := printerOf(c, out)
	worst := exitDone
	r := mailReader{limit: int(conf.Limits.MaxMessage), stdin: a.stdin}
	err := r.read(c.Files, func(name string, content []byte) {
		result := s.scan(name, content)
		worst = max(worst, result.exitCode())
		show(result)
	})
	if err := errors.Join(err, out.Flush(), s.close()); err != nil {
		return err
	}
	if worst != exitDone {
		return exitCode(worst)
	}
	return nil
}

// sender takes what the command line says of where messages come from.
func (c *scanCommand) sender(s *mailScanner) error {
	if c.IP != "" {
		ip, err := netip.ParseAddr(c.IP)
		if err != nil {
			return fmt.Errorf("--ip: %q is no address", c.IP)
		}
		s.session.Peer = netip.AddrPortFrom(ip.Unmap(), 0)
	}
	s.session.Helo = c.Helo
	if c.From != "" && c.From != "<>" {
		from, err := wire.ParsePath(c.From)
		if err != nil {
			return errors.New("--from: not a mailbox")
		}
		s.from = from
	}
	for _, text := range c.Rcpt {
		to, err := wire.ParsePath(text)
		if err != nil || to.IsNull() {
			return fmt.Errorf("--rcpt: %q is no mailbox", text)
		}
		s.to = append(s.to, to)
	}
	return nil
}

// A mailScanner judges messages, one after the other.
type mailScanner struct {
	ctx     context.Context
	chain   *filter.Chain
	engines *antivirus.Module // nil: none
	parts   *partsModule
	policy  *policy.Snapshot
	setup   stream.Setup
	session filter.Session
	from    wire.Path
	to      []wire.Path
	classes []*scanClass
}

// build makes what all messages are scanned with.
func (s *mailScanner) build(conf *loaded) (err error) {
	s.parts = &partsModule{}
	if s.engines, err = conf.engines(nil); err != nil {
		return err
	}
	if s.chain, err = chain(conf, s.engines, filter.Entry{Module: s.parts}); err != nil {
		return err
	}
	s.setup = *setup(conf, conf.policy, s.chain)
	return nil
}

// close waits for what modules still do.
func (s *mailScanner) close() error {
	succeed(s.engines, nil)
	return s.chain.Wait(s.ctx)
}
