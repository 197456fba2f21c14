package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

var (
	reloadFailures      = metrics.NewCounter("sluice_config_reload_failures_total")
	certificateFailures = metrics.NewCounter("sluice_tls_cert_reload_failures_total")
)

// reload reads everything anew and puts it in force whole, or leaves the old
// configuration as it is. It returns the hash of what is in force then.
func (p *program) reload() (hash string, err error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	notifyReloading()
	defer notify("READY=1")
	old := p.state.Load()
	next, err := p.next(old)
	if err != nil {
		reloadFailures.Inc()
		p.reloadOK.Store(false)
		p.log.Error("reload failed; the old configuration stays", "config", old.conf.hash, "problems", problemLines(err))
		return old.conf.hash, err
	}
	p.use(next)
	p.server.Reloaded()
	p.reloadOK.Store(true)
	p.log.Info("reloaded", "config", next.conf.hash, "before", old.conf.hash)
	return next.conf.hash, nil
}

// next builds the state that is to follow old.
func (p *program) next(old *state) (*state, error) {
	if p.source.file == "-" {
		return nil, errors.New("the configuration came from standard input and cannot be read again")
	}
	conf, found := p.source.load()
	errs, warnings := found.split()
	if len(errs) == 0 {
		errs = conf.needsRestart(old.conf)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	for _, w := range warnings.anonymous() {
		p.log.Warn("configuration", "problem", w.text, "at", w.at.String())
	}
	return p.build(conf)
}

// problemLines makes a list of problems for the log.
func problemLines(err error) []string {
	ps, ok := errors.AsType[problems](err)
	if !ok {
		return []string{err.Error()}
	}
	lines := make([]string, len(ps))
	for i, p := range ps.anonymous() {
		lines[i] = p.String()
	}
	return lines
}

// needsRestart names the settings that differ from old's and that a running
// process cannot change.
func (l *loaded) needsRestart(old *loaded) (ps problems) {
	refuse := func(path string) {
		ps.errorf(l.at(path), "%q has changed, which needs a restart or a hand-over (SIGUSR2)", path)
	}
	if l.Admin.Address != old.Admin.Address {
		refuse("admin.address")
	}
	if l.Log != old.Log {
		refuse("log")
	}
	if len(l.Listeners) != len(old.Listeners) {
		refuse("listeners")
		return ps
	}
	for i, c := range l.Listeners {
		o := old.Listeners[i]
		path := fmt.Sprintf("listeners[%d]", i)
		if c.Address != o.Address {
			refuse(path + ".address")
		}
		if c.Name != o.Name {
			refuse(path + ".name")
		}
		if c.TLS.Implicit != o.TLS.Implicit || c.TLS.offered() != o.TLS.offered() {
			refuse(path + ".tls") // on or off, not which certificates
		}
		if !slices.Equal(c.ProxyProtocol.Trusted, o.ProxyProtocol.Trusted) {
			refuse(path + ".proxy_protocol.trusted")
		}
	}
	return ps
}

// watchCertificates puts replaced certificate files in force, until ctx ends.
func (p *program) watchCertificates(ctx context.Context) {
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.refreshCertificates()
		}
	}
}

// refreshCertificates loads all certificates again if a file has changed. On
// an error every listener keeps what it has, and the next tick tries again.
func (p *program) refreshCertificates() {
	p.changing.Lock()
	defer p.changing.Unlock()
	conf := p.state.Load().conf
	marks := conf.certificateMarks()
	if maps.Equal(marks, p.marks) {
		return
	}
	fresh := &loaded{config: conf.config, decoder: newDecoder(), file: conf.file}
	fresh.certs = make([][]tls.Certificate, len(fresh.Listeners))
	for i := range fresh.Listeners {
		fresh.certs[i] = fresh.loadCertificates(&fresh.Listeners[i], "")
	}
	if errs, _ := fresh.problems.split(); len(errs) > 0 {
		certificateFailures.Inc()
		p.log.Error("new certificate not usable; the old one stays", "problem", errs[0].text)
		return
	}
	next := *p.state.Load()
	replaced := *conf
	replaced.certs = fresh.certs
	next.conf = &replaced
	for i, c := range replaced.Listeners {
		p.tls[c.Name].set(replaced.certs[i])
	}
	p.marks = marks
	p.state.Store(&next)
	p.log.Info("certificates replaced")
}
