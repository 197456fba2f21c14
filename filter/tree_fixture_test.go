package filter_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/policy"
	"sluice/stream/mime"
)

// corporaRoot returns the folder of public messages and archives, or ends the
// test.
func corporaRoot(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SLUICE_CORPORA")
	if root == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	return root
}

// filesBelow returns the files below a folder of the corpora that end so, by
// their names from the corpora's root on.
func filesBelow(t *testing.T, root, folder, suffix string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		name, err := filepath.Rel(root, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// overWire ends lines as a client must: CRLF for a lone LF.
func overWire(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

// A node is one part of a message's tree, as Content tells it or as another
// parser states it.
type node struct {
	kind     mime.Kind
	types    []string
	names    []string
	contents []digest // what a leaf's octets are; of text, in each charset
	fields   []string // of a message, "name: value", decoded; name in lower case
	before   *node    // text before the first part of a multipart
	after    *node    // behind the last
	children []*node
	below    []*node // what Content finds inside a leaf: files in text, members
	path     string
}

// A digest is the SHA-256 of content without CRs, and without blanks at line
// ends and at the end, which parsers keep or not.
type digest [sha256.Size]byte

func digestOf(b []byte) digest {
	lines := bytes.Split(bytes.ReplaceAll(b, []byte{'\r'}, nil), []byte{'\n'})
	for i := range lines {
		lines[i] = bytes.TrimRight(lines[i], " \t")
	}
	return sha256.Sum256(bytes.TrimRight(bytes.Join(lines, []byte{'\n'}), "\n"))
}

// A told is a message as Content tells it.
type told struct {
	tree     *node   // in the reading that most programs share
	all      []*node // of every reading, and what is inside of them
	findings []policy.Finding
}

// tell has Content take a message apart.
func tell(t testing.TB, message []byte) *told {
	t.Helper()
	c := &collector{nodes: map[*filter.Part]*node{}}
	r := filtertest.Run(t, c, filtertest.Message{Content: message})
	for _, f := range append(r.Findings, r.Content...) {
		if strings.HasSuffix(f.Rule, ".failed") {
			t.Errorf("%v", f)
		}
	}
	if c.wrong != nil {
		t.Errorf("hash or size is not that of the data: %q", c.wrong)
	}
	c.findings = r.Content
	c.link()
	return &c.told
}

// A collector is a module that keeps the tree.
type collector struct {
	told
	order []*filter.Part
	nodes map[*filter.Part]*node
	data  map[*filter.Part][]byte
	text  map[*filter.Part][]byte
	last  map[*filter.Part]int // reading of text
	wrong []string             // leaves whose hash or size is not that of their data
}

func (*collector) Name() string { return "collector" }
func (*collector) WantsHash()   {}

func (c *collector) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	c.data, c.text, c.last = map[*filter.Part][]byte{}, map[*filter.Part][]byte{}, map[*filter.Part]int{}
	return c
}

func (c *collector) OpenPart(p *filter.Part) {
	c.order = append(c.order, p)
	c.nodes[p] = &node{kind: p.Kind, path: p.Path, names: p.Names, types: p.Declared}
}

func (c *collector) Field(p *filter.Part, f mime.Field) {
	n := c.nodes[p]
	n.fields = append(n.fields, strings.ToLower(string(f.Name))+": "+plain(string(mime.AppendWords(nil, f.Value))))
}

// plain returns a field's text without the blanks that parsers keep or not.
func plain(value string) string { return strings.Join(strings.Fields(value), " ") }

func (c *collector) PartData(p *filter.Part, b []byte) { c.data[p] = append(c.data[p], b...) }

func (c *collector) Text(p *filter.Part, b []byte) {
	if c.last[p] != p.Reading {
		c.endText(p)
	}
	c.text[p] = append(c.text[p], b...)
}

func (c *collector) endText(p *filter.Part) {
	n := c.nodes[p]
	n.contents = append(n.contents, digestOf(c.text[p]))
	c.text[p], c.last[p] = nil, p.Reading
}

func (c *collector) ClosePart(p *filter.Part) {
	n := c.nodes[p]
	if c.endText(p); p.Kind == mime.Leaf {
		if p.SHA256 != sha256.Sum256(c.data[p]) || p.Size != int64(len(c.data[p])) {
			c.wrong = append(c.wrong, p.Path)
		}
		n.contents = append(n.contents, digestOf(c.data[p]))
	}
}

func (*collector) Write([]byte)                 {}
func (*collector) FinishNow() error             { return nil }
func (*collector) Finish(context.Context) error { return errors.New("not immediate") }
func (*collector) Close()                       {}

// link joins the nodes to a tree. Leaves are told late, so the order is that of
// the paths.
func (c *collector) link() {
	for _, p := range c.order {
		n := c.nodes[p]
		c.all = append(c.all, n)
		if strings.Contains(p.Path, "~") {
			continue // a further reading
		}
		above := c.nodes[p.Parent]
		switch {
		case above == nil:
			c.tree = n
		case above.kind == mime.Leaf:
			above.below = append(above.below, n)
		case above.kind == mime.Multipart && strings.HasSuffix("."+p.Path, ".0"):
			above.before = n
		case above.kind == mime.Multipart && strings.HasSuffix("."+p.Path, ".end"):
			above.after = n
		default:
			above.children = append(above.children, n)
		}
	}
	for _, n := range c.all {
		slices.SortStableFunc(n.children, func(a, b *node) int { return comparePaths(a.path, b.path) })
	}
}

// comparePaths orders siblings: 9 before 10.
func comparePaths(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
