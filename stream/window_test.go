package stream

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWindowKeepsOctets does random things to a window and to a plain slice:
// both hold the same, and the budget is what the chunks are.
func TestWindowKeepsOctets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b budget
		b.limit.Store(int64(rapid.IntRange(1, 8).Draw(t, "budget")) * chunkSize)
		w := window{budget: &b}
		var held []byte
		octets := func() []byte {
			n := rapid.OneOf(rapid.IntRange(0, 9), rapid.IntRange(0, 3*chunkSize)).Draw(t, "octets")
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(i*7 + i>>8 + n)
			}
			return p
		}
		if !w.grow() {
			t.Fatal("no chunk in a fresh budget")
		}
		t.Repeat(map[string]func(*rapid.T){
			"grow": func(t *rapid.T) {
				before := slices.Clone(w.unread())
				if !w.grow() && b.used.Load()+chunkSize <= b.limit.Load() {
					t.Fatal("refused with room in the budget")
				}
				if !bytes.Equal(before, w.unread()) {
					t.Fatal("unread octets changed")
				}
			},
			"read and hold": func(t *rapid.T) {
				p := octets()
				p = p[:copy(w.space(), p)]
				w.w += len(p)
				n := rapid.IntRange(0, len(w.unread())).Draw(t, "held")
				held = append(held, w.unread()[:n]...)
				w.hold(w.unread()[:n])
				w.r += n
			},
			"add": func(t *rapid.T) {
				if len(w.unread()) > 0 {
					t.Skip("nothing may be unread")
				}
				p := octets()
				n := w.add(p)
				if n < len(p) && b.used.Load()+chunkSize <= b.limit.Load() {
					t.Fatal("stopped with room in the budget")
				}
				held = append(held, p[:n]...)
			},
			"cut": func(t *rapid.T) {
				from := rapid.IntRange(0, len(held)).Draw(t, "from")
				to := rapid.IntRange(from, len(held)).Draw(t, "to")
				w.cut(from, to)
				held = slices.Delete(held, from, to)
			},
			"flush": func(t *rapid.T) {
				before := slices.Clone(w.unread())
				w.flushed()
				held = held[:0]
				if !bytes.Equal(before, w.unread()) || len(w.chunks) != 1 || w.r != 0 {
					t.Fatal("unread octets changed")
				}
			},
			"prefix": func(t *rapid.T) {
				n := rapid.IntRange(0, len(held)+1).Draw(t, "prefix")
				if !bytes.Equal(w.prefix(n), held[:min(n, len(held))]) {
					t.Fatal("another prefix")
				}
			},
			"": func(t *rapid.T) {
				if got := bytes.Join(w.held, nil); !bytes.Equal(got, held) || w.size != int64(len(held)) {
					t.Fatalf("%d octets, size %d, want %d", len(got), w.size, len(held))
				}
				if got := b.used.Load(); got != int64(len(w.chunks))*chunkSize || got > b.limit.Load() {
					t.Fatalf("budget %d for %d chunks", got, len(w.chunks))
				}
			},
		})
		w.release()
		w.release() // harmless
		if b.used.Load() != 0 || w.size != 0 || len(w.held) != 0 {
			t.Fatalf("budget %d after the end", b.used.Load())
		}
	})
}

// Neighbours become one piece: a message is one writev of few.
func TestWindowJoinsNeighbours(t *testing.T) {
	var b budget
	b.limit.Store(chunkSize)
	w := window{budget: &b}
	w.grow()
	w.w = copy(w.space(), "abcdef")
	for range 3 {
		w.hold(w.unread()[:2])
		w.r += 2
	}
	if len(w.held) != 1 || string(w.held[0]) != "abcdef" {
		t.Errorf("held %q", w.held)
	}
	w.cut(2, 4)
	w.hold([]byte("gh"))
	if len(w.held) != 3 {
		t.Errorf("held %q", w.held)
	}
	w.release()
}

func TestBudget(t *testing.T) {
	var b budget
	b.limit.Store(10 * chunkSize)
	for i := range 10 {
		if b.short() || b.strained() != (i > 8) {
			t.Errorf("%d of 10: short %v, strained %v", i, b.short(), b.strained())
		}
		if !b.reserve() {
			t.Fatalf("refused at %d", i)
		}
	}
	if b.reserve() || !b.short() || b.used.Load() != 10*chunkSize {
		t.Errorf("full: %d", b.used.Load())
	}
	b.limit.Store(5 * chunkSize) // a reload took some
	b.free(6)
	if !b.reserve() || b.reserve() {
		t.Error("after a reload")
	}
}
