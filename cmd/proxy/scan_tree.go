package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"sluice/filter"
	"sluice/stream/mime"
)

// printParts prints a line a part: where it is, what it is, how large, and
// what it is called.
func (r *scanResult) printParts(out io.Writer) {
	var lines strings.Builder
	w := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	for i, p := range r.parts {
		if isBody(p) {
			continue // stands with its message
		}
		path, what, size := p.Path, whatIs(p), ""
		if path == "" {
			path, size = "message", octets(r.octets)
		}
		if i+1 < len(r.parts) && isBody(r.parts[i+1]) && r.parts[i+1].Parent == p {
			if body := whatIs(r.parts[i+1]); p.Parent == nil {
				what = body
			} else {
				what += ", " + body
			}
		}
		if p.Kind == mime.Leaf {
			size = octets(p.Size)
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\n", strings.Repeat("  ", indent(p)), path, onScreen(what), size, onScreen(about(p)))
	}
	w.Flush()
	for line := range strings.Lines(lines.String()) {
		fmt.Fprintf(out, "  %s\n", strings.TrimRight(line, " \n"))
	}
}

// isBody tells that a part is the multipart that a message consists of. It has
// the message's place.
func isBody(p *filter.Part) bool {
	return p.Kind == mime.Multipart && p.Parent != nil && p.Parent.Kind == mime.Message
}

// indent is how deep a part stands, bodies not counted.
func indent(p *filter.Part) (n int) {
	for p = p.Parent; p != nil; p = p.Parent {
		if !isBody(p) {
			n++
		}
	}
	return n
}

// whatIs says what a part was declared as, and what it is unless that is the same.
func whatIs(p *filter.Part) string {
	var words []string
	words = append(words, p.Declared...)
	for _, t := range p.Types {
		if !slices.ContainsFunc(p.Declared, func(d string) bool { return strings.HasSuffix(d, string(t)) }) {
			words = append(words, string(t))
		}
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case p.Text:
		return "text"
	case p.Encrypted:
		return "-"
	}
	return "data"
}

// about are a part's names and the odd facts about it.
func about(p *filter.Part) string {
	var words []string
	for _, n := range p.Names {
		words = append(words, fmt.Sprintf("%q", n))
	}
	if p.Encrypted {
		words = append(words, "encrypted")
	}
	if p.Doubtful {
		words = append(words, "not every program sees this")
	}
	if p.Made {
		words = append(words, "taken out of it")
	}
	return strings.Join(words, ", ")
}

// octets writes a size for people.
func octets(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 999_950:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// onScreen keeps foreign text from moving the cursor.
func onScreen(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
