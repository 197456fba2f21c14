package main

import (
	"encoding/hex"
	"encoding/json"
	"io"

	"sluice/filter"
	"sluice/stream/mime"
)

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
		Score  float64 `json:"score"` // as the recipient's policy counts it
		Place  string  `json:"place"`
		Detail string  `json:"detail"`
	}
	partJSON struct {
		Path   string `json:"path"`
		Type   string `json:"type"`
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"` // of leaves
	}
)

// json prints the result as one object on one line.
func (r *scanResult) json(out io.Writer) {
	o := scanJSON{
		File: r.file, Disposition: r.disposition.Action.String(), Rule: r.disposition.Rule,
		Score: r.disposition.Score, Findings: []findingJSON{}, Parts: []partJSON{},
	}
	for i, f := range r.findings {
		o.Findings = append(o.Findings, findingJSON{f.Module, f.Rule, r.effects[i].Score, f.Place, f.Detail})
	}
	for _, p := range r.parts {
		one := partJSON{Path: p.Path, Type: typeOf(p), Name: nameOf(p), Size: p.Size}
		if p.Kind == mime.Leaf {
			one.SHA256 = hex.EncodeToString(p.SHA256[:])
		}
		o.Parts = append(o.Parts, one)
	}
	_ = json.NewEncoder(out).Encode(o) // numbers and text: only out can fail
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
