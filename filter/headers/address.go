package headers

import (
	"bytes"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// A mailbox is one address of a field, as slices of the field's value.
type mailbox struct {
	name          []byte // display name as written, quotes and encoded words included; or the comment
	local, domain []byte // domain: nil if there is no "@"
	angled        bool   // the address stood in <>
}

// address returns local part and domain, empty if there is no address.
func (m *mailbox) empty() bool { return len(m.local) == 0 && len(m.domain) == 0 }

// nextMailbox returns the first address of an unfolded list (RFC 5322 section
// 3.4, with the groups and the obsolete forms of section 4.4) and what follows
// it. It takes whatever stands there: what is no address has no domain.
func nextMailbox(list []byte) (m mailbox, rest []byte) {
	var (
		spec     []byte // what stood in <>
		comment  []byte
		before   []byte // what stood before the first comment
		start, i int
		open     bool // a quote never ends, and so do all after it
	)
	for {
		n := bytes.IndexAny(list[i:], `"(<,;:`)
		if n < 0 {
			i = len(list)
			break
		}
		at := i + n
		i = at + 1
		switch list[at] {
		case '"':
			end := -1
			if !open {
				end = quotedEnd(list, at)
			}
			if open = end < 0; !open {
				i = end
			}
			continue
		case '(':
			i = commentEnd(list, at)
			if comment == nil {
				before = list[start:at]
			}
			comment = bytes.TrimSuffix(list[at+1:i], []byte(")"))
			continue
		case '<':
			if !m.angled {
				m.name, m.angled = list[start:at], true
			}
			spec, _, _ = bytes.Cut(list[at+1:], []byte(">"))
			i = min(at+1+len(spec)+1, len(list))
			continue
		case ':':
			if !m.angled { // the name of a group ends
				start, comment = i, nil
			}
			continue
		}
		rest = list[i:] // behind , or ;
		i = at
		break
	}
	if !m.angled {
		m.name = comment
		switch {
		case comment == nil:
			spec = list[start:i]
		case len(bytes.TrimSpace(before)) > 0:
			spec = before
		default: // (comment) address
			spec = list[start+bytes.LastIndexByte(list[start:i], ')')+1 : i]
		}
	}
	m.name = bytes.TrimSpace(m.name)
	m.setAddress(spec)
	return m, rest
}

// setAddress splits an addr-spec. A route before it (RFC 5322 section 4.4) is
// left out.
func (m *mailbox) setAddress(spec []byte) {
	spec = bytes.TrimSpace(spec)
	if len(spec) > 0 && spec[0] == '@' {
		if i := bytes.IndexByte(spec, ':'); i >= 0 {
			spec = spec[i+1:]
		}
	}
	if i := bytes.LastIndexByte(spec, '@'); i >= 0 {
		m.local, m.domain = bytes.TrimSpace(spec[:i]), bytes.TrimSuffix(bytes.TrimSpace(spec[i+1:]), []byte("."))
		return
	}
	m.local, m.domain = spec, nil
}

// quotedEnd returns the offset behind the quoted string that begins at i, or
// -1 if it never ends.
func quotedEnd(list []byte, i int) int {
	for j := i + 1; ; {
		n := bytes.IndexAny(list[j:], `"\`)
		if n < 0 {
			return -1
		}
		j += n
		if list[j] == '"' {
			return j + 1
		}
		if j += 2; j >= len(list) {
			return -1
		}
	}
}

// commentEnd returns the offset behind the comment that begins at i; comments
// nest (RFC 5322 section 3.2.2). One that never ends goes to the end.
func commentEnd(list []byte, i int) int {
	for depth := 0; i < len(list); i++ {
		n := bytes.IndexAny(list[i:], `()\`)
		if n < 0 {
			break
		}
		switch i += n; list[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(list)
}

// wellFormed tells that m's address could be one: a local part without blanks,
// a domain with a dot or in brackets.
func (m *mailbox) wellFormed() bool {
	if len(m.local) == 0 || len(m.domain) == 0 {
		return false
	}
	if m.local[0] != '"' && bytes.ContainsAny(m.local, " \t()<>[]:;,@\"") {
		return false
	}
	if m.domain[0] == '[' {
		return m.domain[len(m.domain)-1] == ']'
	}
	return bytes.IndexByte(m.domain, '.') > 0 && !bytes.ContainsAny(m.domain, " \t()<>[]:;,\"_") && !bytes.Contains(m.domain, []byte(".."))
}

// sameAddress tells that a and b are one mailbox.
func sameAddress(a, b *mailbox) bool {
	return len(a.domain) > 0 && bytes.EqualFold(a.domain, b.domain) && bytes.EqualFold(a.local, b.local)
}

// sameOwner tells that two domains are registered by one owner, as far as
// their names tell.
func sameOwner(a, b []byte) bool {
	return bytes.EqualFold(a, b) || registered(string(a)) == registered(string(b))
}

// registered returns the part of a domain that somebody registered.
func registered(domain string) string {
	domain = strings.ToLower(domain)
	if name, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return name
	}
	return domain
}

// claimedDomain returns a domain that a display name shows, "" if none. Only
// the common endings count: "node.js" and "J.Smith" are no domains. An address
// counts with its domain.
func claimedDomain(name []byte) (domain string, address bool) {
	for len(name) > 0 {
		i := bytes.IndexAny(name, " \t\"'()<>[],;:/|\\")
		word := name
		if i >= 0 {
			word, name = name[:i], name[i+1:]
		} else {
			name = nil
		}
		if bytes.IndexByte(word, '.') < 0 {
			continue
		}
		at := bytes.LastIndexByte(word, '@')
		word = bytes.Trim(word[at+1:], ".-!?*")
		if dot := bytes.LastIndexByte(word, '.'); dot > 0 && (at > 0 || commonEnding(word[dot+1:])) {
			return string(word), at > 0
		}
	}
	return "", false
}

// commonEnding tells the endings that people take for those of a web site.
func commonEnding(label []byte) bool {
	var lower [4]byte
	switch string(bytes.ToLower(append(lower[:0], label[:min(len(label), len(lower))]...))) {
	case "com", "net", "org", "gov", "edu":
		return len(label) == 3
	}
	return false
}

// freemail are providers where anybody gets an address at once: those that
// most mail of that sort comes from.
var freemail = func() map[string]bool {
	m := map[string]bool{}
	for domain := range strings.FieldsSeq(`
		aol.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.co.uk hotmail.com hotmail.fr icloud.com
		inbox.lv inbox.ru laposte.net libero.it list.ru live.com mail.com mail.ru me.com msn.com naver.com
		orange.fr outlook.com outlook.de outlook.fr proton.me protonmail.com qq.com rediffmail.com rocketmail.com
		seznam.cz t-online.de tutanota.com web.de wp.pl yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de
		yahoo.fr yandex.com yandex.ru ymail.com zoho.com 126.com 163.com bk.ru o2.pl onet.pl excite.com lycos.com`) {
		m[domain] = true
	}
	return m
}()

// isFreemail tells whether a domain is one of them.
func isFreemail(domain []byte) bool {
	var lower [32]byte
	if len(domain) > len(lower) {
		return false
	}
	for i, c := range domain {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return freemail[string(lower[:len(domain)])]
}
