package unpack

import "bufio"

// Open returns a Reader for a container of type t, or nil if t is none that
// can be opened. Name is what the content is called, for formats that keep no
// name inside; it may be empty.
//
// A format that can be read as it comes is pulled, one that must be seen as a
// whole is held.
func Open(t Type, name string, b *Budget, s Sink) Reader {
	if !t.Container() {
		return nil
	}
	if t.isZip() {
		return pullKept(b, s, readZip)
	}
	switch t {
	// One content, compressed.
	case TypeGzip:
		return pullNamed(b, s, name, readGzip)
	case TypeZlib:
		return pullNamed(b, s, name, readZlib)
	case TypeLZMA:
		return pullNamed(b, s, name, readLZMA)
	case TypeXZ:
		return pullNamed(b, s, name, readXZ)
	case TypeZstd:
		return pullNamed(b, s, name, readZstd)
	case TypeBzip2:
		return pullNamed(b, s, name, readBzip2)

	// Archives.
	case TypeTar:
		return pull(b, s, readTar)
	case TypeSevenZip:
		return hold(b, s, func(t *teller, held []byte) { readSevenZip(t, held, name) })
	case TypeRAR:
		return hold(b, s, readRAR)
	case TypeCAB:
		return pull(b, s, readCAB)
	case TypeISO:
		return hold(b, s, readISO)
	case TypeApple:
		return hold(b, s, func(t *teller, held []byte) { readApple(t, held, name) })
	case TypeMacBinary:
		return hold(b, s, func(t *teller, held []byte) { readMacBinary(t, held, name) })

	// Documents.
	case TypeOLE2, TypeDoc, TypeXls, TypePpt, TypeMsg, TypeMSI:
		return hold(b, s, readOLE2)
	case TypePlist:
		return hold(b, s, readPlist)
	case TypeRels, TypePart, TypeWord:
		return pull(b, s, readPart)
	case TypeActiveMime:
		return pull(b, s, readActiveMime)
	case TypeRTF:
		return hold(b, s, readRTF)
	case TypePDF:
		return hold(b, s, readPDF)
	case TypeOneNote:
		return hold(b, s, readOneNote)

	// Text that holds or names something.
	case TypeICS, TypeVCF:
		return pull(b, s, readLines)
	case TypePGP:
		return pull(b, s, readPGP)
	case TypeLNK:
		return hold(b, s, readLNK)
	case TypeURL:
		return hold(b, s, readURL)
	}
	return shut(b, s) // t.Unsupported
}

// pullNamed is pull for a format of one content, which is called what is left
// of the container's name.
func pullNamed(b *Budget, s Sink, name string, body func(t *teller, r *bufio.Reader, names []string)) Reader {
	return pull(b, s, func(t *teller, r *bufio.Reader) { body(t, r, nameInside(name)) })
}

// shut returns a Reader of what nothing looks into.
func shut(b *Budget, s Sink) Reader {
	return pull(b, s, func(t *teller, r *bufio.Reader) {
		t.note(RuleUnsupported, Unsupported, "")
	})
}
