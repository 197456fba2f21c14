package unpack

import "io"

// A holder is a Reader of a format that has to be seen as a whole: its octets
// are held, and read at the end.
type holder struct {
	t    teller
	body func(t *teller, held []byte)
	held held
}

// hold returns a Reader that reads by body once all octets are there. A
// container larger than Limits.Held is not read: unpack.unsupported.
func hold(b *Budget, s Sink, body func(t *teller, held []byte)) Reader {
	return &holder{t: teller{b: b, s: s}, body: body}
}

func (h *holder) Write(b []byte) {
	h.t.b.input(len(b))
	if !h.t.alive() {
		h.held.free(h.t.b)
		return
	}
	if int64(len(h.held.b)+len(b)) > h.t.b.Limits.Held {
		h.held.free(h.t.b)
		h.t.finish(Note{Rule: RuleUnsupported, Class: Unsupported, Detail: "size"})
		return
	}
	if !h.held.add(h.t.b, b) {
		h.held.free(h.t.b)
		h.t.alive()
	}
}

func (h *holder) Close(complete bool) {
	if complete && h.t.alive() {
		h.t.guard(func() { h.body(&h.t, h.held.b) })
		h.t.close()
	}
	h.t.over = true
	h.held.free(h.t.b)
}

// held is a container in memory. It grows as octets come.
type held struct{ b []byte }

// heldStep is the least growth of a held container: 64 KiB.
const heldStep = 64 << 10

// add appends octets. False: there is no memory; what was held stays.
func (h *held) add(b *Budget, p []byte) bool {
	if need := len(h.b) + len(p); need > cap(h.b) {
		size := max(need, cap(h.b)+max(cap(h.b)/2, heldStep))
		if !b.grow(int64(size)) { // both stand while it is copied
			return false
		}
		grown := make([]byte, len(h.b), size)
		copy(grown, h.b)
		b.shrink(int64(cap(h.b)))
		h.b = grown
	}
	h.b = append(h.b, p...)
	return true
}

// free gives the memory back.
func (h *held) free(b *Budget) {
	b.shrink(int64(cap(h.b)))
	h.b = nil
}

// readHeld reads in to its end, or to where it holds limit octets. What came
// before an error counts. The caller frees it.
func readHeld(t *teller, in io.Reader, limit int) (h held) {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for len(h.b) < limit {
		n, err := in.Read(buf[:])
		if n > 0 && (!t.b.output(n, int64(len(h.b))) || !h.add(t.b, buf[:n])) {
			t.alive()
			return h
		}
		if err != nil {
			return h
		}
	}
	return h
}
