package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dump writes the configuration as YAML: what was set, or with all also the
// defaults. Secrets are redacted, and a value that came from a file shows
// which one.
func (l *loaded) dump(all bool) string {
	p := printer{loaded: l, all: all}
	p.structure(reflect.ValueOf(&l.config).Elem(), "", "")
	return p.out.String()
}

type printer struct {
	*loaded
	all bool
	out strings.Builder
}

func (p *printer) structure(v reflect.Value, path, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		p.setting(f.key, v.FieldByIndex(f.Index), join(path, f.key), indent)
	}
}

// setting prints one key with all below it.
func (p *printer) setting(key string, v reflect.Value, path, indent string) {
	_, set := p.where[path]
	if !set && (!p.all || v.Type() == reflect.TypeFor[attachmentsConfig]()) {
		return // a level that says nothing of attachments must not begin to
	}
	switch {
	case v.Kind() == reflect.Struct && !isScalar(v.Type()):
		if nested := p.inner(func(q *printer) { q.structure(v, path, indent+"  ") }); nested != "" {
			fmt.Fprintf(&p.out, "%s%s:\n%s", indent, key, nested)
		} else if set && v.Type() == reflect.TypeFor[attachmentsConfig]() {
			fmt.Fprintf(&p.out, "%s%s: {}\n", indent, key)
		}
	case v.Kind() == reflect.Slice && !isScalar(v.Type()):
		p.list(key, v, path, indent)
	case v.Kind() == reflect.Map:
		if v.Len() == 0 {
			return
		}
		fmt.Fprintf(&p.out, "%s%s:\n", indent, key)
		names := make([]string, 0, v.Len())
		for _, name := range v.MapKeys() {
			names = append(names, name.String())
		}
		slices.Sort(names)
		for _, name := range names {
			p.setting(quoteYAML(name), v.MapIndex(reflect.ValueOf(name)), fmt.Sprintf("%s[%s]", path, name), indent+"  ")
		}
	default:
		if text := p.scalarText(v, path); text != `""` || set && v.Type() == reflect.TypeFor[words]() {
			fmt.Fprintf(&p.out, "%s%s: %s\n", indent, key, text)
		}
	}
}

// inner runs print with an empty output and returns what it printed.
func (p *printer) inner(print func(*printer)) string {
	q := printer{loaded: p.loaded, all: p.all}
	print(&q)
	return q.out.String()
}

func (p *printer) list(key string, v reflect.Value, path, indent string) {
	item := v.Type().Elem()
	if item.Kind() != reflect.Struct || isScalar(item) {
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = p.scalarText(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		fmt.Fprintf(&p.out, "%s%s: [%s]\n", indent, key, strings.Join(texts, ", "))
		return
	}
	if v.Len() == 0 {
		return
	}
	fmt.Fprintf(&p.out, "%s%s:\n", indent, key)
	for i := range v.Len() {
		text := p.inner(func(q *printer) {
			q.structure(v.Index(i), fmt.Sprintf("%s[%d]", path, i), indent+"    ")
		})
		if text == "" {
			text = indent + "    {}\n"
		}
		p.out.WriteString(indent + "  - " + text[len(indent)+4:])
	}
}

// scalarText returns a value in YAML's notation.
func (p *printer) scalarText(v reflect.Value, path string) string {
	if text, ok := p.written[path]; ok {
		return quoteYAML(text)
	}
	if isScalar(v.Type()) {
		copied := reflect.New(v.Type())
		copied.Elem().Set(v)
		if a, ok := copied.Interface().(*socketAddress); ok && *a == "" {
			return "none"
		}
		return quoteYAML(copied.Interface().(scalar).String())
	}
	if v.Kind() == reflect.String {
		return quoteYAML(v.String())
	}
	return fmt.Sprint(v.Interface())
}

// plainYAML matches texts that every YAML reader takes for the string they are.
var plainYAML = regexp.MustCompile(`^[a-zA-Z/][a-zA-Z0-9._/-]*$`)

// quoteYAML quotes where it is needed. Go's notation is YAML's for all that
// can stand in a setting: \x, \u, \n and their like.
func quoteYAML(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plainYAML.MatchString(s) || isMeasure(s) {
		return s
	}
	return strconv.Quote(s)
}

// isMeasure reports whether s is a size or duration, which need no quotes.
func isMeasure(s string) bool {
	return new(size).set(s) == nil || new(duration).set(s) == nil
}
