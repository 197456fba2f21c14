package stream

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/pires/go-proxyproto"

	"sluice/policy"
	"sluice/stream/wire"
)

// A senderIdentity is what a route may tell its servers about the sender, and
// whose share of connections it uses.
type senderIdentity struct {
	addr, local netip.AddrPort
	ptr         string // verified name, or empty
	helo        string // as claimed: foreign text
	proto       string // SMTP or ESMTP
	net         string // key of the sender's network; empty: not counted
	exempt      bool   // from the network's share
}

// same tells whether both would be told to a server in the same words.
func (s *senderIdentity) same(t *senderIdentity) bool {
	if s == nil || t == nil {
		return s == t
	}
	return s.addr == t.addr && s.local == t.local && s.ptr == t.ptr && s.helo == t.helo && s.proto == t.proto
}

const (
	// identityValue is the longest encoded value that is passed on. Two of
	// them and the rest fit a line of 512 octets.
	identityValue = 200
	// unavailable is what both XCLIENT and XFORWARD say of what is unknown.
	unavailable = "[UNAVAILABLE]"
)

// appendAttribute adds " NAME=value" if the server knows the attribute.
func appendAttribute(b []byte, known []string, name, value string) []byte {
	if !slices.Contains(known, name) {
		return b
	}
	b = append(append(append(b, ' '), name...), '=')
	at := len(b)
	if value != "" {
		b = wire.AppendXtext(b, value)
	}
	if value == "" || len(b)-at > identityValue {
		b = append(b[:at], unavailable...)
	}
	return b
}

// appendSender adds the attributes XCLIENT and XFORWARD have in common.
func (s *senderIdentity) appendSender(b []byte, known []string) []byte {
	b = appendAttribute(b, known, "NAME", s.ptr)
	addr := s.addr.Addr().Unmap()
	text := ""
	switch {
	case addr.Is4():
		text = addr.String()
	case addr.Is6():
		text = "IPV6:" + addr.WithZone("").String()
	}
	b = appendAttribute(b, known, "ADDR", text)
	b = appendAttribute(b, known, "PORT", strconv.Itoa(int(s.addr.Port())))
	b = appendAttribute(b, known, "PROTO", s.proto)
	return appendAttribute(b, known, "HELO", s.helo)
}

// appendXForward adds the XFORWARD command if the route asks for it and the
// server offers it, and says how many replies that gives. The server forgets
// it at the end of a transaction.
func (u *upstream) appendXForward(b []byte) ([]byte, int) {
	if u.pool.key.identity != policy.IdentityXFORWARD || !u.ehlo.Ext.Has(wire.XForward) || u.who == nil {
		return b, 0
	}
	at := len(b)
	b = append(b, "XFORWARD"...)
	head := len(b)
	if b = u.who.appendSender(b, u.ehlo.XForwardAttrs); len(b) == head {
		return b[:at], 0
	}
	return append(b, "\r\n"...), 1
}

// proxyHeader is the PROXY header of a connection on behalf of who. Without a
// sender it says that the connection is our own.
func proxyHeader(version byte, who *senderIdentity, ours net.Conn) ([]byte, error) {
	if who == nil || !who.addr.IsValid() || !who.local.IsValid() {
		h := proxyproto.HeaderProxyFromAddrs(version, ours.LocalAddr(), ours.RemoteAddr())
		h.Command = proxyproto.LOCAL
		if version == 1 {
			h.TransportProtocol = proxyproto.UNSPEC
		}
		return h.Format()
	}
	from := netip.AddrPortFrom(who.addr.Addr().Unmap().WithZone(""), who.addr.Port())
	to := netip.AddrPortFrom(who.local.Addr().Unmap().WithZone(""), who.local.Port())
	return proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to)).Format()
}
