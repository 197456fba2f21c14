package smtptest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A DialogSetup is what a dialog's header asks of the proxy. Zero fields mean
// the proxy's own default.
type DialogSetup struct {
	Hostname      string // always mx.test
	Lookahead     int64  // octets; negative: the header only ("set lookahead 0")
	BareNewline   string // reject, normalise
	AuthresForged string // keep, reject, remove
	AddFinalCRLF  bool   // set final_crlf add
	ReceivedFor   bool
	Shadow        bool
	BannerDelay   time.Duration
	TLS           string         // starttls, implicit; empty: none
	Proxy         []netip.Prefix // set proxy RANGE[,RANGE]
	// SubjectMark stands before the subject of tagged messages; empty: none.
	SubjectMark string
	// Aliases are pairs of mailboxes: mail for the first goes to the second.
	Aliases [][2]string
	// Literal is what becomes of a message with a test signature: reject,
	// defer, tag, divert, quarantine, discard. Empty: no such module.
	Literal string
	// Content has messages taken apart (set content on). Ambiguity is what
	// becomes of those that programs read differently: scan, reject.
	Content   bool
	Ambiguity string
	// Module is an extra content module: panic and error fail in Finish, hang
	// ends only with its context, gate votes once every side that names the
	// label "verdict" has come to it, connect refuses each session as policy does.
	Module   string
	Limits   map[string]int64         // max_message, errors …
	Timeouts map[string]time.Duration // sender_data, server_commit …
	Shutdown map[string]time.Duration // delay, grace, commit
	Routes   []DialogRoute

	// CA signed the certificates of scripted servers, and has one for mx.test.
	CA *CA
	// Gate is what the gate module waits for.
	Gate func(context.Context) error
}

// A DialogRoute is one route of a DialogSetup.
type DialogRoute struct {
	Domains        []string
	Tenant         string // default "t"
	Protocol       string // smtp, lmtp
	TLS            string // none, may, verify, pin
	TLSName        string // always u.test
	Identity       string // none, xclient, xforward, proxy_v1, proxy_v2
	MaxMessage     int64
	MaxConnections int // of each server; 0: 50
	Servers        []DialogServer
}

// A DialogServer is one scripted host behind a route.
type DialogServer struct {
	Host     string // letter in the script
	Address  string // filled in when the host listens
	Priority int
}

// set takes one "set NAME VALUE" line.
func (s *DialogSetup) set(name, value string) (err error) {
	if kind, field, ok := strings.Cut(name, "."); ok {
		return s.setField(kind, field, value)
	}
	oneOf := func(p *string, allowed ...string) error {
		for _, a := range allowed {
			if value == a {
				*p = value
				return nil
			}
		}
		return fmt.Errorf("set %s: want one of %s", name, strings.Join(allowed, ", "))
	}
	switch name {
	case "lookahead":
		s.Lookahead, err = strconv.ParseInt(value, 10, 64)
		if s.Lookahead == 0 {
			s.Lookahead = -1
		}
	case "bare_newline":
		err = oneOf(&s.BareNewline, "reject", "normalise")
	case "authres_forged":
		err = oneOf(&s.AuthresForged, "keep", "reject", "remove")
	case "final_crlf":
		s.AddFinalCRLF, err = true, oneOf(new(string), "add")
	case "received_for":
		s.ReceivedFor, err = true, oneOf(new(string), "on")
	case "shadow":
		s.Shadow, err = true, oneOf(new(string), "on")
	case "banner_delay":
		s.BannerDelay, err = time.ParseDuration(value)
	case "tls":
		err = oneOf(&s.TLS, "starttls", "implicit")
	case "proxy":
		for r := range strings.SplitSeq(value, ",") {
			p, perr := netip.ParsePrefix(r)
			s.Proxy, err = append(s.Proxy, p), perr
		}
	case "literal":
		err = oneOf(&s.Literal, "reject", "defer", "tag", "divert", "quarantine", "discard")
	case "content":
		s.Content, err = true, oneOf(new(string), "on")
	case "ambiguity":
		err = oneOf(&s.Ambiguity, "scan", "reject")
	case "subject_mark":
		s.SubjectMark = value
	case "alias":
		from, to, ok := strings.Cut(value, "=")
		if !ok {
			return errors.New("want alias=mailbox")
		}
		s.Aliases = append(s.Aliases, [2]string{from, to})
	case "module":
		err = oneOf(&s.Module, "panic", "error", "hang", "gate", "connect")
	default:
		err = fmt.Errorf("unknown setting %q", name)
	}
	return err
}

// setField takes limit.NAME, timeout.NAME and shutdown.NAME.
func (s *DialogSetup) setField(kind, field, value string) error {
	if kind == "limit" {
		n, err := strconv.ParseInt(value, 10, 64)
		s.Limits[field] = n
		return err
	}
	d, err := time.ParseDuration(value)
	switch kind {
	case "timeout":
		s.Timeouts[field] = d
	case "shutdown":
		s.Shutdown[field] = d
	default:
		return fmt.Errorf("unknown setting %s.%s", kind, field)
	}
	return err
}

// route takes one "route DOMAINS HOST … OPTION …" line.
func (s *DialogSetup) route(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("route needs a domain and a host")
	}
	r := DialogRoute{Domains: strings.Split(words[0], ","), Tenant: "t", TLS: "none", TLSName: "u.test", Protocol: "smtp", Identity: "none"}
	for _, w := range words[1:] {
		key, value, isOption := strings.Cut(w, "=")
		if !isOption {
			host, priority, _ := strings.Cut(w, ":")
			n, err := strconv.Atoi(priority)
			if priority != "" && err != nil || !isHost(host) {
				return fmt.Errorf("%q is no host with priority", w)
			}
			r.Servers = append(r.Servers, DialogServer{Host: host, Priority: n})
			continue
		}
		if err := r.option(key, value); err != nil {
			return err
		}
	}
	s.Routes = append(s.Routes, r)
	return nil
}

// option takes one KEY=VALUE of a route line.
func (r *DialogRoute) option(key, value string) (err error) {
	switch key {
	case "tls":
		r.TLS = value
	case "protocol":
		r.Protocol = value
	case "identity":
		r.Identity = value
	case "tenant":
		r.Tenant = value
	case "max_message":
		r.MaxMessage, err = strconv.ParseInt(value, 10, 64)
	case "max_connections":
		r.MaxConnections, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("unknown route option %q", key)
	}
	return err
}

// isHost reports whether name is a scripted host's letter.
func isHost(name string) bool { return len(name) == 1 && strings.Contains("UVWX", name) }
