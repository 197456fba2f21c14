package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// harakaVersion is the one compared with. harakaPackage keeps libmime at a
// version whose dependencies every registry mirror has.
const (
	harakaVersion = "3.1.6"
	harakaPackage = `{
  "private": true,
  "dependencies": {"Haraka": "` + harakaVersion + `"},
  "overrides": {"libmime": "5.3.6"}
}
`
)

// harakaHome is where peers --install puts Haraka.
func harakaHome() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "sluice-bench", "haraka-"+harakaVersion)
}

func harakaCode() string { return filepath.Join(harakaHome(), "node_modules", "Haraka") }

func missingHaraka() string {
	if why := missingProgram("node")(); why != "" {
		return why
	}
	if _, err := os.Stat(filepath.Join(harakaCode(), "bin", "haraka")); err != nil {
		return "Haraka " + harakaVersion + " is not in the cache folder"
	}
	return ""
}

func startHaraka(ctx context.Context, e *env, to string) (*running, error) {
	dir, err := e.folder("haraka")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	// Haraka does not start without its own connection.ini.
	connection, err := os.ReadFile(filepath.Join(harakaCode(), "config", "connection.ini"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"smtp.ini":       "listen=" + address + "\nnodes=0\n",
		"smtp_proxy.ini": fmt.Sprintf("[main]\nhost=%s\nport=%s\nmax_connections=1000\n", host, port),
		"plugins":        "rcpt_to.in_host_list\nqueue/smtp_proxy\n",
		"host_list":      "y.test\n",
		"me":             "mx.test\n",
		"log.ini":        "[main]\nlevel=warn\n",
		"connection.ini": string(connection),
	}
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o755); err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(files) {
		if err := os.WriteFile(filepath.Join(dir, "config", name), []byte(files[name]), 0o644); err != nil {
			return nil, err
		}
	}
	p, err := e.start(dir, "haraka", "node", filepath.Join(harakaCode(), "bin", "haraka"), "-c", dir)
	if err != nil {
		return nil, err
	}
	return &running{process: p, address: address}, p.waitAccepting(ctx, address)
}
