package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/filter"
	"sluice/filter/antivirus"
	"sluice/filter/attachment"
	"sluice/filter/headers"
	"sluice/filter/links"
	"sluice/filter/literal"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/unpack"
)

type runCommand struct {
	Config string `required:"" help:"Configuration file." placeholder:"FILE"`
	configFlags
}

// Run serves until a signal ends it.
func (c *runCommand) Run(a *app) error {
	signals := early()
	src := c.source(a, c.Config)
	conf, found := src.load()
	errs, warnings := found.split()
	if len(errs) > 0 {
		fmt.Fprintln(a.stderr, errs.anonymous()) // a service manager keeps it
		return exitCode(exitFailed)
	}
	p, err := newProgram(a, src, conf)
	if err != nil {
		return err
	}
	defer p.lines.close(flushWait)
	for _, w := range warnings.anonymous() {
		p.log.Warn("configuration", "problem", w.text, "at", w.at.String())
	}
	p.signals = signals
	return p.serve(a.ctx)
}

// chain is the modules at work.
func chain(conf *loaded, engines *antivirus.Module, extra ...filter.Entry) (*filter.Chain, error) {
	return filter.New(modules(conf, engines, extra...)...)
}

// modules is every module, in the order a message passes them. Extra ones come
// last. Each has its rules in ruleGroups.
func modules(conf *loaded, engines *antivirus.Module, extra ...filter.Entry) []filter.Entry {
	return slices.Concat([]filter.Entry{
		// Takes the message apart for those below.
		{Module: conf.contentModule()},
		// Costs nothing and waits for nobody, so it may know first.
		{Module: literal.Module{}},
		// A refusal for what a file is needs no more of it than its beginning.
		{Module: attachment.Module{}},
		{Module: headers.Module{Hostname: string(conf.Hostname)}},
		{Module: links.Module{}},
		// Waits longest, so last of those that vote at the end.
	}, antivirusEntry(engines), extra)
}

// A mailServer is stream.Server as this package uses it.
type mailServer interface {
	Serve(*stream.Listener) error
	StopAccepting()
	Shutdown(context.Context) error
	Sessions() int
	Reloaded()
}

// newServer makes the mail server; tests put in another.
var newServer = func(p *program) mailServer {
	return &stream.Server{
		Setup:  func() *stream.Setup { return p.state.Load().setup },
		Record: p.records.record,
		Log:    p.log,
	}
}

// A program is one running proxy.
type program struct {
	source  source
	log     *slog.Logger
	lines   *lineRing
	records *recorder
	server  mailServer
	sockets []*socket
	from    heritage
	signals chan os.Signal          // nil: not asked for yet
	tls     map[string]*listenerTLS // by listener's name

	unpacking   *unpack.Memory // of all messages, whatever configuration they began with
	state       atomic.Pointer[state]
	changing    sync.Mutex          // one change of state at a time
	marks       map[string]fileMark // guarded by changing
	reloadOK    atomic.Bool
	unready     atomic.Pointer[string] // why /readyz says no; nil: ready
	stopping    atomic.Bool
	descriptors uint64 // how many there are; 0: not known
}

// A state is all that one reload replaces.
type state struct {
	conf    *loaded
	setup   *stream.Setup
	engines *antivirus.Module // nil: none
}

// newProgram builds all, in order: the log first, so that the rest can speak;
// the sockets before anything that takes long.
func newProgram(a *app, src source, conf *loaded) (*program, error) {
	p := &program{source: src, lines: newLineRing(a.stdout), tls: map[string]*listenerTLS{}}
	p.unpacking = unpack.NewMemory(conf.unpackMemory())
	p.log = newLogger(p.lines, conf.Log)
	quietLibraries(p.log)
	p.notReady("starting")

	paceCollector()
	if err := forbidCores(); err != nil {
		p.log.Warn("cores are not forbidden", "error", err)
	}
	var err error
	if p.descriptors, err = raiseDescriptors(); err != nil {
		p.log.Warn("descriptors not counted", "error", err)
	}
	if p.from, err = inherit(); err != nil {
		return nil, err
	}
	var unclaimed []string
	if p.sockets, unclaimed, err = openSockets(a.ctx, conf, p.from.sockets); err != nil {
		return nil, err
	}
	if len(unclaimed) > 0 {
		p.log.Warn("sockets that no listener claims", "names", unclaimed)
	}
	for _, c := range conf.Listeners {
		p.tls[c.Name] = newListenerTLS()
	}
	p.records = newRecorder(p.lines, conf.Log.Format)
	next, err := p.build(conf)
	if err != nil {
		return nil, err
	}
	p.use(next)
	p.reloadOK.Store(true)
	p.server = newServer(p)
	return p, nil
}

// build makes a state of a configuration that was found good. It changes
// nothing outside.
func (p *program) build(conf *loaded) (*state, error) {
	conf.unpacking = p.unpacking
	engines, err := conf.engines(p.state.Load())
	if err != nil {
		return nil, err
	}
	modules, err := chain(conf, engines)
	if err != nil {
		return nil, err
	}
	return &state{conf: conf, engines: engines, setup: setup(conf, conf.policy, modules)}, nil
}

// use puts a state in force. Running transactions keep theirs. Callers but
// newProgram hold changing.
func (p *program) use(next *state) {
	for i, c := range next.conf.Listeners {
		p.tls[c.Name].set(next.conf.certs[i])
	}
	p.marks = next.conf.certificateMarks()
	p.records.setPrivacy(next.conf.Privacy)
	p.unpacking.SetLimit(next.conf.unpackMemory())
	limitMemory(&next.conf.config)
	p.warnDescriptors(next.conf.Limits.Sessions)
	var before *antivirus.Module
	if old := p.state.Swap(next); old != nil {
		before = old.engines
	}
	succeed(before, next.engines)
}

// warnDescriptors says once for each value that limits.sessions cannot be reached.
func (p *program) warnDescriptors(sessions int) {
	if old := p.state.Load(); old != nil && old.conf.Limits.Sessions == sessions {
		return
	}
	if need := descriptorsFor(sessions); p.descriptors > 0 && need > p.descriptors {
		p.log.Warn("limits.sessions needs more file descriptors than there are",
			"sessions", sessions, "needed", need, "available", p.descriptors)
	}
}

// setup turns the configuration into what stream works with.
func setup(c *loaded, snapshot *policy.Snapshot, modules *filter.Chain) *stream.Setup {
	t := c.Timeouts
	return &stream.Setup{
		Hostname: string(c.Hostname), ID: c.hash,
		Policy: snapshot, Chain: modules,
		Lookahead:     unlessZero(int64(c.Lookahead), -1),
		BareNewline:   map[string]stream.BareNewline{"normalise": stream.NormaliseBareNewline}[c.BareNewline],
		AddFinalCRLF:  c.FinalCRLF == "add",
		ReceivedFor:   c.ReceivedFor,
		AuthresForged: map[string]stream.AuthresForged{"reject": stream.RejectAuthres, "remove": stream.RemoveAuthres}[c.AuthForged],
		RefusalURL:    string(c.RefusalURL),
		BannerDelay:   time.Duration(c.BannerDelay),
		Limits: stream.Limits{
			MaxMessage: int64(c.Limits.MaxMessage), Memory: int64(c.Limits.Memory),
			Sessions: c.Limits.Sessions, SessionsPerAddress: c.Limits.SessionsPerAddress,
			Exempt: prefixes(c.Limits.Exempt), Recipients: c.Limits.Recipients,
			Errors: c.Limits.Errors, IdleCommands: c.Limits.IdleCommands, DataRate: c.Limits.DataRate,
		},
		Timeouts: stream.Timeouts{
			SenderTLS: time.Duration(t.SenderTLS), SenderCommand: time.Duration(t.SenderCommand),
			SenderData: time.Duration(t.SenderData), SenderMessage: time.Duration(t.SenderMessage),
			Scan: time.Duration(t.Scan), DNS: time.Duration(t.DNS),
			Connect: time.Duration(t.Connect), ConnectAll: time.Duration(t.ConnectAll),
			ServerGreeting: time.Duration(t.ServerGreeting), ServerRecipient: time.Duration(t.ServerRecipient),
			ServerData: time.Duration(t.ServerData), ServerWrite: time.Duration(t.ServerWrite),
			ServerCommit: time.Duration(t.ServerCommit), ServerLate: time.Duration(t.ServerLate),
			ServerReset: time.Duration(t.ServerReset), PoolIdle: time.Duration(t.PoolIdle),
			PoolAge: time.Duration(t.PoolAge), PoolSlot: time.Duration(t.PoolSlot),
		},
		Shutdown: stream.Shutdown{
			Delay: time.Duration(c.Shutdown.Delay),
			// Zero means the default there and no time at all here.
			Grace:  unlessZero(time.Duration(c.Shutdown.Grace), 1),
			Commit: unlessZero(time.Duration(c.Shutdown.Commit), 1),
		},
	}
}

// unlessZero returns v, or instead of zero what zero is meant to be: in a
// Setup zero stands for the default.
func unlessZero[T int64 | time.Duration](v, instead T) T {
	if v == 0 {
		return instead
	}
	return v
}

// prefixes is never nil: nil stands for the default in a Setup.
func prefixes(in []prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(in))
	for _, p := range in {
		out = append(out, p.Prefix)
	}
	return out
}

// mailListeners joins every mail socket with its listener's settings.
func (p *program) mailListeners() []*stream.Listener {
	var out []*stream.Listener
	for _, c := range p.state.Load().conf.Listeners {
		for _, s := range p.sockets {
			if s.Name != c.Name {
				continue
			}
			l := &stream.Listener{
				Listener: s.watchedListener,
				Implicit: c.TLS.Implicit,
				Proxy:    prefixes(c.ProxyProtocol.Trusted),
			}
			if c.TLS.offered() {
				l.TLS = p.tls[c.Name].get
			}
			out = append(out, l)
		}
	}
	return out
}

// executable is what a hand-over starts. It is asked for once, early: the
// file may be replaced by its successor later.
var executable, executableErr = os.Executable()
