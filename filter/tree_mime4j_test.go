package filter_test

import (
	"bytes"
	"encoding/xml"
	"io"
	stdmime "mime"
	"path/filepath"
	"strings"
	"testing"

	"sluice/stream/mime"
)

// mime4jExplained are the messages that mime4j reads otherwise.
var mime4jExplained = []explanation{
	{"mime4j/mimetools-testmsgs/frag.msg", "the base64 ends in the middle of a group, whose whole octets we keep", true},
	{"mime4j/mimetools-testmsgs/multi-frag.msg", "a boundary line inside a line of base64: mime4j takes some of it for content, we what is of the alphabet", true},
	{"mime4j/mimetools-testmsgs/hdr-fakeout.msg", "a line of blanks ends our header; mime4j's reading is our second", false},
	{"mime4j/testmsgs/basic-plain-with-bad-header-separator.msg", "a line of blanks ends our header; mime4j's reading is our second", false},
	{"mime4j/testmsgs/ending-boundaries.msg", "boundary lines with more text on them: mime4j's reading is our second, which ends at the last of them", true},
	{"mime4j/testmsgs/malformedHeaderStartsBody-nocrlfcrlf.msg", "a line that is no field begins the body in our second reading; mime4j then leaves out the next", true},
	{"mime4j/testmsgs/malformedHeaderStartsBody-noheader.msg", "a line that is no field begins the body in our second reading; mime4j then leaves out the next", true},
	{"mime4j/testmsgs/weird-boundary.msg", "a boundary with blanks at its end: the text before it goes on in the reading without them", true},
	{"mime4j/testmsgs/very-very-long-boundary.msg", "of a boundary of 7,000 octets we compare the beginning, in our second reading, and take what follows the last for a part", true},
	{"mime4j/testmsgs/very-long-boundary.msg", "a boundary with blanks at its end: the text before it goes on in the reading without them", true},
}

// TestTreesOfMime4j compares with the trees that mime4j's own tests state: the
// parts, their decoded content, and from their fields types and names.
func TestTreesOfMime4j(t *testing.T) {
	root := corporaRoot(t)
	c := &comparison{explained: mime4jExplained}
	for _, file := range filesBelow(t, root, "mime4j", "_decoded.xml") {
		message := strings.TrimSuffix(file, "_decoded.xml") + ".msg"
		tree, err := readMime4j(filepath.Join(root, file), readFile(t, root, file), t)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		c.compare(t, message, tree, tell(t, overWire(readFile(t, root, message))))
	}
	c.end(t, 80)
}

// An element is one of mime4j's.
type element struct {
	XMLName  xml.Name
	Name     string    `xml:"name,attr"`
	Text     string    `xml:",chardata"`
	Elements []element `xml:",any"`
}

func readMime4j(path string, text []byte, t *testing.T) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var e element
	if err := d.Decode(&e); err != nil {
		return nil, err
	}
	n := &node{kind: mime.Message}
	e.fill(t, filepath.Dir(path), n, "text/plain")
	return n, nil
}

// fill reads what is in a message or body-part, whose node is n. A part that is
// a message is a node of its own below.
func (e *element) fill(t *testing.T, folder string, n *node, typ string) {
	var names []string
	for _, sub := range e.Elements {
		switch sub.XMLName.Local {
		case "header":
			for _, f := range sub.Elements {
				name, value, _ := strings.Cut(strings.TrimPrefix(f.Text, "\n"), ":")
				name = strings.ToLower(strings.TrimSpace(name))
				if n.kind == mime.Message { // of entities Content keeps the fields to itself
					n.fields = append(n.fields, name+": "+plain(string(mime.AppendWords(nil, []byte(value)))))
				}
				switch kind, params := mediaType(value); {
				case name == "content-type" && strings.Contains(kind, "/"):
					typ = kind
					if params["name"] != "" {
						names = append(names, params["name"])
					}
				case name == "content-disposition" && params["filename"] != "":
					names = append(names, params["filename"])
				}
			}
		case "multipart":
			n = n.child(mime.Multipart, typ, names)
			part := "text/plain"
			if typ == "multipart/digest" {
				part = "message/rfc822"
			}
			for _, p := range sub.Elements {
				switch p.XMLName.Local {
				case "preamble":
					n.before = &node{contents: []digest{outsideDigest(p.Text)}}
				case "epilogue":
					n.after = &node{contents: []digest{outsideDigest(p.Text)}}
				case "body-part":
					p.fill(t, folder, n, part)
				}
			}
		case "message":
			sub.fill(t, folder, n.child(mime.Message, typ, names), "text/plain")
		case "text-body", "binary-body":
			leaf := n.child(mime.Leaf, typ, names)
			leaf.contents = []digest{digestOf(readFile(t, folder, sub.Name))}
		}
	}
}

// mediaType reads a field with the standard library, which gives up at two
// semicolons in a row: then there are no parameters.
func mediaType(value string) (kind string, params map[string]string) {
	value = strings.TrimSpace(strings.ReplaceAll(value, "\n", ""))
	kind, params, err := stdmime.ParseMediaType(value)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(value), ";")
	}
	return strings.TrimSpace(kind), params
}

// outsideDigest is of text outside the parts, whose first blank lines Content
// leaves out.
func outsideDigest(text string) digest { return digestOf([]byte(strings.TrimLeft(text, " \r\n\t"))) }

func (n *node) child(kind mime.Kind, typ string, names []string) *node {
	c := &node{kind: kind, types: []string{typ}, names: names}
	n.children = append(n.children, c)
	return c
}
