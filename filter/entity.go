package filter

import (
	"strings"

	"sluice/stream/mime"
)

// entities is the body as the MIME parser sees it.
type entities body

// Open begins an entity. Of a leaf the modules are told when it is known what
// its octets are.
func (e *entities) Open(p *mime.Part) { e.open(p, (*body)(e).entity(p.Parent)) }

func (e *entities) open(p *mime.Part, parent *piece) {
	b := (*body)(e)
	part := &Part{
		Path: p.Path, MIME: p, Kind: p.Kind,
		Names: p.Names, Declared: p.Types, Doubtful: p.Doubtful,
	}
	if part.Declared == nil && p.Type != "" {
		part.declared[0] = p.Type
		part.Declared = part.declared[:]
	}
	pc := b.open(part, parent)
	pc.mime = p
	part.Odd = b.oddHead && parent == nil
	if p.View > 0 || p.Doubtful && strings.HasSuffix(p.Path, "end") {
		b.odd(p.Parent) // clamd adds what is behind the last part to it
	}
	if p.Kind != mime.Leaf {
		if up := pc.above(); up != nil {
			up.settle()
		}
		pc.known = true
		b.tell(event{kind: partOpened, part: part})
	}
}

// Field is a header field. Those of messages are told.
func (e *entities) Field(p *mime.Part, f mime.Field) {
	b := (*body)(e)
	pc := b.entity(p)
	if pc == nil {
		return
	}
	pc.fields++
	pc.header += len(f.Name) + len(f.Value)
	if pc.fields > manyFields || pc.header > longHeader || !common(f) {
		pc.part.Odd = true
	}
	if p.Kind == mime.Message {
		b.tell(event{kind: fieldRead, part: pc.part, field: f})
	}
}

// Data is decoded content.
func (e *entities) Data(p *mime.Part, octets []byte) {
	if pc := (*body)(e).entity(p); pc != nil {
		pc.part.Doubtful = pc.part.Doubtful || p.Doubtful
		pc.write(octets)
	}
}

// Close ends an entity.
func (e *entities) Close(p *mime.Part) {
	if pc := (*body)(e).entity(p); pc != nil {
		pc.part.Doubtful = pc.part.Doubtful || p.Doubtful
		pc.close(true)
	}
}

// Defect is something wrong with an entity.
func (e *entities) Defect(p *mime.Part, d mime.Defect) {
	place := ""
	if p != nil {
		place = p.Path
	}
	b := (*body)(e)
	if !ofMeaning[d.Rule] {
		b.odd(p)
	}
	if pc := b.holder(p); pc != nil {
		pc.held = append(pc.held, held{defect: d, place: place})
		return
	}
	b.defect(d, place)
}

// entity returns the open piece of an entity, or nil.
func (b *body) entity(p *mime.Part) *piece {
	if p == nil {
		return nil
	}
	for i := len(b.pieces) - 1; i >= 0; i-- {
		if b.pieces[i].mime == p {
			return b.pieces[i]
		}
	}
	return nil
}
