package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gaissmai/bart"
)

// Errors of ListBuilder. None quotes the entry.
var (
	ErrEntry       = errors.New(`not an entry; write an address, a domain, ".y.test" for those below it, or a network`)
	ErrEntryNet    = errors.New(`not a network; write "192.0.2.0/24" or "2001:db8::/32"`)
	ErrEntryBits   = errors.New("the network has bits beyond its length")
	ErrEntryMany   = errors.New("after a network nothing may follow; a sender stands first")
	ErrEntryAll    = errors.New("matches every sender")
	ErrEntryLength = errors.New("entry is longer than 4096 octets")
	ErrListFull    = errors.New("list is larger than 2 GiB")
)

// maxEntry bounds one line of a list, in octets: 4,096, an address of the
// longest kind and some eighty networks.
const maxEntry = 4096

// A LineError is a line of a list that cannot be used.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// A ListBuilder makes a List. The zero value is ready.
type ListBuilder struct {
	list List
	key  []byte
}

// List returns what was added. The builder must not be used afterwards.
func (b *ListBuilder) List() *List { return &b.list }

// maxLineErrors is after how many bad lines the rest of a list is not looked
// at: 20. By then it is the wrong file.
const maxLineErrors = 20

// Read adds the entries of a file: one a line, "#" begins a comment. It
// returns a *LineError for each line it cannot use, joined, and adds the
// others; an error of r ends it.
func (b *ListBuilder) Read(r io.Reader) error {
	var errs []error
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), 64<<10)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // QUIRK: editors on Windows
		}
		if i := comment(line); i >= 0 {
			line = line[:i]
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := b.Add(string(line)); err != nil {
			if errs = append(errs, &LineError{n, err}); len(errs) >= maxLineErrors {
				break
			}
		}
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = &LineError{n + 1, ErrEntryLength}
	}
	return errors.Join(append(errs, err)...)
}

// comment returns where the comment of a line begins, or -1: at a "#" that is
// first or behind a blank, as "#" may stand in a local part.
func comment(line []byte) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(line[i:], '#')
		if n < 0 {
			return -1
		}
		if i += n; i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
			return i
		}
	}
}

// Add adds one entry. An entry that is there already is no error.
func (b *ListBuilder) Add(entry string) error {
	if len(entry) > maxEntry {
		return ErrEntryLength
	}
	if !utf8.ValidString(entry) {
		return errNoUTF8
	}
	sender, rest := cutSender(strings.TrimSpace(entry))
	if p, err := parseNetwork(sender); !errors.Is(err, ErrEntryNet) {
		switch {
		case err != nil:
			return err
		case rest != "":
			return ErrEntryMany
		}
		b.addNetwork(p)
		return nil
	}
	key, err := b.senderKey(sender)
	if err != nil {
		return err
	}
	if rest == "" {
		return b.addSender(key)
	}
	var ps []netip.Prefix
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		p, err := parseNetwork(word)
		if err != nil {
			return err
		}
		ps = append(ps, p)
	}
	if len(ps) == 0 {
		return ErrEntryNet
	}
	return b.addPairs(key, ps)
}

// cutSender parts the first word from the rest. A quoted local part may hold
// blanks.
func cutSender(s string) (sender, rest string) {
	from := 0
	if strings.HasPrefix(s, `"`) {
		if i := strings.LastIndex(s, `"@`); i > 0 {
			from = i
		}
	}
	if i := strings.IndexAny(s[from:], " \t"); i >= 0 {
		return s[:from+i], strings.TrimSpace(s[from+i:])
	}
	return s, ""
}

// parseNetwork reads an address or a prefix. ErrEntryNet: it is neither.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, ErrEntryNet
	case p != p.Masked():
		return p, ErrEntryBits
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, ErrEntryBits
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, nil
}

// senderKey returns the sender part of an entry in canonical form. It is valid
// until the next call.
func (b *ListBuilder) senderKey(s string) ([]byte, error) {
	if s == nullKey {
		return append(b.key[:0], nullKey...), nil
	}
	if strings.IndexByte(s, '@') >= 0 {
		m, err := parseMailbox(s)
		if err != nil {
			return nil, err
		}
		b.key, _ = m.appendKey(b.key[:0])
		return b.key, nil
	}
	p, problem := parsePattern(s)
	switch {
	case p.key == anyDomain:
		return nil, ErrEntryAll
	case problem != "" || !strings.Contains(p.key, ".") && s[0] != '[' && s != "localhost":
		return nil, ErrEntry
	}
	b.key = append(b.key[:0], p.key...)
	return b.key, nil
}

func (b *ListBuilder) addNetwork(p netip.Prefix) {
	l := &b.list
	if l.networks == nil {
		l.networks = &bart.Lite{}
	}
	if l.networks.Get(p) {
		return
	}
	l.networks.Insert(p)
	l.n++
	b.key = append(append(b.key[:0], ' '), p.String()...)
	l.addHash(b.key)
}

func (b *ListBuilder) addSender(key []byte) error {
	l := &b.list
	u, _ := l.senders.find(key)
	if u&1 != 0 {
		return nil
	}
	if !l.senders.put(key, u|1) {
		return ErrListFull
	}
	b.noteSuffix(key)
	l.n++
	l.addHash(key)
	return nil
}

func (b *ListBuilder) noteSuffix(key []byte) {
	if key[0] == '.' && bytes.IndexByte(key, '@') < 0 {
		b.list.labels |= labelBit(bytes.Count(key, dot))
	}
}

// addPairs ties a sender to networks, a pair each.
func (b *ListBuilder) addPairs(key []byte, ps []netip.Prefix) error {
	l := &b.list
	u, _ := l.senders.find(key)
	if u>>1 == 0 {
		l.pairs = append(l.pairs, networks{})
		u |= use(len(l.pairs)) << 1
		if !l.senders.put(key, u) {
			return ErrListFull
		}
		b.noteSuffix(key)
	}
	for _, p := range ps {
		if l.pairs[u>>1-1].add(p) {
			l.n++
			l.addHash([]byte(string(key) + " " + p.String()))
		}
	}
	return nil
}

// add adds p, and reports false if it is there.
func (n *networks) add(p netip.Prefix) bool {
	switch {
	case n.table == nil && slices.Contains(n.list, p), n.table != nil && n.table.Get(p):
		return false
	case n.table == nil && len(n.list) < few:
		n.list = append(n.list, p)
		return true
	case n.table == nil:
		n.table = &bart.Lite{}
		for _, q := range n.list {
			n.table.Insert(q)
		}
		n.list = nil
	}
	n.table.Insert(p)
	return true
}
