package links

import (
	"bytes"
	"slices"

	"sluice/filter"
	"sluice/stream/unpack"
)

// literalSize is how long base64 in a script must be to be decoded: 1 KiB. What
// scripts have otherwise (keys, names) is shorter, programs are not.
const literalSize = 1 << 10

// maxLeaves is how many pieces of data of one message are handed in: 200, more
// than a page with its images in itself has.
const maxLeaves = 200

// maxNesting is how deep in others a part may be whose data is handed in: 20,
// as deep as messages and containers are followed.
const maxNesting = 20

// A leaf is data to be handed in when the page can be left.
type leaf struct {
	at       *filter.Part
	declared string
	data     []byte
}

// hand notes data for submit.
func (s *scanner) hand(at place, declared string, data []byte) {
	if len(data) == 0 {
		return
	}
	if s.given >= maxLeaves || at.part.Depth >= maxNesting {
		s.note(overLimit, at, "data")
		return
	}
	s.given++
	if restricted(unpack.Detect(data[:min(len(data), unpack.HeadSize)])) {
		s.note(smuggling, at, "")
	}
	s.leaves = append(s.leaves, leaf{at: at.part, declared: declared, data: data})
}

// submit hands in what has been noted. That tells this scanner of the new
// part, so nothing may be half done; what is found in there waits for its turn,
// so that parts do not pile up.
func (s *scanner) submit() {
	if s.submitting || len(s.leaves) == 0 {
		return
	}
	s.submitting = true
	for i := 0; i < len(s.leaves); i++ {
		next := s.leaves[i]
		s.leaves[i] = leaf{}
		s.ch.Submit(next.at, "", next.declared, next.data)
	}
	s.leaves, s.submitting = s.leaves[:0], false
}

// restricted tells whether a page has no business carrying content of any of
// the types: programs and archives.
func restricted(types []unpack.Type) bool {
	for _, t := range types {
		switch t {
		case "pe", "dos", "elf", "macho", "class", "dex", "wasm", "script", "chm", "hlp", "reg", "lnk", "url", "msi", "onenote",
			"zip", "jar", "apk", "gzip", "bzip2", "zstd", "lzma", "xz", "tar", "7z", "rar", "cab", "iso", "udf", "vhd", "vhdx",
			"vmdk", "vdi", "qcow", "disk", "ace", "arj", "lha", "lz4", "lzip", "lzop", "compress", "dmg", "wim", "cpio", "ar",
			"rpm", "xar", "squashfs", "zoo", "stuffit", "alz", "egg", "daa", "isz", "expand", "freearc", "zpaq":
			return true
		}
	}
	return false
}

// data takes a data: address (RFC 2397) apart.
func (s *scanner) data(at place, raw []byte) {
	raw = bytes.TrimLeft(raw, " \t\r\n\f")
	colon := bytes.IndexByte(raw, ':')
	comma := bytes.IndexByte(raw, ',')
	if colon < 0 || comma < colon {
		return
	}
	head, body := raw[colon+1:comma], raw[comma+1:]
	media, _, _ := bytes.Cut(head, []byte(";"))
	declared := string(appendLower(nil, bytes.TrimSpace(media)))
	if isPage(declared) {
		s.note(dataLink, at, "")
	}
	var data []byte
	if bytes.Contains(appendLower(nil, head), []byte("base64")) {
		if bytes.IndexByte(body, '%') >= 0 {
			body = []byte(unescape(string(body)))
		}
		data = appendBase64(nil, string(body))
	} else {
		data = []byte(unescape(string(body)))
	}
	s.hand(at, declared, data)
}

// isPage tells whether content of a media type is a page, or a file, and no
// image, font or sound that a page may have in itself.
func isPage(media string) bool {
	for _, harmless := range [...]string{"image/", "font/", "audio/", "video/", "application/font", "application/x-font", "text/css"} {
		if len(media) >= len(harmless) && media[:len(harmless)] == harmless {
			return false
		}
	}
	return true
}

// script reads a script: the addresses in it, and the data. free tells that
// the inner tokenizer is.
func (p *page) script(b []byte, free bool) {
	p.strictly(b)
	p.literals(b)
	p.escapes(b)
	if free && writesMarkup(b) {
		z := &p.html
		z.begin()
		z.inner.write(unescapeScript(b))
		z.inner.close()
	}
}

// writesMarkup tells whether a script has an escaped "<".
func writesMarkup(b []byte) bool {
	for i := 0; ; i++ {
		n := bytes.IndexByte(b[i:], '3')
		if n < 0 {
			return false
		}
		if i += n; i > 0 && i+1 < len(b) && lower(b[i+1]) == 'c' && (b[i-1] == '%' || b[i-1] == 'x' || b[i-1] == '0') {
			return true
		}
	}
}

// sextet has one more than the value of a base64 digit, of either alphabet;
// 0: none.
var sextet = func() (t [256]uint8) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(digits) {
		t[digits[i]] = uint8(i + 1)
	}
	t['-'], t['_'] = t['+'], t['/']
	return t
}()

// appendBase64 decodes base64 of either alphabet, whatever else is in it, up
// to its padding.
func appendBase64(dst []byte, code string) []byte {
	dst = slices.Grow(dst, len(code)/4*3+3)
	var bits uint32
	n := 0
	for i := range len(code) {
		v := sextet[code[i]]
		if v == 0 {
			if code[i] == '=' {
				break
			}
			continue
		}
		bits = bits<<6 | uint32(v-1)
		if n++; n == 4 {
			dst = append(dst, byte(bits>>16), byte(bits>>8), byte(bits))
			n, bits = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(bits>>4))
	case 3:
		dst = append(dst, byte(bits>>10), byte(bits>>2))
	}
	return dst
}

// literals hands in what stands in base64 or hexadecimal in a script, in one
// string or in several that are joined.
func (p *page) literals(b []byte) {
	s := p.s
	if len(b) < literalSize {
		return
	}
	for i := 0; i < len(b); {
		if sextet[b[i]] == 0 {
			i++
			continue
		}
		s.code = s.code[:0]
		for {
			start := i
			for i < len(b) && sextet[b[i]] > 0 {
				i++
			}
			s.code = append(s.code, b[start:i]...)
			next := joint(b, i)
			if next < 0 {
				break
			}
			i = next
		}
		if len(s.code) >= literalSize {
			s.hand(place{part: p.part, page: p}, "", decodeLiteral(s.code))
		}
		i++
	}
	if cap(s.code) > keptStep {
		s.code = nil
	}
}

// joint returns where a string goes on that is interrupted at b[i]: by a line
// end, or by quotes with what joins two strings between them; or -1.
func joint(b []byte, i int) int {
	for i < len(b) && (b[i] == '\\' || b[i] == '\n' || b[i] == '\r') {
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == 'r' || b[i+1] == '/') {
			i++
		}
		i++
		if i < len(b) && sextet[b[i]] > 0 {
			return i
		}
	}
	if i >= len(b) || !isQuote(b[i]) {
		return -1
	}
	if next := nextString(b, i); next >= 0 && next < len(b) && sextet[b[next]] > 0 {
		return next
	}
	return -1
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// decodeLiteral decodes base64, or hexadecimal if all of it can be that.
func decodeLiteral(code []byte) []byte {
	for _, c := range code {
		if hexDigit[c] == 0 {
			return appendBase64(nil, string(code))
		}
	}
	data := make([]byte, 0, len(code)/2)
	for i := 0; i+1 < len(code); i += 2 {
		data = append(data, (hexDigit[code[i]]-1)<<4|(hexDigit[code[i+1]]-1))
	}
	return data
}
