package filter

import "sluice/stream/mime"

// A reader is a module that sees parts, and what else it sees.
type reader struct {
	channel *Channel
	parts   PartScanner
	fields  FieldScanner // nil: does not
	texts   TextScanner  // nil: does not
	links   LinkScanner  // nil: does not
}

// attach has b tell what it finds to every scanner of r that wants it.
func (b *body) attach(r *Run) {
	r.board.body = b
	for i := range r.channels {
		ch := &r.channels[i]
		parts, ok := ch.scanner.(PartScanner)
		if !ok {
			continue
		}
		rd := reader{channel: ch, parts: parts}
		rd.fields, _ = parts.(FieldScanner)
		rd.texts, _ = parts.(TextScanner)
		rd.links, _ = parts.(LinkScanner)
		b.readers = append(b.readers, rd)
		if _, ok := parts.(HashScanner); ok {
			b.hashed = true
		}
	}
	b.hashed = b.hashed || r.board.subscribed(Leaves)
}

// anyText tells whether somebody reads text.
func (b *body) anyText() bool {
	for i := range b.readers {
		if b.readers[i].texts != nil {
			return true
		}
	}
	return false
}

// An event is one call to the modules that see parts.
type event struct {
	kind   eventKind
	part   *Part
	octets []byte
	field  mime.Field
}

type eventKind uint8

const (
	partOpened eventKind = iota
	fieldRead
	dataRead
	textRead
	linkRead
	partClosed
)

// tell gives e to every reader, in chain order.
func (b *body) tell(e event) {
	for i := 0; i < len(b.readers); {
		i = b.tellFrom(i, &e)
	}
}

// tellFrom gives e to the readers from place i on, up to the end or one that
// panics, and returns the place after.
func (b *body) tellFrom(i int, e *event) (next int) {
	next = i
	defer func() {
		if recover() != nil { // the value may quote the message: it is not kept
			b.readers[next].channel.fail(panicked)
			next++
		}
	}()
	for ; next < len(b.readers); next++ {
		if rd := &b.readers[next]; !rd.channel.failed.Load() {
			rd.take(e)
		}
	}
	return next
}

func (r *reader) take(e *event) {
	switch e.kind {
	case partOpened:
		r.parts.OpenPart(e.part)
	case dataRead:
		r.parts.PartData(e.part, e.octets)
	case partClosed:
		r.parts.ClosePart(e.part)
	case fieldRead:
		if r.fields != nil {
			r.fields.Field(e.part, e.field)
		}
	case textRead:
		if r.texts != nil {
			r.texts.Text(e.part, e.octets)
		}
	case linkRead:
		if r.links != nil {
			r.links.Link(e.part, e.octets)
		}
	}
}
