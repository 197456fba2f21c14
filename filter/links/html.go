package links

import (
	"bytes"
)

// A state is where a tokenizer is in the markup.
//
//	inText      < -> opened
//	opened      letter -> inName; / -> closing; ! -> declared; ? -> bogus; else -> inText
//	closing     letter -> inName; > -> inText; else -> bogus
//	declared    -- -> comment; else -> bogus
//	bogus       > -> inText
//	inName      blank, / -> inTag; > ends the tag
//	inTag       > ends the tag; blank, / skipped; else -> attrName
//	attrName    = -> beforeValue; blank -> afterName; / -> inTag; > ends the tag
//	afterName   = -> beforeValue; / -> inTag; > ends the tag; else -> attrName
//	beforeValue " -> double; ' -> single; > ends the tag; else -> bare
//	double, single  the quote -> inTag
//	bare        blank -> inTag; > ends the tag
//	comment     -->, --!> -> inText
//	raw         </name -> inName of the closing tag
type state uint8

const (
	inText state = iota
	opened
	closing
	declared
	bogus
	inName
	inTag
	attrName
	afterName
	beforeValue
	double
	single
	bare
	comment
	raw
)

// nameSize is how much of a tag's or attribute's name is kept: 24 octets. No
// name that matters is longer.
const nameSize = 24

// rawSize is how much of a script or style sheet is kept at most: 2 MiB, all
// there is of a part's text.
const rawSize = 2 << 20

// A name is the name of a tag or an attribute, in lower case.
type name struct {
	n int // its length, also beyond what is kept
	b [nameSize]byte
}

func (n *name) add(b []byte) {
	for i := 0; i < len(b) && n.n+i < nameSize; i++ {
		n.b[n.n+i] = lower(b[i])
	}
	n.n += len(b)
}

func (n *name) get() []byte { return n.b[:min(n.n, nameSize)] }

// A tokenizer takes HTML apart as far as links need it. It is a state machine
// over octets that can stop anywhere; a value is copied only if it is cut.
//
// Where one program may take for text what another takes for markup (comments,
// the content of some elements, quoted values with tags in them), an inner
// tokenizer reads that content as markup.
type tokenizer struct {
	page  *page      // gets what is found
	inner *tokenizer // nil until needed; its own inner is never used
	depth int        // 1: an inner one

	state   state
	end     bool // in a closing tag
	tag     name
	kind    kind // of the tag
	attr    name
	want    attrKind
	value   []byte  // of the attribute, as far as it was in earlier pieces
	within  bool    // the value has had markup in it
	beside  bool    // that ended inside a tag: inner reads on, up to the end of this one
	last    [3]byte // of a comment
	dashes  int     // of what declares a comment
	element kind    // whose content is raw
	match   int     // octets of "</name" that have been seen in it
	held    []byte  // the start of a character reference, at the end of a piece
}

func (z *tokenizer) reset() {
	inner, value, held := z.inner, z.value[:0], z.held[:0]
	if cap(value) > 4*blockSize {
		value = nil
	}
	*z = tokenizer{page: z.page, depth: z.depth, inner: inner, value: value, held: held}
	if inner != nil {
		inner.reset()
	}
}

// write reads on. NULs count for nothing: some programs drop them.
func (z *tokenizer) write(b []byte) {
	for len(b) > 0 {
		n := bytes.IndexByte(b, 0)
		if n < 0 {
			n = len(b)
		}
		z.read(b[:n])
		b = b[min(n+1, len(b)):]
	}
}

func (z *tokenizer) read(b []byte) {
	for i := 0; i < len(b); {
		at, beside := i, z.beside
		switch z.state {
		case inText:
			n := bytes.IndexByte(b[i:], '<')
			if n < 0 {
				z.text(b[i:], false)
				return
			}
			z.text(b[i:i+n], true)
			i += n + 1
			z.state = opened
		case opened, closing, declared:
			i += z.open(b[i:])
		case bogus:
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				return
			}
			i += n + 1
			z.state = inText
		case inName, attrName:
			i += z.name(b[i:])
		case inTag, afterName, beforeValue:
			i += z.between(b[i:])
		case double, single, bare:
			i += z.readValue(b[i:])
		case comment:
			i += z.comment(b[i:])
		case raw:
			i += z.raw(b[i:])
		}
		if beside && z.beside {
			z.inner.write(b[at:i])
		}
	}
}

var less = []byte("<")

// open reads what follows "<".
func (z *tokenizer) open(b []byte) int {
	c := b[0]
	switch {
	case z.state == declared:
		if c == '-' {
			if z.dashes++; z.dashes == 2 {
				z.state = comment
				z.last = [3]byte{0, '-', '-'} // "<!-->" is a whole one
				if z.depth > 0 {
					z.state = inText // inside another: its tags count
				} else {
					z.begin()
				}
			}
			return 1
		}
		z.state = bogus
		return 0
	case isAlpha(c):
		z.end = z.state == closing
		z.state = inName
		z.tag.n = 0
		return 0
	case z.state == closing:
		z.state = bogus
		return 0
	case c == '/':
		z.state = closing
	case c == '!':
		z.state, z.dashes = declared, 0
	case c == '?':
		z.state = bogus
	case c == '<': // one of many counts as all of them
	default:
		z.state = inText
		z.text(less, true)
		return 0
	}
	return 1
}

// Classes of octets in a tag.
const (
	blankClass = 1 << iota
	slashClass
	closeClass
	equalClass
)

var tagClass = [256]uint8{
	' ': blankClass, '\t': blankClass, '\n': blankClass, '\f': blankClass, '\r': blankClass,
	'/': slashClass, '>': closeClass, '=': equalClass,
}

// name reads the name of a tag or an attribute.
func (z *tokenizer) name(b []byte) int {
	into, enders := &z.tag, uint8(blankClass|slashClass|closeClass)
	if z.state == attrName {
		into, enders = &z.attr, enders|equalClass
	}
	n := 0
	if into == &z.attr && into.n == 0 {
		n = 1 // whatever it is, it begins the name
	}
	for n < len(b) && tagClass[b[n]]&enders == 0 {
		n++
	}
	into.add(b[:n])
	if n == len(b) {
		return n
	}
	if into == &z.tag {
		z.kind = tagKind(into.get())
		z.state = inTag
		return n
	}
	z.want = wanted(into.get())
	z.state = afterName
	return n
}

// between reads what stands between names and values.
func (z *tokenizer) between(b []byte) int {
	n := 0
	for n < len(b) && tagClass[b[n]] == blankClass {
		n++
	}
	if n == len(b) {
		return n
	}
	switch c := b[n]; {
	case z.state == beforeValue && c == '"':
		z.state = double
	case z.state == beforeValue && c == '\'':
		z.state = single
	case c == '>':
		if z.state == afterName {
			z.bareName()
		}
		z.finish()
	case z.state == beforeValue:
		z.state = bare
		return n
	case z.state == afterName && c == '=':
		z.state, z.value = beforeValue, z.value[:0]
	case z.state == afterName && c != '/':
		z.bareName()
		z.state, z.attr.n = attrName, 0
		return n
	case c == '/':
		if z.state == afterName {
			z.bareName()
		}
		z.state = inTag
	default:
		z.state, z.attr.n = attrName, 0
		return n
	}
	return n + 1
}

// readValue reads the value of an attribute.
func (z *tokenizer) readValue(b []byte) int {
	n, skip := -1, 1
	switch z.state {
	case double:
		n = bytes.IndexByte(b, '"')
	case single:
		n = bytes.IndexByte(b, '\'')
	default:
		skip = 0
		for i, c := range b {
			if tagClass[c]&(blankClass|closeClass) != 0 {
				n = i
				break
			}
		}
	}
	part := b
	if n >= 0 {
		part = b[:n]
	}
	if z.state != bare {
		z.tags(part)
	}
	if n < 0 {
		if z.want != unwanted {
			z.value = append(z.value, part...)
		}
		return len(b)
	}
	z.endValue(part)
	z.state = inTag
	return n + skip
}

var quotes = map[state][]byte{double: []byte(`"`), single: []byte("'")}

// endValue hands out the value that ends with part.
func (z *tokenizer) endValue(part []byte) {
	if z.within {
		z.within = false
		if z.inner.state >= inName && z.inner.state <= bare {
			// To who began to read inside, the quote may open a value.
			z.beside = true
			z.inner.write(quotes[z.state])
		} else {
			z.inner.close()
		}
	}
	if z.want == unwanted {
		return
	}
	if len(z.value) > 0 {
		z.value = append(z.value, part...)
		part = z.value
	}
	if len(part) > 0 {
		z.page.attribute(z, part)
	}
	z.value = z.value[:0]
}

// tags looks for markup in a value: its quote may have been opened in what
// another program takes for text.
func (z *tokenizer) tags(part []byte) {
	if z.depth > 0 || z.beside {
		return
	}
	if !z.within {
		n := bytes.IndexByte(part, '<')
		if n < 0 {
			return
		}
		part = part[n:]
		z.within = true
		z.begin()
	}
	z.inner.write(part)
}

// bareName is called for an attribute without value. In <a http://host">, whose
// quote is lost, the name ends with the scheme.
func (z *tokenizer) bareName() {
	n := z.attr.get()
	if z.attr.n <= nameSize && (bytes.HasSuffix(n, []byte("http:")) || bytes.HasSuffix(n, []byte("https:"))) {
		z.value = append(append(z.value[:0], n[bytes.LastIndex(n, []byte("http")):]...), "//"...)
		return
	}
	if len(z.value) > 0 {
		z.value = append(z.value, bytes.Trim(n, `"'`)...)
		z.page.stray(z, z.value)
		z.value = z.value[:0]
	}
}

// finish ends a tag.
func (z *tokenizer) finish() {
	z.endBeside()
	z.state = inText
	z.value = z.value[:0]
	z.page.tag(z)
	if !z.end && z.kind&rawContent != 0 && z.depth == 0 {
		z.state, z.element, z.match = raw, z.kind, 0
		if z.kind&kept == 0 {
			z.begin()
		}
	}
}

// endBeside ends what an inner tokenizer read beside the tag.
func (z *tokenizer) endBeside() {
	if z.beside {
		z.beside = false
		z.inner.close()
	}
}

// begin readies the inner tokenizer.
func (z *tokenizer) begin() {
	if z.inner == nil {
		z.inner = &tokenizer{page: z.page, depth: z.depth + 1}
	}
	z.inner.reset()
}

// comment reads a comment. Its content is markup too: some programs show what
// is in a conditional one.
func (z *tokenizer) comment(b []byte) int {
	n := 0
	for {
		at := bytes.IndexByte(b[n:], '>')
		if at < 0 {
			z.inner.write(b)
			z.remember(b)
			return len(b)
		}
		n += at
		z.remember(b[max(0, n-3):n])
		if l := z.last; l[1] == '-' && l[2] == '-' || l == [3]byte{'-', '-', '!'} {
			z.inner.write(b[:n])
			z.inner.close()
			z.state = inText
			return n + 1
		}
		n++
		z.last = [3]byte{}
	}
}

// remember keeps the last octets of a comment.
func (z *tokenizer) remember(b []byte) {
	for _, c := range b[max(0, len(b)-3):] {
		z.last = [3]byte{z.last[1], z.last[2], c}
	}
}

// raw reads the content of an element that ends only with its closing tag.
func (z *tokenizer) raw(b []byte) int {
	want := rawName(z.element) // "</script"
	n := 0
	for n < len(b) {
		if z.match == 0 {
			at := bytes.IndexByte(b[n:], '<')
			if at < 0 {
				z.content(b[n:])
				return len(b)
			}
			z.content(b[n : n+at])
			n += at + 1
			z.match = 1
			continue
		}
		if c := b[n]; z.match < len(want) && lower(c) == want[z.match] {
			z.match++
			n++
			continue
		} else if z.match == len(want) && tagClass[c]&(blankClass|slashClass|closeClass) != 0 {
			z.match = 0
			z.endRaw()
			z.state, z.end = inName, true
			z.tag.n = 0
			z.tag.add([]byte(want[2:]))
			return n
		}
		z.content([]byte(want[:z.match]))
		z.match = 0
	}
	return n
}

// content takes content of a raw element.
func (z *tokenizer) content(b []byte) {
	if z.element&kept == 0 {
		z.inner.write(b)
	} else {
		z.page.keep(z.element, b)
	}
}

func (z *tokenizer) endRaw() {
	if z.element&kept == 0 {
		z.inner.close()
	} else {
		z.page.endKept(z.element)
	}
}

// text hands out text. whole tells that no character reference is cut at its
// end.
func (z *tokenizer) text(b []byte, whole bool) {
	if len(z.held) > 0 {
		n := entityTail(b)
		z.held = append(z.held, b[:n]...)
		if n == len(b) && !whole && len(z.held) < entitySize {
			return
		}
		z.page.text(z, z.held)
		z.held = z.held[:0]
		b = b[n:]
	}
	if !whole {
		// Only the last reference can be cut.
		from := max(0, len(b)-entitySize)
		if at := bytes.LastIndexByte(b[from:], '&'); at >= 0 && from+at+entityLen(b[from+at:]) == len(b) && b[len(b)-1] != ';' {
			z.held = append(z.held[:0], b[from+at:]...)
			b = b[:from+at]
		}
	}
	if len(b) > 0 {
		z.page.text(z, b)
	}
}

// entityTail returns how much of b may belong to a reference begun before it.
func entityTail(b []byte) int {
	n := 0
	for n < len(b) && n < entitySize && (isAlpha(b[n]) || isDigit(b[n]) || b[n] == '#') {
		n++
	}
	if n < len(b) && b[n] == ';' {
		n++
	}
	return n
}

// close ends the markup, wherever it is.
func (z *tokenizer) close() {
	switch z.state {
	case inText:
		if len(z.held) > 0 {
			z.page.text(z, z.held)
		}
	case double, single, bare:
		z.endValue(nil)
	case comment:
		z.inner.close()
	case raw:
		z.endRaw()
	}
	z.endBeside()
	z.reset()
}
