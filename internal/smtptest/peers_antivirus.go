package smtptest

import (
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// VirusMark is what the signatures of StartClamd know besides EICAR: no
// program in the world minds it.
const VirusMark = "sluice-marker-" + "3f6c2a9d51"

// clamdConfig is where the test's clamd is and has its files.
const clamdConfig = `
TCPSocket %s
TCPAddr 127.0.0.1
DatabaseDirectory %s
TemporaryDirectory %s
PidFile %s
Foreground yes
%s
`

// A Clamd is a real clamd with signatures made by hand.
type Clamd struct {
	Addr     string // where it listens, host:port
	Config   string // its configuration file
	Database string // the folder of its signatures
}

// StartClamd runs a real clamd until the test ends. It knows EICAR by the
// digest of its 68 octets, as "Sluice.Test.EICAR", and VirusMark anywhere, as
// "Sluice.Test.Mark" if "-bad" stands behind it; with "-pua" behind it, it is a
// guess. extra are further lines of its configuration.
func StartClamd(t testing.TB, eicar, extra string) Clamd {
	t.Helper()
	program := NeedPeer(t, "clamd")
	addr := FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	dir := t.TempDir()
	database, scratch := filepath.Join(dir, "db"), filepath.Join(dir, "tmp")
	for _, d := range []string{database, scratch} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	signatures := map[string]string{
		"test.hdb": fmt.Sprintf("%x:%d:Sluice.Test.EICAR\n", md5.Sum([]byte(eicar)), len(eicar)),
		"test.ndb": fmt.Sprintf("PUA.Sluice.Test:0:*:%x\nSluice.Test.Mark:0:*:%x\n", VirusMark+"-pua", VirusMark+"-bad"),
	}
	for name, text := range signatures {
		if err := os.WriteFile(filepath.Join(database, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "clamd.conf")
	text := fmt.Sprintf(clamdConfig, port, database, scratch, filepath.Join(dir, "clamd.pid"), extra)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, addr, exec.Command(program, "--config-file", config))
	pingClamd(t, addr)
	return Clamd{Addr: addr, Config: config, Database: database}
}

// pingClamd returns when clamd answers: it takes connections before it has made
// its socket in the file system.
func pingClamd(t testing.TB, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "zPING\x00"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || string(answer) != "PONG\x00" {
		t.Fatalf("clamd answers %q, %v", answer, err)
	}
}

// cicapConfig is a c-icap whose virus_scan asks clamd about everything and
// passes nothing on an error. The rest is as Debian ships it.
const cicapConfig = `
PidFile %[2]s/c-icap.pid
CommandsSocket %[2]s/c-icap.ctl
Timeout 30
KeepAliveTimeout 30
StartServers 1
MaxServers 2
ThreadsPerChild 8
Port %[1]s
TmpDir %[2]s
MaxMemObject 1048576
ModulesDir %[3]s
ServicesDir %[3]s
TemplateDir /usr/share/c_icap/templates/
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog %[2]s/server.log
AccessLog %[2]s/access.log
DebugLevel 0
Module common clamd_mod.so
clamd_mod.ClamdHost 127.0.0.1
clamd_mod.ClamdPort %[4]s
Service antivirus_module virus_scan.so
virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE DOCUMENT UNKNOWN
virus_scan.PassOnError off
virus_scan.DefaultEngine clamd
`

// StartCICAP runs a real c-icap with its module virus_scan in front of a clamd
// until the test ends, and returns the address it listens on.
func StartCICAP(t testing.TB, clamd Clamd) string {
	t.Helper()
	program := NeedPeer(t, "c-icap")
	modules, err := filepath.Glob("/usr/lib/*/c_icap/virus_scan.so")
	if err != nil || len(modules) == 0 {
		noPeer(t, "c-icap's virus_scan is not installed")
	}
	addr := FreeAddr(t)
	_, port, _ := net.SplitHostPort(clamd.Addr)
	dir := t.TempDir()
	config := filepath.Join(dir, "c-icap.conf")
	text := fmt.Sprintf(cicapConfig, addr, dir, filepath.Dir(modules[0]), port)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, addr, exec.Command(program, "-N", "-f", config))
	return addr
}
