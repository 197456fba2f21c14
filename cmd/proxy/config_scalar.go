package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A scalar is a setting with a notation of its own.
type scalar interface {
	set(text string) error
	kind() string // for the reference: what to write
	String() string
}

// A size is a count of octets.
type size int64

var sizeUnits = []struct {
	name   string
	octets int64
}{
	// Largest first, so that String finds the shortest notation; KiB and its
	// kind before kB and its kind for the same reason.
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

func (s *size) set(text string) error {
	if text == "0" {
		*s = 0
		return nil
	}
	digits := strings.TrimRight(text, "TGMKkiB")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return fmt.Errorf(`want a size with unit, such as "256KiB", got %q`, text)
	}
	for _, u := range sizeUnits {
		if text[len(digits):] == u.name {
			if int64(n) > (1<<62)/u.octets {
				return fmt.Errorf("size %q is too large", text)
			}
			*s = size(int64(n) * u.octets)
			return nil
		}
	}
	return fmt.Errorf(`size %q has no unit; write "%sKiB" or the like`, text, digits)
}

func (*size) kind() string { return "size" }

func (s size) String() string {
	if s == 0 {
		return "0"
	}
	for _, u := range sizeUnits {
		if int64(s)%u.octets == 0 {
			return strconv.FormatInt(int64(s)/u.octets, 10) + u.name
		}
	}
	return "" // not reached: 1 divides everything
}

// A duration is never negative.
type duration time.Duration

func (d *duration) set(text string) error {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return fmt.Errorf(`duration %q has no unit; write "%ss" or the like`, text, text)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf(`want a duration with unit, such as "10s", got %q`, text)
	}
	if v < 0 {
		return fmt.Errorf("duration %q is negative", text)
	}
	*d = duration(v)
	return nil
}

func (*duration) kind() string { return "duration" }

func (d duration) String() string {
	if d == 0 {
		return "0"
	}
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// A secret never shows itself.
type secret string

func (s *secret) set(text string) error { *s = secret(text); return nil }
func (*secret) kind() string            { return "secret" }
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

const redacted = "[redacted]"

// A hostname is a domain name in ASCII.
type hostname string

func (h *hostname) set(text string) error {
	if !isDomain(text) {
		return fmt.Errorf("%q is no host name", text)
	}
	*h = hostname(text)
	return nil
}

func (*hostname) kind() string    { return "host name" }
func (h hostname) String() string { return string(h) }

// isDomain reports whether s is made of labels of letters, digits, hyphens
// and underscores, or of UTF-8 (RFC 6531), within the lengths of RFC 1035
// section 2.3.4.
func isDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
				r == '-' || r == '_' || r >= 0xa0 && r != 0xfffd)
		}) {
			return false
		}
	}
	return true
}

// A socketAddress is where to listen: IP:port, or :port for every address.
type socketAddress string

func (a *socketAddress) set(text string) error {
	if text == "none" {
		*a = ""
		return nil
	}
	host, err := splitAddress(text)
	if err != nil {
		return err
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("want an IP address to listen on, got %q", text)
		}
	}
	*a = socketAddress(text)
	return nil
}

func (*socketAddress) kind() string    { return "host:port" }
func (a socketAddress) String() string { return string(a) }

// A serverAddress is where to connect: name or IP, and port.
type serverAddress string

func (a *serverAddress) set(text string) error {
	host, err := splitAddress(text)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err != nil && !isDomain(host) {
		return fmt.Errorf("%q in %q is neither a host name nor an IP address", host, text)
	}
	*a = serverAddress(text)
	return nil
}

func (*serverAddress) kind() string    { return "host:port" }
func (a serverAddress) String() string { return string(a) }

func splitAddress(text string) (host string, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("want host:port, got %q", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q in %q is no port", port, text)
	}
	return host, nil
}

// An ipAddress is one IP address.
type ipAddress struct{ netip.Addr }

func (a *ipAddress) set(text string) (err error) {
	if a.Addr, err = netip.ParseAddr(text); err != nil {
		return fmt.Errorf("%q is no IP address", text)
	}
	return nil
}

func (*ipAddress) kind() string { return "IP address" }
func (a ipAddress) String() string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr.String()
}

// A prefix is a range of IP addresses.
type prefix struct{ netip.Prefix }

func (p *prefix) set(text string) (err error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		p.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	if p.Prefix, err = netip.ParsePrefix(text); err != nil {
		return fmt.Errorf(`%q is no range of IP addresses; write "192.0.2.0/24" or "2001:db8::/32"`, text)
	}
	if p.Masked() != p.Prefix {
		return fmt.Errorf("range %q has bits beyond its length; write %q", text, p.Masked())
	}
	return nil
}

func (*prefix) kind() string { return "IP range" }

// A pin is the SHA-256 of a public key.
type pin [sha256.Size]byte

func (p *pin) set(text string) error {
	octets, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		octets, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(octets) != len(p) {
		return fmt.Errorf("%q is no SHA-256 in hex or base64", text)
	}
	copy(p[:], octets)
	return nil
}

func (*pin) kind() string    { return "SHA-256" }
func (p pin) String() string { return hex.EncodeToString(p[:]) }

// A webPage is an absolute http or https URL.
type webPage string

func (p *webPage) set(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http or https URL", text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the URL must be plain ASCII: it stands in SMTP replies")
	}
	*p = webPage(text)
	return nil
}

func (*webPage) kind() string    { return "URL" }
func (p webPage) String() string { return string(p) }

// engineAddresses are where the daemons of an antivirus engine listen. What
// they look like is for package antivirus to say.
type engineAddresses []string

func (a *engineAddresses) set(text string) error {
	*a = nil
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			*a = append(*a, one)
		}
	}
	return nil
}

func (*engineAddresses) kind() string    { return "addresses" }
func (a engineAddresses) String() string { return strings.Join(a, ", ") }
