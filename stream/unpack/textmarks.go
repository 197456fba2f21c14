package unpack

import "bytes"

// text finds formats that are text: their marks follow blanks, and a byte
// order mark of UTF-8 or UTF-16.
func (f *found) text(head []byte) {
	var ascii [markRange]byte
	if n, ok := fromUTF16(ascii[:], head); ok {
		head = ascii[:n]
	}
	b := bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	for len(b) > 0 && (b[0] <= ' ') {
		b = b[1:]
	}
	if len(b) < 4 {
		return
	}
	switch b[0] {
	case '<':
		f.markup(b)
	case '{':
		if bytes.HasPrefix(b, []byte(`{\rt`)) { // Word asks for no more
			f.add(TypeRTF)
		}
	case '-':
		if bytes.HasPrefix(b, []byte(pgpMark)) {
			f.add(TypePGP)
		}
	case '[', '#', ';':
		if isShortcut(b[:min(len(b), markRange)]) {
			f.add(TypeURL)
		}
	case 'R', 'W':
		if bytes.HasPrefix(b, []byte("REGEDIT4")) || bytes.HasPrefix(b, []byte("Windows Registry Editor")) {
			f.add(TypeReg)
		}
	case 'B', 'b':
		switch {
		case hasFold(b, "begin:vcard"):
			f.add(TypeVCF)
		case hasFold(b, "begin:vcalendar"):
			f.add(TypeICS)
		}
	}
}

// isShortcut tells whether a section of an internet shortcut or a desktop
// entry begins in b.
func isShortcut(b []byte) bool {
	return bytes.Contains(b, []byte("[InternetShortcut")) || bytes.Contains(b, []byte("[Desktop Entry]"))
}

// fromUTF16 writes the start of text in UTF-16 as ASCII, with ? for what is
// none.
func fromUTF16(dst, head []byte) (int, bool) {
	var low int
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		low = 0
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		low = 1
	default:
		return 0, false
	}
	n := 0
	for b := head[2:]; len(b) >= 2 && n < len(dst); b = b[2:] {
		dst[n] = b[low]
		if b[1-low] != 0 {
			dst[n] = '?'
		}
		n++
	}
	return n, true
}

// htmlTags begin HTML where nothing says what it is (WHATWG MIME Sniffing
// section 7.1, and those that programs of mail send first).
var htmlTags = []string{
	"!doctype html", "html", "head", "script", "iframe", "h1", "div", "font", "table", "a", "style",
	"title", "b", "body", "br", "p", "meta", "base", "span", "img", "center", "form", "link", "object", "embed",
}

// markup finds HTML and kinds of XML.
func (f *found) markup(b []byte) {
	b = b[:min(len(b), HeadSize)]
	xml := false
	for {
		switch {
		case bytes.HasPrefix(b, []byte("<!--")):
			b = after(b[4:], "-->")
		case hasFold(b, "<?xml"):
			xml = true
			b = after(b, "?>")
		case xml && bytes.HasPrefix(b, []byte("<?")):
			if bytes.HasPrefix(b, []byte("<?mso-application")) && bytes.Contains(b[:min(len(b), 128)], []byte("Word")) {
				f.add(TypeWord)
			}
			b = after(b, "?>")
		case xml && hasFold(b, "<!doctype") && !hasFold(b, "<!doctype html"):
			b = after(b, ">")
		default:
			f.element(b, xml)
			return
		}
	}
}

// after returns what follows s and blanks; nothing if s is not there.
func after(b []byte, s string) []byte {
	i := bytes.Index(b, []byte(s))
	if i < 0 {
		return nil
	}
	return bytes.TrimLeft(b[i+len(s):], " \t\r\n\f\x00")
}

// element tells by the first element what the text is.
func (f *found) element(b []byte, xml bool) {
	tag := elementName(b)
	switch {
	case hasFold(b, "<svg"), hasFold(b, "<!doctype svg"):
		f.add(TypeSVG)
	case bytes.HasPrefix(b, []byte("<pkg:package")), isFlatODF(b), bytes.HasPrefix(b, []byte("<w:wordDocument")):
		f.add(TypeWord)
	case string(tag) == "Relationships" && bytes.Contains(b, []byte("package/2006/relationships")),
		string(tag) == "Relationships" && bytes.Contains(b, []byte("purl.oclc.org/ooxml/package/relationships")):
		f.add(TypeRels)
	case bytes.HasPrefix(b, []byte("<?php")):
		f.add(TypeScript)
	case string(tag) == "plist":
		f.add(TypePart)
	case isHTML(b):
		f.add(TypeHTML)
	case isPart(b):
		f.add(TypePart)
	case xml && bytes.IndexByte(b, '>') < 0:
		f.add(TypePart) // the first element, or its end, is behind the head: it may be one
	case xml && f.n == 0:
		f.add(TypeXML)
	}
}

// isFlatODF tells whether b begins an OpenDocument in one XML file (OpenDocument
// 1.2 part 1, section 3.1.2).
func isFlatODF(b []byte) bool {
	return string(elementName(b)) == "document" && bytes.Contains(b[:min(len(b), HeadSize)], []byte("opendocument"))
}

// elementName is the name of the element b begins with, without a prefix.
func elementName(b []byte) []byte {
	i := 1
	for i < len(b) && b[i] > ' ' && b[i] != '>' && b[i] != '/' && i < 64 {
		i++
	}
	s := b[min(1, len(b)):min(i, len(b))]
	if j := bytes.IndexByte(s, ':'); j >= 0 {
		s = s[j+1:]
	}
	return s
}

// isHTML tells whether b begins with an element of HTML.
func isHTML(b []byte) bool {
	if len(b) < 2 || b[0] != '<' {
		return false
	}
	for _, tag := range htmlTags {
		if hasFold(b[1:], tag) {
			rest := b[1+len(tag):]
			if len(rest) == 0 || rest[0] <= ' ' || rest[0] == '>' || rest[0] == '/' {
				return true
			}
		}
	}
	return false
}

// hasFold tells whether b begins with s, which is ASCII in lower case.
func hasFold(b []byte, s string) bool {
	if len(b) < len(s) {
		return false
	}
	for i := range len(s) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
