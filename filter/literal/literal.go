// Package literal finds the two strings made for testing filters, GTUBE and
// EICAR, in the octets of a message as they came, and at the beginning of what
// filter.Content finds in it.
//
// One search for what both strings have in common runs over each piece of
// content, at the speed of bytes.Index; what is left of a piece is carried
// over so that a string cut in two is found as well. The module publishes
// findings, at most one for each string and message, in the order in which
// the strings stand in it; those that only decoding shows come last, when the
// message has ended, so that its cutting does not show. It refuses nothing
// itself.
package literal

import (
	"bytes"
	"context"
	"sync"

	"sluice/filter"
	"sluice/policy"
)

// Rules.
const (
	RuleGTUBE = "literal.gtube"
	RuleEICAR = "literal.eicar"
)

// Rules are the rules of the module.
var Rules = []filter.Rule{
	{Name: RuleGTUBE, Text: "The message holds GTUBE, the test string for spam filters. Refuses."},
	{Name: RuleEICAR, Text: "The message holds EICAR, the test string for virus scanners. Refuses."},
}

// size is the length of each string: 68 octets, by their definitions.
const size = 68

// The strings are put together at run time so that no file of ours trips a
// scanner, this program included.
var (
	common = "-STANDARD" + "-ANTI"

	gtubeHead, gtubeTail = "XJS*C4JDBQADN1.NSBN3*2IDNEN" + "*GTUBE", "-UBE-TEST" + "-EMAIL*C.34X"
	eicarHead, eicarTail = `X5O!P%@AP[4\PZX54(P^)7CC)7}` + "$EICAR", "VIRUS-TEST" + "-FILE!$H+H*"

	needles = [...]needle{
		{RuleGTUBE, []byte(GTUBE()), len(gtubeHead)},
		{RuleEICAR, []byte(EICAR()), len(eicarHead)},
	}
	anchor = []byte(common)
)

// A needle is one of the strings. at is where the anchor begins in it.
type needle struct {
	rule string
	text []byte
	at   int
}

// GTUBE returns the Generic Test for Unsolicited Bulk Email, 68 octets
// (spamassassin.apache.org/gtube).
func GTUBE() string { return gtubeHead + common + gtubeTail }

// EICAR returns the anti-malware test file, 68 octets (eicar.org).
func EICAR() string { return eicarHead + common + eicarTail }

// A Module looks for both strings. The zero Module is ready for use.
type Module struct{}

// Name returns "literal".
func (Module) Name() string { return "literal" }

// Open starts on one message.
func (Module) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := scanners.Get().(*scanner)
	s.channel = ch
	return s
}

var (
	_ filter.ContentModule = Module{}
	_ filter.PartScanner   = (*scanner)(nil)
)

// scanners are for use again: Close is the last call to one.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

// A scanner looks at one message.
type scanner struct {
	channel *filter.Channel
	found   [len(needles)]bool
	decoded [len(needles)]bool   // seen in a part
	place   [len(needles)]string // which
	n       int                  // octets in tail
	tail    [2 * (size - 1)]byte // the end of what has been seen, and room for what follows it
}

// Write looks for strings that lie in p or end in it.
func (s *scanner) Write(p []byte) {
	if s.found == [len(needles)]bool{true, true} {
		return
	}
	// A string across the border lies in the last 67 octets before it and the
	// first 67 after it.
	head := p[:min(len(p), size-1)]
	across := append(s.tail[:s.n], head...)
	if s.n > 0 {
		s.search(across)
	}
	if len(p) >= size {
		s.search(p)
		across = p
	}
	// across and tail may overlap; copy minds that.
	s.n = copy(s.tail[:], across[max(0, len(across)-(size-1)):])
}

// search publishes what lies in text and has not been published.
func (s *scanner) search(text []byte) {
	each(text, func(k int) {
		if !s.found[k] {
			s.publish(k, "")
		}
	})
}

func (s *scanner) publish(k int, place string) {
	s.found[k] = true
	s.channel.Publish(policy.Finding{Rule: needles[k].rule, Place: place, Force: policy.Reject})
}

// each calls f for every string in text, in order, with its number.
func each(text []byte, f func(k int)) {
	for i := 0; ; i++ {
		next := bytes.Index(text[i:], anchor)
		if next < 0 {
			return
		}
		i += next
		for k := range needles {
			n := &needles[k]
			if start := i - n.at; start >= 0 && bytes.HasPrefix(text[start:], n.text) {
				f(k)
			}
		}
	}
}

// OpenPart looks at how a part begins. By its definition EICAR is the first of
// a file; GTUBE is sent in short texts.
func (s *scanner) OpenPart(p *filter.Part) {
	each(p.Head, func(k int) {
		if !s.decoded[k] {
			s.decoded[k], s.place[k] = true, p.Path
		}
	})
}

// PartData is nothing to this module.
func (*scanner) PartData(*filter.Part, []byte) {}

// ClosePart is nothing to this module.
func (*scanner) ClosePart(*filter.Part) {}

// FinishNow publishes what only decoding showed.
func (s *scanner) FinishNow() error {
	for k := range needles {
		if s.decoded[k] && !s.found[k] {
			s.publish(k, s.place[k])
		}
	}
	return nil
}

// Finish votes as FinishNow does.
func (s *scanner) Finish(context.Context) error { return s.FinishNow() }

// Close gives the scanner back.
func (s *scanner) Close() {
	*s = scanner{}
	scanners.Put(s)
}
