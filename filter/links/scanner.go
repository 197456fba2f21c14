package links

import (
	"bytes"
	"context"
	"slices"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/mime"
)

// A scanner looks at one message.
type scanner struct {
	ch    *filter.Channel
	limit int

	canon      canon
	pages      []*page           // open
	seen       map[string]string // canonical address: its registered domain
	host       string            // the last host looked up, and its registered domain
	domain     string
	notes      [ruleCount]note
	pending    bool // notes are to be published
	leaves     []leaf
	code       []byte // base64 from a script
	given      int    // leaves handed in
	submitting bool
	full       bool
}

// A note is a finding, published or about to be.
type note struct {
	state  uint8 // noted, published
	place  string
	detail string
}

const (
	noted = 1 + iota
	published
)

// A place is where a link was found.
type place struct {
	part *filter.Part
	page *page  // nil: none
	base []byte // what a relative one is relative to
}

// Write has no use for raw octets.
func (s *scanner) Write([]byte) {}

// OpenPart readies for the part's text.
func (s *scanner) OpenPart(p *filter.Part) {
	if !p.Text {
		return
	}
	pg := pages.Get().(*page)
	pg.s, pg.part = s, p
	s.pages = append(s.pages, pg)
}

// PartData has no use for octets.
func (s *scanner) PartData(*filter.Part, []byte) {}

// Text reads a part's text.
func (s *scanner) Text(p *filter.Part, b []byte) {
	pg := s.page(p)
	if pg == nil {
		return
	}
	if p.HTML {
		pg.html.write(b)
		if carries(p) {
			pg.carries(b)
		}
	} else {
		pg.words.write(b)
	}
	s.submit()
}

func (s *scanner) page(p *filter.Part) *page {
	for i := len(s.pages) - 1; i >= 0; i-- {
		if s.pages[i].part == p {
			return s.pages[i]
		}
	}
	return nil
}

// ClosePart ends a part: what it showed is published.
func (s *scanner) ClosePart(p *filter.Part) {
	if pg := s.page(p); pg != nil {
		pg.close()
		s.pages = slices.DeleteFunc(s.pages, func(other *page) bool { return other == pg })
		pg.free()
		s.submit()
	}
	s.publish()
}

// Link takes an address that a document refers to.
func (s *scanner) Link(p *filter.Part, url []byte) {
	s.take(place{part: p}, url, 0)
	s.submit()
}

// Field looks for addresses in header fields that readers see or programs
// offer them: Subject, Comments, Keywords, and those of mailing lists.
func (s *scanner) Field(p *filter.Part, f mime.Field) {
	switch {
	case hasPrefixFold(f.Name, "list-"), len(f.Name) == 7 && hasPrefixFold(f.Name, "subject"),
		len(f.Name) == 8 && (hasPrefixFold(f.Name, "comments") || hasPrefixFold(f.Name, "keywords")):
	default:
		return
	}
	if bytes.IndexByte(f.Value, ':') < 0 && bytes.IndexByte(f.Value, '.') < 0 && !bytes.Contains(f.Value, []byte("=?")) {
		return
	}
	v := f.Value
	if bytes.Contains(v, []byte("=?")) {
		v = mime.AppendWords(nil, v)
	}
	pg := pages.Get().(*page)
	pg.s, pg.part = s, p
	pg.words.mode(hasPrefixFold(f.Name, "list-"))
	pg.words.write(v)
	pg.words.flush()
	pg.free()
}

// FinishNow votes: what was found is published.
func (s *scanner) FinishNow() error {
	s.publish()
	return nil
}

// Finish votes as FinishNow does.
func (s *scanner) Finish(context.Context) error { return s.FinishNow() }

// Close gives the scanner back.
func (s *scanner) Close() {
	for _, pg := range s.pages {
		pg.free()
	}
	clear(s.pages)
	clear(s.seen)
	clear(s.leaves)
	*s = scanner{canon: s.canon, pages: s.pages[:0], seen: s.seen, leaves: s.leaves[:0], code: s.code}
	scanners.Put(s)
}

// note remembers a finding: each rule once a message, at the first place.
func (s *scanner) note(rule int, at place, detail string) {
	if n := &s.notes[rule]; n.state == 0 {
		*n = note{state: noted, place: at.part.Path, detail: detail}
		s.pending = true
	}
}

// publish tells what has been noted, in the order of Rules.
func (s *scanner) publish() {
	if !s.pending {
		return
	}
	s.pending = false
	for i := range s.notes {
		if n := &s.notes[i]; n.state == noted {
			n.state = published
			s.ch.Publish(policy.Finding{Rule: Rules[i].Name, Score: Rules[i].Score, Detail: n.detail, Place: n.place})
		}
	}
}
