package links

import (
	"strings"
)

// maxLayers is how many addresses inside each other are followed: 50.
const maxLayers = 50

// manyLayers is how many redirectors ordinary mail may have around a link: 3,
// such as two filters' and one counter's.
const manyLayers = 3

// inner calls f with each address that stands inside rest, which is path,
// query or fragment of another, decoded as far as that it can be read, until f
// returns false.
func inner(rest string, f func(string) bool) {
	for i := 0; i < len(rest); {
		n := strings.IndexAny(rest[i:], "hHa")
		if n < 0 {
			return
		}
		i += n
		if strings.HasPrefix(rest[i:], "aHR0c") { // "http" in base64
			n := codeLen(rest[i:])
			if url := decoded(rest[i : i+n]); url != "" && !f(url) {
				return
			}
			i += n
			continue
		}
		colon := schemeLen(rest[i:])
		if colon == 0 {
			i++
			continue
		}
		value := rest[i:]
		if end := strings.IndexByte(value, '&'); end >= 0 && strings.LastIndexByte(rest[:i], '?') >= 0 {
			value = value[:end]
		}
		i += len(value)
		if value[colon] != ':' {
			if value[colon+1:][:2] == "25" {
				value = unescapeAll(value) // escaped more than once
			} else {
				value = unescape(value)
			}
			colon = schemeLen(value)
		}
		if colon > 0 && !f(value) {
			return
		}
	}
}

// schemeLen returns the length of "http" or "https" at the start of s if a
// colon follows, which may be escaped, more than once, and 0 otherwise.
func schemeLen(s string) int {
	if len(s) < 7 || !strings.EqualFold(s[:4], "http") {
		return 0
	}
	n := 4
	if s[n]|0x20 == 's' {
		n++
	}
	rest := s[n:]
	if rest[0] == ':' {
		if len(rest) > 1 && (rest[1] == '/' || rest[1] == '\\' || rest[1] == '%') {
			return n
		}
		return 0
	}
	if rest[0] != '%' {
		return 0
	}
	rest = rest[1:]
	for strings.HasPrefix(rest, "25") {
		rest = rest[2:]
	}
	if len(rest) > 1 && strings.EqualFold(rest[:2], "3a") {
		return n
	}
	return 0
}

// unescape takes one layer of percent escapes off s.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hexDigit[s[i+1]], hexDigit[s[i+2]]; hi > 0 && lo > 0 {
				b = append(b, (hi-1)<<4|(lo-1))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unescapeAll takes all layers of percent escapes off s.
func unescapeAll(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		b = append(b, s[i])
		for n := len(b); n >= 3; n = len(b) {
			v, ok := unhex(b[n-3:])
			if !ok {
				break
			}
			b = append(b[:n-3], v)
		}
	}
	return string(b)
}

// codeLen returns how much of s is base64, of either alphabet.
func codeLen(s string) int {
	n := 0
	for n < len(s) && sextet[s[n]] > 0 {
		n++
	}
	return n
}

// decoded returns the address that stands in base64 in s, or "".
func decoded(s string) string {
	url := string(appendBase64(nil, s))
	if schemeLen(url) == 0 {
		return ""
	}
	return url
}

// A shape is a redirector that does not have its target as a plain address.
type shape struct {
	host   string // or the domain above it
	path   string // how its path begins
	target func(rest string) string
}

var shapes = []shape{
	{"urldefense.proofpoint.com", "/v2/", proofpoint},
	{"google.com", "/amp/s/", func(rest string) string { return "https://" + rest[len("/amp/s/"):] }},
	{"google.com", "/amp/", func(rest string) string { return "http://" + rest[len("/amp/"):] }},
	{"cdn.ampproject.org", "/c/s/", func(rest string) string { return "https://" + rest[len("/c/s/"):] }},
	{"cdn.ampproject.org", "/c/", func(rest string) string { return "http://" + rest[len("/c/"):] }},
	{"google.com", "/url?", bareTarget}, // else the target has its scheme
	{"facebook.com", "/l.php?", bareTarget},
}

// proofpoint reads "u=https-3A__host_path".
func proofpoint(rest string) string {
	_, u, ok := strings.Cut(rest, "?")
	if !ok {
		return ""
	}
	for value := range strings.SplitSeq(u, "&") {
		if v, ok := strings.CutPrefix(value, "u="); ok {
			return unescape(strings.NewReplacer("-", "%", "_", "/").Replace(v))
		}
	}
	return ""
}

// bareTarget reads a target without scheme: "q=host/path".
func bareTarget(rest string) string {
	_, q, _ := strings.Cut(rest, "?")
	for value := range strings.SplitSeq(q, "&") {
		name, v, _ := strings.Cut(value, "=")
		if name == "q" || name == "url" || name == "u" {
			if v = unescape(v); schemeLen(v) == 0 && likeHost([]byte(v[:hostLen(v)])) {
				return "http://" + v
			}
		}
	}
	return ""
}

// hostLen returns how much of s can be a host.
func hostLen(s string) int {
	n := strings.IndexAny(s, "/?#:\\")
	if n < 0 {
		n = len(s)
	}
	return n
}

// short are sites that make short addresses of long ones: where these lead
// cannot be seen.
var short = map[string]bool{
	"bit.ly": true, "tinyurl.com": true, "goo.gl": true, "ow.ly": true, "is.gd": true, "buff.ly": true,
	"rebrand.ly": true, "cutt.ly": true, "t.co": true, "rb.gy": true, "shorturl.at": true, "tiny.cc": true,
	"v.gd": true, "bl.ink": true, "s.id": true, "t.ly": true, "qrco.de": true, "lnkd.in": true,
}

// look looks for further addresses in a link, and takes them.
func (s *scanner) look(at place, host, domain, rest, fragment string, depth int) {
	if short[domain] {
		s.note(redirector, at, "short")
	}
	if name, ok := strings.CutSuffix(host, ".translate.goog"); ok { // evil--site-example-com
		name = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(name, "--", "\x00"), "-", "."), "\x00", "-")
		s.layer(at, "https://"+name+rest, domain, depth)
	}
	for _, k := range shapes {
		if (host == k.host || strings.HasSuffix(host, "."+k.host)) && strings.HasPrefix(rest, k.path) {
			if target := k.target(rest); target != "" {
				s.layer(at, target, domain, depth)
			}
			break
		}
	}
	s.unwrap(at, rest, domain, depth)
	if fragment != "" {
		s.unwrap(at, fragment, domain, depth)
	}
}

// unwrap takes the addresses in rest, which belongs to a link of domain.
func (s *scanner) unwrap(at place, rest, domain string, depth int) {
	inner(rest, func(url string) bool {
		s.layer(at, url, domain, depth)
		return !s.full
	})
}

// layer takes one address that was inside one of domain.
func (s *scanner) layer(at place, url, domain string, depth int) {
	if depth > maxLayers || s.full {
		return
	}
	if depth > manyLayers {
		s.note(layers, at, "")
	}
	c := &s.canon
	if !c.parse([]byte(url)) {
		return
	}
	s.judge(at, c.tricks)
	if known, ok := s.seen[string(c.out)]; ok {
		if known != domain {
			s.note(redirector, at, "nested")
		}
		return
	}
	if got := s.add(at, "", depth+1); got != "" && got != domain {
		s.note(redirector, at, "nested")
	}
}

// shownLayers is how deep leadsTo looks: 8 layers, more than ordinary mail has.
// It looks again for each anchor, so that it may not cost much.
const shownLayers = 8

// leadsTo tells whether a link has an address of domain inside.
func (s *scanner) leadsTo(domain, href string) (found bool) {
	level := []string{href}
	for depth := 0; depth < shownLayers && len(level) > 0; depth++ {
		var next []string
		for _, url := range level {
			rest := url[min(len(url), len("https://")):]
			inner(rest, func(url string) bool {
				if s.canon.parse([]byte(url)) {
					found = registered(string(s.canon.out[s.canon.host:s.canon.hostEnd])) == domain
				}
				next = append(next, url)
				return !found && len(next) < shownLayers
			})
			if found {
				return true
			}
		}
		level = next
	}
	return found
}
