package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"sluice/policy"
)

// check looks at what the settings mean together, and loads what they name.
func (l *loaded) check() {
	l.checkPresence()
	l.checkListeners()
	l.checkRoutes()
	l.checkAntivirus()
	l.checkRest()
	l.buildPolicy()
}

func (l *loaded) errorf(path, format string, args ...any) {
	l.problems.errorf(l.at(path), format, args...)
}

func (l *loaded) warnf(path, format string, args ...any) {
	l.problems.warnf(l.at(path), format, args...)
}

func (l *loaded) checkPresence() {
	top := position{file: l.file, line: 1, col: 1}
	for _, need := range []struct {
		key     string
		missing bool
	}{
		{"hostname", l.Hostname == ""}, {"listeners", len(l.Listeners) == 0}, {"routes", len(l.Routes) == 0},
	} {
		key := need.key
		at, set := l.where[key]
		switch {
		case !need.missing, l.faulty[key], l.faulty[""]:
		case set:
			l.problems.errorf(at, "%q is empty", key)
		default:
			l.problems.errorf(top, "key %q is missing", key)
		}
	}
}

// complained reports whether at already has an error, so that nothing that
// follows from it is reported as well.
func (d *decoder) complained(at position) bool {
	for _, p := range d.problems {
		if p.at == at && !p.warning {
			return true
		}
	}
	return false
}

func (l *loaded) checkListeners() {
	names, addresses := map[string]bool{}, map[socketAddress]bool{}
	l.certs = make([][]tls.Certificate, len(l.Listeners))
	for i := range l.Listeners {
		c, path := &l.Listeners[i], fmt.Sprintf("listeners[%d]", i)
		if c.Name == "" {
			c.Name = defaultListenerName(c, i, names)
		}
		if names[c.Name] {
			l.errorf(path+".name", "another listener is called %q", c.Name)
		}
		if c.Name == adminSocket {
			l.errorf(path+".name", "%q is the name of the admin socket", c.Name)
		}
		if c.Address != "" && addresses[c.Address] {
			l.errorf(path+".address", "another listener has the address %s", c.Address)
		}
		names[c.Name], addresses[c.Address] = true, true
		l.certs[i] = l.loadCertificates(c, path+".tls")
		for j, p := range c.ProxyProtocol.Trusted {
			if p.IsValid() && p.Bits() == 0 {
				l.warnf(fmt.Sprintf("%s.proxy_protocol.trusted[%d]", path, j), "everybody may claim any address")
			}
		}
	}
}

// defaultListenerName keeps names stable: the first plain listener is smtp,
// as in the unit file, and others get their port behind it.
func defaultListenerName(c *listenerConfig, i int, taken map[string]bool) string {
	name := "smtp"
	if c.TLS.Implicit {
		name = "smtps"
	}
	if taken[name] {
		_, port, _ := net.SplitHostPort(string(c.Address))
		name += "-" + port
	}
	if taken[name] {
		name += fmt.Sprintf("-%d", i)
	}
	return name
}

// offered reports whether senders can have TLS.
func (c listenerTLSConfig) offered() bool { return c.Cert != "" || len(c.Certs) > 0 }

func (l *loaded) loadCertificates(c *listenerConfig, path string) (certs []tls.Certificate) {
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		if !l.faulty[path] {
			l.errorf(path, "cert and key belong together")
		}
		return nil
	}
	files := c.TLS.Certs
	if c.TLS.Cert != "" {
		files = append([]certificateConfig{{c.TLS.Cert, c.TLS.Key}}, files...)
	}
	if len(files) == 0 && c.TLS.Implicit {
		l.errorf(path+".implicit", "implicit TLS needs cert and key")
	}
	for _, f := range files {
		cert, err := loadCertificate(f)
		if err != nil {
			l.errorf(path, "%v", err)
			continue
		}
		if time.Now().After(cert.Leaf.NotAfter) {
			l.warnf(path, "certificate %s expired on %s", f.Cert, cert.Leaf.NotAfter.Format(time.DateOnly))
		}
		certs = append(certs, cert)
	}
	return certs
}

// lmtpForbidden is the port LMTP must not be spoken on (RFC 2033 section 5).
const lmtpForbidden = "25"

func (l *loaded) checkRoutes() {
	for i := range l.Routes {
		r, path := &l.Routes[i], fmt.Sprintf("routes[%d]", i)
		proven := r.TLS == "verify" || r.TLS == "pin" || r.TLS == "dane"
		if (r.Auth.Username == "") != (r.Auth.Password == "") && !l.faulty[path+".auth"] {
			l.errorf(path+".auth", "username and password belong together")
		}
		if r.Auth.Username != "" && !proven {
			l.errorf(path+".auth", "auth needs tls: verify, pin or dane; %q does not prove who gets the password", r.TLS)
		}
		if r.Implicit && r.TLS == "none" {
			l.errorf(path+".implicit_tls", "implicit_tls and tls: none contradict each other")
		}
		if (r.TLSName != "" || r.CA != "") && !proven {
			l.warnf(path+".tls", "tls_name and ca have no effect with tls: %s", r.TLS)
		}
		if r.MX && r.Identity != "none" {
			l.warnf(path+".identity", "servers found by MX hardly take identity: %s", r.Identity)
		}
		if r.MaxMessage > l.Limits.MaxMessage {
			l.errorf(path+".max_message", "%s is more than limits.max_message, %s", r.MaxMessage, l.Limits.MaxMessage)
		}
		for j, d := range r.Domains {
			if d == "*" && !r.MX {
				l.warnf(fmt.Sprintf("%s.domains[%d]", path, j), "mail for every domain goes to these servers; they must refuse what is not theirs")
			}
		}
		for j, s := range r.Servers {
			l.checkServer(r, s, fmt.Sprintf("%s.servers[%d].address", path, j))
		}
	}
}

func (l *loaded) checkServer(r *routeConfig, s serverConfig, path string) {
	host, port, err := net.SplitHostPort(string(s.Address))
	if err != nil {
		return // reported when it was read
	}
	if r.Protocol == "lmtp" && port == lmtpForbidden {
		l.errorf(path, "LMTP must not be spoken on port 25 (RFC 2033 section 5)")
	}
	addr, err := netip.ParseAddr(host)
	if err == nil && addr.IsUnspecified() {
		l.errorf(path, "%s is no address of a server", host)
		return
	}
	for _, c := range l.Listeners {
		if loopsBack(addr, port, c.Address) {
			l.errorf(path, "%s is our own listener", s.Address)
			return
		}
	}
	local := host == "localhost" || addr.IsLoopback() || addr.IsPrivate()
	if r.TLS == "none" && !local {
		l.warnf(path, "mail goes to %s in clear text (tls: none)", host)
	}
}

// loopsBack reports whether a server's address is certainly a listener of ours.
func loopsBack(server netip.Addr, port string, listener socketAddress) bool {
	host, own, err := net.SplitHostPort(string(listener))
	if err != nil || own != port || !server.IsValid() {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.IsUnspecified() {
		return server.IsLoopback()
	}
	return addr == server
}

// leastKey is 128 bits: fewer would let whoever has the log try all keys.
const leastKey = 16

func (l *loaded) checkRest() {
	if k := len(l.Privacy.Key); k > 0 && k < leastKey {
		l.errorf("privacy.key", "the key has %d octets; it needs %d", k, leastKey)
	}
	if l.Lookahead > l.Limits.Memory {
		l.errorf("lookahead", "%s is more than limits.memory, %s", l.Lookahead, l.Limits.Memory)
	}
	if l.Soft && l.Shadow {
		l.warnf("soft", "soft has no effect in shadow mode")
	}
}

// route turns a route's settings into policy's. Words were checked when read.
func (l *loaded) route(r *routeConfig, path string) policy.Route {
	out := policy.Route{
		Name: r.Name, Tenant: r.Tenant, Domains: r.Domains, MX: r.MX,
		Protocol: protocols[r.Protocol], TLS: tlsModes[r.TLS], ImplicitTLS: r.Implicit, TLSName: r.TLSName,
		Identity: identities[r.Identity],
		Username: r.Auth.Username, Password: string(r.Auth.Password),
		SourceAddress: r.Source.Addr, EHLOName: string(r.EHLOName), MaxMessage: int64(r.MaxMessage),
		Shadow: r.Shadow, Soft: r.Soft, Contact: r.Contact,
	}
	for _, s := range r.Servers {
		out.Servers = append(out.Servers, policy.Server{
			Address: string(s.Address), Priority: s.Priority, Weight: s.Weight, MaxConnections: s.MaxConnections,
		})
	}
	for _, p := range r.Pins {
		out.Pins = append(out.Pins, p)
	}
	if r.CA != "" {
		pem, err := os.ReadFile(r.CA)
		out.Roots = x509.NewCertPool()
		if err != nil {
			l.errorf(path+".ca", "%v", err)
		} else if !out.Roots.AppendCertsFromPEM(pem) {
			l.errorf(path+".ca", "%s holds no certificate", r.CA)
		}
	}
	return out
}

var (
	protocols = map[string]policy.Protocol{"smtp": policy.SMTP, "lmtp": policy.LMTP}
	tlsModes  = map[string]policy.TLSMode{
		"verify": policy.TLSVerify, "none": policy.TLSNone, "may": policy.TLSMay, "pin": policy.TLSPin, "dane": policy.TLSDANE,
	}
	identities = map[string]policy.Identity{
		"none": policy.IdentityNone, "xclient": policy.IdentityXCLIENT, "xforward": policy.IdentityXFORWARD,
		"proxy_v1": policy.IdentityProxyV1, "proxy_v2": policy.IdentityProxyV2,
	}
)
