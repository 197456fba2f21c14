package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// missingProgram says that a program is not installed.
func missingProgram(name string) func() string {
	return func() string {
		if _, err := exec.LookPath(name); err != nil {
			return name + " is not installed"
		}
		return ""
	}
}

// versionIn finds the first dotted number in a text.
func versionIn(text string) string {
	if v := regexp.MustCompile(`\d+(\.\d+)+(-[0-9A-Za-z+.~]+)?`).FindString(text); v != "" {
		return v
	}
	return "unknown"
}

func haproxyVersion() string { return versionIn(firstLine("haproxy", "-v")) }

// haproxyConfig forwards octets. %[1]s: bind line, %[2]s: server line.
const haproxyConfig = `global
  maxconn 4000
  ssl-server-verify none
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen smtp
  bind %[1]s
  server sink %[2]s
`

func startHAProxy(ctx context.Context, e *env, to string) (*running, error) {
	return e.startHAProxy(ctx, "haproxy", to, "", "")
}

// startHAProxy appends bind and server options, for TLS, to the two addresses.
func (e *env) startHAProxy(ctx context.Context, name, to, bind, server string) (*running, error) {
	dir, err := e.folder(name)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "haproxy.cfg")
	config := fmt.Sprintf(haproxyConfig, address+bind, to+server)
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	p, err := e.start(dir, name, "haproxy", "-db", "-f", file) // -db: in the foreground
	if err != nil {
		return nil, err
	}
	return &running{process: p, address: address}, p.waitAccepting(ctx, address)
}
