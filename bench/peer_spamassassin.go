package main

import (
	"context"
	"path/filepath"
)

func spampdVersion() string {
	return "spampd, SpamAssassin " + versionIn(firstLine("spamassassin", "-V"))
}

func missingSpampd() string {
	if why := missingProgram("spampd")(); why != "" {
		return why
	}
	return missingPostfix()
}

// startSpampd runs SpamAssassin's SMTP proxy between a Postfix that holds the
// sender's session meanwhile (smtpd_proxy_filter) and the sink. Network tests
// are off, and all sizes are scanned.
func startSpampd(ctx context.Context, e *env, to string) (*running, error) {
	dir, err := e.folder("spampd")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := e.start(dir, "spampd", "spampd", "--nodetach", "--host="+address, "--relayhost="+to,
		"--children=20", "--logsock=inet", "--maxrequests=100000", "--maxsize=100000", "--local-only", "--user=nobody", "--group=nogroup",
		"--pid="+filepath.Join(dir, "pid"))
	if err != nil {
		return nil, err
	}
	if err := p.waitAccepting(ctx, address); err != nil {
		return nil, err
	}
	f, err := e.startPostfix(ctx, "postfix-spampd", "smtpd_proxy_filter = "+address+"\n")
	if err != nil {
		return nil, err
	}
	f.beside = append(f.beside, p)
	return f.running, nil
}
