package unpack

import "bufio"

// Open returns a Reader for a container of type t, or nil if t is none that
// can be opened. Name is what the content is called, for formats that keep no
// name inside; it may be empty.
func Open(t Type, name string, b *Budget, s Sink) Reader {
	if !t.Container() {
		return nil
	}
	if t.isZip() {
		return pullKept(b, s, readZip)
	}
	switch t {
	case TypeGzip:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readGzip(t, r, inner(name)) })
	case TypeZlib:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readZlib(t, r, inner(name)) })
	case TypeCAB:
		return pull(b, s, readCAB)
	case TypeISO:
		return hold(b, s, readISO)
	case TypeTar:
		return pull(b, s, readTar)
	case TypeLZMA:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readLZMA(t, r, inner(name)) })
	case TypeXZ:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readXZ(t, r, inner(name)) })
	case TypeZstd:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readZstd(t, r, inner(name)) })
	case TypeBzip2:
		return pull(b, s, func(t *teller, r *bufio.Reader) { readBzip2(t, r, inner(name)) })
	}
	if r := openDocument(t, name, b, s); r != nil {
		return r
	}
	return shut(b, s) // t.Unsupported
}

// shut returns a Reader of what nothing looks into.
func shut(b *Budget, s Sink) Reader {
	return pull(b, s, func(t *teller, r *bufio.Reader) {
		t.note(RuleUnsupported, Unsupported, "")
	})
}
