package filter_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"sluice/stream/mime"
)

// mailParserExplained are the messages that mail-parser reads otherwise.
var mailParserExplained = []explanation{
	{"mail-parser/legacy/026.eml", "octets of no declared charset: we take them for windows-1252", true},
	{"mail-parser/legacy/052.eml", "octets of no declared charset: we take them for windows-1252", true},
	{"mail-parser/malformed/000.eml", "it lets a boundary line end only a part with content: our parts are empty", false},
	{"mail-parser/malformed/001.eml", "it takes the shorter of two boundaries; that is our second reading", false},
	{"mail-parser/malformed/002.eml", "a multipart without its boundary is a text to it, text before the parts to us", false},
	{"mail-parser/malformed/004.eml", "boundary lines with more text on them: its reading is our second", false},
	{"mail-parser/malformed/007.eml", "it takes the shorter of two boundaries; that is our second reading", false},
	{"mail-parser/malformed/008.eml", "it takes the shorter of two boundaries; that is our second reading", false},
	{"mail-parser/malformed/009.eml", "it takes an outer boundary inside of an inner part for text; ours closes the inner", true},
	{"mail-parser/malformed/011.eml", "it takes an outer boundary inside of an inner part for text; ours closes the inner", true},
	{"mail-parser/malformed/012.eml", "it takes an outer boundary inside of an inner part for text; ours closes the inner", true},
	{"mail-parser/malformed/013.eml", "it leaves out the empty part behind a last boundary line", false},
	{"mail-parser/malformed/014.eml", "it leaves out the empty part behind a last boundary line", false},
	{"mail-parser/malformed/016.eml", "it takes the shortest of three boundaries; that is our second reading", false},
	{"mail-parser/malformed/020.eml", "two Content-Types: it takes the last, our second reading", false},
	{"mail-parser/malformed/021.eml", "two Content-Types: it takes the last, our second reading", false},
	{"mail-parser/malformed/022.eml", "what is declared a message and has no header is a text to it: our second reading of the message", false},
	{"mail-parser/rfc/000.eml", "what is declared base64 and is not it gives undecoded", true},
	{"mail-parser/thirdparty/002.eml", "what is declared base64 and is not it gives undecoded, and fewer octets behind the padding", true},
	{"mail-parser/thirdparty/005.eml", "it takes a boundary inside a line for one; UTF-16 ends in half a character", true},
	{"mail-parser/thirdparty/015.eml", "it stops at a message that is cut short; we go on", false},
}

// TestTreesOfMailParser compares with the trees that mail-parser's own tests
// state: parts, types, file names, decoded content, text as UTF-8, and header
// fields with their words decoded.
func TestTreesOfMailParser(t *testing.T) {
	root := corporaRoot(t)
	c := &comparison{explained: mailParserExplained}
	for _, file := range filesBelow(t, root, "mail-parser", ".crlf.json") {
		message := strings.TrimSuffix(file, ".crlf.json") + ".eml"
		var stated statedMessage
		if err := json.Unmarshal(readFile(t, root, file), &stated); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		c.compare(t, filepath.ToSlash(message), stated.tree(), tell(t, overWire(readFile(t, root, message))))
	}
	c.end(t, 100)
}

// A statedMessage is mail-parser's JSON, as far as it is compared.
type statedMessage struct {
	Parts []struct {
		Headers []statedField
		Body    struct {
			Text, Html           *string
			Binary, InlineBinary octets
			Message              *statedMessage
			Multipart            []int
		}
	}
}

// octets are a JSON array of numbers.
type octets []byte

func (o *octets) UnmarshalJSON(b []byte) error {
	var numbers []uint8
	var wide []uint16
	if err := json.Unmarshal(b, &wide); err != nil {
		return err
	}
	for _, n := range wide {
		numbers = append(numbers, uint8(n))
	}
	*o = append(octets{}, numbers...)
	return nil
}

// A statedField is one header field.
type statedField struct {
	Name  json.RawMessage
	Value json.RawMessage
}

// name is as in the message, in lower case.
func (f *statedField) name() string {
	var known string
	if json.Unmarshal(f.Name, &known) == nil {
		return strings.ReplaceAll(known, "_", "-")
	}
	var other struct{ Other string }
	_ = json.Unmarshal(f.Name, &other)
	return strings.ToLower(other.Other)
}

// text is the value of a field that has no structure.
func (f *statedField) text() (string, bool) {
	var v struct{ Text *string }
	if json.Unmarshal(f.Value, &v) != nil || v.Text == nil {
		return "", false
	}
	return *v.Text, true
}

// content is what a Content-Type or Content-Disposition field says.
func (f *statedField) content() (typ string, names []string, ok bool) {
	var v struct {
		ContentType *struct {
			Type       string `json:"c_type"`
			Subtype    string `json:"c_subtype"`
			Attributes []struct{ Name, Value string }
		}
	}
	if json.Unmarshal(f.Value, &v) != nil || v.ContentType == nil {
		return "", nil, false
	}
	for _, a := range v.ContentType.Attributes {
		if (a.Name == "name" || a.Name == "filename") && a.Value != "" {
			names = append(names, a.Value)
		}
	}
	return v.ContentType.Type + "/" + v.ContentType.Subtype, names, true
}

// tree returns what is stated, as a message.
func (m *statedMessage) tree() *node {
	n := &node{kind: mime.Message}
	m.add(n)
	return n
}

// add hangs the message's content below its node.
func (m *statedMessage) add(n *node) {
	for _, f := range m.Parts[0].Headers {
		if text, ok := f.text(); ok && plainText[f.name()] {
			n.fields = append(n.fields, f.name()+": "+plain(text))
		}
	}
	m.part(n, 0)
}

// plainText are fields whose value is told whole by mail-parser too.
var plainText = map[string]bool{"subject": true, "content-description": true, "x-mailer": true, "comments": true, "user-agent": true}

// part hangs the ith part below above.
func (m *statedMessage) part(above *node, i int) {
	p := &m.Parts[i]
	n := &node{kind: mime.Leaf}
	for _, f := range p.Headers {
		typ, names, ok := f.content()
		switch name := f.name(); {
		case !ok:
		case name == "content-type":
			n.types = append(n.types, strings.ToLower(typ))
			n.names = append(n.names, names...)
		case name == "content-disposition":
			n.names = append(n.names, names...)
		}
	}
	above.children = append(above.children, n)
	switch b := &p.Body; {
	case b.Multipart != nil:
		n.kind = mime.Multipart
		for _, k := range b.Multipart {
			m.part(n, k)
		}
	case b.Message != nil:
		n.kind = mime.Message
		b.Message.add(n)
	case b.Text != nil:
		n.contents = []digest{digestOf([]byte(*b.Text))}
	case b.Html != nil:
		n.contents = []digest{digestOf([]byte(*b.Html))}
	case b.Binary != nil:
		n.contents = []digest{digestOf(b.Binary)}
	default:
		n.contents = []digest{digestOf(b.InlineBinary)}
	}
}
