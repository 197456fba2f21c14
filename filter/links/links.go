// Package links finds the addresses that a message refers to: in text, HTML,
// style sheets, scripts, header fields, and in documents that others open.
//
// Each is brought into one canonical form and published once, on the topic
// filter.Links. Nothing is fetched and no name is looked up.
//
//	Text --> tokenizer --> attributes ----+
//	            |                         v
//	            +--> visible text --> finder --> scanner.take --> canon --> filter.Links
//	Field, Link ------------------------------------^               |
//	                                                                +--> nested addresses
//
// HTML is read as leniently as by the most lenient mail program, and where
// programs differ (comments, scripts, unclosed quotes) both readings are
// followed. What scripts and data: addresses carry in base64 is decoded and
// goes back to filter.Content as a leaf of its own.
//
// Time is linear in the content and memory is bounded: nothing backtracks, a
// finder works on blocks whose place does not depend on how the content was
// cut.
package links

import (
	"sync"

	"sluice/filter"
)

// DefaultLimit is how many different links of a message are published: 500,
// more than newsletters have. Each may cost a URL list a query.
const DefaultLimit = 500

// A Module finds links. The zero Module is ready for use.
type Module struct {
	// Limit is how many links of a message are published; what is beyond is
	// not looked at. Zero means DefaultLimit.
	Limit int
}

// Name returns "links".
func (Module) Name() string { return "links" }

// Open starts on one message.
func (m Module) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := scanners.Get().(*scanner)
	s.ch, s.limit = ch, m.Limit
	if s.limit <= 0 {
		s.limit = DefaultLimit
	}
	return s
}

var (
	_ filter.ContentModule = Module{}
	_ filter.TextScanner   = (*scanner)(nil)
	_ filter.FieldScanner  = (*scanner)(nil)
	_ filter.LinkScanner   = (*scanner)(nil)
	_ filter.Immediate     = (*scanner)(nil)
)

// scanners are for use again: Close is the last call to one.
var scanners = sync.Pool{New: func() any { return new(scanner) }}
