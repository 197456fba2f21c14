// Package headers judges what a message's header says about who made it:
// fields that are missing, doubled or malformed, dates that cannot be, senders
// that show one name and use another.
//
//	Field --> message: counts, and the values some rules need
//	   end of the header --> headerRules --> findings
//	   end of the message --> bodyRules --> findings
//
// Each rule is one line of a table in rules.go, and a function of the message.
// None refuses by itself, and none says anything that a single honest program
// could not have done: they count together with what other modules find. What
// makes a message's structure ambiguous is not judged here but where it is
// taken apart.
package headers

import (
	"bytes"
	"context"
	"sync"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream/mime"
)

// A Module judges headers. The zero Module is ready for use.
type Module struct {
	// Hostname is the name this installation has in its Received fields. Empty:
	// such fields are not looked for.
	Hostname string
	// Now is the clock that dates are held against. Nil: time.Now.
	Now func() time.Time
}

// Name returns "headers".
func (Module) Name() string { return "headers" }

// Open starts on one message.
func (m Module) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := scanners.Get().(*scanner)
	s.channel, s.hostname, s.now = ch, m.Hostname, m.Now
	return s
}

var (
	_ filter.ContentModule = Module{}
	_ filter.FieldScanner  = (*scanner)(nil)
	_ filter.Immediate     = (*scanner)(nil)
)

// scanners are for use again: Close is the last call to one.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

// A scanner looks at one message.
type scanner struct {
	channel  *filter.Channel
	hostname string
	now      func() time.Time
	message  message
	judged   bool // the header has been
}

func (s *scanner) Write([]byte) {}

// Field notes a field of the message's own header.
func (s *scanner) Field(p *filter.Part, f mime.Field) {
	if p.Parent == nil && !s.judged {
		s.message.add(f, s.hostname)
	}
}

// OpenPart judges the header when the first part inside the message begins.
func (s *scanner) OpenPart(p *filter.Part) {
	if p.Parent == nil && p.Kind == mime.Message {
		return
	}
	s.judgeHeader()
	s.message.addPart(p)
}

// PartData looks for something that is not blank.
func (s *scanner) PartData(_ *filter.Part, b []byte) {
	s.judgeHeader()
	if s.message.blank && len(bytes.TrimSpace(b)) > 0 {
		s.message.blank = false
	}
}

func (s *scanner) ClosePart(*filter.Part) {}

// judgeHeader publishes what the header gives rise to, once.
func (s *scanner) judgeHeader() {
	if s.judged {
		return
	}
	s.judged = true
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	s.message.read(now())
	s.judge(headerRules)
}

// judge publishes the findings of some rules.
func (s *scanner) judge(rules []rule) {
	for i := range rules {
		r := &rules[i]
		if detail, hit := r.find(&s.message); hit {
			s.channel.Publish(policy.Finding{Rule: r.Name, Score: r.Score, Detail: detail})
		}
	}
}

// FinishNow judges what only the whole message shows, and votes.
func (s *scanner) FinishNow() error {
	s.judgeHeader()
	s.judge(bodyRules)
	return nil
}

// Finish votes as FinishNow does.
func (s *scanner) Finish(context.Context) error { return s.FinishNow() }

// Close gives the scanner back.
func (s *scanner) Close() {
	s.channel, s.now, s.judged = nil, nil, false
	s.message.reset()
	scanners.Put(s)
}
