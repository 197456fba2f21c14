package policy

import (
	"crypto/x509"
	"net/netip"
)

// A Route says which servers take the mail of some recipient domains, and how
// they are spoken to. It is immutable once in a Snapshot.
type Route struct {
	Name     string   // stable, for logs and metrics: the first domain, or as configured
	Tenant   string   // owner; server sessions are never shared across tenants
	Domains  []string // "y.test" exact, ".y.test" subdomains, "*" any; none: only a target of rules
	Servers  []Server // empty when MX is set
	MX       bool     // servers come from the recipient domain's MX records
	Protocol Protocol
	TLS      TLSMode
	TLSName  string         // name the certificate must carry; empty: the server's host name
	Roots    *x509.CertPool // nil: the system's
	Pins     [][32]byte     // SHA-256 of the SubjectPublicKeyInfo, for TLSPin
	Identity Identity
	Username string // SASL to the server, only over TLS; empty: none
	Password string
	// ImplicitTLS starts TLS before the greeting (as RFC 8314 section 3.3 has it
	// for submission); TLS says how the certificate is checked.
	ImplicitTLS bool
	// SourceAddress is the local address connections leave from; invalid: any.
	SourceAddress netip.Addr
	EHLOName      string // empty: the installation's host name
	MaxMessage    int64  // octets; 0: the installation's limit

	Soft    bool   // our 5xx is a 4xx for this mail
	Shadow  bool   // no finding changes anything for this mail
	Contact string // instead of Settings.Contact
}

// A Server is one host of a Route.
type Server struct {
	Address        string // host:port
	Priority       int    // lower is tried first
	Weight         int    // share inside one priority, at least 1; 0 in Settings: 1
	MaxConnections int    // cap of simultaneous connections, at least 1; 0 in Settings: DefaultMaxConnections
}

// DefaultMaxConnections is how many connections a server gets at once when
// nothing is said: 50, Postfix's own default limit for one client. More would
// be refused there; fewer would make us the bottleneck.
const DefaultMaxConnections = 50

// Protocol is what a route's servers speak.
type Protocol uint8

const (
	SMTP Protocol = iota
	LMTP
)

// TLSMode is what a route demands of its servers (PROTOCOL: STARTTLS).
type TLSMode uint8

const (
	TLSVerify TLSMode = iota // STARTTLS with a verified certificate, or no delivery
	TLSNone                  // clear text
	TLSMay                   // STARTTLS if it works, else clear text
	TLSPin                   // STARTTLS with a certificate whose key is in Pins
	TLSDANE                  // STARTTLS as the domain's TLSA records say
)

// Identity is how the sender's address is told to the server.
type Identity uint8

const (
	IdentityNone Identity = iota
	IdentityXCLIENT
	IdentityXFORWARD
	IdentityProxyV1
	IdentityProxyV2
)
