package stream

import "net"

// A window holds the octets of one message that were read and are not yet
// with the server. Octets are read into its last chunk and are held where
// they were read; nothing is copied but the few that wait for their meaning
// (a CR, a dot) at the end of a full chunk.
type window struct {
	budget *budget
	chunks []*[chunkSize]byte // owned; the last is being read into
	r, w   int                // in the last chunk: looked at up to r, read up to w
	held   net.Buffers        // for the server, in order
	size   int64              // octets in held
}

// grow adds a chunk to read into and moves what was not looked at yet to it.
// It reports false, and changes nothing, if the budget has none left.
func (w *window) grow() bool {
	if !w.budget.reserve() {
		return false
	}
	next := getChunk()
	n := 0
	if len(w.chunks) > 0 {
		n = copy(next[:], w.unread())
	}
	w.chunks = append(w.chunks, next)
	w.r, w.w = 0, n
	return true
}

// last is the chunk that is read into.
func (w *window) last() *[chunkSize]byte { return w.chunks[len(w.chunks)-1] }

// space is where more octets can be read to.
func (w *window) space() []byte { return w.last()[w.w:] }

// unread is what was read and not looked at.
func (w *window) unread() []byte { return w.last()[w.r:w.w] }

// hold keeps p for the server. p lies in a chunk of the window, or is not
// changed as long as the message is held.
func (w *window) hold(p []byte) {
	if len(p) == 0 {
		return
	}
	w.size += int64(len(p))
	if n := len(w.held); n > 0 {
		// Neighbours in one chunk become one piece: fewer for writev.
		if prev := w.held[n-1]; cap(prev) > len(prev) && &prev[:len(prev)+1][len(prev)] == &p[0] {
			w.held[n-1] = prev[:len(prev)+len(p)]
			return
		}
	}
	w.held = append(w.held, p)
}

// add keeps a copy of p for the server and returns how much of it found room
// in the budget. Nothing may be unread.
func (w *window) add(p []byte) (n int) {
	for len(p) > 0 {
		if w.w == chunkSize && !w.grow() {
			return n
		}
		k := copy(w.space(), p)
		w.hold(w.last()[w.w : w.w+k])
		w.w += k
		w.r = w.w
		p, n = p[k:], n+k
	}
	return n
}

// prefix returns the first n octets held, or all if there are fewer, in one
// piece; n is at most what a header may have.
func (w *window) prefix(n int) []byte {
	if len(w.held) == 0 {
		return nil
	}
	if len(w.held[0]) >= n {
		return w.held[0][:n]
	}
	var b []byte
	for _, p := range w.held {
		b = append(b, p[:min(len(p), n-len(b))]...)
	}
	return b
}

// cut removes the octets [from, to) of what is held.
func (w *window) cut(from, to int) {
	var kept net.Buffers
	at := 0
	for _, p := range w.held {
		lo, hi := max(from-at, 0), min(to-at, len(p))
		if lo >= hi {
			kept = append(kept, p)
		} else {
			if lo > 0 {
				kept = append(kept, p[:lo:lo])
			}
			if hi < len(p) {
				kept = append(kept, p[hi:])
			}
			w.size -= int64(hi - lo)
		}
		at += len(p)
	}
	w.held = kept
}

// insert puts p before the octet at at of what is held. p is not changed as
// long as the message is held.
func (w *window) insert(at int, p []byte) {
	kept := make(net.Buffers, 0, len(w.held)+2)
	for i, q := range w.held {
		if at > len(q) {
			kept, at = append(kept, q), at-len(q)
			continue
		}
		// The halves must not grow into each other again.
		kept = append(kept, q[:at:at], p[:len(p):len(p)], q[at:])
		kept = append(kept, w.held[i+1:]...)
		break
	}
	w.held = kept
	w.size += int64(len(p))
}

// flushed forgets what was held: the server has it. Only the last chunk is
// kept, with what was not looked at yet at its beginning.
func (w *window) flushed() {
	last := w.last()
	for _, c := range w.chunks[:len(w.chunks)-1] {
		putChunk(c)
	}
	w.budget.free(len(w.chunks) - 1)
	w.chunks = append(w.chunks[:0], last)
	w.w = copy(last[:], last[w.r:w.w])
	w.r = 0
	clear(w.held)
	w.held, w.size = w.held[:0], 0
}

// release gives everything back.
func (w *window) release() {
	if len(w.chunks) == 0 {
		return // also where there never was a budget
	}
	for _, c := range w.chunks {
		putChunk(c)
	}
	w.budget.free(len(w.chunks))
	clear(w.chunks)
	clear(w.held[:cap(w.held)])
	w.chunks, w.held = w.chunks[:0], w.held[:0]
	w.r, w.w, w.size = 0, 0, 0
}
