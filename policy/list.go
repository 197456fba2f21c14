package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/gaissmai/bart"
)

// Rules of the lists, for settings and logs.
const (
	RuleBlock = "list.block" // the sender is blocked: Reject, if nothing else is set
	RuleAllow = "list.allow" // the sender is allowed: the score asks for nothing
)

// A Listing is what the lists of a Scope say of a sender.
type Listing uint8

const (
	Unlisted Listing = iota
	Allowed
	Blocked
)

// A List is entries of one allow or block list, compiled. Immutable once
// ListBuilder.List has returned it; nil is the empty List.
//
// An entry has a sender part, a network part, or both:
//
//	a@y.test                that envelope sender
//	<>                      the null sender
//	y.test                  every sender at that domain
//	.y.test                 every sender at a domain below it
//	192.0.2.0/24, ::1       every sender from that network
//	a@y.test 192.0.2.7 …    that sender, but only from these networks
//
// # Which entry stands
//
// The lists of a recipient are asked from the most specific scope to the
// least: mailbox, domain, tenant, global. The first scope in which an entry
// matches decides; the others are not asked. Within a scope:
//
//	allow matches   block matches   what stands
//	no              no              the next scope is asked
//	yes             no              allow
//	no              yes             block
//	yes             yes             block, unless an allow is an exception to it
//
// An allow is an exception to a block if it matches only what the block
// matches too, and less: in each part it is as narrow as the block or
// narrower, and in one of them narrower.
//
//	part      from wide to narrow
//	sender    (none), .test, .y.test, y.test, a@y.test
//	network   (none), /0, …, /32 or /128
//
// So "a@y.test" is an exception to "y.test", and "192.0.2.7" to
// "192.0.2.0/24". A sender and a network alone are no exceptions to each
// other: whoever blocks a network is not by-passed by a forged address. To let
// one sender through from a blocked network, write both parts:
// "a@y.test 192.0.2.0/24". The same entry in both lists is blocked. If several
// blocks match, each needs an exception.
type List struct {
	senders  keySet     // sender parts; the number is a use
	pairs    []networks // of senders with networks
	labels   uint64     // bit n: there is a ".…" of n labels; bit 63: of 63 and more
	networks *bart.Lite // of entries without sender; nil: none
	n        int
	digest   [2]uint64 // sum of all entries' hashes: their order does not show
}

// A use is how a sender part stands in a list: bit 0, alone; the others, one
// more than its place in pairs, or 0.
type use = uint32

// Len returns how many different entries l has.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.n
}

// few is how many networks of one sender are searched one by one: 16, a scan
// of a few cache lines. More get a table.
const few = 16

// networks are those one sender is tied to.
type networks struct {
	list  []netip.Prefix // if few
	table *bart.Lite     // if more; else nil
}

// longest returns the length of the longest prefix that holds a, or -1.
func (n *networks) longest(a netip.Addr) int {
	if n.table != nil {
		return longest(n.table, a)
	}
	most := -1
	for _, p := range n.list {
		if p.Bits() > most && p.Contains(a) {
			most = p.Bits()
		}
	}
	return most
}

func longest(t *bart.Lite, a netip.Addr) int {
	p, ok := t.LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
	if !ok {
		return -1
	}
	return p.Bits()
}

// A match is how narrow a matching entry is, in both parts. All matching
// sender parts hold one sender, so the narrower is inside the wider; networks
// likewise.
type match struct{ sender, network uint8 }

// Ranks of sender parts. That of ".…" is its number of labels, at most 127.
const (
	anySender = 0
	oneDomain = 254
	oneSender = 255
)

// networkRank turns a prefix length, or -1 for none, into a rank.
func networkRank(length int) uint8 { return uint8(length + 1) }

// excepts reports whether an allow a is an exception to a block m.
func (a match) excepts(m match) bool {
	return a.sender >= m.sender && a.network >= m.network && a != m
}

// maxMatches is how many matches one list can have, as only the narrowest of
// a row counts: a network, a sender, and senders with networks, which are an
// address, a domain and at most 127 above it (RFC 1035 section 2.3.4 gives it
// 255 octets).
const maxMatches = 1 + 1 + 2 + 127

// matches are those of one list. It is large and lives on a stack.
type matches struct {
	list  *List
	peer  netip.Addr
	alone bool // a sender without networks is among them
	n     int
	all   [maxMatches]match
}

func (m *matches) add(one match) {
	m.all[m.n] = one
	m.n++
}

// find fills in the narrowest matches of m.list: of those in a row only the
// narrowest can matter, for an allow as for a block.
func (m *matches) find(key, domain []byte) {
	l := m.list
	if l == nil {
		return
	}
	if l.networks != nil && m.peer.IsValid() {
		if n := longest(l.networks, m.peer); n >= 0 {
			m.add(match{anySender, networkRank(n)})
		}
	}
	if l.senders.n == 0 || len(domain) > maxDomain {
		return
	}
	m.try(key, oneSender)
	// The null sender and a bare postmaster have no domain.
	if len(domain) > 0 && domain[0] != '.' {
		m.try(domain, oneDomain)
		if l.labels != 0 {
			m.above(domain)
		}
	}
}

// try looks one sender part up.
func (m *matches) try(key []byte, rank uint8) {
	u, ok := m.list.senders.find(key)
	if !ok {
		return
	}
	if u&1 != 0 && !m.alone {
		m.alone = true
		m.add(match{rank, 0})
	}
	if i := u >> 1; i > 0 && m.peer.IsValid() {
		if n := m.list.pairs[i-1].longest(m.peer); n >= 0 {
			m.add(match{rank, networkRank(n)})
		}
	}
}

// above tries the ".…" of a domain that the list may have, the longest first.
// An empty label, which no domain has, is passed over: there are at most 127.
func (m *matches) above(domain []byte) {
	count := bytes.Count(domain, dot)
	for i, c := range domain {
		if c != '.' || i > 0 && domain[i-1] == '.' {
			continue
		}
		if m.list.labels&labelBit(count) != 0 {
			m.try(domain[i:], uint8(count))
		}
		count--
	}
}

var dot = []byte(".")

func labelBit(count int) uint64 { return 1 << min(count, 63) }

// stands says which of one scope's matches stands.
func stands(allows, blocks []match) Listing {
	if len(blocks) == 0 {
		if len(allows) == 0 {
			return Unlisted
		}
		return Allowed
	}
	for _, b := range blocks {
		excepted := false
		for _, a := range allows {
			excepted = excepted || a.excepts(b)
		}
		if !excepted {
			return Blocked
		}
	}
	return Allowed
}

// A lists is the allow and the block list of one level.
type lists struct {
	allow, block *List
	level        string // which one, for whoever asks why
}

func (l lists) empty() bool { return l.allow.Len() == 0 && l.block.Len() == 0 }

// listed asks the levels' lists, the most specific first. It returns the level
// whose lists decided, too.
func listed(levels []lists, m Mailbox, peer netip.Addr) (found Listing, level string) {
	if len(levels) == 0 {
		return Unlisted, ""
	}
	var space [keySpace]byte
	key, at := m.appendKey(space[:0])
	domain := key[at:]
	peer = peer.Unmap().WithZone("")
	for _, l := range levels {
		allow, block := matches{list: l.allow, peer: peer}, matches{list: l.block, peer: peer}
		allow.find(key, domain)
		block.find(key, domain)
		if found := stands(allow.all[:allow.n], block.all[:block.n]); found != Unlisted {
			return found, l.level
		}
	}
	return Unlisted, ""
}

// addHash adds an entry to the digest.
func (l *List) addHash(entry []byte) {
	sum := sha256.Sum256(entry)
	var carry uint64
	l.digest[0], carry = bits.Add64(l.digest[0], binary.LittleEndian.Uint64(sum[:]), 0)
	l.digest[1], _ = bits.Add64(l.digest[1], binary.LittleEndian.Uint64(sum[8:]), carry)
}
