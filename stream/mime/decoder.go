package mime

// A decoder undoes a transfer encoding. It is fed the encoded octets in any
// cut, and what it emits in all does not depend on the cut. Emitted slices are
// valid during the call.
type decoder interface {
	write(b []byte, emit func([]byte))
	// close emits what was held back for want of more.
	close(emit func([]byte))
	// defects returns what was wrong so far, each once.
	defects() []Defect
	// reset makes the decoder as new; its buffers stay.
	reset()
}

// outSize is how many decoded octets are gathered before they are emitted:
// 8 KiB, so that output and tables stay in the first-level cache together.
const outSize = 8 << 10

// An output gathers decoded octets and emits them in pieces of at most outSize.
type output struct {
	buf []byte // capacity outSize once used
}

func (o *output) flush(emit func([]byte)) {
	if len(o.buf) > 0 {
		emit(o.buf)
		o.buf = o.buf[:0]
	}
}

// put adds octets. Long ones are emitted as they are, without a copy.
func (o *output) put(b []byte, emit func([]byte)) {
	if o.buf == nil {
		o.buf = make([]byte, 0, outSize)
	}
	if len(o.buf)+len(b) > outSize {
		o.flush(emit)
	}
	if len(b) >= outSize/2 {
		o.flush(emit)
		emit(b)
		return
	}
	o.buf = append(o.buf, b...)
}

// put1 adds one octet.
func (o *output) put1(c byte, emit func([]byte)) {
	if o.buf == nil {
		o.buf = make([]byte, 0, outSize)
	}
	if len(o.buf) == outSize {
		o.flush(emit)
	}
	o.buf = append(o.buf, c)
}

// spare makes room for n octets, at most outSize, and returns the buffer.
func (o *output) spare(n int, emit func([]byte)) []byte {
	if o.buf == nil {
		o.buf = make([]byte, 0, outSize)
	}
	if len(o.buf)+n > outSize {
		o.flush(emit)
	}
	return o.buf
}
