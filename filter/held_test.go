package filter_test

import (
	"slices"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
)

// TestFilesInShortText: a text is told before the files in it, however it was
// cut, also if they end before it is known what the text is.
func TestFilesInShortText(t *testing.T) {
	const message = "Subject: files\r\n\r\ntext\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n" +
		"begin 644 b.txt\r\n#86)C\r\n`\r\nend\r\nmore\r\n"
	for _, sizes := range [][]int{nil, slices.Repeat([]int{1}, len(message)), {60, 5, 5, 5, 40}} {
		c := &collector{nodes: map[*filter.Part]*node{}}
		filtertest.Run(t, c, filtertest.Message{Content: []byte(message)}, sizes...)
		var paths []string
		for _, p := range c.order {
			paths = append(paths, p.Path)
		}
		if want := []string{"", "1", "1.1", "1.2"}; !slices.Equal(paths, want) {
			t.Errorf("%v: parts in the order %q, want %q", sizes, paths, want)
		}
		c.link()
		if text := c.tree.children[0]; len(text.below) != 2 || text.below[0].contents[0] != digestOf([]byte("abc")) {
			t.Errorf("%v: the text's files are %v", sizes, text.below)
		}
	}
}
