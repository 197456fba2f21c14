package stream

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/policy"
)

// tlsSessions is how many tickets a pool keeps for resumption: one would do
// for one host, a few survive a name that stands for several machines.
const tlsSessions = 8

var errPin = errors.New("server's key is not a pinned one")

// mayGoPlain tells whether a failed STARTTLS is answered by a new connection
// in clear text.
func (pl *pool) mayGoPlain() bool {
	return pl.key.tlsMode == policy.TLSMay && !pl.key.implicit
}

// clientTLS is the configuration for a route's servers; what dane needs more
// comes with each connection. Nil: no TLS.
func clientTLS(rt *policy.Route, name string) *tls.Config {
	if rt.TLS == policy.TLSNone && !rt.ImplicitTLS {
		return nil
	}
	if rt.TLSName != "" {
		name = rt.TLSName
	}
	cfg := &tls.Config{
		// Whole records: a message is in memory before it is written.
		DynamicRecordSizingDisabled: true,
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  strings.TrimSuffix(name, "."),
		RootCAs:                     rt.Roots,
		ClientSessionCache:          tls.NewLRUClientSessionCache(tlsSessions),
	}
	switch rt.TLS {
	case policy.TLSVerify:
	case policy.TLSPin:
		pins := rt.Pins
		cfg.InsecureSkipVerify = true // the pin is the verification
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verifyPin(cs, pins) }
	default: // none with implicit TLS, may, and dane, which sets its own check
		cfg.InsecureSkipVerify = true
	}
	return cfg
}

// verifyPin wants one of the pinned keys in the server's own certificate.
func verifyPin(cs tls.ConnectionState, pins [][32]byte) error {
	if len(cs.PeerCertificates) == 0 {
		return errPin
	}
	if !slices.Contains(pins, sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)) {
		return errPin
	}
	return nil
}

// secure makes the TLS handshake. Certificate and key are checked in it.
func (u *upstream) secure(ctx context.Context, setup *Setup, dane *daneRecords) *dialError {
	cfg := u.pool.tls
	if dane != nil {
		cfg = dane.config(cfg)
	}
	ctx, cancel := context.WithTimeout(ctx, setup.Timeouts.ServerGreeting)
	defer cancel()
	if err := u.c.SetDeadline(time.Now().Add(setup.Timeouts.ServerGreeting)); err != nil {
		return insecure(err)
	}
	if err := u.c.startTLSClient(ctx, cfg); err != nil {
		return insecure(fmt.Errorf("%w: %w", errHandshake, err))
	}
	cs := u.c.tls.ConnectionState()
	u.tls = tlsText(cs)
	switch u.pool.key.tlsMode {
	case policy.TLSVerify, policy.TLSPin:
		u.verified = true
	case policy.TLSDANE:
		u.verified = dane != nil && len(dane.usable) > 0
	default:
	}
	return nil
}
