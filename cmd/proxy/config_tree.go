package main

import (
	"bytes"
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A node is one value as somebody wrote it, whatever the notation: a tree of
// these is what the file, the environment and the flags have in common.
type node struct {
	at    position
	kind  nodeKind
	text  string  // of a scalar
	items []*node // of a list
	pairs []pair  // of a map, in order; keys may repeat
}

type pair struct {
	key   string
	at    position
	value *node
}

type nodeKind uint8

const (
	nothing  nodeKind = iota // null, or no value
	bare                     // text without a type of its own, from the environment
	quotable                 // a YAML string
	number
	truth
	list
	mapping
	broken // already complained about
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "text", "text", "a number", "true or false", "a list", "a map", "an error"}[k]
}

// maxNodes bounds a file's tree with its aliases followed: 100,000 values are
// more routes than one file should hold, and stop aliases of aliases.
const maxNodes = 100_000

// treeOf parses YAML. A syntax error is the only problem it then reports.
func treeOf(file string, text []byte, ps *problems) *node {
	g := grower{file: file, problems: ps, anchors: map[string]ast.Node{}}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // YAML 1.2 section 5.2; goccy would take it for a part of the first key
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := position{file: file, line: 1, col: 1}
		message := "not YAML"
		if se, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			at, message = g.at(se.GetToken()), se.GetMessage()
		}
		ps.errorf(at, "%s", message)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return &node{at: position{file: file, line: 1, col: 1}, kind: mapping}
	case 1:
		return g.grow(bodies[0])
	default:
		ps.errorf(g.at(bodies[1].GetToken()), "a second document; write everything into the first")
		return nil
	}
}

// A grower turns goccy's syntax tree into nodes.
type grower struct {
	file     string
	problems *problems
	anchors  map[string]ast.Node
	nodes    int
}

func (g *grower) at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{file: g.file, line: 1, col: 1}
	}
	return position{file: g.file, line: t.Position.Line, col: t.Position.Column}
}

func (g *grower) grow(n ast.Node) *node {
	out := &node{at: g.at(n.GetToken())}
	if g.nodes++; g.nodes > maxNodes {
		if g.nodes == maxNodes+1 {
			g.problems.errorf(out.at, "more than %d values", maxNodes)
		}
		out.kind = broken
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		for _, v := range n.Values {
			g.pair(out, v)
		}
		if len(out.pairs) > 0 && n.GetToken().Type == token.MappingValueType {
			out.at = out.pairs[0].at
		}
	case *ast.MappingValueNode:
		out.kind = mapping
		g.pair(out, n)
	case *ast.SequenceNode:
		out.kind = list
		for _, v := range n.Values {
			out.items = append(out.items, g.grow(v))
		}
	case *ast.AnchorNode:
		g.anchors[n.Name.GetToken().Value] = n.Value
		return g.grow(n.Value)
	case *ast.AliasNode:
		return g.alias(n, out)
	default:
		g.scalar(n, out)
	}
	return out
}

func (g *grower) pair(out *node, v *ast.MappingValueNode) {
	at := g.at(v.Key.GetToken())
	if v.Key.IsMergeKey() {
		g.problems.errorf(at, `merge keys ("<<") are not understood`)
		return
	}
	key := v.Key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		key = s.Value
	}
	out.pairs = append(out.pairs, pair{key: key, at: at, value: g.grow(v.Value)})
}

func (g *grower) alias(n *ast.AliasNode, out *node) *node {
	name := n.Value.GetToken().Value
	target, ok := g.anchors[name]
	if !ok {
		g.problems.errorf(out.at, "alias of %q, which is not defined above", name)
		out.kind = broken
		return out
	}
	return g.grow(target)
}

func (g *grower) scalar(n ast.Node, out *node) {
	out.text = n.GetToken().Value
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = nothing
	case *ast.StringNode:
		out.kind, out.text = quotable, n.Value
	case *ast.LiteralNode:
		out.kind, out.text = quotable, strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind = number
	case *ast.BoolNode:
		out.kind = truth
	default:
		g.problems.errorf(out.at, "%q is not understood here", out.text)
		out.kind = broken
	}
}
