package links

import "bytes"

// kind is what a tag's name means.
type kind uint16

const (
	inline     kind = 1 << iota // a word goes on across it
	anchorKind                  // what it encloses leads somewhere
	baseKind
	metaKind
	rawContent // ends only with its own closing tag
	kept       // its content is gathered, not read as markup
	scriptKind
	styleKind
	titleKind
	textareaKind
	xmpKind
	iframeKind
	noembedKind
	noframesKind
)

// tagKind looks up a tag's name.
func tagKind(name []byte) kind {
	switch string(name) {
	case "a", "area":
		return anchorKind
	case "base":
		return baseKind
	case "meta":
		return metaKind
	case "script":
		return rawContent | kept | scriptKind
	case "style":
		return rawContent | kept | styleKind
	case "title":
		return rawContent | titleKind
	case "textarea":
		return rawContent | textareaKind
	case "xmp":
		return rawContent | xmpKind
	case "iframe":
		return rawContent | iframeKind
	case "noembed":
		return rawContent | noembedKind
	case "noframes":
		return rawContent | noframesKind
	case "b", "i", "u", "s", "em", "strong", "span", "font", "small", "big", "sub", "sup", "strike", "tt",
		"code", "wbr", "abbr", "ins", "del", "mark", "kbd", "samp", "var", "cite", "bdo", "bdi", "nobr":
		return inline
	}
	return 0
}

// rawName returns what ends an element's raw content.
func rawName(k kind) string {
	switch {
	case k&scriptKind != 0:
		return "</script"
	case k&styleKind != 0:
		return "</style"
	case k&titleKind != 0:
		return "</title"
	case k&textareaKind != 0:
		return "</textarea"
	case k&xmpKind != 0:
		return "</xmp"
	case k&iframeKind != 0:
		return "</iframe"
	case k&noembedKind != 0:
		return "</noembed"
	}
	return "</noframes"
}

// attrKind is what an attribute's value is.
type attrKind uint8

const (
	unwanted  attrKind = iota
	urlValue           // an address
	urlSet             // several, with descriptors
	styles             // CSS
	content            // of meta: perhaps an address after "url="
	perhaps            // an address if it has a scheme
	program            // a script
	markup             // HTML
	reference          // href: where an anchor leads
)

// wanted looks up an attribute's name.
func wanted(name []byte) attrKind {
	if colon := bytes.LastIndexByte(name, ':'); colon >= 0 {
		if bytes.HasPrefix(name, []byte("xmlns")) {
			return unwanted
		}
		name = name[colon+1:] // xlink:href, v:src
	}
	switch string(name) {
	case "href":
		return reference
	case "src", "action", "formaction", "background", "cite", "data", "poster", "longdesc", "lowsrc", "dynsrc",
		"codebase", "classid", "archive", "manifest", "ping", "icon", "usemap", "data-src", "data-href", "data-url":
		return urlValue
	case "srcset", "imagesrcset", "data-srcset":
		return urlSet
	case "style":
		return styles
	case "content":
		return content
	case "value", "originalsrc", "data-saferedirecturl", "to", "values", "from":
		return perhaps
	case "srcdoc":
		return markup
	}
	if len(name) > 3 && name[0] == 'o' && name[1] == 'n' {
		return program
	}
	return unwanted
}
