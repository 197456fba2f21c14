package unpack

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/smtptest"
)

// A told is a Sink that remembers.
type told struct {
	t       testing.TB
	members []*toldMember
	notes   []Note
	links   []string
	open    bool
}

type toldMember struct {
	Member
	data []byte
}

func (s *told) Open(m *Member) {
	if s.open {
		s.t.Error("members nest")
	}
	if m.Index != len(s.members) {
		s.t.Errorf("index %d, want %d", m.Index, len(s.members))
	}
	s.open = true
	s.members = append(s.members, &toldMember{Member: *m})
}

func (s *told) Data(m *Member, b []byte) {
	if !s.open {
		s.t.Error("data of no member")
	}
	last := s.members[len(s.members)-1]
	last.data = append(last.data, b...)
}

func (s *told) Close(*Member) {
	if !s.open {
		s.t.Error("close of no member")
	}
	s.open = false
}

func (s *told) Note(n Note)     { s.notes = append(s.notes, n) }
func (s *told) Link(url []byte) { s.links = append(s.links, string(url)) }

// rules returns the rules noted, with details, in order.
func (s *told) rules() []string {
	var list []string
	for _, n := range s.notes {
		r := n.Rule
		if n.Detail != "" {
			r += ":" + n.Detail
		}
		list = append(list, r)
	}
	return list
}

// has tells whether a rule, or rule and detail joined by a colon, was noted.
func (s *told) has(rule string) bool {
	for _, r := range s.rules() {
		if r == rule || strings.HasPrefix(r, rule+":") {
			return true
		}
	}
	return false
}

// find returns the member of a name, nil if there is none.
func (s *told) find(name string) *toldMember {
	for _, m := range s.members {
		for _, n := range m.Names {
			if n == name {
				return m
			}
		}
	}
	return nil
}

// String is everything that was told, for comparing.
func (s *told) String() string {
	var b strings.Builder
	for _, m := range s.members {
		fmt.Fprintf(&b, "member %q %d %v %v %x\n", m.Names, m.Size, m.Encrypted, m.Text, m.data)
	}
	fmt.Fprintf(&b, "notes %v\nlinks %q\n", s.notes, s.links)
	return b.String()
}

// tellAll writes data to a document's reader in pieces of so many octets; 0:
// at once.
func tellAll(t testing.TB, open func(*Budget, Sink) Reader, data []byte, piece int) *told {
	t.Helper()
	s := &told{t: t}
	b := NewBudget(Limits{}, nil, "")
	b.Enter()
	r := open(b, s)
	for rest := bytes.Clone(data); len(rest) > 0; {
		n := len(rest)
		if piece > 0 {
			n = min(n, piece)
		}
		r.Write(rest[:n])
		clear(rest[:n]) // it was lent
		rest = rest[n:]
	}
	r.Close(true)
	b.Leave()
	if s.open {
		t.Error("a member was left open")
	}
	if b.used != 0 {
		t.Errorf("%d octets of memory were not given back", b.used)
	}
	b.Release()
	return s
}

// hurt reads every truncation of data, and many copies with a bit turned:
// nothing may panic, and the budget must come back.
func hurt(t *testing.T, open func(*Budget, Sink) Reader, data []byte) {
	t.Helper()
	step := 1
	if len(data) > 8<<10 {
		step = len(data) / 4096
	}
	if smtptest.Race {
		step *= 13
	}
	for n := 0; n < len(data); n += step {
		noPanic(t, tellAll(t, open, data[:n], 0))
	}
	seed := uint32(1)
	for range smtptest.Rounds(3000) {
		seed = seed*1664525 + 1013904223
		bad := bytes.Clone(data)
		bad[int(seed>>3)%len(bad)] ^= 1 << (seed & 7)
		noPanic(t, tellAll(t, open, bad, 0))
	}
}

func noPanic(t *testing.T, s *told) {
	t.Helper()
	if s.has(RuleBroken + ":panic") {
		t.Fatal("a panic was caught")
	}
}

// sameCuts checks that the result does not depend on how data was cut.
func sameCuts(t testing.TB, open func(*Budget, Sink) Reader, data []byte) {
	t.Helper()
	want := tellAll(t, open, data, 0).String()
	for _, piece := range []int{1, 7, 511, 32 << 10} {
		if piece == 1 && len(data) > 64<<10 {
			continue
		}
		if got := tellAll(t, open, data, piece).String(); got != want {
			t.Errorf("pieces of %d:\n%.2000s\nat once:\n%.2000s", piece, got, want)
		}
	}
}
