package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A peer is one way from the generator to the sink: through a proxy, or
// straight.
type peer struct {
	name  string // as --peers takes it, and in JSON
	label string // for people
	// share divides the number of messages: slow peers get fewer, so that a
	// round does not wait minutes for one of them.
	share func(size int) int
	// missing says why the peer cannot run here; empty if it can.
	missing func() string
	version func() string
	// start puts the peer in front of the server at to.
	start func(ctx context.Context, e *env, to string) (*running, error)
}

// A running peer accepts mail at address. The process is nil for none.
type running struct {
	*process
	beside  []*process // what works for it: their CPU counts as its own
	address string
	admin   string // Sluice's admin address
}

// cpu is what the peer's processes have used so far.
func (r *running) cpu() (time.Duration, error) {
	sum, err := r.process.cpu()
	for _, p := range r.beside {
		if err != nil {
			break
		}
		var one time.Duration
		one, err = p.cpu()
		sum += one
	}
	return sum, err
}

// Names of the peers that comparisons speak of.
const (
	peerDirect  = "direct"
	peerSluice  = "sluice"
	peerHAProxy = "haproxy"
	peerNginx   = "nginx"
	peerPostfix = "postfix"
	peerHaraka  = "haraka"
	peerRspamd  = "rspamd"
	peerSpampd  = "spampd"
	peerAmavis  = "amavis"
)

// peers lists all of them, in the order of tables and charts.
func peers() []*peer {
	everything := func(int) int { return 1 }
	return []*peer{
		{peerDirect, "no proxy", everything, func() string { return "" }, func() string { return "" }, startDirect},
		{peerSluice, "Sluice", everything, func() string { return "" }, sluiceVersion, startSluice},
		{peerHAProxy, "HAProxy, TCP mode", everything, missingProgram("haproxy"), haproxyVersion, startHAProxy},
		{peerNginx, "nginx mail proxy", nginxShare, missingNginx, nginxVersion, startNginx},
		{peerPostfix, "Postfix smtpd_proxy_filter", everything, missingPostfix, postfixVersion, startPostfixProxy},
		{peerHaraka, "Haraka smtp_proxy", func(int) int { return 8 }, missingHaraka, func() string { return harakaVersion }, startHaraka},
		{peerRspamd, "Postfix, rspamd milter", rarely(4), missingRspamd, rspamdVersion, startRspamd},
		{peerSpampd, "Postfix, spampd", rarely(100), missingSpampd, spampdVersion, startSpampd},
		{peerAmavis, "Postfix, amavis and clamd", rarely(100), missingAmavis, amavisVersion, startAmavis},
	}
}

// rarely is the share of a peer that is so many times slower.
func rarely(n int) func(int) int { return func(int) int { return n } }

func peerNamed(name string) *peer {
	i := slices.IndexFunc(peers(), func(p *peer) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return peers()[i]
}

// choosePeers reads --peers. Those that cannot run here are left out, loudly,
// and stand in the result's notes.
func choosePeers(list string, r *result, e *env) ([]*peer, error) {
	var chosen []*peer
	for name := range strings.SplitSeq(list, ",") {
		p := peerNamed(strings.TrimSpace(name))
		if p == nil {
			return nil, fmt.Errorf("unknown peer %q", name)
		}
		if why := p.missing(); why != "" {
			e.say("LEFT OUT: %s: %s (go run ./bench peers --install)", p.label, why)
			r.note("left out: %s: %s", p.label, why)
			continue
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// Defaults of --peers: who looks at nothing, and who scans.
var (
	forwarders = strings.Join([]string{peerDirect, peerSluice, peerHAProxy, peerNginx, peerPostfix, peerHaraka}, ",")
	scanners   = strings.Join([]string{peerDirect, peerSluice, peerHAProxy, peerRspamd, peerSpampd, peerAmavis}, ",")
)

// launch starts a peer and notes its version.
func (e *env) launch(ctx context.Context, r *result, p *peer, to string) (*running, error) {
	run, err := p.start(ctx, e, to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.label, err)
	}
	e.noteVersion(r, p)
	return run, nil
}

// noteVersion puts a peer's version into the result.
func (e *env) noteVersion(r *result, p *peer) {
	v := p.version()
	if p.name == peerSluice && e.foreign {
		v = "binary given by --sluice"
	}
	if v != "" {
		r.Versions[p.label] = v
	}
}

func startDirect(_ context.Context, _ *env, to string) (*running, error) {
	return &running{address: to}, nil
}
