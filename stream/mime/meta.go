package mime

import "bytes"

// findMeta returns the charset that an HTML text names in a meta element or an
// XML declaration within head (WHATWG HTML, section 13.2.3.2), in lower case.
func findMeta(head []byte) string {
	if isTag(head, "<?xml") {
		tag, _, _ := bytes.Cut(head, []byte("?>"))
		if label := labelBehind(bytes.ToLower(tag), []byte("encoding")); label != "" {
			return label
		}
	}
	for {
		i := bytes.IndexByte(head, '<')
		if i < 0 {
			return ""
		}
		if head = head[i:]; !isTag(head, "<meta") {
			head = head[1:]
			continue
		}
		head = head[len("<meta"):]
		tag, _, _ := bytes.Cut(head, []byte{'>'})
		if label := labelBehind(bytes.ToLower(tag), []byte("charset")); label != "" {
			return label
		}
	}
}

// isTag tells whether b begins with start, in any case.
func isTag(b []byte, start string) bool {
	return len(b) >= len(start) && bytes.EqualFold(b[:len(start)], []byte(start))
}

// labelBehind returns the label behind key and "=" in a tag.
func labelBehind(tag, key []byte) string {
	const blanks = " \t\r\n\f"
	for {
		_, rest, ok := bytes.Cut(tag, key)
		if !ok {
			return ""
		}
		tag = rest
		if rest = bytes.TrimLeft(rest, blanks); len(rest) == 0 || rest[0] != '=' {
			continue
		}
		rest = bytes.TrimLeft(rest[1:], blanks+`"'`)
		if i := bytes.IndexAny(rest, blanks+`"';/>`); i >= 0 {
			rest = rest[:i]
		}
		return string(rest[:min(len(rest), labelSize)])
	}
}
