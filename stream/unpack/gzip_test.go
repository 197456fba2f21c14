package unpack

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// gzipped packs content with a name in the header.
func gzipped(name string, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = name
	w.Write(content)
	w.Close()
	return b.Bytes()
}

func TestGzip(t *testing.T) {
	content := mixed(200_000)
	one := gzipped("inside.txt", content)
	for name, c := range map[string]struct {
		packed []byte
		want   []byte
		note   string
	}{
		"one":        {one, content, ""},
		"two":        {append(bytes.Clone(one), gzipped("", content)...), append(bytes.Clone(content), content...), ""},
		"zeros":      {append(bytes.Clone(one), make([]byte, 100_000)...), content, ""},
		"trailing":   {append(bytes.Clone(one), "and more"...), content, "trailing"},
		"cut":        {one[:len(one)-9], content, "data"},
		"no end":     {one[:len(one)-5], content, "end"},
		"not at all": {[]byte("\x1F\x8B\x08"), nil, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			r := readCuts(t, TypeGzip, "file.txt.gz", c.packed)
			if c.want != nil && name != "cut" && !r.finds(c.want) {
				t.Errorf("content not found:\n%s", r)
			}
			if c.want != nil && r.members[0].names != "inside.txt|file.txt" {
				t.Errorf("names %s", r.members[0].names)
			}
			if c.note == "" && len(r.notes) > 0 || c.note != "" && (len(r.notes) != 1 || r.notes[0] != Note{RuleBroken, Middle, c.note}) {
				t.Errorf("notes %v", r.notes)
			}
		})
	}
}

// TestGzipLayers packs zeros ten times, which is under 1 kB in the end.
func TestGzipLayers(t *testing.T) {
	packed := make([]byte, 10<<20)
	for range 10 {
		packed = gzipped("", packed)
	}
	if r := readCuts(t, TypeGzip, "", packed); !r.has(RuleDepth) {
		t.Errorf("no limit stopped it:\n%s", r)
	}
}

func TestGzipBomb(t *testing.T) {
	packed := gzipped("", make([]byte, 40<<20)) // the ratio counts from 32 MiB
	for _, piece := range []int{0, 7} {
		r := read(t, TypeGzip, "", packed, piece, Limits{})
		if len(r.notes) != 1 || r.notes[0] != (Note{RuleBomb, Exhausted, "ratio"}) {
			t.Errorf("pieces of %d: notes %v", piece, r.notes)
		}
	}
}
