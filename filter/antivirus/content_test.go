package antivirus

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"sluice/internal/smtptest"
)

// pattern returns n octets of which no two stretches are alike.
func pattern(n int) []byte {
	p := make([]byte, n)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range p {
		p[i] = byte(random.Uint32())
	}
	return p
}

// read reads content in the pieces it comes in.
func read(ctx context.Context, c *Content) ([]byte, error) {
	var all []byte
	for {
		b, err := c.Next(ctx)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if len(b) == 0 || len(b) > chunkSize {
			panic("a piece that is none")
		}
		all = append(all, b...)
	}
}

// FuzzContent: however content is appended, each reader gets all of it, and
// everything that was held is given back.
func FuzzContent(f *testing.F) {
	f.Add(uint32(10), uint64(1), false)
	f.Add(uint32(chunkSize), uint64(2), true)
	f.Add(uint32(300_000), uint64(3), true)
	f.Fuzz(func(t *testing.T, size uint32, seed uint64, streams bool) {
		content := pattern(int(size % 500_000))
		random := rand.New(rand.NewPCG(seed, 1))
		m := &memory{limit: math.MaxInt64}
		s := newSource(newLedger(m), "", 0)
		started := random.IntN(len(content) + 1) // how much is there when readers come
		var readers []*Content
		var running sync.WaitGroup
		results := make([][]byte, 3)
		begin := func() {
			for range results {
				readers = append(readers, s.open(0))
			}
			if streams {
				s.stream()
			}
			for i, c := range readers {
				running.Go(func() {
					defer c.close()
					results[i], _ = read(t.Context(), c) // what is missing shows
				})
			}
		}
		for rest := content; ; {
			if len(content)-len(rest) >= started && readers == nil {
				begin()
			}
			if len(rest) == 0 {
				break
			}
			n := min(1+random.IntN(1<<random.IntN(18)), len(rest))
			s.retain(random.IntN(2) == 0)
			piece := bytes.Clone(rest[:n])
			s.append(piece)
			clear(piece)
			rest = rest[n:]
		}
		s.finish(nil)
		running.Wait()
		for i, got := range results {
			if !bytes.Equal(got, content) {
				t.Errorf("reader %d got %d octets, want %d", i, len(got), len(content))
			}
		}
		if n := m.used.Load(); n != 0 {
			t.Errorf("%d octets are still held", n)
		}
		if l := s.ledger; l.held.Load() != 0 || l.kept.Load() != 0 || l.queued.Load() != 0 {
			t.Errorf("the ledger says %d held, %d kept, %d queued", l.held.Load(), l.kept.Load(), l.queued.Load())
		}
	})
}

// A reader that is dropped in the middle of a piece keeps that piece: its
// octets are not another message's.
func TestDroppedReaderKeepsItsPiece(t *testing.T) {
	smtptest.CheckLeaks(t)
	m := &memory{limit: math.MaxInt64}
	s := newSource(newLedger(m), "", 0)
	slow, quick := s.open(0), s.open(0)
	s.stream()
	content := pattern(4 * chunkSize)
	s.append(content)
	lent, err := slow.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(lent)
	slow.drop()
	s.finish(nil)
	if got, err := read(t.Context(), quick); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the other got %d octets, %v", len(got), err)
	}
	quick.close()
	for range 8 { // whoever takes a chunk from the pool next
		b := newChunk(chunkSize)
		clear(b[:cap(b)])
	}
	if !bytes.Equal(lent, want) {
		t.Error("the piece has changed under its reader")
	}
	if _, err := slow.Next(t.Context()); err != errDropped {
		t.Errorf("dropped: %v", err)
	}
	slow.close()
	if n := m.used.Load(); n != 0 {
		t.Errorf("%d octets are still held", n)
	}
}

func TestContentStates(t *testing.T) {
	m := &memory{limit: chunkSize}
	s := newSource(newLedger(m), "", 0)
	c := s.open(10)
	if c.Size() != -1 || c.Whole() || c.Rewind() {
		t.Error("open content is taken for complete")
	}
	s.append([]byte("0123456789"))
	s.end(nil)
	for range 2 {
		if got, err := read(t.Context(), c); err != nil || string(got) != "0123456789" {
			t.Errorf("%q, %v", got, err)
		}
		if c.Size() != 10 || !c.Rewind() {
			t.Error("complete content cannot be read again")
		}
	}
	s.finish(nil)
	c.close()

	s = newSource(newLedger(m), "", 0)
	c = s.open(0)
	s.append(make([]byte, chunkSize+1))
	if _, err := read(t.Context(), c); err != errNoMemory {
		t.Errorf("beyond memory: %v", err)
	}
	s.finish(nil)
	c.close()
	if n := m.used.Load(); n != 0 {
		t.Errorf("%d octets are still held", n)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBehind)
	s = newSource(newLedger(m), "", 0)
	c = s.open(0)
	if _, err := c.Next(ctx); err != errBehind {
		t.Errorf("given up: %v", err)
	}
	c.close()
	s.finish(nil)
}

// What NewContent returns is content like any other.
func TestNewContent(t *testing.T) {
	for _, n := range []int{0, 1, chunkSize, 3*chunkSize + 1} {
		p := pattern(n)
		c := NewContent(p)
		for range 2 {
			if got, err := read(t.Context(), c); err != nil || !bytes.Equal(got, p) {
				t.Errorf("%d octets: got %d, %v", n, len(got), err)
			}
			if c.Size() != int64(n) || !c.Rewind() {
				t.Errorf("%d octets: size %d", n, c.Size())
			}
		}
	}
}

// BenchmarkCollect is what a clean message of 50 kB costs the session.
func BenchmarkCollect(b *testing.B) {
	m := newModule(b, engines(Settings{}, &fake{}))
	content := pattern(50_000)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		s := newScanner(m, nil)
		s.Write(content)
		if err := s.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
