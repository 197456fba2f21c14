package antivirus

import (
	"slices"

	"sluice/filter"
	"sluice/stream/mime"
)

// A leaf is one part. Some engines want it; others may, until it is certain
// that they come to it by themselves, and for them it is kept meanwhile.
//
//	open --ClosePart--> closed --its container's, or the end--> settled
type leaf struct {
	part    *filter.Part
	source  *source   // nil: no octets yet
	text    *textLook // nil: not shown as text
	sum     *[32]byte // SHA-256, if it is known
	given   []bool    // by engine; nil: to none
	closed  bool
	settled bool // nothing more can make it needed
	beyond  bool // the engine may have reached a limit of its own before
	lost    bool // its beginning is gone: nobody more can be given it
}

// A wish is whether an engine wants a leaf.
type wish uint8

const (
	no wish = iota
	perhaps
	yes
)

// wish tells whether an engine wants a leaf, by what is known.
func (s *scanner) wish(e *engine, l *leaf) wish {
	switch e.feed {
	case FeedRaw:
		switch {
		case l.part.Doubtful:
			return yes
		case l.closed:
			return no
		}
	case FeedNeeded:
		switch {
		case s.all, l.beyond, l.text != nil && l.text.odd, needed(l.part):
			return yes
		case l.settled:
			return no
		}
	default:
		return yes
	}
	return perhaps
}

// asks tells whether some engine that has not been given a leaf has a wish.
func (s *scanner) asks(l *leaf, w wish) bool {
	for i, e := range s.module.engines {
		if (l.given == nil || !l.given[i]) && s.wish(e, l) == w {
			return true
		}
	}
	return false
}

// give gives a leaf to every engine that wants it and has not got it.
func (s *scanner) give(l *leaf) {
	s.start()
	for i, b := range s.ballots {
		if l.given != nil && l.given[i] || s.wish(b.engine, l) != yes {
			continue
		}
		if l.given == nil {
			l.given = make([]bool, len(s.ballots))
		}
		l.given[i] = true
		switch {
		case l.lost:
			b.cast(unscannable(Late), l.source)
		case !l.closed:
			b.follow(l.source)
		case l.source.cut() || !s.known(i, l.digest()):
			b.ask(l.source)
		}
	}
}

// digest returns the SHA-256 of a closed leaf of which nothing is gone.
func (l *leaf) digest() [32]byte {
	if l.sum == nil {
		l.sum = new([32]byte)
		l.source.digest(l.sum)
	}
	return *l.sum
}

// An offer is content that an engine was given.
type offer struct {
	engine int
	sum    [32]byte
}

// known tells whether an engine was given the same before, as a whole: parts
// come again in further readings of a message.
func (s *scanner) known(engine int, sum [32]byte) bool {
	o := offer{engine, sum}
	if s.seen[o] {
		return true
	}
	if s.seen == nil {
		s.seen = map[offer]bool{}
	}
	s.seen[o] = true
	return false
}

// attend gives a leaf to who wants it, if it is time, and lets go of it if
// nobody else may.
func (s *scanner) attend(l *leaf) {
	if l.source == nil || s.gone(l) {
		return
	}
	if s.flows && (l.closed || l.source.length() > wholeSize) {
		s.give(l)
	}
	switch {
	case s.asks(l, perhaps):
	case l.closed:
		l.source.retain(false)
	case l.given != nil && !s.asks(l, yes):
		l.source.stream()
		l.lost = true
	}
}

// gone tells whether a leaf is closed and nobody more is to be given it.
func (s *scanner) gone(l *leaf) bool {
	return l.closed && !s.asks(l, perhaps) && !s.asks(l, yes)
}

// tidy drops the closed leaves from place i on that are gone.
func (s *scanner) tidy(i int) {
	left := s.ended[:i]
	for _, l := range s.ended[i:] {
		if s.gone(&l) {
			l.source.retain(false)
			l.source.finish(nil)
		} else {
			left = append(left, l)
		}
	}
	clear(s.ended[len(left):])
	s.ended = left
}

// shed gives what is kept to those who may want it, as there is no room to
// wait. Who wants what is doubtful alone is given nothing, and finds out if
// it would have been.
func (s *scanner) shed() {
	if s.module.needs {
		s.all = true
		s.Overflow()
		for i := range s.ended {
			s.attend(&s.ended[i])
		}
		s.tidy(0)
	}
	for i := range s.open {
		l := &s.open[i]
		if l.source == nil || l.lost || l.source.length() <= wholeSize {
			continue
		}
		s.give(l)
		l.source.stream()
		l.lost = true
	}
}

// find returns the open leaf of a part, or nil.
func (s *scanner) find(p *filter.Part) *leaf {
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.open[i].part == p {
			return &s.open[i]
		}
	}
	return nil
}

// OpenPart begins a part.
func (s *scanner) OpenPart(p *filter.Part) {
	if p.Kind != mime.Leaf {
		return
	}
	l := leaf{part: p}
	if shown(p) {
		l.text = &textLook{lines: p.MIME.Encoding == ""}
		l.text.begin(p.Head)
	}
	s.open = append(s.open, l)
}

// PartData collects a part, or passes it on.
func (s *scanner) PartData(p *filter.Part, b []byte) {
	l := s.find(p)
	if l == nil {
		s.open = append(s.open, leaf{part: p}) // a message that could not be entered
		l = &s.open[len(s.open)-1]
	}
	if l.source == nil {
		l.source = s.source(p.Path)
		s.files++
		if p.MIME != nil {
			s.parts++
		}
		l.beyond = s.parts > reachParts || s.files > reachFiles
	}
	s.octets += int64(len(b))
	l.beyond = l.beyond || s.octets > reachOctets
	if l.text != nil {
		l.text.write(b)
	}
	l.source.retain(s.asks(l, perhaps))
	l.source.append(b)
	if s.flows && !l.lost {
		s.attend(l)
	}
	s.collected()
}

// ClosePart ends a part.
func (s *scanner) ClosePart(p *filter.Part) {
	i := slices.IndexFunc(s.open, func(l leaf) bool { return l.part == p })
	if i < 0 {
		return
	}
	l := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	if l.source == nil {
		return
	}
	l.closed = true
	if s.module.hashes {
		l.sum = new([32]byte) // a scan may outlive the part
		*l.sum = p.SHA256
		if l.given == nil { // else scans are looking
			l.source.sum = l.sum
		}
	}
	l.source.end(nil)
	s.settle(&l)
	s.attend(&l)
	s.ended = append(s.ended, l)
	s.tidy(len(s.ended) - 1)
}

// settle has the members of a container that has ended known for what they are.
func (s *scanner) settle(c *leaf) {
	i := len(s.ended)
	for i > 0 && s.ended[i-1].source.index > c.source.index {
		i--
		if l := &s.ended[i]; l.part.Parent == c.part {
			l.settled = true
		}
	}
	s.tidy(i)
}
