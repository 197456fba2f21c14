package stream

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"

	"sluice/policy"
)

var (
	errDANE   = errors.New("server's certificate matches no TLSA record")
	errNoTLSA = errors.New("no authentic TLSA record for the server")
)

// A TLSA is one record of RFC 6698 section 2.1.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      string // hexadecimal, lower case
}

// daneRecords are the usable TLSA records of one host.
type daneRecords struct {
	usable []TLSA
	names  []string // that a certificate under a trust anchor may carry
}

// dane looks up what the domain demands of pl's host (RFC 7672 section 2.2).
// Mode dane delivers only to hosts with authentic, usable records: a route is
// an operator's demand, so that there is no opportunistic fall-back. Nil for
// other modes.
func (p *servers) dane(ctx context.Context, setup *Setup, pl *pool) (*daneRecords, *dialError) {
	if pl.key.tlsMode != policy.TLSDANE {
		return nil, nil
	}
	if pl.route.MX && !pl.key.secure {
		return nil, insecure(errNoTLSA) // anybody could have named this host
	}
	ctx, cancel := context.WithTimeout(ctx, setup.Timeouts.DNS)
	defer cancel()
	records, secure, err := p.resolver.TLSA(ctx, pl.name, pl.port)
	if err != nil {
		return nil, insecure(&lookupError{"TLSA", err})
	}
	d := &daneRecords{names: []string{pl.tls.ServerName}}
	for _, r := range records {
		if r.usable() {
			d.usable = append(d.usable, r)
		}
	}
	if !secure || len(d.usable) == 0 {
		return nil, insecure(errNoTLSA)
	}
	return d, nil
}

// Certificate usages, selectors and matching types that SMTP knows (RFC 7672
// section 3.1, RFC 7218).
const (
	daneTA = 2 // a trust anchor in the server's chain
	daneEE = 3 // the server's own certificate or key

	daneCert, daneKey                = 0, 1
	daneFull, daneSHA256, daneSHA512 = 0, 1, 2
)

// usable tells whether SMTP may use the record: the PKIX usages 0 and 1 say
// nothing here (RFC 7672 section 3.1.3).
func (r TLSA) usable() bool {
	return (r.Usage == daneTA || r.Usage == daneEE) && r.Selector <= daneKey && r.Matching <= daneSHA512 && r.Data != ""
}

// matches tells whether the record is about cert.
func (r TLSA) matches(cert *x509.Certificate) bool {
	octets := cert.Raw
	if r.Selector == daneKey {
		octets = cert.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case daneSHA256:
		sum := sha256.Sum256(octets)
		octets = sum[:]
	case daneSHA512:
		sum := sha512.Sum512(octets)
		octets = sum[:]
	case daneFull:
	}
	return strings.EqualFold(hex.EncodeToString(octets), r.Data)
}

// config is base with the records as its check.
func (d *daneRecords) config(base *tls.Config) *tls.Config {
	cfg := base.Clone()
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = d.verify
	return cfg
}

// verify accepts the server if one record does. For daneEE neither names nor
// dates count (RFC 7672 section 3.1.1); under a trust anchor both do, and the
// anchor must be in the chain the server sent.
func (d *daneRecords) verify(cs tls.ConnectionState) error {
	chain := cs.PeerCertificates
	if len(chain) == 0 {
		return errDANE
	}
	for _, r := range d.usable {
		if r.Usage == daneEE && r.matches(chain[0]) {
			return nil
		}
		if r.Usage == daneTA && d.verifyAnchor(r, chain) {
			return nil
		}
	}
	return errDANE
}

func (d *daneRecords) verifyAnchor(r TLSA, chain []*x509.Certificate) bool {
	for i, anchor := range chain {
		if i == 0 || !r.matches(anchor) {
			continue
		}
		options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
		options.Roots.AddCert(anchor)
		for _, c := range chain[1:] {
			options.Intermediates.AddCert(c)
		}
		if _, err := chain[0].Verify(options); err != nil {
			continue
		}
		for _, name := range d.names {
			if chain[0].VerifyHostname(name) == nil {
				return true
			}
		}
	}
	return false
}
