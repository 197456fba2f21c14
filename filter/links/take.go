package links

import (
	"bytes"
	"strings"

	"sluice/filter"
)

// take takes an address as it was found: canonical, judged, published if it is
// new. It returns the registered domain that it leads to, or "".
func (s *scanner) take(at place, raw []byte, t tricks) string {
	return s.takeShown(at, raw, t, "")
}

func (s *scanner) takeShown(at place, raw []byte, t tricks, shown string) string {
	if s.full || !s.resolve(at, raw) {
		return ""
	}
	s.judge(at, s.canon.tricks|t)
	if domain, ok := s.seen[string(s.canon.out)]; ok {
		return domain
	}
	return s.add(at, shown, 1)
}

// resolve brings raw into canonical form, relative to at's base where it is
// relative. It is false for what leads to no host; that is looked at here.
func (s *scanner) resolve(at place, raw []byte) bool {
	c := &s.canon
	if hasPrefixFold(raw, "data:") {
		s.data(at, raw)
		return false
	}
	c.tricks = 0
	raw = c.trim(raw)
	n := scheme(raw)
	if n == 0 {
		return s.relative(at, raw)
	}
	var space [16]byte
	name := appendLower(space[:0], raw[:n])
	switch string(name) {
	case "mailto", "cid", "mid", "tel", "sms", "about":
		return false
	case "data":
		s.data(at, raw)
		return false
	case "javascript", "vbscript", "livescript", "jscript":
		s.note(scriptLink, at, "")
		if at.page != nil {
			at.page.strictly(bytes.Clone(raw)) // raw may be in canon, which that uses
		}
		return false
	}
	if bytes.IndexByte(raw[:n], '.') > 0 && likeHost(raw[:n]) { // a host with a port
		return c.parse(append([]byte("http://"), raw...))
	}
	if !c.absolute(raw, n) {
		// ms-word:ofe|u|https://…, view-source:https://…
		if _, lenient := special(name); !lenient {
			s.unwrap(at, string(raw[n+1:]), "", 1)
		}
		return false
	}
	return true
}

// relative reads an address without scheme.
func (s *scanner) relative(at place, raw []byte) bool {
	c := &s.canon
	if len(raw) == 0 || raw[0] == '#' {
		return false
	}
	isSlash := func(b byte) bool { return b == '/' || b == '\\' }
	switch {
	case len(raw) < 2: // only a base makes it an address
	case raw[0] == '\\' && raw[1] == '\\': // a share of a file server
		return c.parse(append([]byte("file:"), raw...))
	case isSlash(raw[0]) && isSlash(raw[1]):
		return c.parse(append([]byte("http:"), raw...))
	}
	if n := bytes.IndexAny(raw, "/?#:\\"); len(at.base) == 0 {
		if n < 0 {
			n = len(raw)
		}
		if n > 3 && likeHost(raw[:n]) { // mail programs mend what browsers would not
			return c.parse(append([]byte("http://"), raw...))
		}
		return false
	}
	return c.parse(join(at.base, raw))
}

// join puts a relative address behind a canonical base.
func join(base, raw []byte) []byte {
	host := bytes.Index(base, []byte("://")) + 3
	path := host + bytes.IndexByte(base[host:], '/')
	end := bytes.IndexByte(base, '?')
	if end < 0 {
		end = len(base)
	}
	switch raw[0] {
	case '/', '\\':
		end = path
	case '?':
	default:
		end = bytes.LastIndexByte(base[:end], '/') + 1
	}
	return append(bytes.Clone(base[:end]), raw...)
}

// add publishes the address in canon, which is new, and looks into it.
func (s *scanner) add(at place, shown string, depth int) string {
	if len(s.seen) >= s.limit {
		s.full = true
		s.note(overLimit, at, "links")
		return ""
	}
	if s.seen == nil {
		s.seen = map[string]string{}
	}
	c := &s.canon
	url := string(c.out)
	host := url[c.host:c.hostEnd]
	if host != s.host {
		s.host, s.domain = host, registered(host)
	}
	domain := s.domain
	rest := url[c.hostEnd:]
	fragment := string(c.fragment)
	name := c.tricks&inUnicode != 0
	s.seen[url] = domain
	filter.Links.Publish(s.ch, filter.Link{URL: url, Text: shown, Host: host, Domain: domain, Place: at.part.Path})
	if name && confusing(host) {
		s.note(mixed, at, "")
	}
	if strings.HasPrefix(url, "file:") {
		s.note(fileLink, at, "")
	}
	s.look(at, host, domain, rest, fragment, depth)
	return domain
}

// judge notes what is peculiar about how an address was written.
func (s *scanner) judge(at place, t tricks) {
	if t == 0 {
		return
	}
	if t&withUser != 0 {
		s.note(userinfo, at, "")
	}
	if t&byAddress != 0 {
		s.note(rawAddress, at, "")
	}
	switch {
	case t&byNumber != 0:
		s.note(obfuscated, at, "number")
	case t&hostEscapes != 0:
		s.note(obfuscated, at, "escapes")
	case t&hostHidden != 0:
		s.note(obfuscated, at, "invisible")
	case t&oddSlashes != 0:
		s.note(obfuscated, at, "slashes")
	}
	if t&wasDefanged != 0 {
		s.note(defanged, at, "")
	}
}

// compare takes the address an anchor leads to, which shows another.
func (s *scanner) compare(at place, href, shown, text []byte) {
	if s.notes[mismatch].state != 0 || !s.canon.parse(shown) {
		s.take(at, href, 0)
		return
	}
	said := registered(string(s.canon.out[s.canon.host:s.canon.hostEnd]))
	target := s.takeShown(at, href, 0, string(text))
	if target == "" || target == said {
		return
	}
	// A redirector that is to lead where the text says is as good.
	if s.leadsTo(said, string(href)) {
		return
	}
	s.note(mismatch, at, "")
}
