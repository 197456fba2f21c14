package wire

// Letter case in SMTP is a matter of ASCII only. The folding of package bytes
// is Unicode's and takes U+017F for an S, so it must not judge keywords.

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// upper returns s with ASCII letters in upper case.
func upper[S ~string | ~[]byte](s S) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - ('a' - 'A')
		}
	}
	return string(b)
}

// foldEqual reports whether a and b are the same but for the case of ASCII letters.
func foldEqual[A, B ~string | ~[]byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// foldPrefix reports whether b begins with prefix but for the case of ASCII letters.
func foldPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && foldEqual(b[:len(prefix)], prefix)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	c = lower(c)
	return isDigit(c) || 'a' <= c && c <= 'z'
}

// isBlank reports white space inside a line. QUIRK: RFC 5321 section 4.1.1
// separates by single spaces; scripts and devices send several, or tabs.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skipBlank returns b without leading white space.
func skipBlank(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

// trimBlank returns b without trailing white space.
func trimBlank(b []byte) []byte {
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// number reads decimal digits and nothing else. huge: digits, but more than 63 bits.
func number[S ~string | ~[]byte](s S) (n int64, huge, ok bool) {
	if len(s) == 0 {
		return 0, false, false
	}
	const maxInt64 = 1<<63 - 1
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false, false
		}
		d := int64(s[i] - '0')
		if n > (maxInt64-d)/10 {
			huge = true
			continue // the rest must still be digits
		}
		n = n*10 + d
	}
	if huge {
		return 0, true, true
	}
	return n, false, true
}
