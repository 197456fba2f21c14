package wire

// ParseHelo reads the argument of HELO, EHLO or LHLO and returns it as it is.
// The name is foreign text of at most 255 octets above space: it may be no
// domain at all. Error: ErrSyntax.
//
// QUIRK: RFC 5321 section 4.1.1.1 asks for a domain or an address literal.
// Desktops send their computer's name, with underscores or in a local charset.
func ParseHelo(arg []byte) (name string, err error) {
	if len(arg) == 0 || len(arg) > maxHelo {
		return "", ErrSyntax
	}
	for _, c := range arg {
		if c <= ' ' || c == 0x7f {
			return "", ErrSyntax
		}
	}
	return string(arg), nil
}

// ParseBdat reads the argument of BDAT, "size" or "size LAST" (RFC 3030
// section 2), in octets. ErrParamValue: it cannot be read, so where the chunk
// ends is not known, and the session must close.
func ParseBdat(arg []byte) (size int64, last bool, err error) {
	end := 0
	for end < len(arg) && !isBlank(arg[end]) {
		end++
	}
	size, huge, ok := number(arg[:end])
	if !ok || huge {
		return 0, false, ErrParamValue
	}
	switch word := skipBlank(arg[end:]); {
	case len(word) == 0:
		return size, false, nil
	case foldEqual(word, "LAST"):
		return size, true, nil
	}
	return 0, false, ErrParamValue
}
