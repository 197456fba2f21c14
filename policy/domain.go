package policy

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// anyDomain is the pattern that every domain matches.
const anyDomain = "*"

// maxDomain is the longest domain looked at, in octets: 255, RFC 5321 section
// 4.5.3.1.2. A longer one has no route.
const maxDomain = 255

// names makes A-labels of U-labels as UTS 46 does for look-up, without the
// transitional mapping: "straße" and "strasse" are two domains. Underscores
// and other ASCII that DNS carries but hosts should not are let through.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))

// A table finds what belongs to a domain, its route for one: the exact pattern
// before the longest subdomain pattern before "*". Keys are canonical domains.
type table[T any] struct {
	exact     map[string]*T
	suffix    map[string]*T // with the leading dot
	longest   int           // octets of the longest suffix key
	otherwise *T            // of "*"
}

// put sets what belongs to a pattern.
func (t *table[T]) put(p pattern, v *T) {
	if t.exact == nil {
		t.exact, t.suffix = make(map[string]*T), make(map[string]*T)
	}
	switch {
	case p.key == anyDomain:
		t.otherwise = v
	case p.suffix:
		t.suffix[p.key] = v
		t.longest = max(t.longest, len(p.key))
	default:
		t.exact[p.key] = v
	}
}

// findPattern returns what belongs to every domain that p matches, but for
// those with a more exact pattern of their own.
func (t *table[T]) findPattern(p pattern) *T {
	switch {
	case p.key == anyDomain:
		return t.otherwise
	case p.suffix:
		return t.findSuffix("x" + p.key) // any label will do
	}
	return t.find(p.key)
}

// find returns what belongs to domain or nil. It allocates only for a domain
// with octets beyond ASCII.
func (t *table[T]) find(domain string) *T {
	if len(domain) > 0 && domain[len(domain)-1] == '.' {
		domain = domain[:len(domain)-1] // the root may be written
	}
	if domain == "" || len(domain) > maxDomain {
		return nil
	}
	switch shape(domain) {
	case lower:
		if rt := t.exact[domain]; rt != nil {
			return rt
		}
		return t.findSuffix(domain)
	case ascii:
		var space [maxDomain]byte
		key := appendLower(space[:0], domain)
		// A map index with string(bytes) does not copy.
		if rt := t.exact[string(key)]; rt != nil {
			return rt
		}
		return t.findSuffixBytes(key)
	}
	key, err := canonical(domain)
	if err != nil || shape(key) != lower {
		// No domain in DNS has this name: nothing that an operator named.
		return t.otherwise
	}
	if rt := t.exact[key]; rt != nil {
		return rt
	}
	return t.findSuffix(key)
}

// findSuffix looks the subdomain patterns up, the longest first. A domain is
// no subdomain of itself, so the search begins after the first octet.
func (t *table[T]) findSuffix(domain string) *T {
	for i := t.firstDot(len(domain)); i < len(domain); i++ {
		dot := strings.IndexByte(domain[i:], '.')
		if dot < 0 {
			break
		}
		i += dot
		if rt := t.suffix[domain[i:]]; rt != nil {
			return rt
		}
	}
	return t.otherwise
}

// findSuffixBytes is findSuffix for a lowered copy on the caller's stack.
func (t *table[T]) findSuffixBytes(domain []byte) *T {
	for i := t.firstDot(len(domain)); i < len(domain); i++ {
		if domain[i] != '.' {
			continue
		}
		if rt := t.suffix[string(domain[i:])]; rt != nil {
			return rt
		}
	}
	return t.otherwise
}

// firstDot returns where the first dot can be that begins a known suffix of a
// domain of n octets.
func (t *table[T]) firstDot(n int) int { return max(1, n-t.longest) }

// The shapes of a domain, by what it costs to make it canonical.
const (
	lower   = iota // canonical as it is
	ascii          // has upper case
	foreign        // has octets beyond ASCII
)

func shape(domain string) int {
	s := lower
	for i := range len(domain) {
		switch c := domain[i]; {
		case c >= utf8.RuneSelf:
			return foreign
		case 'A' <= c && c <= 'Z':
			s = ascii
		}
	}
	return s
}

func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// pattern is one element of Route.Domains, canonical.
type pattern struct {
	key    string
	suffix bool
}

// parsePattern reads an element of Route.Domains. problem is empty if it can
// be used. "[1.2.3.4]" and "[IPv6:…]" stand for themselves (RFC 5321 section
// 4.1.3).
func parsePattern(text string) (p pattern, problem string) {
	text = strings.TrimSuffix(text, ".")
	switch {
	case text == "":
		return p, "empty domain"
	case text == anyDomain:
		return pattern{key: anyDomain}, ""
	case strings.HasPrefix(text, "*."):
		return p, `write subdomains with a leading dot, ".y.test"`
	case strings.HasPrefix(text, "["):
		if !strings.HasSuffix(text, "]") || strings.ContainsAny(text, " \t") {
			return p, "not an address literal"
		}
		return pattern{key: strings.ToLower(text)}, ""
	}
	if text[0] == '.' {
		p.suffix, text = true, text[1:]
	}
	if strings.ContainsAny(text, "@*/:[] \t\r\n\"<>") {
		return p, "not a domain"
	}
	key, err := canonical(text)
	switch {
	case err != nil:
		return p, "not a valid international domain"
	case key == "" || key[0] == '.' || strings.Contains(key, ".."):
		return p, "empty label"
	case len(key) > maxDomain:
		return p, "longer than 255 octets"
	}
	if p.suffix {
		key = "." + key
	}
	p.key = key
	return p, ""
}

var errInvalid = errors.New("not UTF-8")

// canonical returns domain in lower-case A-labels, without a final dot.
func canonical(domain string) (string, error) {
	if shape(domain) != foreign {
		return strings.ToLower(domain), nil
	}
	if !utf8.ValidString(domain) {
		return "", errInvalid // idna lets some such pass
	}
	key, err := names.ToASCII(domain)
	return strings.TrimSuffix(strings.ToLower(key), "."), err
}
