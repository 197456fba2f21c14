// Package attachment refuses files that nobody should get by mail: programs,
// what starts programs, what cannot be looked into, and names that lie.
//
// It judges every part of a message as soon as its header and first octets are
// known, before the rest has come, and members of containers like parts, at any
// depth:
//
//	Names --> canonical readings --> extension --+
//	Declared media types ------------------------+--> List --> attachment.banned
//	Types, by the octets ------------------------+
//
// Which files those are says the tenant's List. A finding's detail is the
// list's own word, never the file's name. The module opens nothing: that is
// done before it is asked, and what was noted on the way (encryption, macros,
// polyglots) is published there.
package attachment

import (
	"context"
	"slices"
	"sync"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// A Module judges attachments, by the List that is the recipients' policy for
// them, else by DefaultList.
type Module struct{}

// Name returns "attachment".
func (Module) Name() string { return "attachment" }

// Open starts on one message.
func (Module) Open(_ *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := scanners.Get().(*scanner)
	s.channel, s.list = ch, DefaultList
	if own, ok := e.Scope.Attachments().(*List); ok {
		s.list = own
	}
	return s
}

var (
	_ filter.ContentModule = Module{}
	_ filter.PartScanner   = (*scanner)(nil)
	_ filter.Immediate     = (*scanner)(nil)
)

// mostFindings is how many findings one message gets: 50. The first decides,
// the next help whoever reads the log; an archive can hold thousands.
const mostFindings = 50

// scanners are for use again: Close is the last call to one.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

// A scanner looks at one message.
type scanner struct {
	channel *filter.Channel
	list    *List
	said    []policy.Finding
	discs   discs
}

func (s *scanner) Write([]byte) {}

// OpenPart judges a part by all that is known of it before its content.
func (s *scanner) OpenPart(p *filter.Part) {
	if p.Made {
		return // there is no such file
	}
	for _, name := range p.Names {
		s.judgeName(p, name)
	}
	for _, media := range p.Declared {
		if word, refused := s.list.Declared(media); refused {
			s.publish(policy.Finding{Rule: RuleBanned, Detail: word, Place: p.Path, Force: policy.Reject})
		}
	}
	s.judgeTypes(p)
	if p.Kind == mime.Leaf {
		s.discs = append(s.discs, disc{part: p})
	}
	if p.HTML && p.Kind == mime.Leaf && isFile(p) {
		s.publish(policy.Finding{Rule: RuleHTML, Score: htmlScore, Place: p.Path})
	}
}

// PartData looks for what shows later than the first octets.
func (s *scanner) PartData(p *filter.Part, b []byte) {
	if t := s.discs.read(p, b); t != "" {
		s.judgeType(p, t)
	}
}

// ClosePart judges what the octets turned out to be further on.
func (s *scanner) ClosePart(p *filter.Part) {
	if i := s.discs.find(p); i >= 0 {
		s.discs = slices.Delete(s.discs, i, i+1)
	}
	if !p.Made {
		s.judgeTypes(p)
	}
}

// judgeTypes judges a part by its octets.
func (s *scanner) judgeTypes(p *filter.Part) {
	for _, t := range p.Types {
		if t == unpack.TypeScript && shown(p) {
			continue
		}
		s.judgeType(p, t)
	}
}

func (s *scanner) judgeType(p *filter.Part, t unpack.Type) {
	if word, refused := s.list.Type(t); refused {
		s.publish(policy.Finding{Rule: RuleBanned, Detail: word, Place: p.Path, Force: policy.Reject})
	}
}

// judgeName judges a part by one of its names.
func (s *scanner) judgeName(p *filter.Part, name string) {
	t := readings(name, func(text string) {
		rest, ext := extension(text)
		if word, refused := s.list.Extension(ext); refused {
			s.publish(policy.Finding{Rule: RuleBanned, Detail: word, Place: p.Path, Force: policy.Reject})
			if doubled(rest) {
				s.publish(policy.Finding{Rule: RuleDouble, Score: doubleScore, Detail: word, Place: p.Path})
			}
		}
		if volume(text) {
			s.publish(policy.Finding{Rule: RuleSplit, Place: p.Path, Force: policy.Reject})
		}
		if unpack.Mismatch(ext, p.Types) {
			s.publish(policy.Finding{Rule: RuleMismatch, Score: mismatchScore, Detail: string(p.Types[0]) + " named " + string(unpack.ByExtension(ext)), Place: p.Path})
		}
	})
	if t&bidiTrick != 0 {
		s.publish(policy.Finding{Rule: RuleRTL, Place: p.Path, Force: policy.Reject})
	}
	for _, trick := range trickWords {
		if t&trick.bit != 0 {
			s.publish(policy.Finding{Rule: RuleTrick, Score: trickScore, Detail: trick.word, Place: p.Path})
		}
	}
}

var trickWords = [...]struct {
	bit  tricks
	word string
}{{nulTrick, "NUL"}, {streamTrick, "stream"}, {classTrick, "class"}}

// isFile tells that a reader gets p as a file, not as the message's text.
func isFile(p *filter.Part) bool {
	return len(p.Names) > 0 || p.MIME == nil || p.MIME.Attached
}

// shown tells that p is text that a mail program shows: a patch may begin like
// a script and is none.
func shown(p *filter.Part) bool { return p.Text && !isFile(p) }

// publish states f, unless it has been said: a message with a hundred files of
// one kind has a hundred findings only if they refuse it, and is scored once.
func (s *scanner) publish(f policy.Finding) {
	if len(s.said) >= mostFindings {
		return
	}
	for i := range s.said {
		if said := &s.said[i]; said.Rule == f.Rule && (f.Score != 0 || said.Place == f.Place && said.Detail == f.Detail) {
			return
		}
	}
	s.said = append(s.said, f)
	s.channel.Publish(f)
}

// FinishNow votes: everything is published already.
func (s *scanner) FinishNow() error { return nil }

// Finish votes as FinishNow does.
func (s *scanner) Finish(context.Context) error { return nil }

// Close gives the scanner back.
func (s *scanner) Close() {
	clear(s.said)
	clear(s.discs)
	*s = scanner{said: s.said[:0], discs: s.discs[:0]}
	scanners.Put(s)
}
