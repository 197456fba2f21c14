package links

import (
	"sluice/filter"
	"sluice/stream/unpack"
)

// A carried looks for programs and archives that a page carries outside of its
// scripts' strings: in base64 or hexadecimal as text, in a comment, in an
// attribute, or as a list of numbers, which a script then puts together. Only
// pages that are files are read so: in mail no script runs.
//
// The first octets must show a type that no page has a business to carry, else
// every long word would be one.
type carried struct {
	code     carriedRun // characters of base64, or of hexadecimal
	numbers  carriedRun // octets
	number   int        // that is being read
	digits   int
	negative bool
	hex      bool
	state    numberState
}

// A carriedRun is a run that goes on.
type carriedRun struct {
	data []byte
	size int
	none bool // it is nothing: only its end is waited for
}

// carriedShow is how many characters or octets show what a run is: 88, which
// are 66 octets in base64, a program's first header.
const carriedShow = 88

type numberState uint8

const (
	numberNone   numberState = iota // no number may begin
	numberBegins                    // a number, or blanks
	numberIn
	numberBehind // blanks, or a comma
)

// carries tells whether a part is a page that somebody would open as a file.
func carries(p *filter.Part) bool {
	return p.HTML && (len(p.Names) > 0 || p.MIME == nil || p.MIME.Attached)
}

// reset forgets all runs. Buffers stay unless they are large.
func (c *carried) reset() {
	code, numbers := c.code.data[:0], c.numbers.data[:0]
	if cap(code) > keptStep {
		code = nil
	}
	if cap(numbers) > keptStep {
		numbers = nil
	}
	*c = carried{code: carriedRun{data: code}, numbers: carriedRun{data: numbers}}
}

// add adds to a run. decode is how its first octets are seen.
func (r *carriedRun) add(c byte, decode func([]byte) []byte) {
	if r.size++; r.none {
		return
	}
	r.data = append(r.data, c)
	if r.size == carriedShow {
		r.none = !restricted(unpack.Detect(decode(r.data)))
	}
}

// end ends a run and returns what it held if it was long enough.
func (r *carriedRun) end(least int) []byte {
	data := r.data
	if r.none || r.size < least {
		data = nil
	}
	r.data, r.size, r.none = r.data[:0], 0, false
	return data
}

// carries reads text on.
func (p *page) carries(b []byte) {
	for _, c := range b {
		switch {
		case sextet[c] > 0 && (p.carried.code.size > 0 || c != '-' && c != '_'): // a comment begins with those
			p.carried.code.add(c, decodeLiteral)
		case c == '\n', c == '\r', c == '\t':
		case p.carried.code.size > 0:
			p.endCode()
		}
		p.numbers(c)
	}
}

func (p *page) endCode() {
	if code := p.carried.code.end(literalSize); code != nil {
		p.s.hand(place{part: p.part, page: p}, "", decodeLiteral(code))
	}
}

// numbers takes a character of a list of numbers, decimal or hexadecimal, of
// octets with a sign or without, with commas or blanks between them, and quotes
// around each or all.
func (p *page) numbers(c byte) {
	n := &p.carried
	blank := c == ' ' || c == '\n' || c == '\r' || c == '\t' || isQuote(c)
	switch {
	case n.state == numberBehind && blank:
		return
	case n.state == numberBehind && c == ',':
		n.state = numberBegins
		return
	case n.state == numberIn && !n.hex && n.number == 0 && n.digits == 1 && c|0x20 == 'x':
		n.hex, n.digits = true, 0
		return
	case n.state == numberIn && (isDigit(c) || n.hex && hexDigit[c] > 0):
		if n.add(c); n.digits <= 3 {
			return
		}
	case n.state == numberIn && (blank || c == ',') && n.octet():
		p.endNumber()
		n.state = numberBehind
		if c == ',' {
			n.state = numberBegins
		}
		return
	case n.state == numberBegins && (blank || c == '-'):
		n.negative = n.negative || c == '-'
		return
	case (n.state == numberBegins || n.state == numberBehind) && isDigit(c):
		n.state, n.number, n.digits = numberIn, int(c-'0'), 1
		return
	}
	if n.state == numberIn && n.octet() {
		p.endNumber()
	}
	p.endNumbers()
	n.state, n.negative, n.hex = numberNone, false, false
	if c == '[' || c == '(' || c == '{' || c == '>' || isQuote(c) {
		n.state = numberBegins
	}
}

// add adds a digit to the number.
func (n *carried) add(c byte) {
	base := 10
	if n.hex {
		base = 16
	}
	n.digits++
	n.number = n.number*base + int(hexDigit[c]-1)
}

// octet tells whether the number is whole, and one of an octet.
func (n *carried) octet() bool { return n.digits > 0 && n.number <= 255 }

// endNumber takes a number that is complete.
func (p *page) endNumber() {
	n := &p.carried
	if n.negative {
		n.number = -n.number
	}
	n.negative, n.hex = false, false
	n.numbers.add(byte(n.number), func(b []byte) []byte { return b })
}

func (p *page) endNumbers() {
	if data := p.carried.numbers.end(literalSize); data != nil {
		p.s.hand(place{part: p.part, page: p}, "", append([]byte(nil), data...))
	}
}
