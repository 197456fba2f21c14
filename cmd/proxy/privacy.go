package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"net/netip"
	"sync"
	"unicode/utf8"

	"sluice/stream/wire"
)

// A privacy decides what a log line may say of people. Immutable.
type privacy struct {
	level    string // pseudonym, domain, none
	clientIP string // full, net, none
	hashes   sync.Pool
}

// hashKey is 256 bits, for pseudonyms without a configured key.
const hashKey = sha256.Size

// randomKey makes pseudonyms that cannot be compared beyond this process.
func randomKey() []byte {
	key := make([]byte, hashKey)
	_, _ = rand.Read(key) // never fails
	return key
}

func newPrivacy(c privacyConfig, key []byte) *privacy {
	if c.Key != "" {
		key = []byte(c.Key)
	}
	p := &privacy{level: c.Level, clientIP: c.ClientIP}
	p.hashes.New = func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }
	return p
}

// A keyedHash makes pseudonyms, one at a time.
type keyedHash struct {
	hash.Hash
	lower []byte
	sum   [sha256.Size]byte
}

// pseudonymOctets of the HMAC make a pseudonym: 80 bits, 16 characters.
const pseudonymOctets = 10

// pseudonymText has no letters that look like digits (Crockford's alphabet).
var pseudonymText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// appendAddress appends what may be said of an envelope address: its
// pseudonym, with the domain in clear at level domain, "<>" for the null
// path. It must not be called at level none.
func (p *privacy) appendAddress(b []byte, path wire.Path) []byte {
	if path.IsNull() {
		return append(b, "<>"...)
	}
	h := p.hashes.Get().(*keyedHash)
	defer p.hashes.Put(h)
	h.lower = appendLower(h.lower[:0], path.Bytes())
	h.Reset()
	h.Write(h.lower)
	b = pseudonymText.AppendEncode(b, h.Sum(h.sum[:0])[:pseudonymOctets])
	if p.level == "domain" && path.Domain() != "" {
		b = append(b, '@')
		b = appendClean(b, path.Domain())
	}
	return b
}

// appendLower appends s in lower case. Letters beyond ASCII follow Unicode,
// invalid octets stay.
func appendLower(b, s []byte) []byte {
	for i, c := range s {
		if c >= utf8.RuneSelf {
			return append(b, bytes.ToLower(s[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// appendPeer appends what may be said of a sender's end of the connection.
func (p *privacy) appendPeer(b []byte, peer netip.AddrPort) []byte {
	if p.clientIP == "full" {
		return netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()).AppendTo(b)
	}
	return p.appendIP(b, peer.Addr())
}

// appendIP appends what may be said of a sender's address: all of it, its
// /24 or /48, or nothing.
func (p *privacy) appendIP(b []byte, addr netip.Addr) []byte {
	addr = addr.Unmap().WithZone("")
	switch p.clientIP {
	case "net":
		bits := 48
		if addr.Is4() {
			bits = 24
		}
		net, err := addr.Prefix(bits)
		if err != nil {
			return b
		}
		return net.AppendTo(b)
	case "full":
		return addr.AppendTo(b)
	}
	return b
}
