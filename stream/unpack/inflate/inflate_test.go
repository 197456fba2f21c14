package inflate

import (
	"bufio"
	"bytes"
	stdflate "compress/flate"
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/iotest"
)

// inflated is all that a stream gives, with the octets that follow it.
func inflated(tb testing.TB, d *Decoder, r *bufio.Reader) (out []byte, rest []byte, err error) {
	d.Reset(r)
	for err == nil {
		var b []byte
		b, err = d.Next()
		if len(b) > MaxPiece || len(b) == 0 && err == nil {
			tb.Errorf("a piece of %d octets", len(b))
		}
		out = append(out, b...)
	}
	if b, again := d.Next(); len(b) > 0 || again != err {
		tb.Errorf("after the end %d octets and %v, before %v", len(b), again, err)
	}
	rest, _ = io.ReadAll(r)
	return out, rest, err
}

func compress(tb testing.TB, b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := stdflate.NewWriter(&out, level)
	if err != nil {
		tb.Fatal(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// A stream is written by bits.
type stream struct {
	b []byte
	n int // bits
}

// put writes a number of k bits, from its low end.
func (s *stream) put(v, k int) *stream {
	for ; k > 0; k-- {
		if s.n&7 == 0 {
			s.b = append(s.b, 0)
		}
		s.b[s.n>>3] |= byte(v&1) << (s.n & 7)
		v >>= 1
		s.n++
	}
	return s
}

// code writes a code of k bits, from its high end.
func (s *stream) code(v, k int) *stream {
	return s.put(int(bits.Reverse16(uint16(v))>>(16-k)), k)
}

// align goes to the next octet.
func (s *stream) align() *stream {
	s.n = (s.n + 7) &^ 7
	return s
}

// stored writes a stored block.
func (s *stream) stored(final int, b string) *stream {
	s.put(final, 3).align().put(len(b), 16).put(^len(b), 16)
	s.b = append(s.b, b...)
	s.n = 8 * len(s.b)
	return s
}

// dynamic begins a dynamic block with codes of these lengths, each length by
// itself in four bits.
func (s *stream) dynamic(final int, lits, dists []int) *stream {
	s.put(final|2<<1, 3).put(len(lits)-257, 5).put(len(dists)-1, 5).put(15, 4)
	for _, sym := range codeOrder {
		if sym < 16 {
			s.put(4, 3)
		} else {
			s.put(0, 3)
		}
	}
	for _, l := range append(lits[:len(lits):len(lits)], dists...) {
		s.code(l, 4)
	}
	return s
}

// lens are n lengths, zero but for some.
func lens(n int, some map[int]int) []int {
	l := make([]int, n)
	for sym, k := range some {
		l[sym] = k
	}
	return l
}

// few is a code of four symbols: a, the end, lengths 3 and 258, of 2 bits each.
func few() []int { return lens(286, map[int]int{'a': 2, 256: 2, 257: 2, 285: 2}) }

const (
	codeA = iota
	codeEnd
	code3
	code258
)

const (
	good    = "good"
	corrupt = "corrupt"
	cut     = "cut"
)

func outcome(err error) string {
	var c CorruptError
	switch {
	case err == io.EOF:
		return good
	case errors.As(err, &c):
		return corrupt
	case err == io.ErrUnexpectedEOF:
		return cut
	}
	return "other"
}

// fixedCode writes a symbol of a fixed block (RFC 1951 section 3.2.6).
func (s *stream) fixed(sym int) *stream {
	switch {
	case sym < 144:
		return s.code(0x30+sym, 8)
	case sym < 256:
		return s.code(0x190+sym-144, 9)
	case sym < 280:
		return s.code(sym-256, 7)
	}
	return s.code(0xC0+sym-280, 8)
}

func TestCorners(t *testing.T) {
	s := func() *stream { return new(stream) }
	end := func(s *stream) *stream { return s.code(codeEnd, 2) }
	// lengthCode begins a dynamic block with these lengths of codes of lengths.
	lengthCode := func(lengths map[int]int) *stream {
		s := s().put(1|2<<1, 3).put(0, 5).put(0, 5).put(15, 4)
		for _, sym := range codeOrder {
			s.put(lengths[int(sym)], 3)
		}
		return s
	}
	for _, c := range []struct {
		name, want string
		s          *stream
		out        int
	}{
		{"nothing", cut, s(), 0},
		{"reserved type", corrupt, s().put(7, 3), 0},
		{"empty stored", good, s().stored(1, ""), 0},
		{"stored", good, s().stored(0, "abc").stored(1, "d"), 4},
		{"stored behind bits", good, s().put(2, 3).fixed('a').fixed(256).stored(1, "d"), 2},
		{"stored, lengths differ", corrupt, s().put(1, 3).align().put(3, 16).put(3, 16), 0},
		{"stored, cut", cut, s().stored(0, "abc"), 3},
		{"fixed, empty", good, s().put(3, 3).fixed(256), 0},
		{"fixed, empty, and stored", good, s().put(2, 3).fixed(256).stored(1, "x"), 1},
		{"fixed, highest literal", good, s().put(3, 3).fixed(255).fixed(143).fixed(144).fixed(256), 3},
		{"fixed, match", good, s().put(3, 3).fixed('a').fixed(257).code(0, 5).fixed(256), 4},
		{"fixed, length 286", corrupt, s().put(3, 3).fixed('a').fixed(286).code(0, 5).fixed(256), 1},
		{"fixed, length 287", corrupt, s().put(3, 3).fixed('a').fixed(287).code(0, 5).fixed(256), 1},
		{"fixed, distance 30", corrupt, s().put(3, 3).fixed('a').fixed(257).code(30, 5).put(0, 14).fixed(256), 1},
		{"fixed, distance 31", corrupt, s().put(3, 3).fixed('a').fixed(257).code(31, 5).put(0, 14).fixed(256), 1},
		{"fixed, too far back", corrupt, s().put(3, 3).fixed('a').fixed(257).code(1, 5).fixed(256), 1},
		{"fixed, from nothing", corrupt, s().put(3, 3).fixed(257).code(0, 5).fixed(256), 0},
		// 284 with all extra bits is 258, as 285 is.
		{"two lengths of 258", good, s().put(3, 3).fixed('a').fixed(284).put(31, 5).code(0, 5).fixed(285).code(0, 5).fixed(256), 517},
		{"287 literals", corrupt, s().put(1|2<<1, 3).put(30, 5).put(0, 5).put(15, 4).put(0, 57), 0},
		{"31 distances", corrupt, s().put(1|2<<1, 3).put(29, 5).put(30, 5).put(15, 4).put(0, 57), 0},
		{"no code of lengths", corrupt, lengthCode(nil).put(0, 64), 0},
		// One code of one bit is taken: all lengths are zero here.
		{"one code of lengths", corrupt, lengthCode(map[int]int{18: 1}).put(0, 1).put(127, 7).put(0, 1).put(109, 7).put(0, 64), 0},
		{"one code of lengths, the other bit", corrupt, lengthCode(map[int]int{18: 1}).put(1, 1).put(0, 64), 0},
		{"one code of two bits", corrupt, lengthCode(map[int]int{18: 2}).put(0, 64), 0},
		{"three codes of one bit", corrupt, lengthCode(map[int]int{0: 1, 1: 1, 2: 1}).put(0, 64), 0},
		{"repeat nothing", corrupt, lengthCode(map[int]int{0: 1, 16: 1}).put(1, 1).put(0, 64), 0},
		{"repeat too much", corrupt, lengthCode(map[int]int{0: 1, 18: 1}).put(1, 1).put(127, 7).put(1, 1).put(127, 7).put(0, 64), 0},
		// 255 zeros, 1 for 255, 1 for the end, repeated over to the distance.
		{"repeat into distances", corrupt, lengthCode(map[int]int{1: 2, 16: 2, 18: 1}).put(0, 1).put(127, 7).put(0, 1).put(106, 7).
			code(2, 2).code(3, 2).put(0, 2), 0},
		{"dynamic", good, end(s().dynamic(1, few(), []int{1, 1}).code(codeA, 2).code(code3, 2).code(0, 1)), 4},
		{"overlapping", good, end(s().dynamic(1, few(), []int{1, 1}).code(codeA, 2).code(codeA, 2).code(code258, 2).code(1, 1)), 260},
		{"incomplete literals", corrupt, s().dynamic(1, lens(257, map[int]int{'a': 2, 256: 2}), []int{1}), 0},
		{"too many literals", corrupt, s().dynamic(1, lens(257, map[int]int{'a': 1, 'b': 1, 256: 1}), []int{1}), 0},
		{"incomplete distances", corrupt, s().dynamic(1, few(), []int{2, 2}), 0},
		{"too many distances", corrupt, s().dynamic(1, few(), []int{1, 1, 1}), 0},
		{"one distance", good, end(s().dynamic(1, few(), []int{1}).code(codeA, 2).code(code3, 2).put(0, 1)), 4},
		{"one distance, the other bit", corrupt, end(s().dynamic(1, few(), []int{1}).code(codeA, 2).code(code3, 2).put(1, 1)), 1},
		{"one distance of two bits", corrupt, s().dynamic(1, few(), []int{2}), 0},
		{"no distance, none used", good, end(s().dynamic(1, few(), []int{0}).code(codeA, 2)), 1},
		{"no distance, one used", corrupt, end(s().dynamic(1, few(), []int{0}).code(codeA, 2).code(code3, 2)).put(0, 64), 1},
		{"only an end", good, s().dynamic(1, lens(257, map[int]int{256: 1}), []int{0}).code(0, 1), 0},
		{"only an end, the other bit", corrupt, s().dynamic(1, lens(257, map[int]int{256: 1}), []int{0}).code(1, 1), 0},
		{"no literals", corrupt, s().dynamic(1, lens(257, nil), []int{0}).put(0, 64), 0},
		{"no end", cut, s().dynamic(1, lens(257, map[int]int{'a': 1, 'b': 1}), []int{0}).put(5, 11), 11},
	} {
		packed := append(c.s.b, "rest"...)
		if c.want == cut {
			packed = c.s.b
		}
		want := standard(packed)
		against(t, c.name, packed, want)
		out, rest, err := inflated(t, new(Decoder), bufio.NewReader(bytes.NewReader(packed)))
		// The bits behind the last code of one without an end are zeros or ones,
		// so some more may be read as literals.
		if outcome(err) != c.want || len(out) != c.out && (c.name != "no end" || len(out) < c.out) {
			t.Errorf("%s: %d octets, %v; want %s of %d", c.name, len(out), err, c.want, c.out)
		}
		if err == io.EOF && string(rest) != "rest" {
			t.Errorf("%s: left %q", c.name, rest)
		}
		if outcome(err) == corrupt && (int64(err.(CorruptError)) > int64(len(packed)) || err.(CorruptError) < 1) {
			t.Errorf("%s: %v of %d", c.name, err, len(packed))
		}
		if lib := library(packed); (lib.err == nil) != (want.err == nil) || lib.err == nil && (lib.rest != want.rest || !bytes.Equal(lib.out, want.out)) {
			t.Errorf("%s: the libraries differ: %v, %v", c.name, lib.err, want.err)
		}
	}
}

// A table of an earlier block, or an earlier stream, does not decode codes that
// are none.
func TestEmptyCodes(t *testing.T) {
	d := new(Decoder)
	first := new(stream).dynamic(0, few(), []int{1, 1}).code(codeA, 2).code(code3, 2).code(0, 1).code(codeEnd, 2)
	second := first.dynamic(1, few(), []int{0}).code(code3, 2).code(0, 1).code(codeEnd, 2).put(0, 64)
	out, _, err := inflated(t, d, bufio.NewReader(bytes.NewReader(second.b)))
	if outcome(err) != corrupt || string(out) != "aaaa" {
		t.Errorf("%q, %v", out, err)
	}
	against(t, "distances", second.b, standard(second.b))
	alone := new(stream).dynamic(1, lens(257, nil), []int{0}).put(0, 64)
	if out, _, err = inflated(t, d, bufio.NewReader(bytes.NewReader(alone.b))); outcome(err) != corrupt || len(out) > 0 {
		t.Errorf("%q, %v", out, err)
	}
}

// Every cut of a stream is told as one, after what was before it.
func TestCut(t *testing.T) {
	d := new(Decoder)
	for _, s := range samples(3000) {
		for _, level := range []int{-2, 0, 1, 9} {
			packed := compress(t, s.data, level)
			last := 0
			for n := 0; n < len(packed); n += 1 + n/40 {
				out, rest, err := inflated(t, d, bufio.NewReader(bytes.NewReader(packed[:n])))
				if err != io.ErrUnexpectedEOF || !bytes.HasPrefix(s.data, out) || len(out) < last || len(rest) > 0 {
					t.Fatalf("%s, level %d, %d of %d: %d octets, %d left, %v", s.name, level, n, len(packed), len(out), len(rest), err)
				}
				last = len(out)
			}
		}
	}
}

// Streams much longer than the window, also flushed in between.
func TestLong(t *testing.T) {
	for _, s := range samples(500_000) {
		for _, level := range []int{-2, 0, 1, 6} {
			packed := compress(t, s.data, level)
			against(t, s.name, append(packed, "rest"...), oracle{out: s.data, rest: 4})
		}
	}
	var b bytes.Buffer
	w, _ := stdflate.NewWriter(&b, 6)
	var data []byte
	for i, s := range samples(90_000) {
		for at := 0; at < len(s.data); at += 1000 * (i + 1) {
			p := s.data[at:min(len(s.data), at+1000*(i+1))]
			data = append(data, p...)
			w.Write(p)
			w.Flush()
		}
	}
	w.Close()
	against(t, "flushed", b.Bytes(), oracle{out: data})
}

// Matches of every length from every small distance, and from far ones.
func TestMatches(t *testing.T) {
	far := make([]byte, history)
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range far {
		far[i] = byte(rng.Uint32())
	}
	s := new(stream).stored(0, string(far[:history/2])).stored(0, string(far[history/2:])).put(3, 3)
	want := bytes.Clone(far)
	match := func(length, back int) {
		sym := 285
		for length < 258 && int(litEntries[sym]>>baseShift) > length || sym == 285 && length < 258 {
			sym--
		}
		s.fixed(sym).put(length-int(litEntries[sym]>>baseShift), int(litEntries[sym]&usedMask))
		d := 29
		for int(distEntries[d]>>baseShift) > back {
			d--
		}
		s.code(d, 5).put(back-int(distEntries[d]>>baseShift), int(distEntries[d]&usedMask))
		for range length {
			want = append(want, want[len(want)-back])
		}
	}
	for length := 3; length <= 258; length++ {
		for back := 1; back <= 40; back++ {
			match(length, back)
			s.fixed(int(far[length+back]))
			want = append(want, far[length+back])
		}
		match(length, history)
		match(length, history-length)
	}
	s.fixed(256)
	against(t, "matches", s.b, oracle{out: want})
}

// An error of the reader comes through, after what was before it.
func TestReaderFails(t *testing.T) {
	fault := errors.New("fault")
	data := prose(100_000)
	packed := compress(t, data, 6)
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(packed[:20_000]), iotest.ErrReader(fault)))
	out, _, err := inflated(t, new(Decoder), r)
	if err != fault || len(out) < 20_000 || !bytes.HasPrefix(data, out) {
		t.Errorf("%d octets, %v", len(out), err)
	}
}

// blocks is a Reader of empty blocks that stops after some octets.
type blocks struct {
	block []byte
	left  int
	reads int
}

func (b *blocks) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrClosedPipe
	}
	b.reads++
	n := 0
	for n+len(b.block) <= len(p) {
		n += copy(p[n:], b.block)
	}
	b.left -= n
	return n, nil
}

// Blocks without output end with the reader, which is asked all along.
func TestEmptyBlocks(t *testing.T) {
	// Empty dynamic blocks, to a border of octets by an empty stored one.
	dynamic := new(stream).dynamic(0, few(), []int{1, 1}).code(codeEnd, 2).stored(0, "").b
	for _, b := range [][]byte{{0, 0, 0, 0xFF, 0xFF}, {0x02, 0x08, 0x20, 0x80, 0x00}, dynamic} {
		r := &blocks{block: b, left: 1 << 20}
		out, _, err := inflated(t, new(Decoder), bufio.NewReaderSize(r, 4096))
		if err != io.ErrClosedPipe || len(out) > 0 || r.reads < 200 {
			t.Errorf("% x: %d octets, %d reads, %v", b[:5], len(out), r.reads, err)
		}
	}
}

func TestSize(t *testing.T) {
	if n := reflect.TypeFor[Decoder]().Size(); n > Size || n < Size*9/10 {
		t.Errorf("a Decoder has %d octets, Size is %d", n, Size)
	}
}

func TestNoAllocation(t *testing.T) {
	packed := compress(t, prose(50_000), 6)
	in := bytes.NewReader(packed)
	r := bufio.NewReader(in)
	d := new(Decoder)
	if n := testing.AllocsPerRun(10, func() {
		in.Reset(packed)
		r.Reset(in)
		d.Reset(r)
		for {
			if _, err := d.Next(); err != nil {
				return
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
