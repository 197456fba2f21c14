package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// A sluiceConfig is what the harness varies in Sluice's configuration; zero
// fields leave Sluice's own default in force.
type sluiceConfig struct {
	Listen, Admin  string
	Server         string
	MaxConnections int    // to the server
	Cert, Key      string // offered to senders
	Implicit       bool   // TLS before the greeting
	RouteTLS       string // none, verify …
	RouteImplicit  bool
	TLSName, CA    string
	MaxMessage     string
	Sessions       int
	Delay          string // shutdown.delay
	Clamd          string // address of an antivirus engine
	Memory         string // limits.memory
}

// A route for y.test only: ledger runs send to other domains to see them refused.
var sluiceYAML = template.Must(template.New("sluice").Parse(`hostname: mx.test
listeners:
  - address: {{.Listen}}
{{- if .Cert}}
    tls: {cert: {{.Cert}}, key: {{.Key}}{{if .Implicit}}, implicit: true{{end}}}
{{- end}}
admin: {address: {{.Admin}}}
routes:
  - domains: ["y.test"]
    servers: [{address: "{{.Server}}", max_connections: {{.MaxConnections}}}]
    tls: {{.RouteTLS}}
{{- if .RouteImplicit}}
    implicit_tls: true
{{- end}}
{{- if .CA}}
    tls_name: {{.TLSName}}
    ca: {{.CA}}
{{- end}}
{{- if .Clamd}}
antivirus:
  engines: [{name: clamav, address: "{{.Clamd}}", in_memory: true}]
{{- end}}
{{- if or .MaxMessage .Sessions .Memory}}
limits:
{{- if .MaxMessage}}
  max_message: {{.MaxMessage}}
{{- end}}
{{- if .Memory}}
  memory: {{.Memory}}
{{- end}}
{{- if .Sessions}}
  sessions: {{.Sessions}}
{{- end}}
{{- end}}
{{- if .Delay}}
shutdown: {delay: {{.Delay}}}
{{- end}}
`))

// yaml returns the configuration file.
func (c sluiceConfig) yaml() string {
	var b strings.Builder
	if err := sluiceYAML.Execute(&b, c); err != nil {
		panic(err) // the template and its data are ours
	}
	return b.String()
}

// sluiceVersion is the commit of the checkout, marked if there are changes.
func sluiceVersion() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "this checkout"
	}
	return strings.TrimSpace(string(out))
}

func startSluice(ctx context.Context, e *env, to string) (*running, error) {
	return e.startSluice(ctx, "sluice", sluiceConfig{Server: to})
}

// startSluice runs Sluice with c, whose missing addresses are chosen here, and
// returns when it is ready. Its configuration lies in scratch/name.
func (e *env) startSluice(ctx context.Context, name string, c sluiceConfig) (*running, error) {
	binary, err := e.sluice(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := e.folder(name)
	if err != nil {
		return nil, err
	}
	for _, a := range []*string{&c.Listen, &c.Admin} {
		if *a == "" {
			if *a, err = freeAddress(); err != nil {
				return nil, err
			}
		}
	}
	if c.RouteTLS == "" {
		c.RouteTLS = "none"
	}
	c.MaxConnections = max(c.MaxConnections, 50) // 50 is Sluice's default
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(c.yaml()), 0o644); err != nil {
		return nil, err
	}
	p, err := e.start(dir, name, binary, "run", "--config", file)
	if err != nil {
		return nil, err
	}
	run := &running{process: p, address: c.Listen, admin: c.Admin}
	return run, run.waitReady(ctx)
}

// waitReady returns when /readyz says so.
func (r *running) waitReady(ctx context.Context) error {
	deadline := time.Now().Add(startWait)
	for {
		resp, err := http.Get("http://" + r.admin + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.ended():
			return fmt.Errorf("%s ended at once:\n%s", r.name, r.tail())
		case time.Now().After(deadline):
			return fmt.Errorf("%s is not ready after %v:\n%s", r.name, startWait, r.tail())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
