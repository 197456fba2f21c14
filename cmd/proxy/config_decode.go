package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A decoder lays values over a config, one source after the other, and
// remembers where each was written.
type decoder struct {
	problems problems
	where    map[string]position // by path, such as "routes[0].tls"
	written  map[string]string   // text of values that hold ${file:…}
	faulty   map[string]bool     // paths with an error, and keys that an unknown one was probably meant to be
	read     func(file string) ([]byte, error)
}

func newDecoder() *decoder {
	return &decoder{where: map[string]position{}, written: map[string]string{}, faulty: map[string]bool{}, read: os.ReadFile}
}

// A field is one setting of the table in config.go.
type field struct {
	reflect.StructField
	key    string
	shared bool // of an embedded table, which others have too
}

func fieldsOf(t reflect.Type) []field {
	var fs []field
	for f := range t.Fields() {
		if !f.Anonymous {
			fs = append(fs, field{f, f.Tag.Get("key"), false})
			continue
		}
		for _, inner := range fieldsOf(f.Type) {
			inner.Index = append(slices.Clone(f.Index), inner.Index...)
			inner.shared = true
			fs = append(fs, inner)
		}
	}
	return fs
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, f.key)
	}
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// setDefaults fills v, a struct, with the defaults of the table.
func setDefaults(v reflect.Value) {
	d := newDecoder()
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.Index)
		text, ok := f.Tag.Lookup("default")
		switch {
		case ok:
			d.value(textNode(fv.Type(), text, position{file: "default of " + f.key}), fv, f.Tag, f.key)
		case fv.Kind() == reflect.Struct && !isScalar(fv.Type()):
			setDefaults(fv)
		}
	}
	if len(d.problems) > 0 {
		panic(d.problems) // the table contradicts itself
	}
}

func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[scalar]())
}

// textNode makes a node of text without structure; a list of scalars is
// written with commas.
func textNode(t reflect.Type, text string, at position) *node {
	if t.Kind() != reflect.Slice || isScalar(t) {
		return &node{at: at, kind: bare, text: text}
	}
	n := &node{at: at, kind: list}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			n.items = append(n.items, &node{at: at, kind: bare, text: item})
		}
	}
	return n
}

// value decodes n into v. tag is that of the field that v is or is an item of.
func (d *decoder) value(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	d.where[path] = n.at
	delete(d.written, path)
	before := len(d.problems)
	defer func() {
		if len(d.problems) > before {
			d.faulty[path] = true
		}
	}()
	switch {
	case n.kind == broken:
	case n.kind == nothing:
		d.problems.errorf(n.at, "%q has no value", lastKey(path))
	case isScalar(v.Type()):
		d.scalar(n, v, tag, path)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, tag, path)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path)
	default:
		d.plain(n, v, tag, path)
	}
}

// lastKey is the last key of a path, with its number in a list. Keys of the
// operator's, addresses among them, are left out.
func lastKey(path string) string {
	key, depth, opened := 0, 0, 0
	for i := range len(path) {
		switch c := path[i]; {
		case c == '[':
			if depth++; depth == 1 {
				opened = i
			}
		case c == ']':
			depth = max(depth-1, 0)
		case c == '.' && depth == 0:
			key, opened = i+1, 0
		}
	}
	if opened > 0 {
		if _, err := strconv.Atoi(strings.TrimSuffix(path[opened+1:], "]")); err != nil {
			return path[key:opened]
		}
	}
	return path[key:]
}

func (d *decoder) structure(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		if path == "" {
			d.faulty[""] = true
			d.problems.errorf(n.at, "want a map of settings, got %s", n.kind)
			return
		}
		d.problems.errorf(n.at, "%q: want a map, got %s", lastKey(path), n.kind)
		return
	}
	fields, seen := fieldsOf(v.Type()), map[string]position{}
	for _, p := range n.pairs {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == p.key })
		if i < 0 {
			known := keysOf(v.Type())
			d.problems.errorf(p.at, "unknown key %q%s", p.key, nearest(p.key, known))
			if meant := nearestOf(p.key, known); meant != "" {
				d.faulty[join(path, meant)] = true
			}
			continue
		}
		if first, twice := seen[p.key]; twice {
			d.problems.errorf(p.at, "key %q again; it stands on line %d", p.key, first.line)
			continue
		}
		seen[p.key] = p.at
		if p.value.kind == nothing {
			p.value.at = p.at
		}
		d.value(p.value, v.FieldByIndex(fields[i].Index), fields[i].Tag, join(path, p.key))
	}
	for _, f := range fields {
		_, ok := seen[f.key]
		if !ok && f.Tag.Get("needs") != "" && path != "" && !d.faulty[join(path, f.key)] {
			d.problems.errorf(n.at, "key %q is missing", f.key)
		}
	}
}

func (d *decoder) list(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	if n.kind != list {
		d.problems.errorf(n.at, "%q: want a list, got %s", lastKey(path), n.kind)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		if e := out.Index(i); e.Kind() == reflect.Struct && !isScalar(e.Type()) {
			setDefaults(e)
		}
		d.value(item, out.Index(i), tag, fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

// mapping decodes a map with keys of the operator's.
func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		d.problems.errorf(n.at, "%q: want a map, got %s", lastKey(path), n.kind)
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, p := range n.pairs {
		key := reflect.ValueOf(p.key)
		if out.MapIndex(key).IsValid() {
			d.problems.errorf(p.at, "key %q again", p.key)
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if e.Kind() == reflect.Struct {
			setDefaults(e)
		}
		item := fmt.Sprintf("%s[%s]", path, p.key)
		d.value(p.value, e, "", item)
		d.where[item] = p.at
		out.SetMapIndex(key, e)
	}
	v.Set(out)
}

func (d *decoder) scalar(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	s := v.Addr().Interface().(scalar)
	if n.kind == list || n.kind == mapping {
		d.problems.errorf(n.at, "%q: want a %s, got %s", lastKey(path), s.kind(), n.kind)
		return
	}
	text, ok := d.expand(n, path)
	if !ok {
		return
	}
	if err := s.set(text); err != nil {
		d.problems.errorf(n.at, "%q: %v", lastKey(path), err)
		return
	}
	if least := tag.Get("min"); least != "" {
		bound := reflect.New(v.Type())
		if err := bound.Interface().(scalar).set(least); err == nil && v.Int() < bound.Elem().Int() {
			d.problems.errorf(n.at, "%q: %s is less than %s", lastKey(path), text, least)
		}
	}
}

// plain decodes strings, numbers and truths, which have no notation of their own.
func (d *decoder) plain(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	text, ok := d.expand(n, path)
	if !ok {
		return
	}
	key := lastKey(path)
	switch v.Kind() {
	case reflect.Bool:
		switch {
		case n.kind == list, n.kind == mapping, !slices.Contains([]string{"true", "false", "on", "off"}, text):
			d.problems.errorf(n.at, "%q: want true or false, got %s", key, n.shown(text))
		default:
			v.SetBool(text == "true" || text == "on")
		}
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil || n.kind != number && n.kind != bare {
			d.problems.errorf(n.at, "%q: want a whole number, got %s", key, n.shown(text))
			return
		}
		if least, err := strconv.Atoi(tag.Get("min")); err == nil && i < least {
			d.problems.errorf(n.at, "%q: %d is less than %d", key, i, least)
		}
		v.SetInt(int64(i))
	case reflect.String:
		d.text(n, text, v, tag, key)
	}
}

func (d *decoder) text(n *node, text string, v reflect.Value, tag reflect.StructTag, key string) {
	words := tag.Get("oneof")
	if n.kind != quotable && n.kind != bare {
		got := n.shown(text)
		if n.kind == number || n.kind == truth {
			got += "; put it into quotes"
		}
		d.problems.errorf(n.at, "%q: want text, got %s", key, got)
		return
	}
	if allowed := strings.Split(words, "|"); words != "" && !slices.Contains(allowed, text) {
		d.problems.errorf(n.at, "%q: want %s, got %q%s", key, strings.Join(allowed, ", "), text, nearest(text, allowed))
		return
	}
	v.SetString(text)
}

// shown describes what was written; foreign structure by its kind only.
func (n *node) shown(text string) string {
	if n.kind == quotable || n.kind == bare {
		return strconv.Quote(text)
	}
	if n.kind == number || n.kind == truth {
		return n.kind.String() + " (" + text + ")"
	}
	return n.kind.String()
}

// expand replaces ${file:/path} in a value by that file's content.
func (d *decoder) expand(n *node, path string) (text string, ok bool) {
	const open = "${file:"
	rest := n.text
	if n.kind != quotable && n.kind != bare || !strings.Contains(rest, open) {
		return rest, true
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(rest, open)
		out.WriteString(before)
		if !found {
			d.written[path] = n.text
			return out.String(), true
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			d.problems.errorf(n.at, "%q: %q has no closing brace", lastKey(path), open)
			return "", false
		}
		content, err := d.read(name)
		if err != nil {
			d.problems.errorf(n.at, "%q: %v", lastKey(path), err)
			return "", false
		}
		out.WriteString(trimNewline(string(content)))
		rest = tail
	}
}

// trimNewline removes the one line end that editors put behind a secret.
func trimNewline(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}
