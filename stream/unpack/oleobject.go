package unpack

import (
	"bytes"
	"strings"
)

// tellPackage tells the file in a package, which begins behind its size:
// flags, label, path, two numbers, path of a temporary file, and the content.
func tellPackage(t *teller, b []byte) {
	if names, data, ok := packageFile(b); ok {
		t.whole(Member{Names: names, Size: int64(len(data))}, data)
		return
	}
	t.whole(Member{Size: int64(len(b))}, b)
}

func packageFile(b []byte) (names []string, data []byte, ok bool) {
	if len(b) < 2 || le16(b, 0) != 2 {
		return nil, nil, false
	}
	b = b[2:]
	for range 2 {
		s, rest, found := bytes.Cut(b, []byte{0})
		if !found || len(s) > NameSize {
			return nil, nil, false
		}
		names = addName(names, s)
		b = rest
	}
	if len(b) < 8 {
		return nil, nil, false
	}
	n := int64(le32(b, 4)) // the path of the temporary file
	if b = b[8:]; n > int64(len(b)) {
		return nil, nil, false
	}
	names = addName(names, untilZero(b[:n]))
	if b = b[n:]; len(b) < 4 {
		return nil, nil, false
	}
	size := int64(le32(b, 0))
	b = b[4:]
	return names, b[:min(size, int64(len(b)))], true
}

// tellOLE1 tells an OLE 1 object. What does not read as one is told as it is,
// from an OLE 2 file in it on if there is one.
func tellOLE1(t *teller, b []byte) {
	class, data, ok := ole1(b)
	switch {
	case !ok:
		if i := bytes.Index(b, []byte(ole2Magic)); i > 0 {
			b = b[i:]
		}
		t.whole(Member{Size: int64(len(b))}, b)
		return
	case strings.HasPrefix(class, "equation"):
		t.note(RuleObject, Middle, "equation")
	case class == "package":
		t.note(RuleObject, Middle, "package")
		tellPackage(t, data)
		return
	case strings.HasPrefix(class, "ole2link"):
		t.note(RuleObject, Middle, "link")
	}
	t.whole(Member{Size: int64(len(data))}, data)
}

func ole1(b []byte) (class string, data []byte, ok bool) {
	const embedded = 2
	if le32(b, 4) != embedded {
		return "", nil, false
	}
	b = b[8:]
	for i := range 3 {
		n := int64(le32(b, 0))
		if len(b) < 4 || n > int64(len(b)-4) || n > NameSize {
			return "", nil, false
		}
		if i == 0 {
			class = strings.ToLower(strings.TrimRight(string(b[4:4+n]), "\x00"))
		}
		b = b[4+n:]
	}
	if len(b) < 4 {
		return "", nil, false
	}
	n := int64(le32(b, 0))
	b = b[4:]
	// A size that lies takes nothing away: Word reads on.
	if n > int64(len(b)) || n == 0 {
		n = int64(len(b))
	}
	return class, b[:n], true
}
