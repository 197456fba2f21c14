package unpack

// openDocument returns a Reader for the types that are documents or look like
// them, nil for any other.
func openDocument(t Type, name string, b *Budget, s Sink) Reader {
	switch t {
	case TypeSevenZip:
		return hold(b, s, func(t *teller, held []byte) { readSevenZip(t, held, name) })
	case TypeRAR:
		return hold(b, s, readRAR)
	case TypeRTF:
		return hold(b, s, readRTF)
	case TypeLNK:
		return hold(b, s, readLNK)
	case TypeURL:
		return hold(b, s, readURL)
	case TypeOneNote:
		return hold(b, s, readOneNote)
	case TypeActiveMime:
		return pull(b, s, readActiveMime)
	case TypePGP:
		return pull(b, s, readPGP)
	case TypeICS, TypeVCF:
		return pull(b, s, readLines)
	case TypeApple:
		return hold(b, s, func(t *teller, held []byte) { readApple(t, held, name) })
	case TypeMacBinary:
		return hold(b, s, func(t *teller, held []byte) { readMacBinary(t, held, name) })
	case TypeRels, TypePart, TypeWord:
		return pull(b, s, readPart)
	case TypePDF:
		return hold(b, s, readPDF)
	case TypeOLE2, TypeDoc, TypeXls, TypePpt, TypeMsg, TypeMSI:
		return hold(b, s, readOLE2)
	}
	return nil
}
