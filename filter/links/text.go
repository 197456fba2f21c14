package links

import (
	"bytes"
)

// blockSize is how much text a finder gathers before it searches: 16 KiB, so
// that most mail is searched once, at its end, and how the text was cut does
// not show.
const blockSize = 16 << 10

// wordSize is the longest address found in text: 4 KiB. Mail programs make
// links of less.
const wordSize = 4 << 10

// lookBehind is how far before a mark an address may begin: room for a host.
const lookBehind = 300

// A collector gets the addresses that a finder finds, with a scheme, valid
// during the call.
type collector interface {
	address(url []byte, t tricks)
}

// A finder finds addresses in text that a reader sees: with a scheme, without
// one, and written so that programs shall not see them.
//
// It jumps from mark to mark: a colon for a scheme, a dot, plain or in
// brackets, for a host. What it has looked at without finding it does not look
// at again.
type finder struct {
	to collector

	// strict is set for text that is not written for readers: a host needs a
	// scheme to be seen.
	strict bool
	n      int // octets in buf
	from   int // where the search goes on
	buf    [blockSize]byte
	clean  []byte
}

// write adds text.
func (f *finder) write(b []byte) {
	for len(b) > 0 {
		w, n := fold(f.buf[:], f.n, b)
		f.n, b = w, b[n:]
		if len(b) > 0 {
			f.search(false)
		}
	}
}

var newline = []byte("\n")

// gap ends the word.
func (f *finder) gap() {
	if f.n > 0 && f.buf[f.n-1] > ' ' {
		f.write(newline)
	}
}

// mode begins text that is strict, or not.
func (f *finder) mode(strict bool) {
	if f.strict != strict {
		f.flush()
		f.strict = strict
	}
}

// flush ends the text.
func (f *finder) flush() {
	f.search(true)
	f.n, f.from = 0, 0
}

// reset drops the text.
func (f *finder) reset() { f.n, f.from, f.strict = 0, 0, false }

func (f *finder) search(final bool) {
	b := f.buf[:f.n]
	limit := len(b)
	if !final {
		limit -= wordSize
	}
	done := f.scan(b, f.from, limit)
	if final {
		return
	}
	// Of what was searched an address may still need what is before its mark.
	keep := max(done-1, limit-lookBehind, 0)
	f.n = copy(f.buf[:], b[keep:])
	f.from = max(done-keep, 0)
}

// The marks. next finds the nearest.
var marks = [...]byte{':', '.', '[', '(', '{'}

type places [len(marks)]int

// next returns the place of the first mark in b at or after i, or len(b).
func (p *places) next(b []byte, i int, kinds int) int {
	first := len(b)
	for k := range kinds {
		if p[k] < i {
			p[k] = len(b)
			if at := bytes.IndexByte(b[i:], marks[k]); at >= 0 {
				p[k] = i + at
			}
		}
		first = min(first, p[k])
	}
	return first
}

// scan searches b from i for marks before limit, and returns where it ended:
// behind the last address, at least.
func (f *finder) scan(b []byte, i, limit int) (done int) {
	kinds := len(marks)
	if f.strict {
		kinds = 1
	}
	at := places{}
	for k := range at {
		at[k] = -1
	}
	done = i
	for {
		p := at.next(b, i, kinds)
		if p >= limit {
			return max(i, done)
		}
		next, end := p+1, 0
		switch {
		case b[p] == '.' && next < len(b) && (b[next] <= ' ' && b[next] != unseen && b[next] != ' ' || b[next] == '.'):
			// A line's end, or an ellipsis.
			for next < limit && b[next] == '.' {
				next++
			}
		case b[p] == ':':
			end = f.schemed(b, p, done)
		case b[p] != '.' && dotForm(b[p:]) == 0: // an ordinary bracket
		default:
			next, end = f.bare(b, p, i)
		}
		if end > 0 {
			next, done = end, end
		}
		i = max(next, p+1)
	}
}

// schemed looks at the colon b[p] and returns the end of the address that it
// is part of, or 0. The address begins at or after from.
func (f *finder) schemed(b []byte, p, from int) (end int) {
	t := tricks(0)
	name, slash := p, p+1
	if p > from && p+1 < len(b) && (b[p-1] == '[' && b[p+1] == ']' || b[p-1] == '(' && b[p+1] == ')') {
		name, slash = p-1, p+2
		t |= wasDefanged
	}
	for slash < len(b) && b[slash] == unseen {
		slash++
	}
	if slash >= len(b) || b[slash] != '/' && b[slash] != '\\' {
		return 0
	}
	scheme, fanged := schemeBefore(b[max(from, name-maxScheme):name])
	if scheme == "" {
		return 0
	}
	if !fanged {
		t |= wasDefanged
	}
	end = wordEnd(b, slash)
	host := slash
	for host < end && (b[host] == '/' || b[host] == '\\' || b[host] == unseen) {
		host++
	}
	if host == end {
		return 0
	}
	f.clean = append(append(f.clean[:0], scheme...), "://"...)
	t |= f.append(b[host:end])
	f.to.address(f.clean, t)
	return end
}

// maxScheme is how long a scheme with characters between is: "h.t.t.p.s".
const maxScheme = 9

// schemeBefore returns the scheme that b ends with, and whether it is written
// as it should be.
func schemeBefore(b []byte) (scheme string, plain bool) {
	var space [maxScheme]byte
	name := space[:0]
	for _, c := range b {
		if c != unseen {
			name = append(name, lower(c))
		}
	}
	hidden := len(name) < len(b)
	for _, s := range [...]string{"https", "http", "ftp"} {
		if bytes.HasSuffix(name, []byte(s)) {
			return s, !hidden
		}
	}
	// hxxp, h**p, hXXps.
	scheme = "http"
	if n := len(name); n > 0 && name[n-1] == 's' {
		name, scheme = name[:n-1], "https"
	}
	if n := len(name); n >= 4 && name[n-4] == 'h' && name[n-1] == 'p' && maskByte(name[n-3]) && maskByte(name[n-2]) {
		return scheme, false
	}
	return "", false
}

// maskByte tells whether people write c for a t of "http".
func maskByte(c byte) bool {
	return c == 't' || c == 'x' || c == '*' || c == '_' || c == '-' || c == '#'
}

// append appends authority and path as they are written in text to clean.
func (f *finder) append(b []byte) (t tricks) {
	end, plain := 0, true
	for ; end < len(b) && authorityEnd[b[end]] == 0; end++ {
		plain = plain && plainText[b[end]]
	}
	if plain {
		f.clean = append(f.clean, b[:end]...)
	} else {
		t = f.appendAuthority(b[:end])
	}
	for b = b[end:]; ; {
		n := bytes.IndexByte(b, unseen)
		if n < 0 {
			f.clean = append(f.clean, b...)
			return t
		}
		f.clean = append(f.clean, b[:n]...)
		b = b[n+1:]
	}
}

// plainText marks what is not changed in an authority.
var plainText = func() (t [256]bool) {
	for c := byte(' ') + 1; c < 0x7f; c++ {
		t[c] = bytes.IndexByte([]byte("[({"), c) < 0
	}
	return t
}()

// appendAuthority appends an authority with its dots, of any form, as dots.
func (f *finder) appendAuthority(b []byte) (t tricks) {
	start := len(f.clean)
	for i := 0; i < len(b); {
		switch n := dotForm(b[i:]); {
		case n > 0 && b[i] != '.':
			f.clean = append(f.clean, '.')
			t |= wasDefanged
			i += n
			continue
		case b[i] == unseen:
			t |= hostHidden
		default:
			f.clean = append(f.clean, b[i])
		}
		i++
	}
	f.clean = append(f.clean[:start], cutHost(f.clean[start:])...)
	return t
}

// cutHost cuts off what follows a top-level domain without a blank, in scripts
// that write none: "example.comをご覧".
func cutHost(host []byte) []byte {
	last := host[bytes.LastIndexByte(host, '.')+1:]
	n := asciiLen(last)
	if n < len(last) && n > 0 && len(last) < len(host) && topLevel(last[:n]) {
		return host[:len(host)-len(last)+n]
	}
	return host
}

// bare looks at the dot, of any form, at b[p] and returns where to search on,
// and the end of the address if there is one. Nothing before from is looked at.
func (f *finder) bare(b []byte, p, from int) (next, end int) {
	if b[p] != '.' && p > from && b[p-1] == ' ' {
		p--
	}
	width := dotForm(b[p:])
	next = p + width
	if next >= len(b) || p == from { // nothing before it, or what has been looked at
		return next, 0
	}
	start := p
	for start > from && hostByte[b[start-1]] {
		start--
	}
	if start == p || !hostByte[b[next]] && dotForm(b[next:]) == 0 {
		return next, 0
	}
	stop := next
	for stop < len(b) {
		if hostByte[b[stop]] {
			stop++
		} else if n := dotForm(b[stop:]); n > 0 {
			stop += n
		} else {
			break
		}
	}
	if start > 0 && stops[b[start-1]] == goesOn && b[start-1] != '=' { // a mail address, a path
		return stop, 0
	}
	if stop < len(b) && b[stop] == '@' {
		return stop, 0
	}
	f.clean = append(f.clean[:0], "http://"...)
	n := len(f.clean)
	t := f.append(b[start:stop])
	f.clean = append(f.clean[:n], bytes.Trim(f.clean[n:], ".-_")...)
	if !likeHost(f.clean[n:]) {
		return stop, 0
	}
	end = stop
	if stop < len(b) && (b[stop] == '/' || b[stop] == ':' || b[stop] == '?') {
		if tail := wordEnd(b, stop); tail > stop+1 {
			f.clean = append(f.clean, b[stop:tail]...)
			end = tail
		}
	}
	f.to.address(f.clean, t)
	return stop, end
}

// likeHost tells whether readers take h for the name of a host.
func likeHost(h []byte) bool {
	if len(h) > hostSize || bytes.Contains(h, []byte("..")) {
		return false
	}
	dot := bytes.LastIndexByte(h, '.')
	if dot < 1 {
		return false
	}
	top := h[dot+1:]
	// "of this.It was": a sentence.
	if before := h[dot-1]; len(top) > 1 && 'A' <= top[0] && top[0] <= 'Z' && top[1]|0x20 == top[1] && before|0x20 == before && before != 'w' {
		return false
	}
	return topLevel(top)
}

// dotForm returns the length of a dot at the start of b, plain or one of those
// people hide it in: "[.]", "(dot)", " [dot] "; or 0.
func dotForm(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	i := 0
	switch b[0] {
	case '.':
		return 1
	case ' ':
		i = 1
	case '[', '(', '{':
	default:
		return 0
	}
	if len(b) < i+3 {
		return 0
	}
	var closing byte
	switch b[i] {
	case '[':
		closing = ']'
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	default:
		return 0
	}
	n := i + 1
	switch {
	case b[n] == '.':
		n++
	case len(b) > n+3 && b[n]|0x20 == 'd' && b[n+1]|0x20 == 'o' && b[n+2]|0x20 == 't':
		n += 3
	default:
		return 0
	}
	if b[n] != closing {
		return 0
	}
	if n++; i == 1 && n < len(b) && b[n] == ' ' {
		n++
	}
	return n
}

// Classes of octets in a word.
const (
	goesOn = iota
	ends
	opens
	closes
	separates
	trailing
)

// stops has the class of an octet in an address in text.
var stops = func() (t [256]uint8) {
	for c := range t {
		if c <= ' ' && c != unseen || c == 0x7f {
			t[c] = ends
		}
	}
	set := func(s string, class uint8) {
		for i := range len(s) {
			t[s[i]] = class
		}
	}
	set("<>\"`", ends)
	set("([{", opens)
	set(")]}", closes)
	set(",;|", separates)
	set(".:!?'*_~", trailing)
	return t
}()

// wordEnd returns where the address that reaches to i ends: before the first
// blank or quote, bracket that was not opened in it, further address, and
// without punctuation at its end.
func wordEnd(b []byte, i int) int {
	start := i
	b = b[:min(len(b), i+wordSize)]
	depth := 0
loop:
	for ; i < len(b); i++ {
		switch stops[b[i]] {
		case ends:
			break loop
		case opens:
			depth++
		case closes:
			if depth--; depth < 0 {
				break loop
			}
		case separates:
			if rest := b[i+1:]; len(rest) > 4 && rest[0]|0x20 == 'h' && rest[3]|0x20 == 'p' && (rest[4] == ':' || rest[4]|0x20 == 's') {
				break loop
			}
		}
	}
	for i > start && (stops[b[i-1]] == separates || stops[b[i-1]] == trailing || stops[b[i-1]] == opens) {
		i--
	}
	return i
}
