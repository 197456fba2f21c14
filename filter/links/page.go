package links

import (
	"bytes"
	"sync"

	"sluice/filter"
)

// anchorText is how much of what an anchor encloses is looked at: 512 octets.
// What is longer is no address.
const anchorText = 512

// keptStep is how much of a style sheet or script is kept for use again.
const keptStep = 64 << 10

// A page is one part of text while it is read.
type page struct {
	s      *scanner
	part   *filter.Part
	words  finder
	html   tokenizer
	base   []byte // <base href>, canonical; empty: none
	kept   []byte // content of the script or style element that is open
	buf    []byte // a value with its character references decoded
	href   []byte // of the tag that is being read; empty: none
	anchor struct {
		open bool
		href []byte
		text []byte
		long bool // text is cut
	}
	carried carried
	shown   struct { // by the finder, of an anchor's text
		on  bool
		url []byte
	}
}

// pages are for use again.
var pages = sync.Pool{New: func() any {
	p := new(page)
	p.words.to = p
	p.html.page = p
	return p
}}

// free gives p back.
func (p *page) free() {
	p.html.reset()
	p.words.reset()
	p.carried.reset()
	if cap(p.kept) > keptStep {
		p.kept = nil
	}
	if cap(p.buf) > keptStep {
		p.buf = nil
	}
	p.s, p.part = nil, nil
	p.base, p.kept, p.href = p.base[:0], p.kept[:0], p.href[:0]
	p.anchor.open, p.anchor.text, p.anchor.long = false, p.anchor.text[:0], false
	p.shown.on = false
	pages.Put(p)
}

// close ends the text.
func (p *page) close() {
	if p.part.HTML {
		p.html.close()
		p.endAnchor()
		p.unused()
	}
	if carries(p.part) {
		p.endCode()
		p.endNumbers()
	}
	p.words.flush()
}

// address takes what the finder found.
func (p *page) address(url []byte, t tricks) {
	if p.shown.on {
		if len(p.shown.url) == 0 {
			p.shown.url = append(p.shown.url, url...)
		}
		return
	}
	p.s.take(p.place(nil), url, t)
}

// text takes visible text, with character references.
func (p *page) text(z *tokenizer, b []byte) {
	if bytes.IndexByte(b, '&') >= 0 {
		p.buf = appendText(p.buf[:0], b, false)
		b = p.buf
	}
	if p.anchor.open && z.depth == 0 && !p.anchor.long {
		n := min(len(b), anchorText-len(p.anchor.text))
		p.anchor.text = append(p.anchor.text, b[:n]...)
		p.anchor.long = n < len(b)
	}
	p.words.mode(z.depth > 0)
	p.words.write(b)
}

// tag takes a tag that has ended.
func (p *page) tag(z *tokenizer) {
	if z.kind&inline != 0 {
		return
	}
	p.words.gap()
	if z.kind&anchorKind == 0 || z.depth > 0 {
		return
	}
	p.endAnchor()
	if z.end {
		p.unused()
	} else if len(p.href) > 0 {
		p.anchor.open = true
		p.anchor.href, p.href = p.href, p.anchor.href[:0]
	}
}

// unused takes the href of a tag that is no anchor's: not closed, or a closing
// one.
func (p *page) unused() {
	if len(p.href) > 0 {
		p.s.take(p.place(p.base), p.href, 0)
		p.href = p.href[:0]
	}
}

// endAnchor compares what an anchor shows with where it leads.
func (p *page) endAnchor() {
	a := &p.anchor
	if !a.open {
		return
	}
	a.open = false
	var shown []byte
	if !a.long {
		shown = p.showsAddress(bytes.TrimSpace(a.text))
	}
	if shown == nil {
		p.s.take(p.place(p.base), a.href, 0)
	} else {
		p.s.compare(p.place(p.base), a.href, shown, bytes.TrimSpace(a.text))
	}
	a.text, a.long = a.text[:0], false
}

// showsAddress returns the address that a reader takes text for, or nil.
func (p *page) showsAddress(text []byte) []byte {
	if bytes.IndexByte(text, '.') < 0 && asciiLen(text) == len(text) {
		return nil
	}
	var space [anchorText + 4]byte
	n, _ := fold(space[:], 0, text)
	bare := bytes.IndexByte(space[:n], '/') < 0
	if bare && bytes.ContainsAny(space[:n], " \t\r\n") {
		return nil // a sentence with a name in it
	}
	p.shown.on, p.shown.url = true, p.shown.url[:0]
	strict := p.words.strict
	p.words.strict = false
	p.words.scan(space[:n], 0, n)
	p.words.strict, p.shown.on = strict, false
	if len(p.shown.url) == 0 {
		return nil
	}
	return p.shown.url
}

// stray takes an address whose quote was lost.
func (p *page) stray(_ *tokenizer, url []byte) { p.s.take(p.place(nil), url, 0) }

// attribute takes the value of an attribute.
func (p *page) attribute(z *tokenizer, v []byte) {
	// A bracket may mean that the closing quote was lost: what is before it is
	// another reading.
	if cut := bytes.IndexAny(v, "<>"); cut > 0 && (z.want == reference || z.want == urlValue) && !hasPrefixFold(v, "data:") {
		p.link(v[:cut])
	}
	if bytes.IndexByte(v, '&') >= 0 {
		p.buf = appendText(p.buf[:0], v, true)
		v = p.buf
	}
	switch z.want {
	case reference:
		p.reference(z, v)
	case urlValue:
		p.link(v)
	case urlSet:
		p.set(v)
	case styles:
		p.css(v)
	case content:
		if z.kind&metaKind != 0 {
			p.refresh(v)
		}
	case perhaps:
		if n := scheme(v); n > 0 || bytes.HasPrefix(v, []byte("//")) {
			p.link(v)
		}
	case program:
		p.script(v, z.depth == 0)
	case markup:
		if z.depth == 0 {
			z.begin()
			z.inner.write(bytes.Clone(v)) // v may be in buf
			z.inner.close()
		}
	}
}

// reference takes an href. That of an anchor waits for the text.
func (p *page) reference(z *tokenizer, v []byte) {
	switch {
	case z.kind&baseKind != 0 && len(p.base) == 0:
		if c := &p.s.canon; c.parse(v) {
			p.base = append(p.base, c.out...)
		}
		p.link(v)
	case z.kind&anchorKind != 0 && z.depth == 0 && len(p.href) == 0 && !hasPrefixFold(v, "data:"):
		p.href = append(p.href, v[:min(len(v), urlSize)]...)
	default:
		p.link(v)
	}
}

// link takes an address from an attribute.
func (p *page) link(v []byte) { p.s.take(p.place(p.base), v, 0) }

// place says where the next link is.
func (p *page) place(base []byte) place { return place{part: p.part, page: p, base: base} }

// set takes apart a srcset: addresses with descriptors, between commas.
func (p *page) set(v []byte) {
	for {
		v = bytes.TrimLeft(v, ", \t\r\n\f")
		if len(v) == 0 {
			return
		}
		n := bytes.IndexAny(v, " \t\r\n\f")
		if n < 0 {
			n = len(v)
		}
		url := v[:n]
		v = v[n:]
		trimmed := bytes.TrimRight(url, ",")
		p.link(trimmed)
		if len(trimmed) == len(url) {
			n := bytes.IndexByte(v, ',')
			if n < 0 {
				return
			}
			v = v[n:]
		}
	}
}

// refresh looks for the address in a meta refresh: "5; url=…", or without
// "url=".
func (p *page) refresh(v []byte) {
	for i := 0; ; i++ {
		n := bytes.IndexAny(v[i:], "uU")
		if n < 0 {
			break
		}
		if i += n; !hasPrefixFold(v[i:], "url") {
			continue
		}
		if rest := bytes.TrimLeft(v[i+3:], " \t\r\n\f"); len(rest) > 0 && rest[0] == '=' {
			p.link(bytes.Trim(rest[1:], " \t\r\n\f\"'"))
			return
		}
	}
	if rest := bytes.TrimLeft(v, " .0123456789"); len(rest) < len(v) && len(rest) > 1 && (rest[0] == ';' || rest[0] == ',') {
		p.link(bytes.Trim(rest[1:], " \t\r\n\f\"'"))
	}
}

// keep gathers the content of a script or style element.
func (p *page) keep(_ kind, b []byte) {
	p.kept = append(p.kept, b[:min(len(b), rawSize-len(p.kept))]...)
}

// endKept reads what was gathered.
func (p *page) endKept(k kind) {
	if k&scriptKind != 0 {
		p.script(p.kept, true)
	} else {
		p.css(p.kept)
	}
	p.kept = p.kept[:0]
}

// strictly looks for addresses with a scheme in what is no text.
func (p *page) strictly(b []byte) {
	strict := p.words.strict
	p.words.strict = true
	p.words.scan(b, 0, len(b))
	p.words.strict = strict
}

// css looks for addresses in a style sheet: url(…), @import, and any other
// with a scheme.
func (p *page) css(v []byte) {
	if bytes.IndexByte(v, '\\') >= 0 {
		v = unescapeCSS(v)
	}
	p.strictly(v)
	for i := 0; i < len(v); {
		n := bytes.IndexByte(v[i:], '(')
		if n < 0 {
			break
		}
		i += n + 1
		if i < 4 || !hasPrefixFold(v[i-4:], "url(") {
			continue
		}
		end := bytes.IndexByte(v[i:], ')')
		if end < 0 {
			end = len(v) - i
		}
		p.link(bytes.Trim(v[i:i+end], " \t\r\n\f\"'"))
		i += end
	}
	for i := 0; i < len(v); {
		n := bytes.IndexByte(v[i:], '@')
		if n < 0 {
			return
		}
		i += n + 1
		if !hasPrefixFold(v[i:], "import") {
			continue
		}
		rest := bytes.TrimLeft(v[i+len("import"):], " \t\r\n\f")
		if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
			if end := bytes.IndexByte(rest[1:], rest[0]); end >= 0 {
				p.link(rest[1 : 1+end])
			}
		}
	}
}

// unescapeCSS decodes the escapes of CSS (CSS Syntax section 4.3.7).
func unescapeCSS(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			out = append(out, v[i])
			continue
		}
		r, n := rune(0), 0
		for n < 6 && i+1+n < len(v) && hexDigit[v[i+1+n]] > 0 {
			r = r<<4 | rune(hexDigit[v[i+1+n]]-1)
			n++
		}
		switch {
		case n > 0:
			out = append(out, string(r)...)
			if i+1+n < len(v) && v[i+1+n] <= ' ' {
				n++ // one blank belongs to the escape
			}
			i += n
		case v[i+1] == '\n':
			i++
		default:
			out = append(out, v[i+1])
			i++
		}
	}
	return out
}

// hasPrefixFold tells whether b begins with prefix, which is in lower case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(b[i]) != prefix[i] {
			return false
		}
	}
	return true
}
