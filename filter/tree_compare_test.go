package filter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/stream/mime"
)

// differences returns where the tree that Content tells is not the one that
// another parser states. What the other one says nothing about is not compared.
func differences(want, got *node) (list []string) {
	at := func(format string, a ...any) { list = append(list, got.path+": "+fmt.Sprintf(format, a...)) }
	if want.kind != got.kind {
		at("kind %v, want %v", got.kind, want.kind)
		return list
	}
	for _, typ := range want.types {
		if !slices.Contains(got.types, typ) {
			at("types %q, want %q", got.types, typ)
		}
	}
	for _, name := range want.names {
		if !slices.ContainsFunc(got.names, like(name)) {
			at("names %q, want %q", got.names, name)
		}
	}
	for _, f := range want.fields {
		if !slices.ContainsFunc(got.fields, like(f)) {
			at("no field %q", f)
		}
	}
	if !sameContent(want, got) {
		at("content")
	}
	if want.before != nil && !sameContent(want.before, got.before) {
		at("text before the parts")
	}
	if want.after != nil && !sameContent(want.after, got.after) {
		at("text behind the parts")
	}
	if len(want.children) != len(got.children) {
		at("%d parts, want %d", len(got.children), len(want.children))
		return list
	}
	for i := range want.children {
		list = append(list, differences(want.children[i], got.children[i])...)
	}
	return list
}

// like tells what is the same text. U+FFFD is what the other parser made of an
// octet that it could not read: any character.
func like(want string) func(string) bool {
	if !strings.ContainsRune(want, '\uFFFD') {
		return func(got string) bool { return got == want }
	}
	w := []rune(want)
	return func(got string) bool {
		return slices.EqualFunc(w, []rune(got), func(a, b rune) bool { return a == '\uFFFD' || a == b })
	}
}

// nothing is the digest of empty content, and of blank lines.
var nothing = digestOf(nil)

func sameContent(want, got *node) bool {
	if got == nil {
		return !slices.ContainsFunc(want.contents, func(d digest) bool { return d != nothing })
	}
	return want.contents == nil || slices.ContainsFunc(want.contents, func(d digest) bool {
		return slices.Contains(got.contents, d)
	})
}

// lost returns the leaves of want whose content, and the names that Content
// tells in no reading at all.
func lost(want *node, all []*node) (list []string) {
	has := func(holds func(*node) bool) bool { return slices.ContainsFunc(all, holds) }
	if want.kind == mime.Leaf && !slices.Contains(want.contents, nothing) &&
		!has(func(n *node) bool { return sameContent(want, n) }) {
		list = append(list, want.path+": content")
	}
	for _, name := range want.names {
		if !has(func(n *node) bool { return slices.ContainsFunc(n.names, like(name)) }) {
			list = append(list, fmt.Sprintf("%s: name %q", want.path, name))
		}
	}
	for _, n := range append([]*node{want.before, want.after}, want.children...) {
		if n != nil {
			list = append(list, lost(n, all)...)
		}
	}
	return list
}

// An explanation says why a tree is rightly another than a parser states.
type explanation struct {
	file string // of the corpora
	why  string
	lost bool // something the other states is in no reading of ours
}

// A comparison is a run over files whose trees are stated.
type comparison struct {
	explained []explanation
	used      map[string]bool
	same      int
}

// compare judges one file.
func (c *comparison) compare(t *testing.T, file string, want *node, got *told) {
	t.Helper()
	differ, missing := differences(want, got.tree), lost(want, got.all)
	i := slices.IndexFunc(c.explained, func(e explanation) bool { return e.file == file })
	switch {
	case i < 0 && differ == nil:
		c.same++
	case i < 0:
		t.Errorf("%s:\n\t%s\n\tlost: %q\n\t%v", file, strings.Join(differ, "\n\t"), missing, got.findings)
	case differ == nil:
		t.Errorf("%s: the trees are the same, but there is an explanation: %s", file, c.explained[i].why)
	case c.explained[i].lost != (missing != nil):
		t.Errorf("%s: lost %q, but explained as %s", file, missing, c.explained[i].why)
	}
	if c.used == nil {
		c.used = map[string]bool{}
	}
	c.used[file] = true
}

// end fails for explanations that no file needed.
func (c *comparison) end(t *testing.T, atLeast int) {
	t.Helper()
	for _, e := range c.explained {
		if !c.used[e.file] {
			t.Errorf("%s: not in the corpora", e.file)
		}
	}
	t.Logf("%d messages with a stated tree, %d the same, %d explained", len(c.used), c.same, len(c.explained))
	if len(c.used) < atLeast {
		t.Errorf("only %d messages", len(c.used))
	}
}
