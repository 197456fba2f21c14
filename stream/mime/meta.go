package mime

import "bytes"

// findMeta returns the charset that an HTML text names in a meta element or an
// XML declaration within head (WHATWG HTML, section 13.2.3.2), in lower case.
func findMeta(head []byte) string {
	head = bytes.ToLower(head)
	if bytes.HasPrefix(head, []byte("<?xml")) {
		tag, _, _ := bytes.Cut(head, []byte("?>"))
		if label := labelBehind(tag, []byte("encoding")); label != "" {
			return label
		}
	}
	for {
		i := bytes.Index(head, []byte("<meta"))
		if i < 0 {
			return ""
		}
		head = head[i+5:]
		tag, _, _ := bytes.Cut(head, []byte{'>'})
		if label := labelBehind(tag, []byte("charset")); label != "" {
			return label
		}
	}
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
