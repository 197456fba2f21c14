package stream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/filter"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// TestDialogs plays the transcripts of PROTOCOL's hostile input and faults.
func TestDialogs(t *testing.T) {
	smtptest.CheckLeaks(t)
	smtptest.RunDialogs(t, "../testdata/dialogs", startDialog)
}

// startDialog runs a Server as a dialog's header wants it.
func startDialog(t testing.TB, d *smtptest.DialogSetup) *smtptest.Instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := dialogSetup(d)
	if err != nil {
		t.Fatal(err)
	}
	listener := &stream.Listener{Listener: l, Proxy: d.Proxy, Implicit: d.TLS == "implicit"}
	if d.TLS != "" {
		config := d.CA.ServerConfig("mx.test")
		listener.TLS = func() *tls.Config { return config }
	}
	var books dialogBooks
	s := &stream.Server{
		Setup:  func() *stream.Setup { return setup },
		Record: books.record,
		Log:    slog.New(slog.NewTextHandler(&books, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	served := make(chan error, 1)
	go serve(s, listener, served)
	ctx, cut := context.WithCancel(context.Background())
	shutdown := sync.OnceFunc(func() { _ = s.Shutdown(ctx) })
	return &smtptest.Instance{
		Addr: l.Addr().String(), Probes: true,
		Shutdown: shutdown,
		Stop: func() {
			// A dialog is over when it stops the server: whoever is still
			// there is cut.
			defer time.AfterFunc(dialogStop, cut).Stop()
			shutdown()
			l.Close()
			if err := <-served; err != nil {
				t.Errorf("serve: %v", err)
			}
			if err := setup.Chain.Wait(context.Background()); err != nil {
				t.Errorf("wait for scanners: %v", err)
			}
		},
		Log:     books.log,
		Records: books.lines,
	}
}

// dialogStop is how long sessions may go on after a dialog's last line.
const dialogStop = 200 * time.Millisecond

// dialogBooks keep what the server says about itself.
type dialogBooks struct {
	mu      sync.Mutex // guards all
	text    bytes.Buffer
	records []string
}

func (b *dialogBooks) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *dialogBooks) log() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.text.Bytes())
}

// record notes a transaction in one line; sessions without one are left out.
func (b *dialogBooks) record(r *stream.Record) {
	if r.Verdict == stream.NoMessage {
		return
	}
	line := fmt.Sprintf("%s %d stage=%s rule=%s", r.Verdict, r.Code, r.Stage, r.Rule)
	if r.Duplicate {
		line += " duplicate"
	}
	if r.Uncertain {
		line += " uncertain"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, line)
}

func (b *dialogBooks) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.records[:len(b.records):len(b.records)]
}

// dialogSetup turns a dialog's header into settings.
func dialogSetup(d *smtptest.DialogSetup) (*stream.Setup, error) {
	setup := stream.Defaults()
	setup.Hostname = d.Hostname
	setup.AddFinalCRLF = d.AddFinalCRLF
	setup.ReceivedFor = d.ReceivedFor
	setup.BannerDelay = d.BannerDelay
	if d.Lookahead != 0 {
		setup.Lookahead = d.Lookahead
	}
	if d.BareNewline == "normalise" {
		setup.BareNewline = stream.NormaliseBareNewline
	}
	setup.AuthresForged = map[string]stream.AuthresForged{
		"reject": stream.RejectAuthres, "remove": stream.RemoveAuthres,
	}[d.AuthresForged]
	for name, n := range d.Limits {
		if err := setNamed(&setup.Limits, name, n); err != nil {
			return nil, err
		}
	}
	for name, wait := range d.Timeouts {
		if err := setNamed(&setup.Timeouts, name, int64(wait)); err != nil {
			return nil, err
		}
	}
	for name, wait := range d.Shutdown {
		if err := setNamed(&setup.Shutdown, name, int64(wait)); err != nil {
			return nil, err
		}
	}
	var err error
	if setup.Policy, err = dialogPolicy(d); err != nil {
		return nil, err
	}
	setup.Chain, err = dialogChain(d)
	return setup.WithDefaults(), err
}

// setNamed sets the field of *of whose name is name in snake case.
func setNamed(of any, name string, n int64) error {
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		if strings.EqualFold(v.Type().Field(i).Name, strings.ReplaceAll(name, "_", "")) {
			v.Field(i).SetInt(n)
			return nil
		}
	}
	return fmt.Errorf("%T has no %s", of, name)
}

// dialogPolicy makes the snapshot. What divert and quarantine need is the route
// of the domain q.test.
func dialogPolicy(d *smtptest.DialogSetup) (*policy.Snapshot, error) {
	settings := policy.Settings{Level: policy.Level{
		Shadow: d.Shadow, SubjectMark: &d.SubjectMark, Ambiguity: policy.AmbiguityPolicy(d.Ambiguity),
	}}
	for _, pair := range d.Aliases {
		if settings.Aliases == nil {
			settings.Aliases = map[string]string{}
		}
		settings.Aliases[pair[0]] = pair[1]
	}
	target := ""
	for _, r := range d.Routes {
		rt, err := dialogRoute(d, r)
		if err != nil {
			return nil, err
		}
		settings.Routes = append(settings.Routes, rt)
		if rt.Domains[0] == "q.test" {
			target = rt.Name
		}
	}
	if d.Literal != "" {
		var a policy.Action
		if err := a.UnmarshalText([]byte(d.Literal)); err != nil {
			return nil, err
		}
		rule := policy.RuleSetting{Action: &a}
		if a == policy.Divert || a == policy.Quarantine {
			rule.Route = target
		}
		settings.Rules = map[string]policy.RuleSetting{literal.RuleGTUBE: rule, literal.RuleEICAR: rule}
	}
	return policy.New(settings)
}

// dialogRoute maps one route.
func dialogRoute(d *smtptest.DialogSetup, r smtptest.DialogRoute) (policy.Route, error) {
	rt := policy.Route{
		Name: r.Domains[0], Tenant: r.Tenant, Domains: r.Domains, TLSName: r.TLSName,
		Roots: d.CA.Pool(), MaxMessage: r.MaxMessage,
	}
	modes := map[string]policy.TLSMode{"none": policy.TLSNone, "may": policy.TLSMay, "verify": policy.TLSVerify}
	kinds := map[string]policy.Identity{
		"none": policy.IdentityNone, "xclient": policy.IdentityXCLIENT, "xforward": policy.IdentityXFORWARD,
		"proxy_v1": policy.IdentityProxyV1, "proxy_v2": policy.IdentityProxyV2,
	}
	protocols := map[string]policy.Protocol{"smtp": policy.SMTP, "lmtp": policy.LMTP}
	var known [3]bool
	rt.TLS, known[0] = modes[r.TLS]
	rt.Identity, known[1] = kinds[r.Identity]
	rt.Protocol, known[2] = protocols[r.Protocol]
	if known != [3]bool{true, true, true} {
		return rt, fmt.Errorf("route %s: unknown word for tls, identity or protocol", rt.Name)
	}
	for _, s := range r.Servers {
		rt.Servers = append(rt.Servers, policy.Server{
			Address: s.Address, Priority: s.Priority, Weight: 1, MaxConnections: max(r.MaxConnections, 0),
		})
		if r.MaxConnections == 0 {
			rt.Servers[len(rt.Servers)-1].MaxConnections = 50
		}
	}
	return rt, nil
}

// dialogChain makes the chain: the built-in module, and one that misbehaves.
func dialogChain(d *smtptest.DialogSetup) (*filter.Chain, error) {
	var entries []filter.Entry
	if d.Content {
		entries = append(entries, filter.Entry{Module: filter.Content{}})
	}
	if d.Literal != "" {
		entries = append(entries, filter.Entry{Module: literal.Module{}})
	}
	switch d.Module {
	case "":
	case "connect":
		entries = append(entries, filter.Entry{Module: refuseAll{}})
	default:
		entries = append(entries, filter.Entry{Module: oddModule{d.Module, d.Gate}})
	}
	return filter.New(entries...)
}

// refuseAll refuses every session as a policy would.
type refuseAll struct{}

func (refuseAll) Name() string { return "refuse" }

func (refuseAll) CheckSession(context.Context, *filter.Session, *filter.Channel) *wire.Reply {
	return &wire.Reply{Code: 550, Enhanced: "5.7.1", Text: "[refuse.all] Refused"}
}

// oddModule does what kind says, but for messages that hold "canary-clean".
type oddModule struct {
	kind string
	gate func(context.Context) error
}

func (oddModule) Name() string { return "odd" }

func (m oddModule) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	return &oddScanner{oddModule: m}
}

type oddScanner struct {
	oddModule
	seen []byte
}

func (s *oddScanner) Write(p []byte) { s.seen = append(s.seen, p...) }
func (s *oddScanner) Close()         {}

func (s *oddScanner) Finish(ctx context.Context) error {
	switch {
	case bytes.Contains(s.seen, []byte("canary-clean")):
		return nil
	case s.kind == "panic":
		panic("the odd module panics")
	case s.kind == "error":
		return errors.New("the odd module fails")
	case s.kind == "gate":
		return s.gate(ctx)
	}
	<-ctx.Done() // hang
	return ctx.Err()
}
