package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sort"
)

// errPDFFilter is given for a filter that is not undone: those of pictures.
var errPDFFilter = errors.New("filter of a picture")

// inflate returns a stream's decoded data, at most limit octets; what came
// before a defect counts. The memory is taken from the budget: the caller
// gives cap back.
func (p *pdf) inflate(s *pdfStream, limit int) []byte {
	for _, raw := range p.raw(s) {
		for _, filters := range p.filterings(s.filters) {
			r, err := pdfDecode(p.t, raw, filters, s.parms)
			if err != nil {
				continue
			}
			h := readHeld(p.t, r, limit)
			r.close()
			if len(h.b) > 0 {
				return h.b
			}
		}
	}
	return nil
}

// raw returns the encoded data of a stream as they may be meant: decrypted,
// and as they are, since whether a file is encrypted can be a lie.
func (p *pdf) raw(s *pdfStream) [][]byte {
	exact, far := p.extent(s)
	data := exact
	if len(s.filters) > 0 {
		data = far
	}
	if p.claimed += len(data); p.claimed > max(shareFrom, pdfShare*len(p.data)) {
		p.t.b.exhaust(RuleBomb, Exhausted, "overlap")
		p.t.alive()
		return nil
	}
	if p.cipher == nil || s.kind == "XRef" {
		return [][]byte{data}
	}
	if !p.t.grow(int64(len(exact))) {
		return nil
	}
	// Given back at once: it lives as long as one stream is read.
	p.t.b.shrink(int64(len(exact)))
	return [][]byte{p.cipher.open(exact, s.num, s.gen, false), data}
}

// extent returns a stream's data: up to its length if the word endstream is
// there, else up to that word; and up to the further of both, for filters that
// know their end.
func (p *pdf) extent(s *pdfStream) (exact, far []byte) {
	i := sort.SearchInts(p.ends, s.from)
	end := len(p.data)
	if i < len(p.ends) {
		end = p.ends[i]
	}
	exact = p.data[s.from:max(end, s.from)]
	exact = bytes.TrimSuffix(exact, []byte("\n"))
	exact = bytes.TrimSuffix(exact, []byte("\r"))
	if s.length < 0 || s.length > len(p.data)-s.from {
		return exact, exact
	}
	byLength := p.data[s.from : s.from+s.length]
	rest := p.data[s.from+s.length:]
	rest = bytes.TrimLeft(rest[:min(len(rest), 16)], "\r\n \t\x00")
	if bytes.HasPrefix(rest, []byte("endst")) {
		return byLength, byLength
	}
	if len(byLength) > len(exact) {
		return exact, byLength
	}
	return exact, exact
}

const (
	// pdfFilters is how many filters of a stream are undone: 16. Two are in use.
	pdfFilters = 16
	// pdfLZWSize is what a pdfLZW and its buffer hold: 40 KiB.
	pdfLZWSize = 40 << 10
)

// A pdfChain is the decoders of a stream's filters behind each other.
type pdfChain struct {
	io.Reader
	t         *teller
	held      int64
	inflaters []*inflater
}

// pdfDecode makes a pdfChain. Its memory is taken from the budget, until close.
func pdfDecode(t *teller, b []byte, filters []string, parms []pdfParms) (*pdfChain, error) {
	c := &pdfChain{Reader: timed{t.b, bytes.NewReader(b)}, t: t}
	for i, name := range filters {
		var own pdfParms
		if i < len(parms) {
			own = parms[i]
		}
		if err := c.add(name, own, i < len(parms)); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// add puts a decoder behind those that are there. Told is whether parms were.
func (c *pdfChain) add(name string, parms pdfParms, told bool) error {
	r := c.Reader
	switch name {
	case "FlateDecode", "Fl":
		if !c.grow(inflaterSize) {
			return errStop
		}
		p := newInflater(r, true) // readers of PDF forgive header and checksum
		c.inflaters = append(c.inflaters, p)
		return c.predict(p, parms)
	case "LZWDecode", "LZW":
		early := 1
		if told {
			early = parms.early
		}
		if !c.grow(pdfLZWSize) {
			return errStop
		}
		return c.predict(&pdfLZW{r: bufio.NewReader(r), early: early}, parms)
	case "ASCIIHexDecode", "AHx":
		c.Reader = &pdfASCIIHex{r: bufio.NewReader(r)}
	case "ASCII85Decode", "A85":
		c.Reader = &pdfASCII85{r: bufio.NewReader(r)}
	case "RunLengthDecode", "RL":
		c.Reader = &pdfRunLength{r: bufio.NewReader(r)}
	case "Crypt":
	default:
		return errPDFFilter
	}
	return nil
}

func (c *pdfChain) grow(n int64) bool {
	if !c.t.grow(n) {
		return false
	}
	c.held += n
	return true
}

// close gives back what the decoders hold.
func (c *pdfChain) close() {
	for _, p := range c.inflaters {
		p.free()
	}
	c.inflaters = nil
	c.t.b.shrink(c.held)
	c.held = 0
}

// predict puts r behind the others, and a predictor if there is to be one.
func (c *pdfChain) predict(r io.Reader, parm pdfParms) error {
	c.Reader = r
	if parm.predictor < 2 {
		return nil
	}
	bits := parm.colors * parm.bits
	if parm.colors < 1 || parm.colors > 64 || parm.bits < 1 || parm.bits > 32 || parm.columns < 1 || parm.columns > pdfRow ||
		(bits*parm.columns+7)/8 > pdfRow {
		return nil
	}
	n := (bits*parm.columns + 7) / 8
	if !c.grow(2 * int64(n)) {
		return errStop
	}
	c.Reader = &pdfPredictor{r: r, parm: parm, prev: make([]byte, n), row: make([]byte, n+1), bpp: max(1, bits/8)}
	return nil
}
