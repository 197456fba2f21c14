package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

func amavisVersion() string { return "amavis " + versionIn(firstLine("amavisd", "-V")) }

func missingAmavis() string {
	for _, program := range []string{"amavisd", "clamd"} {
		if why := missingProgram(program)(); why != "" {
			return why
		}
	}
	return missingPostfix()
}

// amavisConfig scans everything, by clamd and SpamAssassin without its network
// tests, and lets everything pass. %[1]s: its folder, %[2]s: its port, %[3]s:
// the sink, %[4]s: clamd.
const amavisConfig = `use strict;
$max_servers = 20;
$max_requests = 100000;
$daemon_user = 'amavis'; $daemon_group = 'amavis';
$MYHOME = '%[1]s'; $TEMPBASE = "$MYHOME/tmp"; $ENV{TMPDIR} = $TEMPBASE;
$db_home = undef; $lock_file = "$MYHOME/lock"; $pid_file = "$MYHOME/pid";
$enable_db = 0; $enable_zmq = 0; $nanny_details_level = 0;
$myhostname = 'amavis.test'; $mydomain = 'y.test';
@local_domains_maps = ( ['.y.test'] );
@mynetworks = qw( 127.0.0.0/8 );
$inet_socket_bind = '127.0.0.1'; $inet_socket_port = %[2]s;
$forward_method = 'smtp:[%[3]s';
$notify_method = $forward_method;
$log_level = 0; $do_syslog = 0; $LOGFILE = "$MYHOME/log";
$sa_local_tests_only = 1; $sa_mail_body_size_limit = 2000*1024;
$sa_tag_level_deflt = 1000; $sa_tag2_level_deflt = 1000; $sa_kill_level_deflt = 1000;
$enable_dkim_verification = 0; $enable_dkim_signing = 0;
$QUARANTINEDIR = undef;
$final_virus_destiny = D_PASS; $final_banned_destiny = D_PASS; $final_spam_destiny = D_PASS; $final_bad_header_destiny = D_PASS;
@av_scanners = ( ['ClamAV-clamd', \&ask_daemon, ["CONTSCAN {}\n", "%[4]s"], qr/\bOK$/m, qr/\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m ] );
@av_scanners_backup = ();
1;
`

// startAmavis runs amavis, with a clamd of its own that knows one signature,
// between a Postfix that holds the sender's session and the sink.
func startAmavis(ctx context.Context, e *env, to string) (*running, error) {
	clamd, clamdAddress, err := e.startClamd(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := e.folder("amavis")
	if err != nil {
		return nil, err
	}
	owner, err := user.Lookup("amavis") // it refuses to run as root
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return nil, err
	}
	// It owns its home, but not the folder of its configuration.
	home := filepath.Join(dir, "home")
	temporary := filepath.Join(home, "tmp")
	err = errors.Join(os.MkdirAll(temporary, 0o755), os.Chown(home, uid, -1), os.Chown(temporary, uid, -1))
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	host, sinkPort, _ := net.SplitHostPort(to)
	file := filepath.Join(dir, "amavis.conf")
	conf := fmt.Sprintf(amavisConfig, home, port, host+"]:"+sinkPort, clamdAddress)
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	p, err := e.start(dir, "amavis", "amavisd", "-c", file, "foreground")
	if err != nil {
		return nil, err
	}
	if err := p.waitAccepting(ctx, address); err != nil {
		return nil, err
	}
	f, err := e.startPostfix(ctx, "postfix-amavis", "smtpd_proxy_filter = "+address+"\nsmtpd_proxy_timeout = 600s\n")
	if err != nil {
		return nil, err
	}
	f.beside = append(f.beside, p, clamd)
	return f.running, nil
}
