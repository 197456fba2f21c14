package smtptest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// PostfixOptions say what a private Postfix is for. The zero value is a
// recipient's server: it takes mail for y.test and keeps it in a Maildir.
type PostfixOptions struct {
	// Hostname it calls itself. Empty: "server.test".
	Hostname string
	// Relay is the host:port everything is sent on to; that makes it a sender
	// with a queue. What is deferred is tried again after two seconds.
	Relay string
	// ForbidBareNewline sets smtpd_forbid_bare_newline. Off, its smtpd takes
	// LF.LF for the end of a message (CVE-2023-51764).
	ForbidBareNewline bool
	// Settings are further lines of main.cf and win over ours.
	Settings map[string]string
}

// A Postfix is a real Postfix of the test's own: configuration, queue and
// mailboxes are in the test's folder, and it listens on loopback only.
type Postfix struct {
	Addr string // host:port of its smtpd

	t         testing.TB
	queue     string
	mailboxes string
	log       string
}

// StartPostfix runs a Postfix until the test ends.
func StartPostfix(t testing.TB, o PostfixOptions) *Postfix {
	t.Helper()
	NeedPeer(t, "postfix")
	dir := openTempDir(t)
	p := &Postfix{
		Addr:      FreeAddr(t),
		t:         t,
		queue:     filepath.Join(dir, "queue"),
		mailboxes: filepath.Join(dir, "mail"),
		log:       filepath.Join(dir, "log"),
	}
	config := filepath.Join(dir, "config")
	p.makeFolders(config, filepath.Join(dir, "data"))
	p.write(filepath.Join(config, "main.cf"), mainCF(dir, o))
	p.write(filepath.Join(config, "master.cf"), "127.0.0.1:"+port(p.Addr)+masterCF)

	master := exec.Command(filepath.Join(daemonFolder(t), "master"), "-c", config, "-d")
	run(t, p.Addr, master)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Postfix at %s:\n%s", p.Addr, p.Log())
		}
	})
	return p
}

// openTempDir is a folder that Postfix, which gives up root, can enter.
func openTempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// makeFolders lays out what "postfix post-install" would: queue folders that
// belong to postfix, the two that its clients write to with group postdrop.
func (p *Postfix) makeFolders(config, data string) {
	p.t.Helper()
	uid, _ := ids(p.t, "postfix")
	nobody, nogroup := ids(p.t, "nobody")
	drop, err := user.LookupGroup("postdrop")
	if err != nil {
		p.t.Fatal(err)
	}
	postdrop, _ := strconv.Atoi(drop.Gid)

	p.folder(config, 0o755, 0, 0)
	p.folder(p.queue, 0o755, 0, 0)
	p.folder(p.mailboxes, 0o755, nobody, nogroup)
	p.folder(data, 0o700, uid, 0)
	for _, name := range strings.Fields("active bounce corrupt defer deferred flush hold incoming private saved trace") {
		p.folder(filepath.Join(p.queue, name), 0o700, uid, 0)
	}
	p.folder(filepath.Join(p.queue, "pid"), 0o755, 0, 0)
	p.folder(filepath.Join(p.queue, "public"), 0o710, uid, postdrop)
	p.folder(filepath.Join(p.queue, "maildrop"), 0o730, uid, postdrop)
}

func (p *Postfix) folder(path string, mode fs.FileMode, uid, gid int) {
	p.t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // Mkdir obeys umask
		p.t.Fatal(err)
	}
}

// write makes a configuration file, an old one: Postfix waits two seconds
// before it trusts a file that was written just now.
func (p *Postfix) write(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		p.t.Fatal(err)
	}
}

func ids(t testing.TB, name string) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// daemonFolder asks the installed Postfix where its daemons are.
func daemonFolder(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(NeedPeer(t, "postconf"), "-dh", "daemon_directory").Output()
	if err != nil {
		t.Fatalf("postconf: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// masterCF lists the daemons, none in a chroot, behind the smtpd's port.
const masterCF = ` inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
`

// mainCF is the configuration: nothing is looked up, nothing is rewritten,
// and nothing limits how fast one client may send.
func mainCF(dir string, o PostfixOptions) string {
	settings := map[string]string{
		"compatibility_level":     "3.6",
		"queue_directory":         dir + "/queue",
		"data_directory":          dir + "/data",
		"maillog_file":            dir + "/log",
		"maillog_file_prefixes":   dir,
		"multi_instance_enable":   "no",
		"myhostname":              "server.test",
		"mydestination":           "",
		"inet_interfaces":         "127.0.0.1",
		"inet_protocols":          "ipv4",
		"mynetworks":              "127.0.0.0/8",
		"disable_dns_lookups":     "yes",
		"smtp_host_lookup":        "native",
		"alias_maps":              "",
		"local_recipient_maps":    "",
		"virtual_mailbox_base":    dir + "/mail",
		"virtual_mailbox_domains": "y.test",
		"virtual_mailbox_maps":    "static:box/",
		"virtual_uid_maps":        "static:" + uidOf("nobody"),
		"virtual_gid_maps":        "static:" + uidOf("nobody"),
		"message_size_limit":      "0",
		"mailbox_size_limit":      "0",
		"virtual_mailbox_limit":   "0",
		"smtputf8_enable":         "yes",
		"default_process_limit":   "50",
		"smtpd_error_sleep_time":  "0",
		"in_flow_delay":           "0",
		// Content goes through as it came.
		"local_header_rewrite_clients":   "",
		"disable_mime_output_conversion": "yes",
		"smtp_line_length_limit":         "0",
		"disable_mime_input_processing":  "yes",
		"smtpd_forbid_bare_newline":      yesNo(o.ForbidBareNewline),
		// Or the protection would not be in force for loopback.
		"smtpd_forbid_bare_newline_exclusions": "",
	}
	if o.Hostname != "" {
		settings["myhostname"] = o.Hostname
	}
	if o.Relay != "" {
		settings["virtual_mailbox_domains"] = ""
		host, port, _ := net.SplitHostPort(o.Relay)
		settings["relayhost"] = "[" + host + "]:" + port
		settings["queue_run_delay"] = "1s"
		// After one second the delivery agent may still hold the file, and
		// then the queue manager leaves it alone for a whole minute.
		settings["minimal_backoff_time"] = "2s"
		settings["maximal_backoff_time"] = "2s"
	}
	maps.Copy(settings, o.Settings)

	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, settings[name])
	}
	return text.String()
}

func uidOf(name string) string {
	u, err := user.Lookup(name)
	if err != nil {
		return ""
	}
	return u.Uid
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

// Log returns what Postfix has logged so far.
func (p *Postfix) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return string(text)
}

// Delivered returns the mailbox's messages in no order, as Postfix stores
// them: its own fields on top, LF for every CRLF.
func (p *Postfix) Delivered() [][]byte {
	p.t.Helper()
	var all [][]byte
	for _, file := range files(p.t, filepath.Join(p.mailboxes, "box", "new")) {
		text, err := os.ReadFile(file)
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

// Content is the part of a stored message from the first octet of mark on, on
// the wire's terms: CRLF again for every LF. It is nil without the mark.
func Content(stored []byte, mark string) []byte {
	i := bytes.Index(stored, []byte(mark))
	if i < 0 {
		return nil
	}
	return bytes.ReplaceAll(stored[i:], []byte("\n"), []byte("\r\n"))
}

// Queued returns how many messages are on their way through.
func (p *Postfix) Queued() int {
	n := 0
	for _, name := range strings.Fields("maildrop incoming active deferred hold corrupt") {
		n += len(files(p.t, filepath.Join(p.queue, name)))
	}
	return n
}

// files lists the regular files below dir. They come and go while we look.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found = append(found, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// AwaitDelivered waits for n messages in the mailbox and returns them.
func (p *Postfix) AwaitDelivered(n int) [][]byte {
	p.t.Helper()
	Await(p.t, peerStart, strconv.Itoa(n)+" messages delivered", func() bool { return len(p.Delivered()) >= n })
	return p.Delivered()
}

// AwaitQuiet waits until every client has left and nothing is queued, so that
// what Postfix has accepted by now is all it will ever have.
func (p *Postfix) AwaitQuiet() {
	p.t.Helper()
	Await(p.t, peerStart, "quiet Postfix", func() bool {
		log := p.Log()
		return strings.Count(log, ": connect from ") == strings.Count(log, ": disconnect from ") && p.Queued() == 0
	})
}

// smtpLoad bounds one run of smtp-source: 2 minutes, for the race detector on
// two busy cores.
const smtpLoad = 2 * time.Minute

// SMTPSource runs Postfix's load generator against addr and returns when
// every message was accepted.
func SMTPSource(t testing.TB, addr string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), smtpLoad)
	defer cancel()
	command := exec.CommandContext(ctx, NeedPeer(t, "smtp-source"), append(args, "inet:"+addr)...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("smtp-source: %v\n%s", err, out)
	}
}

// SMTPSink runs Postfix's sink until the test ends and returns its address.
func SMTPSink(t testing.TB, args ...string) string {
	t.Helper()
	addr := FreeAddr(t)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody") // it refuses to serve as root
	}
	args = append(args, "inet:"+addr, "100")
	run(t, addr, exec.Command(NeedPeer(t, "smtp-sink"), args...))
	return addr
}
