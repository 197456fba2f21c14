package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

func missingPostfix() string {
	if why := missingProgram("postfix")(); why != "" {
		return why
	}
	if os.Getuid() != 0 {
		return "an instance of Postfix of its own needs root"
	}
	return ""
}

func postfixVersion() string { return versionIn(firstLine("postconf", "-d", "mail_version")) }

// postfixMain is common to every instance. %[1]s: its folder.
const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/maillog
maillog_file_prefixes = %[1]s
multi_instance_enable = no
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydomain = test
myorigin = test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:no local mail here
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_host_lookup = native
biff = no
message_size_limit = 0
mailbox_size_limit = 0
notify_classes =
`

// postfixMaster is the services every instance has. %[1]s: smtpd's address.
const postfixMaster = `%[1]s inet n - n - - smtpd
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
flush      unix  n  -  n  1000? 0  flush
proxymap   unix  -  -  n  -     -  proxymap
smtp       unix  -  -  n  -     -  smtp
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
anvil      unix  -  -  n  -     1  anvil
scache     unix  -  -  n  -     1  scache
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
showq      unix  n  -  n  -     -  showq
postlog    unix-dgram n - n -   1  postlogd
`

// A postfix is an instance of its own, with its queue, under scratch.
type postfix struct {
	*running
	dir string // holds conf, queue, data and maillog
}

// startPostfix runs an instance; extra is appended to main.cf.
func (e *env) startPostfix(ctx context.Context, name, extra string) (*postfix, error) {
	dir, err := e.folder(name)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	f := &postfix{dir: dir}
	if err := f.prepare(address, extra); err != nil {
		return nil, err
	}
	libexec, err := exec.Command("postconf", "-dh", "daemon_directory").Output()
	if err != nil {
		return nil, fmt.Errorf("postconf: %w", err)
	}
	// -d keeps master in the foreground, and in our process group.
	p, err := e.start(dir, name, filepath.Join(strings.TrimSpace(string(libexec)), "master"), "-c", f.config(), "-d")
	if err != nil {
		return nil, err
	}
	f.running = &running{process: p, address: address}
	return f, p.waitAccepting(ctx, address)
}

func (f *postfix) config() string  { return filepath.Join(f.dir, "conf") }
func (f *postfix) maillog() string { return filepath.Join(f.dir, "maillog") }

// prepare writes the configuration and lets Postfix make its queue.
func (f *postfix) prepare(address, extra string) error {
	for _, sub := range []string{"conf", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(f.dir, sub), 0o755); err != nil {
			return err
		}
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	if err := os.Chown(filepath.Join(f.dir, "data"), uid, -1); err != nil {
		return err
	}
	main := fmt.Sprintf(postfixMain, f.dir) + extra
	if err := os.WriteFile(filepath.Join(f.config(), "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	master := fmt.Sprintf(postfixMaster, address)
	if err := os.WriteFile(filepath.Join(f.config(), "master.cf"), []byte(master), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("postfix", "-c", f.config(), "check").CombinedOutput(); err != nil {
		return fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	return nil
}

func startPostfixProxy(ctx context.Context, e *env, to string) (*running, error) {
	f, err := e.startPostfix(ctx, "postfix-proxy", "smtpd_proxy_filter = "+to+"\n")
	if err != nil {
		return nil, err
	}
	return f.running, nil
}
