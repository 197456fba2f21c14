package antivirus

import (
	"bytes"
	"strings"

	"sluice/filter"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// What an engine that takes messages apart itself comes to, given the whole
// message. It is what clamd 1.4 was seen to do, with margins; whatever is not
// known to be so is needed: the engine is given it by itself as well.
const (
	// reachDepth is how deep in the message a part may lie: 8 parts around it,
	// half of clamd's MaxRecursion (17).
	reachDepth = 8
	// reachParts, reachFiles and reachOctets are how many parts of a mail, parts
	// and members together, and octets of them the engine comes to: 500 of the
	// 1,024 that clamd takes, half of its MaxFiles (10,000), and a quarter of its
	// MaxScanSize (400 MB).
	reachParts  = 500
	reachFiles  = 5000
	reachOctets = 100 << 20
	// reachLine is the longest line of text, in octets: clamd cuts at 1,000.
	reachLine = 990
	// longWord is how long a word may be that text begins with: 40 octets.
	// Nobody writes longer ones; what begins so is there to be decoded or run.
	longWord = 40
)

// reachTypes are the containers that clamd opens well if there is nothing odd
// about them. Of two tars behind each other it opens one, which is nothing odd.
var reachTypes = map[unpack.Type]bool{
	unpack.TypeZip: true, unpack.TypeJar: true, unpack.TypeAPK: true, unpack.TypeEPUB: true,
	unpack.TypeDocx: true, unpack.TypeXlsx: true, unpack.TypePptx: true, unpack.TypeOOXML: true, unpack.TypeODF: true,
	unpack.TypeGzip: true,
}

// needed tells whether an engine that was given what p lies in, the message or
// the container, may not come to the octets of p by itself. It judges this one
// step only: what the container itself needs is asked of the container. It may
// turn true until the container has ended, and the message for its parts.
func needed(p *filter.Part) bool {
	switch {
	case p.Doubtful, p.Odd, p.Made, p.Rare, p.Kind != mime.Leaf, p.Parent == nil, p.Depth > reachDepth:
		return true
	case p.MIME == nil:
		c := p.Parent
		return c.Odd || len(c.Types) != 1 || !reachTypes[c.Types[0]]
	}
	for up := p.Parent; up != nil; up = up.Parent {
		if up.Odd || up.Doubtful || up.Kind == mime.Leaf {
			return true
		}
	}
	switch {
	case len(p.Declared) > 1, strings.HasPrefix(p.MIME.Type, "message/"):
		return true // reports, and what programs take for different things
	case p.MIME.Encoding == "base64":
		return false
	}
	// In any other encoding clamd changes line ends.
	return !shown(p)
}

// shown tells whether p is text to be read in the mail, and no file. The engine
// sees it as text in the message; its line ends, for which a file could be
// known, mean nothing.
func shown(p *filter.Part) bool {
	if p.MIME == nil || p.MIME.Attached || len(p.Names) > 0 ||
		p.MIME.Encoding != "" && p.MIME.Encoding != "quoted-printable" {
		return false
	}
	for _, t := range p.Types {
		if t != unpack.TypeHTML && t != unpack.TypeText {
			return false
		}
	}
	return p.MIME.Type == "text/plain" || p.MIME.Type == "text/html"
}

// A textLook looks at text for what clamd takes for something else.
type textLook struct {
	odd   bool
	lines bool // they stand in the message as they are: their length matters
	line  int  // octets since the last line end
}

// begin looks at the first line. One that looks like a header field is that to
// clamd.
func (t *textLook) begin(head []byte) {
	head = bytes.TrimLeft(head, " \t\r\n")
	word := head
	if i := bytes.IndexAny(head, " \t\r\n"); i >= 0 {
		word = head[:i]
	}
	if len(word) > longWord && word[0] != '<' { // a page may begin with many tags
		t.odd = true
		return
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	name, _, ok := bytes.Cut(line, []byte(":"))
	t.odd = ok && len(name) > 0 && !bytes.ContainsAny(name, " \t")
}

// write looks for lines that are too long.
func (t *textLook) write(p []byte) {
	for t.lines && !t.odd && len(p) > 0 {
		n := min(len(p), reachLine+1-t.line)
		if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
			p, t.line = p[i+1:], 0
			continue
		}
		t.line += n
		t.odd = t.line > reachLine
		p = p[n:]
	}
}
