package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func rspamdVersion() string { return versionIn(firstLine("rspamd", "--version")) }

func missingRspamd() string {
	if why := missingProgram("rspamd")(); why != "" {
		return why
	}
	return missingPostfix()
}

// rspamdNetwork are the modules that ask somebody else: resolvers, feeds,
// Redis. They are off, as Sluice asks nobody in this comparison either.
var rspamdNetwork = []string{
	"antivirus", "arc", "asn", "bimi", "clickhouse", "dcc", "dkim", "dkim_signing", "dmarc", "elastic",
	"external_services", "fuzzy_check", "greylist", "hfilter", "history_redis", "http_headers", "maillist",
	"metadata_exporter", "mx_check", "neural", "once_received", "p0f", "ratelimit", "rbl", "replies",
	"reputation", "rspamd_update", "spf", "surbl", "url_redirector", "whitelist",
}

// startRspamd runs rspamd behind a Postfix that asks it by milter before it
// takes a message into its queue, and delivers to the sink from there.
func startRspamd(ctx context.Context, e *env, to string) (*running, error) {
	scanner, milter, _, err := e.startRspamdAlone(ctx)
	if err != nil {
		return nil, err
	}
	f, err := e.startPostfix(ctx, "postfix-rspamd", "smtpd_milters = inet:"+milter+
		"\nmilter_protocol = 6\nmilter_default_action = tempfail\nrelayhost = ["+strings.Replace(to, ":", "]:", 1)+"\n")
	if err != nil {
		return nil, err
	}
	f.beside = append(f.beside, scanner)
	return f.running, nil
}

// startRspamdAlone returns the addresses it answers milters and HTTP at.
func (e *env) startRspamdAlone(ctx context.Context) (p *process, milter, http string, err error) {
	dir, err := e.folder("rspamd")
	if err != nil {
		return nil, "", "", err
	}
	if milter, err = freeAddress(); err != nil {
		return nil, "", "", err
	}
	if http, err = freeAddress(); err != nil {
		return nil, "", "", err
	}
	controller, err := freeAddress()
	if err != nil {
		return nil, "", "", err
	}
	local := filepath.Join(dir, "local.d")
	if err := os.MkdirAll(local, 0o755); err != nil {
		return nil, "", "", err
	}
	files := map[string]string{
		"logging.inc":           "type = \"console\"; level = \"warning\";\n",
		"options.inc":           "dns { nameserver = [\"127.0.0.1:1\"]; timeout = 0.01s; retransmits = 0; }\n",
		"worker-normal.inc":     fmt.Sprintf("bind_socket = %q; count = 2;\n", http),
		"worker-controller.inc": fmt.Sprintf("bind_socket = %q;\n", controller),
		"worker-fuzzy.inc":      "enabled = false;\n",
		"worker-proxy.inc": fmt.Sprintf("bind_socket = %q; milter = yes; count = 2;\n"+
			"upstream \"local\" { default = yes; self_scan = yes; }\n", milter),
		// Everything passes, so that all peers deliver the same.
		"actions.conf": "reject = null; add_header = null; greylist = null;\n",
	}
	for _, module := range rspamdNetwork {
		files[module+".conf"] = "enabled = false;\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(local, name), []byte(text), 0o644); err != nil {
			return nil, "", "", err
		}
	}
	p, err = e.start(dir, "rspamd", "rspamd", "-f", "-i", "--var=LOCAL_CONFDIR="+dir, "--var=DBDIR="+dir,
		"--var=RUNDIR="+dir, "--var=LOGDIR="+dir, "-u", "root", "-g", "root")
	if err != nil {
		return nil, "", "", err
	}
	if err := p.waitAccepting(ctx, http); err != nil {
		return nil, "", "", err
	}
	return p, milter, http, p.waitAccepting(ctx, milter)
}
