package unpack

// openDocument returns a Reader for the types that are documents or look like
// them, nil for any other.
func openDocument(t Type, b *Budget, s Sink) Reader {
	switch t {
	case TypePDF:
		return hold(b, s, readPDF)
	case TypeOLE2, TypeDoc, TypeXls, TypePpt, TypeMsg, TypeMSI:
		return hold(b, s, readOLE2)
	}
	return nil
}
