package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// An MX is one mail exchanger of a domain.
type MX struct {
	Host       string // without trailing dot; empty for a null MX
	Preference uint16
}

// A Resolver answers what routes need to know from the DNS. Errors are
// temporary unless they are ErrNoName.
type Resolver interface {
	// Addresses returns the IPv4 and IPv6 addresses of a host.
	Addresses(ctx context.Context, host string) ([]netip.Addr, error)
	// MX returns the mail exchangers of a domain, and with authentic whether
	// DNSSEC vouches for the answer; that may cost more and is asked only
	// where it matters.
	MX(ctx context.Context, domain string, authentic bool) (mx []MX, secure bool, err error)
	// TLSA returns the records for a host and port and whether DNSSEC vouches
	// for them. A bogus answer is an error.
	TLSA(ctx context.Context, host string, port uint16) (records []TLSA, secure bool, err error)
}

// ErrNoName means a name does not exist or has no records of the type.
var ErrNoName = errors.New("no such name")

// A lookupError keeps the name that was looked up out of the error's text: it
// is a recipient's domain.
type lookupError struct {
	kind string
	err  error
}

func (e *lookupError) Error() string { return e.kind + " lookup failed" }

func (e *lookupError) Unwrap() error { return e.err }

// A SystemResolver asks the resolver the system is configured with. The zero
// value is ready.
//
// For DANE it asks that resolver itself and believes its AD bit (RFC 6840
// section 5.7), which is worth as much as the way to it: use a validating
// resolver on the same host. Where the resolver does not validate, nothing is
// ever authentic and mode dane delivers nothing.
type SystemResolver struct {
	Net    net.Resolver
	Server string // host:port for DANE; empty: the first of /etc/resolv.conf
}

// resolverConfig is where the system names its resolver.
const resolverConfig = "/etc/resolv.conf"

func (r *SystemResolver) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := r.Net.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, noName(err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

func (r *SystemResolver) MX(ctx context.Context, domain string, authentic bool) ([]MX, bool, error) {
	if authentic {
		return r.authenticMX(ctx, domain)
	}
	found, err := r.Net.LookupMX(ctx, domain+".")
	var mx []MX
	for _, m := range found { // beside an error: the valid ones of several
		mx = append(mx, MX{Host: strings.TrimSuffix(m.Host, "."), Preference: m.Pref})
	}
	if len(mx) > 0 {
		err = nil
	}
	return mx, false, noName(err)
}

func (r *SystemResolver) authenticMX(ctx context.Context, domain string) ([]MX, bool, error) {
	answer, err := r.ask(ctx, domain, dns.TypeMX)
	if err != nil {
		return nil, false, err
	}
	var mx []MX
	for _, rr := range answer.Answer {
		if m, ok := rr.(*dns.MX); ok {
			mx = append(mx, MX{Host: strings.TrimSuffix(m.Mx, "."), Preference: m.Preference})
		}
	}
	if len(mx) == 0 {
		return nil, answer.AuthenticatedData, ErrNoName
	}
	return mx, answer.AuthenticatedData, nil
}

func (r *SystemResolver) TLSA(ctx context.Context, host string, port uint16) ([]TLSA, bool, error) {
	// RFC 7672 section 2.2.2: where the host's own addresses are not
	// authentic its TLSA records count for nothing.
	addresses, err := r.ask(ctx, host, dns.TypeA)
	if err != nil && !errors.Is(err, ErrNoName) {
		return nil, false, err
	}
	if addresses == nil || !addresses.AuthenticatedData {
		return nil, false, nil
	}
	answer, err := r.ask(ctx, "_"+strconv.Itoa(int(port))+"._tcp."+host, dns.TypeTLSA)
	if errors.Is(err, ErrNoName) {
		return nil, answer.AuthenticatedData, nil
	}
	if err != nil {
		return nil, false, err
	}
	var records []TLSA
	for _, rr := range answer.Answer {
		if t, ok := rr.(*dns.TLSA); ok {
			records = append(records, TLSA{Usage: t.Usage, Selector: t.Selector, Matching: t.MatchingType, Data: strings.ToLower(t.Certificate)})
		}
	}
	return records, answer.AuthenticatedData, nil
}

// ask puts one question with AD (RFC 6840 section 5.7), over TCP if the answer
// is cut. Beside ErrNoName there is an answer, too.
func (r *SystemResolver) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	server := r.Server
	if server == "" {
		conf, err := dns.ClientConfigFromFile(resolverConfig)
		if err != nil || len(conf.Servers) == 0 {
			return nil, errors.New("no resolver configured")
		}
		server = net.JoinHostPort(conf.Servers[0], conf.Port)
	}
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), kind)
	question.AuthenticatedData = true
	question.SetEdns0(1232, false)
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network}
		answer, _, err := client.ExchangeContext(ctx, question, server)
		if err != nil {
			return nil, err
		}
		if answer.Truncated {
			continue
		}
		switch {
		case answer.Rcode == dns.RcodeNameError, answer.Rcode == dns.RcodeSuccess && len(answer.Answer) == 0:
			return answer, ErrNoName
		case answer.Rcode != dns.RcodeSuccess: // SERVFAIL is also what bogus looks like
			return nil, errors.New("resolver says " + dns.RcodeToString[answer.Rcode])
		}
		return answer, nil
	}
	return nil, errors.New("answer cut short over TCP")
}

// noName turns the library's error for a missing name into ErrNoName.
func noName(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return ErrNoName
	}
	return err
}
