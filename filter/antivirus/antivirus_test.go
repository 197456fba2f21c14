package antivirus

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/policy"
)

// newModule makes a module that is closed when the test ends.
func newModule(t testing.TB, s Settings) *Module {
	t.Helper()
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeModule(t, m) })
	return m
}

// closeModule ends a module of which nothing may be left.
func closeModule(t testing.TB, m *Module) {
	t.Helper()
	m.Close()
	m.Wait()
	if n := m.memory.used.Load(); n != 0 {
		t.Errorf("%d octets are still held", n)
	}
}

// A testMail is a message with its parts, as a reader of messages would give
// them.
type testMail struct {
	raw   string
	parts []testPart
	// flows: the message outgrows its window after its first octet.
	flows bool
	// aborted: the sender leaves before the end.
	aborted bool
	piece   int // octets a piece; 0: chunkSize
}

type testPart struct {
	path, content string
	doubtful      bool // from the beginning
	turns         bool // doubtful at the end
}

// send sends a message through the module alone in its chain.
func send(t testing.TB, m *Module, mail testMail) []policy.Finding {
	t.Helper()
	return sendContext(t.Context(), t, m, mail)
}

func sendContext(ctx context.Context, t testing.TB, m *Module, mail testMail) []policy.Finding {
	t.Helper()
	chain, err := filter.New(filter.Entry{Module: fed{m, &mail}, Deadline: m.Deadline(), OnFailure: m.OnFailure()})
	if err != nil {
		t.Fatal(err)
	}
	visit := chain.Visit(&filter.Session{})
	run, _ := visit.Begin(ctx, &filter.Envelope{})
	defer run.Close()
	run.Open()
	rest := []byte(mail.raw)
	if mail.flows {
		run.Write(rest[:1])
		run.Overflow()
		rest = rest[1:]
	}
	size := mail.piece
	if size == 0 {
		size = chunkSize
	}
	for piece := range slices.Chunk(rest, size) {
		run.Write(piece)
	}
	if mail.aborted {
		return run.Findings()
	}
	findings := run.Finish(ctx)
	if err := chain.Wait(t.Context()); err != nil {
		t.Errorf("a scanner is left: %v", err)
	}
	return findings
}

// fed is the module, with the parts of one message given to it: each octet of
// the message brings a share of each part.
type fed struct {
	*Module
	mail *testMail
}

func (f fed) Open(s *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	inner := newScanner(f.Module, ch)
	fs := &fedScanner{scanner: inner, mail: f.mail}
	for _, p := range f.mail.parts {
		fs.parts = append(fs.parts, &filter.Part{Path: p.path, Doubtful: p.doubtful})
		fs.left = append(fs.left, []byte(p.content))
	}
	return fs
}

type fedScanner struct {
	*scanner
	mail   *testMail
	parts  []*filter.Part
	left   [][]byte
	opened bool
}

func (s *fedScanner) Write(p []byte) {
	s.scanner.Write(p)
	if !s.opened {
		s.opened = true
		for _, part := range s.parts {
			s.OpenPart(part)
		}
	}
	for i, part := range s.parts { // all are open at once
		n := len(s.mail.parts[i].content) * len(p) / max(1, len(s.mail.raw))
		s.feed(i, part, min(n, len(s.left[i])))
	}
}

func (s *fedScanner) feed(i int, part *filter.Part, n int) {
	for n > 0 {
		k := min(n, chunkSize)
		piece := slices.Clone(s.left[i][:k])
		s.PartData(part, piece)
		clear(piece) // who kept it is found out
		s.left[i], n = s.left[i][k:], n-k
	}
}

func (s *fedScanner) Finish(ctx context.Context) error {
	for i, part := range s.parts {
		s.feed(i, part, len(s.left[i]))
		part.Size = int64(len(s.mail.parts[i].content))
		part.SHA256 = sha256.Sum256([]byte(s.mail.parts[i].content))
		part.Doubtful = part.Doubtful || s.mail.parts[i].turns
		s.ClosePart(part)
	}
	return s.scanner.Finish(ctx)
}

// said puts findings on one line: rule and detail of each, and where.
func said(findings []policy.Finding) string {
	var all []string
	for _, f := range findings {
		one := f.Rule + " " + f.Detail
		if f.Place != "" {
			one += " at " + f.Place
		}
		all = append(all, one)
	}
	return strings.Join(all, "; ")
}

// A fake is an engine that finds "virus:NAME;" in content, and does what
// "do:WORD" asks for.
type fake struct {
	hold   chan struct{} // not nil: wait for it, or for the end of ctx
	slow   time.Duration // between two pieces
	reads  func(int)     // called with the size of each content
	stuck  bool          // reads nothing more after the first piece
	voting Vote          // what it says if it finds nothing to say
}

func (f *fake) Scan(ctx context.Context, content *Content) Vote {
	var seen []byte
	for {
		b, err := content.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return Vote{}
		}
		seen = append(seen, b...)
		if f.stuck {
			<-ctx.Done()
			return Vote{}
		}
		if f.slow > 0 {
			wait(ctx, f.slow)
		}
	}
	if f.reads != nil {
		f.reads(len(seen))
	}
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return Vote{}
		}
	}
	text := string(seen)
	if _, name, ok := strings.Cut(text, "virus:"); ok {
		name, _, _ = strings.Cut(name, ";")
		return infected([]byte(name))
	}
	if strings.Contains(text, "do:panic") {
		panic("virus in the scanner")
	}
	if f.voting != (Vote{}) {
		return f.voting
	}
	return clean()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// base64Lines encodes as a mail program does.
func base64Lines(text string) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	return b.String() + encoded + "\r\n"
}
