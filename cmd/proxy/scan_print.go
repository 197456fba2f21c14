package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"sluice/filter"
	"sluice/stream/mime"
)

// printerOf returns how results are printed.
func printerOf(c *scanCommand, out io.Writer) func(*scanResult) error {
	switch {
	case c.JSON:
		encoder := json.NewEncoder(out)
		return func(r *scanResult) error { return encoder.Encode(r.forJSON()) }
	case c.Quiet:
		return func(r *scanResult) error { return r.line(out) }
	}
	return func(r *scanResult) error { return r.tree(out, c.Explain) }
}

// Names fixed for scripts.
type (
	scanJSON struct {
		File        string        `json:"file"`
		Disposition string        `json:"disposition"`
		Rule        string        `json:"rule"`
		Score       float64       `json:"score"`
		Findings    []findingJSON `json:"findings"`
		Parts       []partJSON    `json:"parts"`
	}
	findingJSON struct {
		Module string  `json:"module"`
		Rule   string  `json:"rule"`
		Score  float64 `json:"score"`
		Place  string  `json:"place"`
		Detail string  `json:"detail"`
	}
	partJSON struct {
		Path   string `json:"path"`
		Type   string `json:"type"`
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	}
)

func (r *scanResult) forJSON() scanJSON {
	out := scanJSON{
		File: r.file, Disposition: r.disposition.Action.String(), Rule: r.disposition.Rule,
		Score: r.disposition.Score, Findings: []findingJSON{}, Parts: []partJSON{},
	}
	for _, f := range r.findings {
		out.Findings = append(out.Findings, findingJSON{f.Module, f.Rule, f.Score, f.Place, f.Detail})
	}
	for _, p := range r.parts {
		one := partJSON{Path: p.Path, Type: typeOf(p), Name: nameOf(p), Size: p.Size}
		if p.Kind == mime.Leaf {
			one.SHA256 = hex.EncodeToString(p.SHA256[:])
		}
		out.Parts = append(out.Parts, one)
	}
	return out
}

// typeOf is what a part is: as declared, or for members as recognised.
func typeOf(p *filter.Part) string {
	if len(p.Declared) > 0 {
		return p.Declared[0]
	}
	if len(p.Types) > 0 {
		return string(p.Types[0])
	}
	return ""
}

func nameOf(p *filter.Part) string {
	if len(p.Names) == 0 {
		return ""
	}
	return p.Names[0]
}

// line prints the disposition.
func (r *scanResult) line(out io.Writer) error {
	rule := ""
	if r.disposition.Rule != "" {
		rule = " by " + r.disposition.Rule
	}
	_, err := fmt.Fprintf(out, "%s: %s%s, score %.1f\n", onScreen(r.file), r.disposition.Action, rule, r.disposition.Score)
	return err
}

// tree prints everything.
func (r *scanResult) tree(out io.Writer, explain bool) error {
	if err := r.line(out); err != nil {
		return err
	}
	for _, p := range r.parts {
		path := p.Path
		if path == "" {
			path = "message"
		}
		what := typeOf(p)
		for _, t := range p.Types {
			if string(t) != what {
				what += " (" + string(t) + ")"
			}
		}
		name := ""
		for _, n := range p.Names {
			name += fmt.Sprintf(" %q", onScreen(n))
		}
		fmt.Fprintf(out, "  %s%s  %s%s, %d octets%s\n", strings.Repeat("  ", p.Depth), path, onScreen(what), name, p.Size, marks(p))
	}
	for _, f := range r.findings {
		fmt.Fprintf(out, "  %+6.1f  %s", f.Score, f.Rule)
		if f.Detail != "" {
			fmt.Fprintf(out, " (%s)", onScreen(f.Detail))
		}
		if f.Place != "" {
			fmt.Fprintf(out, " in %s", f.Place)
		}
		if f.Force != 0 {
			fmt.Fprintf(out, ", asks to %s", f.Force)
		}
		fmt.Fprintln(out)
		if text := ruleTexts()[f.Rule]; explain && text != "" {
			fmt.Fprintf(out, "          %s\n", text)
		}
	}
	return nil
}

// marks are the odd facts about a part.
func marks(p *filter.Part) string {
	s := ""
	if p.Encrypted {
		s += ", encrypted"
	}
	if p.Doubtful {
		s += ", not seen so by every program"
	}
	if p.Made {
		s += ", found inside"
	}
	return s
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
