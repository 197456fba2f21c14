package unpack

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/smtptest"
)

// A recorder is a Sink that keeps what it is told, and that opens members that
// are containers again, as package filter does.
type recorder struct {
	b       *Budget
	deep    bool // opens members
	t       testing.TB
	members []*recorded
	notes   []Note
	links   []string
	open    *recorded
}

// recorded is one member.
type recorded struct {
	Member
	names  string
	data   []byte // the first keep octets
	sum    [32]byte
	size   int64
	hash   interface{ Write([]byte) (int, error) }
	inner  *recorder
	types  []Type
	reader Reader
	head   []byte
}

// keep is how much of a member's content is kept.
const keep = 64 << 10

func (r *recorder) Open(m *Member) {
	if r.open != nil {
		r.t.Error("a member opened inside another")
	}
	if m.Index != len(r.members) {
		r.t.Errorf("member %d has index %d", len(r.members), m.Index)
	}
	r.open = &recorded{Member: *m, names: strings.Join(m.Names, "|"), hash: sha256.New()}
	r.members = append(r.members, r.open)
}

func (r *recorder) Data(m *Member, b []byte) {
	o := r.open
	if o == nil || len(b) == 0 {
		r.t.Fatal("data without a member, or none")
	}
	o.size += int64(len(b))
	o.hash.Write(b)
	o.data = append(o.data, b[:min(len(b), keep-len(o.data))]...)
	if !r.deep {
		return
	}
	if o.reader != nil {
		o.reader.Write(b)
		return
	}
	if o.types != nil {
		return
	}
	o.head = append(o.head, b...)
	if len(o.head) >= HeadSize {
		r.descend(o)
	}
}

// descend opens a member by its head.
func (r *recorder) descend(o *recorded) {
	o.types = Detect(o.head[:min(len(o.head), HeadSize)])
	for _, t := range o.types {
		if !t.Container() {
			continue
		}
		if !r.b.Enter() {
			r.notes = append(r.notes, Note{Rule: RuleDepth, Class: Exhausted})
			break
		}
		o.inner = &recorder{b: r.b, deep: true, t: r.t}
		o.reader = Open(t, strings.Split(o.names, "|")[0], r.b, o.inner)
		o.reader.Write(o.head)
		break
	}
	if o.types == nil {
		o.types = []Type{}
	}
	o.head = nil
}

func (r *recorder) Close(m *Member) {
	o := r.open
	if o == nil {
		r.t.Fatal("close without a member")
	}
	if r.deep && o.types == nil {
		r.descend(o)
	}
	if o.reader != nil {
		o.reader.Close(true)
		r.b.Leave()
		o.reader = nil
	}
	copy(o.sum[:], o.hash.(interface{ Sum([]byte) []byte }).Sum(nil))
	o.hash = nil
	r.open = nil
}

func (r *recorder) Note(n Note)     { r.notes = append(r.notes, n) }
func (r *recorder) Link(url []byte) { r.links = append(r.links, string(url)) }

// String shows everything, for comparison.
func (r *recorder) String() string {
	var s strings.Builder
	for _, m := range r.members {
		fmt.Fprintf(&s, "%s enc=%v size=%d got=%d %x\n", m.names, m.Encrypted, m.Size, m.size, m.sum[:4])
		if m.inner != nil {
			for line := range strings.Lines(m.inner.String()) {
				s.WriteString("  " + line)
			}
		}
	}
	for _, n := range r.notes {
		fmt.Fprintf(&s, "note %s %d %s\n", n.Rule, n.Class, n.Detail)
	}
	return s.String()
}

// has tells whether a rule was noted at any depth.
func (r *recorder) has(rule string) bool {
	for _, n := range r.notes {
		if n.Rule == rule {
			return true
		}
	}
	for _, m := range r.members {
		if m.inner != nil && m.inner.has(rule) {
			return true
		}
	}
	return false
}

// finds tells whether a member at any depth has this content.
func (r *recorder) finds(content []byte) bool {
	for _, m := range r.members {
		if m.size == int64(len(content)) && m.sum == sha256.Sum256(content) || m.inner != nil && m.inner.finds(content) {
			return true
		}
	}
	return false
}

// read takes content apart in pieces of so many octets; 0: in one.
func read(t testing.TB, typ Type, name string, content []byte, piece int, l Limits) *recorder {
	t.Helper()
	b := NewBudget(l, NewMemory(1<<30), "net")
	rec := &recorder{b: b, deep: true, t: t}
	if !b.Enter() {
		t.Fatal("no depth at all")
	}
	r := Open(typ, name, b, rec)
	if r == nil {
		t.Fatalf("no reader for %s", typ)
	}
	if piece <= 0 {
		r.Write(content)
	} else {
		for c := content; len(c) > 0; c = c[min(piece, len(c)):] {
			r.Write(c[:min(piece, len(c))])
		}
	}
	r.Close(true)
	b.Leave()
	if rec.open != nil {
		t.Error("a member was left open")
	}
	if b.used != 0 {
		t.Errorf("%d octets of memory were kept", b.used)
	}
	b.Release()
	if held := b.memory.Held(); held != 0 {
		t.Errorf("%d octets of all memory were kept", held)
	}
	return rec
}

// readCuts takes content apart in several cuttings and wants equal results.
func readCuts(t testing.TB, typ Type, name string, content []byte) *recorder {
	t.Helper()
	whole := read(t, typ, name, content, 0, Limits{})
	for _, piece := range []int{1, 7, 1000, 32769} {
		if piece < 10 && len(content) > smtptest.Rounds(1<<20) {
			continue
		}
		if got := read(t, typ, name, content, piece, Limits{}); got.String() != whole.String() {
			t.Fatalf("pieces of %d:\n%s\nwhole:\n%s", piece, got, whole)
		}
	}
	return whole
}

// noise is octets that do not pack, the same each time.
func noise(n int) []byte {
	b := make([]byte, 0, n+32)
	sum := sha256.Sum256([]byte{byte(n)})
	for len(b) < n {
		b = append(b, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return b[:n]
}

// mixed is octets that pack well and badly in turn.
func mixed(n int) []byte {
	return bytes.Join([][]byte{noise(n / 3), bytes.Repeat([]byte("all the same "), n/39), noise(n - n/3 - n/39*13)}, nil)
}
