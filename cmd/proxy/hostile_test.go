package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/antivirus"
	"sluice/internal/hostile"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// knownMisses are the cases that the program does not stand yet, with the
// reason. They run all the same, and one that passes has to leave the list.
var knownMisses = map[string]string{}

// An eicarEngine knows EICAR as engines do: content that begins with it and
// has nothing but blanks behind it, 128 octets in all (eicar.org). In anything
// else it finds nothing, so a conviction proves that a part was decoded to the
// octet.
type eicarEngine struct{}

func (eicarEngine) Scan(ctx context.Context, content *antivirus.Content) antivirus.Vote {
	var all []byte
	for {
		b, err := content.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return antivirus.Vote{}
		}
		all = append(all, b[:min(len(b), 129-len(all))]...)
	}
	rest, ok := bytes.CutPrefix(all, []byte(hostile.EICAR()))
	if ok && len(all) <= 128 && len(bytes.TrimRight(rest, " \t\r\n\x1a")) == 0 {
		return antivirus.Vote{Result: antivirus.Infected, Name: "EICAR"}
	}
	return antivirus.Vote{Result: antivirus.Clean}
}

// fakeEngines is the antivirus module with an eicarEngine.
func fakeEngines(t testing.TB) *antivirus.Module {
	t.Helper()
	m, err := antivirus.New(antivirus.Settings{Engines: []antivirus.EngineSettings{
		{Name: "eicar", Engine: eicarEngine{}, Feed: antivirus.FeedLeaves},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A linkProbe notes the links of each message. It serves one at a time.
type linkProbe struct{ urls []string }

func (*linkProbe) Name() string { return "probe" }

func (p *linkProbe) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	p.urls = nil
	filter.Links.Subscribe(ch, func(l filter.Link) { p.urls = append(p.urls, l.URL) })
	return probeScanner{}
}

type probeScanner struct{}

func (probeScanner) Write([]byte)                 {}
func (probeScanner) FinishNow() error             { return nil }
func (probeScanner) Finish(context.Context) error { return nil }
func (probeScanner) Close()                       {}

// hostileConfig is a configuration of nothing but defaults, with mail for
// y.test going to server.
func hostileConfig(t testing.TB, server string) *loaded {
	t.Helper()
	text := fmt.Sprintf("hostname: mx.test\nlisteners: [{address: \"127.0.0.1:0\"}]\n"+
		"routes: [{domains: [\"*\"], servers: [{address: %q}], tls: none}]\n", server)
	conf, found := source{file: "-", stdin: strings.NewReader(text)}.load()
	if errs, _ := found.split(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return conf
}

// hostileScanner scans as the command does, with these engines.
func hostileScanner(t testing.TB, engines *antivirus.Module, extra ...filter.Entry) (*mailScanner, *linkProbe) {
	t.Helper()
	conf := hostileConfig(t, "127.0.0.1:25")
	probe := &linkProbe{}
	s := &mailScanner{ctx: t.Context(), policy: conf.policy, parts: &partsModule{}, engines: engines}
	var err error
	s.chain, err = chain(conf, engines, append(extra, filter.Entry{Module: s.parts}, filter.Entry{Module: probe})...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.chain.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, probe
}

// misses says what a result lacks of what a case wants.
func misses(w hostile.Want, r *scanResult, urls []string) (list []string) {
	has := func(rule string) bool {
		return slices.ContainsFunc(r.findings, func(f policy.Finding) bool { return f.Rule == rule })
	}
	if convicted := has(antivirus.RuleInfected); w.Found && !convicted && !slices.ContainsFunc(w.Or, has) {
		list = append(list, "EICAR is not found")
	} else if !w.Found && len(w.Or) > 0 && !slices.ContainsFunc(w.Or, has) {
		list = append(list, fmt.Sprintf("none of %v", w.Or))
	}
	if w.Refused && r.disposition.Action != policy.Reject {
		list = append(list, "not refused but "+r.disposition.Action.String())
	}
	if w.Marked && !r.disposition.Action.Over(policy.Deliver) {
		list = append(list, "not marked but "+r.disposition.Action.String())
	}
	for _, f := range r.findings {
		if strings.HasSuffix(f.Rule, ".failed") {
			list = append(list, f.Rule+" "+f.Detail)
		}
	}
	for _, rule := range w.Rules {
		if !has(rule) {
			list = append(list, "no "+rule)
		}
	}
	if w.Link != "" && !slices.Contains(urls, w.Link) {
		list = append(list, fmt.Sprintf("no link %s among %v", w.Link, urls))
	}
	return list
}

// judge fails the test for what is missing, or logs it if it is known.
func judge(t *testing.T, name string, missing []string) {
	t.Helper()
	reason, known := knownMisses[name]
	switch {
	case len(missing) == 0 && known:
		t.Errorf("passes: take it out of knownMisses (%s)", reason)
	case len(missing) > 0 && known:
		t.Logf("known: %s: %s", strings.Join(missing, "; "), reason)
	case len(missing) > 0:
		t.Error(strings.Join(missing, "; "))
	}
}

func caseName(c *hostile.Case) string { return fmt.Sprintf("%d %s", c.Row, c.Name) }

// TestHostileScan runs every case through the program as "proxy scan" does.
func TestHostileScan(t *testing.T) {
	smtptest.CheckLeaks(t)
	s, probe := hostileScanner(t, fakeEngines(t))
	names := map[string]bool{}
	for _, c := range hostile.Cases() {
		name := caseName(&c)
		if names[name] {
			t.Errorf("two cases are %q", name)
		}
		names[name] = true
		t.Run(name, func(t *testing.T) {
			r := s.scan("", c.Message)
			missing := misses(c.Want, r, probe.urls)
			judge(t, name, missing)
			if t.Failed() || len(missing) > 0 {
				var tree bytes.Buffer
				r.tree(&tree, false)
				t.Log(tree.String())
			}
		})
	}
	for name := range knownMisses {
		if !names[name] && !strings.HasPrefix(name, "resource ") {
			t.Errorf("knownMisses has %q, which is no case", name)
		}
	}
}

// A front is the program with a server behind it, on loopback.
type front struct {
	addr   string
	server *smtptest.Server
}

// startFront starts one with a window of so many octets. The program's end is
// the test's.
func startFront(t testing.TB, engines *antivirus.Module, window int64, change func(*stream.Setup), extra ...filter.Entry) *front {
	t.Helper()
	f := &front{server: &smtptest.Server{Extensions: []string{"PIPELINING", "8BITMIME", "SIZE"}}}
	if err := f.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.server.Close)
	conf := hostileConfig(t, f.server.Addr())
	modules, err := chain(conf, engines, extra...)
	if err != nil {
		t.Fatal(err)
	}
	setup := setup(conf, conf.policy, modules)
	setup.Lookahead = window
	if change != nil {
		change(setup)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	s := &stream.Server{Setup: func() *stream.Setup { return setup }}
	served := make(chan error, 1)
	go func() { served <- s.Serve(&stream.Listener{Listener: l}) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		l.Close()
		<-served
		if err := modules.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// send hands in a message and returns the reply.
func (f *front) send(t testing.TB, message []byte) string {
	t.Helper()
	c := smtptest.Dial(t, f.addr)
	defer c.Close()
	c.Hello()
	c.Envelope("canary-sender@x.test", "canary-rcpt@y.test")
	content := string(message)
	if !strings.HasSuffix(content, "\r\n") {
		content += "\r\n"
	}
	return c.Data(content)
}

// TestHostileLive sends every case through sockets: it is refused or not as
// the scan says, on both sides of the window, and what is refused the server
// never commits (I2).
func TestHostileLive(t *testing.T) {
	smtptest.CheckLeaks(t)
	s, _ := hostileScanner(t, fakeEngines(t))
	for window, size := range map[string]int64{"window": 256 << 10, "header only": -1, "one octet": 1} {
		t.Run(window, func(t *testing.T) {
			f := startFront(t, fakeEngines(t), size, nil)
			for _, c := range hostile.Cases() {
				t.Run(caseName(&c), func(t *testing.T) {
					action := s.scan("", c.Message).disposition.Action
					had := len(f.server.Messages())
					reply := f.send(t, c.Message)
					committed := len(f.server.Messages()) - had
					want, code := 0, "550 "
					switch action {
					case policy.Reject:
					case policy.Defer:
						code = "451 "
					default:
						want, code = 1, "250 "
					}
					if committed != want || !strings.HasPrefix(reply, code) {
						t.Errorf("scan says %s; %d messages and %q", action, committed, reply)
					}
				})
			}
		})
	}
}
