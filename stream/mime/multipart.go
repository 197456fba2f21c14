package mime

import "bytes"

// isDelimiter tells whether a line may be a boundary line (RFC 2046 section
// 5.1.1).
func isDelimiter(line []byte) bool { return len(line) >= 2 && line[0] == '-' && line[1] == '-' }

// A match is a boundary line's container in a reader's stack.
type match struct {
	at    int // -1: none
	bound []byte
	last  bool // "--boundary--"
}

// fit is how a line fits a boundary.
type fit uint8

const (
	fitNot    fit = iota
	fitExact      // blanks may follow
	fitPrefix     // something else follows
)

// fits compares what stands behind the "--" of a line.
func fits(token, bound []byte) (f fit, last bool) {
	if !bytes.HasPrefix(token, bound) {
		return fitNot, false
	}
	rest := token[len(bound):]
	if blank(rest) {
		return fitExact, false
	}
	if bytes.HasPrefix(rest, []byte("--")) {
		last = true
		if blank(rest[2:]) {
			return fitExact, true
		}
	}
	if len(bound) == 0 {
		return fitNot, false
	}
	return fitPrefix, last
}

// bound returns the ith boundary that a line may have to belong to f, and
// whether there is one.
func (f *frame) bound(i int) ([]byte, bool) {
	if f.node.part.Kind != Multipart {
		return nil, false
	}
	if f.decided != nil {
		return f.decided, i == 0
	}
	if i < len(f.node.bounds) {
		return f.node.bounds[i], true
	}
	return nil, false
}

// matches is what a line fits.
type matches struct {
	exact             match
	longest, shortest match // where it is longer than the boundary
	equal             bool  // two containers have the same boundary
}

// match compares a line, from behind its "--", with every open boundary.
func (r *reader) match(token []byte) (m matches) {
	m.exact.at, m.longest.at, m.shortest.at = -1, -1, -1
	for at := range r.stack {
		fr := &r.stack[at]
		for i := 0; ; i++ {
			bound, ok := fr.bound(i)
			if !ok {
				break
			}
			if fr.decided == nil && fr.passed&(1<<i) != 0 {
				continue
			}
			f, last := fits(token, bound)
			this := match{at, bound, last}
			switch {
			case f == fitExact:
				m.equal = m.equal || m.exact.at >= 0
				if m.exact.at < 0 || fr.phase != epilogue {
					m.exact = this
				}
			case f != fitPrefix || fr.prefix == prefixNo:
				continue
			case fr.prefix == prefixYes:
				return matches{exact: this, longest: match{at: -1}, shortest: match{at: -1}}
			default:
				if m.longest.at < 0 || len(bound) >= len(m.longest.bound) {
					m.longest = this
				}
				if m.shortest.at < 0 || len(bound) < len(m.shortest.bound) {
					m.shortest = this
				}
				continue
			}
			break
		}
	}
	return m
}

// token returns what stands behind the "--" of a line.
func token(line []byte) []byte { return trimEOL(line)[2:] }

// matchesExactly tells whether a line is a boundary line beyond doubt.
func (r *reader) matchesExactly(line []byte) bool { return r.match(token(line)).exact.at >= 0 }

// bodyLine takes the first piece of a line in a body.
func (r *reader) bodyLine(b []byte) {
	if r.peek && !blank(trimEOL(b)) {
		r.peek = false
		r.guess(b)
	}
	if isDelimiter(b) && r.boundary(b) {
		return
	}
	if r.leaf != nil && r.leaf.lazy && !isBase64(b) {
		r.forkIdentity(b)
	}
	r.body(b)
}

// boundary takes a line that begins with "--" if it is a boundary line.
func (r *reader) boundary(b []byte) bool {
	t := token(b)
	m := r.match(t)
	if m.longest.at >= 0 {
		r.defect(Defect{RuleBoundary, Middle, "beginning of a longer one"})
		if m.shortest.at != m.longest.at {
			r.forkPrefix(b, m.shortest)
		}
		r.forkPrefix(b, m.longest)
	}
	if m.exact.at >= 0 {
		if len(t) > 0 && blank(t[len(t)-1:]) {
			r.feed.p.defect(r.stack[m.exact.at].node.part, Defect{RuleBoundary, Low, "blanks behind it"})
		}
		if m.equal {
			r.defect(Defect{RuleBoundary, Middle, "nested equal ones"})
		}
		if r.lonelyLF(b) && r.forkStrict(b, m.exact.at) {
			return false
		}
		r.take(b, m.exact)
		return true
	}
	r.forkWild(b, t)
	return false
}

// forkPrefix follows the reading in which a line that begins with a boundary
// is a boundary line.
func (r *reader) forkPrefix(b []byte, m match) {
	if o := r.fork(); o != nil {
		o.stack[m.at].prefix = prefixYes
		o.stack[m.at].passed = ^uint32(0) // r goes on with the others
		o.take(b, m)
	}
	r.stack[m.at].prefix = prefixNo
}

// lonelyLF tells whether an LF without CR stands before a boundary line that
// ends with CRLF.
func (r *reader) lonelyLF(b []byte) bool {
	return r.neol == 1 && len(trimEOL(b)) == len(b)-2
}

// forkStrict follows the reading of programs for which only CRLF ends a line,
// so that this is none. It returns true if r is that reading already.
func (r *reader) forkStrict(b []byte, at int) bool {
	fr := &r.stack[at]
	if fr.strict || r.state != inBody {
		return fr.strict
	}
	if o := r.fork(); o != nil {
		r.defect(Defect{RuleBoundary, Middle, "LF before it"})
		o.stack[at].strict = true
		o.leaf, r.leaf = r.leaf, nil
		o.body(b)
	}
	return false
}

// wildSize bounds what is taken for a boundary that no header names, in
// octets: 250, far above what is made.
const wildSize = 250

// forkWild follows the reading in which the first line that looks like a
// boundary line is one, while none of the header's has come.
func (r *reader) forkWild(b, token []byte) {
	fr := r.top()
	if fr.node.part.Kind != Multipart || fr.decided != nil || fr.phase != preamble || fr.tried {
		return
	}
	token = bytes.TrimRight(token, " \t\r")
	if len(token) > wildSize || bytes.ContainsAny(token, " \t") || len(bytes.Trim(token, "-")) == 0 {
		return
	}
	fr.tried = true
	if o := r.fork(); o != nil {
		fr := o.top()
		fr.wild = true
		o.take(b, match{at: len(o.stack) - 1, bound: bytes.Clone(token)})
	}
}

// take ends what is open inside a container and begins its next part, or what
// follows the last.
func (r *reader) take(b []byte, m match) {
	if r.stack[m.at].decided == nil {
		r.decide(b, m)
	}
	r.neol = 0 // it belongs to the boundary line
	r.closeLeaf()
	for i := m.at + 1; i < len(r.stack); i++ {
		if fr := &r.stack[i]; fr.node.part.Kind == Multipart && fr.phase != epilogue {
			r.feed.p.defect(fr.node.part, Defect{RuleBoundary, Low, "not closed"})
		}
	}
	r.popTo(m.at + 1)
	fr := r.top()
	r.peek = false
	r.feed.changed = true
	if m.last {
		fr.phase = epilogue
		r.state, r.peek = inBody, true
		return
	}
	if fr.phase == epilogue {
		r.defect(Defect{RuleOutside, Middle, "part after the close"})
	}
	fr.phase = within
	r.state = inHeader
	r.head.clear()
}

// decide settles on one boundary. If there may be others the reading in which
// this was none goes on, with what is open outside the parts.
func (r *reader) decide(b []byte, m match) {
	fr := &r.stack[m.at]
	n := fr.node
	if !fr.wild {
		n.seen = true
		for _, o := range r.feed.readers {
			if o != r && !o.dead && o.hasWild(n) {
				o.die()
			}
		}
		rest := 0
		passed := fr.passed
		for i, bound := range n.bounds {
			if bytes.Equal(bound, m.bound) {
				passed |= 1 << i
			}
			if passed&(1<<i) == 0 {
				rest++
			}
		}
		if rest > 0 {
			r.forkUndecided(b, m.at, passed)
		}
	}
	r.stack[m.at].decided = m.bound
}

// forkUndecided follows the reading in which a line is none of the container's
// boundary lines.
func (r *reader) forkUndecided(b []byte, at int, passed uint32) {
	if at != len(r.stack)-1 || r.state != inBody {
		return // inside a guess: another reader stands before it
	}
	if o := r.fork(); o != nil {
		o.stack[at].passed = passed
		o.stack[at].tried = true
		o.leaf, r.leaf = r.leaf, nil
		o.body(b)
	}
}

func (r *reader) hasWild(n *node) bool {
	for i := range r.stack {
		if r.stack[i].node == n {
			return r.stack[i].wild
		}
	}
	return false
}
