package smtptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// haproxyConfig is TCP mode between two loopback addresses. The waits are
// longer than any test.
const haproxyConfig = `
defaults
	mode tcp
	timeout connect 10s
	timeout client 5m
	timeout server 5m
frontend senders
	bind %s
	default_backend sluice
backend sluice
	server sluice %s %s
`

// StartHAProxy runs a real HAProxy in TCP mode in front of server until the
// test ends, and returns the address it listens on. It tells server each
// sender's address as a PROXY header of the version named: "send-proxy",
// "send-proxy-v2", or none for "".
func StartHAProxy(t testing.TB, server, header string) string {
	t.Helper()
	program := NeedPeer(t, "haproxy")
	addr := FreeAddr(t)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyConfig, addr, server, header), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, addr, exec.Command(program, "-db", "-q", "-f", config))
	return addr
}
