package unpack

import (
	"bytes"
	"errors"
	"io"
)

// errStop unwinds a reader that has nothing more to tell: its budget is at the
// end, or it was closed.
var errStop = errors.New("stopped")

// errNoted is that of content which could not be unpacked for a reason that
// was told.
var errNoted = errors.New("noted")

// A teller tells what one Reader finds to its Sink, within the budget. Once it
// is over, all its methods do nothing and return false.
type teller struct {
	b *Budget
	s Sink

	over    bool  // told all it may, or closed
	telling bool  // inside the Sink: a panic is not the reader's
	kept    *kept // the container so far, for formats that read it twice
	taken   int64 // octets of the container that a pulling reader was given
	index   int
	m       *Member // open one
	size    int64   // octets told of it
	noted   map[Note]struct{}
	links   int // addresses told
}

// tell runs a call of the Sink with the decoders' clock stopped. On a panic
// telling stays set, on purpose.
func (t *teller) tell(f func()) {
	was := t.b.watch(false)
	t.telling = true
	f()
	t.telling = false
	t.b.watch(was)
}

// alive tells whether anything may still be told. When the budget has ended it
// tells that, once.
func (t *teller) alive() bool {
	if t.over {
		return false
	}
	n, ended := t.b.exhausted()
	if !ended {
		return true
	}
	t.finish(n)
	return false
}

// finish tells a last note and is over.
func (t *teller) finish(n Note) {
	t.tell(func() { t.s.Note(n) })
	t.close()
	t.over = true
}

// open begins a member; one that is open is closed first. The Index is set
// here, names are cut to NameSize.
func (t *teller) open(m Member) bool {
	t.close()
	if !t.alive() {
		return false
	}
	if !t.b.entry() {
		return t.alive()
	}
	m.Index = t.index
	t.index++
	for i, name := range m.Names {
		if len(name) > NameSize {
			m.Names[i] = cutName(name)
			t.note(RuleName, Middle, "")
		}
	}
	t.m, t.size = &m, 0
	t.tell(func() { t.s.Open(t.m) })
	return true
}

// data tells content of the open member.
func (t *teller) data(p []byte) bool {
	if t.m == nil || !t.alive() {
		return false
	}
	if len(p) == 0 {
		return true
	}
	if !t.b.output(len(p), t.size) {
		return t.alive()
	}
	t.size += int64(len(p))
	// As tell does it, without a closure for each piece.
	was := t.b.watch(false)
	t.telling = true
	t.s.Data(t.m, p)
	t.telling = false
	t.b.watch(was)
	return true
}

// whole tells a member that lies in memory, in one piece or several, and
// whether anything more may be told. The budget allowing, of course.
func (t *teller) whole(m Member, pieces ...[]byte) bool {
	if !t.open(m) {
		return t.alive()
	}
	for _, p := range pieces {
		for len(p) > copySize {
			if !t.data(p[:copySize]) {
				return t.alive()
			}
			p = p[copySize:]
		}
		if !t.data(p) {
			return t.alive()
		}
	}
	t.close()
	return t.alive()
}

// close ends the open member, if there is one.
func (t *teller) close() {
	if m := t.m; m != nil && !t.over {
		t.m = nil
		t.tell(func() { t.s.Close(m) })
	}
}

// note tells a fact, each once in a container.
func (t *teller) note(rule string, c Class, detail string) {
	n := Note{Rule: rule, Class: c, Detail: detail}
	if _, told := t.noted[n]; told || !t.alive() {
		return
	}
	if t.noted == nil {
		t.noted = make(map[Note]struct{})
	}
	t.noted[n] = struct{}{}
	t.tell(func() { t.s.Note(n) })
}

// broken notes that the rest was not read. The detail says where, never why in
// the words of a library.
func (t *teller) broken(detail string) { t.note(RuleBroken, Middle, detail) }

// unread notes that octets of a container were not read which another program
// might read.
func (t *teller) unread(detail string) { t.note(RuleUnread, Unsupported, detail) }

// noArchive notes that nothing whole begins with the mark that data has. One at
// the very beginning makes other programs try all they can; of one farther
// behind, in text or a program, they ask a right header as we do.
func (t *teller) noArchive(data []byte, mark string) {
	if bytes.HasPrefix(data, []byte(mark)) {
		t.unread("header")
	} else {
		t.broken("header")
	}
}

// fault notes what an error of unpacking means, if that was not told.
func (t *teller) fault(err error, detail string) {
	switch err {
	case nil, errNoted:
	case errRandomised:
		t.unread("bzip2")
	default:
		t.broken(detail)
	}
}

// grow takes memory. False: the reader is over.
func (t *teller) grow(n int64) bool {
	if t.b.grow(n) {
		return true
	}
	return t.alive()
}

// copy tells all of r as content of the open member. The error is r's, nil at
// its end, or errStop.
func (t *teller) copy(r io.Reader) (n int64, err error) {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for {
		k, err := r.Read(buf[:])
		n += int64(k)
		if k > 0 && !t.data(buf[:k]) {
			return n, errStop
		}
		if k == 0 && err == nil && !t.b.inTime() {
			t.alive()
			return n, errStop
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// timed is a Reader of octets that are there already. It looks at the clock, as
// a puller does: a decoder can read for long and tell nothing.
type timed struct {
	b *Budget
	r io.Reader
}

func (r timed) Read(p []byte) (int, error) {
	if !r.b.inTime() {
		return 0, errStop
	}
	return r.r.Read(p)
}

// guard runs a piece of a reader on the decoders' clock. A panic of a library
// becomes a Note of class Failed; one of the Sink goes on to whoever wrote it.
func (t *teller) guard(f func()) {
	was := t.b.watch(true)
	defer func() {
		if t.telling {
			return
		}
		if recover() != nil {
			t.b.watch(false)
			t.note(RuleBroken, Failed, "panic")
			t.close()
			t.over = true
		}
		t.b.watch(was)
	}()
	f()
}
