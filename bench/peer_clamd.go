package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

func missingClamd() string { return missingProgram("clamd")() }

func clamdVersion() string { return versionIn(firstLine("clamd", "--version")) }

// clamdConfig keeps all in one folder. It remembers no content: the same
// messages come again and again here, as they do not in real life. %[1]s: the
// folder, %[2]s: the port, %[3]s: where it puts what it scans.
const clamdConfig = `Foreground yes
LogFile %[1]s/log
DatabaseDirectory %[1]s/db
TemporaryDirectory %[3]s
TCPAddr 127.0.0.1
TCPSocket %[2]s
MaxThreads 20
DisableCache yes
`

// startClamd runs clamd with one hand-written signature: loading a real set
// takes minutes and a gigabyte, and asks a server for it. What it scans it
// keeps in memory meanwhile, as docs/operate/antivirus.md says.
func (e *env) startClamd(ctx context.Context) (*process, string, error) {
	dir, err := e.folder("clamd")
	if err != nil {
		return nil, "", err
	}
	temporary, err := e.memoryFolder("clamd")
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o755); err != nil {
		return nil, "", err
	}
	signature := "Bench.Marker:0:*:" + hex.EncodeToString([]byte("sluice bench marker, found nowhere")) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "db", "bench.ndb"), []byte(signature), 0o644); err != nil {
		return nil, "", err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(dir, "clamd.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, clamdConfig, dir, port, temporary), 0o644); err != nil {
		return nil, "", err
	}
	p, err := e.start(dir, "clamd", "clamd", "--foreground", "--config-file="+file)
	if err != nil {
		return nil, "", err
	}
	return p, address, p.waitAccepting(ctx, address)
}
