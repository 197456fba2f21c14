package filter

import (
	"slices"
	"strconv"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// members is a piece as the reader of its container sees it.
type members struct {
	piece  *piece // the container
	open   *piece // the member that is open
	carved bool   // members were found inside what is no container
}

// Open begins a member.
func (m *members) Open(f *unpack.Member) {
	b := m.piece.body
	sign := "/"
	if m.carved {
		sign = "^"
	}
	part := &Part{
		Path: m.piece.part.Path + sign + strconv.Itoa(f.Index+1), Kind: mime.Leaf,
		Names: f.Names, Declared: f.Types, Encrypted: f.Encrypted, Made: f.Text, Rare: f.Rare || m.carved,
	}
	m.open = b.open(part, m.piece)
}

// Data is a member's content.
func (m *members) Data(_ *unpack.Member, octets []byte) {
	if m.open != nil {
		m.open.write(octets)
	}
}

// Close ends a member.
func (m *members) Close(*unpack.Member) {
	if pc := m.open; pc != nil {
		m.open = nil
		pc.close(true)
	}
}

// Note is a fact about the container.
func (m *members) Note(n unpack.Note) {
	if part := m.piece.mime; n.Rule == unpack.RuleUnread && part != nil && part.View > 0 {
		n.Rule = unpack.RuleBroken // a reading of few programs: of that, it is likely none
	}
	if t := unpack.Type(n.Detail); n.Rule == unpack.RuleKind && t.Executable() && !slices.Contains(m.piece.part.Types, t) {
		// Modules that have judged the types do so again when the part closes.
		m.piece.part.Types = append(slices.Clone(m.piece.part.Types), t)
	}
	if !ofMeaning[n.Rule] {
		m.piece.part.Odd = true
	}
	m.piece.body.noted(n, m.piece.part.Path)
}

// Link is an address in it.
func (m *members) Link(url []byte) {
	m.piece.body.tell(event{kind: linkRead, part: m.piece.part, octets: url})
}
