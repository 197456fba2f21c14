package unpack

import "bytes"

const (
	// maxLink is the longest address told, 8 KiB: browsers show no more of one,
	// and a longer one is data.
	maxLink = 8 << 10
	// maxLinks bounds the addresses told of one stream: 1,000, twice what the
	// links module looks at in a message.
	maxLinks = 1000
	// maxAddresses bounds the addresses told of one document: 10,000.
	maxAddresses = 10_000
)

// address tells an address. What is none, or too long to be one, is left out.
func (t *teller) address(url []byte) {
	if len(url) > 0 && len(url) <= maxLink && t.links < maxAddresses {
		t.links++
		if t.alive() {
			t.tell(func() { t.s.Link(url) })
		}
	}
}

// addressesIn tells the addresses that stand in text.
func (t *teller) addressesIn(b []byte) {
	for range maxLinks {
		i := bytes.Index(b, []byte("://"))
		if i < 0 {
			return
		}
		from := i
		for from > 0 && i-from < 16 && isLower(b[from-1]|0x20) {
			from--
		}
		to := i + 3
		for to < len(b) && b[to] > ' ' && b[to] < 0x7F && b[to] != '"' && b[to] != '>' && b[to] != '\'' && b[to] != ')' {
			to++
		}
		if i-from >= 3 && to > i+3 {
			t.address(b[from:to])
		}
		b = b[to:]
	}
}

// wideAddressesIn tells those that stand there in two octets a character.
func (t *teller) wideAddressesIn(b []byte) {
	for range maxLinks {
		i := bytes.Index(b, []byte(":\x00/\x00/\x00"))
		if i < 0 {
			return
		}
		from, to := i, i+6
		for from >= 2 && b[from-1] == 0 && isLower(b[from-2]|0x20) && i-from < 32 {
			from -= 2
		}
		for to+1 < len(b) && b[to+1] == 0 && b[to] > ' ' && b[to] < 0x7F && b[to] != '"' && b[to] != '>' {
			to += 2
		}
		if i-from >= 6 && to > i+6 {
			t.address(utf16le(b[from:to]))
		}
		b = b[to:]
	}
}
