package links

import (
	"context"
	"slices"
	"testing"
	"unicode/utf8"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/policy"
	"sluice/stream/mime"
)

// A drive is the module given one part of text, without anybody taking a
// message apart: what it is written is the text.
type drive struct {
	html   bool
	fields []mime.Field
	links  []string // given to Link
	module Module
}

func (drive) Name() string { return "links" }

func (d drive) Open(s *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	sc := d.module.Open(s, e, ch).(*scanner)
	part := &filter.Part{Path: "1", Text: true, HTML: d.html}
	sc.OpenPart(part)
	for _, f := range d.fields {
		sc.Field(part, f)
	}
	for _, l := range d.links {
		sc.Link(part, []byte(l))
	}
	return &driven{scan: sc, part: part}
}

// driven hands what is written on as text, in whole characters.
type driven struct {
	scan *scanner
	part *filter.Part
	rest []byte
}

func (d *driven) Write(p []byte) {
	d.rest = append(d.rest, p...)
	n := len(d.rest)
	for k := 1; k <= min(3, n); k++ {
		if c := d.rest[n-k]; utf8.RuneStart(c) {
			if !utf8.FullRune(d.rest[n-k:]) {
				n -= k
			}
			break
		}
	}
	piece := slices.Clone(d.rest[:n])
	d.scan.Text(d.part, piece)
	for i := range piece {
		piece[i] = 0xA5 // who kept it is found out
	}
	d.rest = append(d.rest[:0], d.rest[n:]...)
}

func (d *driven) FinishNow() error {
	if len(d.rest) > 0 {
		d.scan.Text(d.part, d.rest)
	}
	d.scan.ClosePart(d.part)
	return d.scan.FinishNow()
}

func (d *driven) Finish(context.Context) error { return d.FinishNow() }

// run returns the links that d publishes for content, and its findings.
func (d drive) run(t testing.TB, content string, sizes ...int) (links []filter.Link, findings []policy.Finding) {
	t.Helper()
	m := filtertest.Message{
		Content:   []byte(content),
		Subscribe: func(ch *filter.Channel) { filter.Links.Subscribe(ch, func(l filter.Link) { links = append(links, l) }) },
	}
	return links, ours(filtertest.Run(t, d, m, sizes...).Findings)
}

// ours returns the findings of this module: the content of a drive is no
// message, and found wanting as one.
func ours(findings []policy.Finding) []policy.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f policy.Finding) bool { return f.Module != "links" })
}

func urls(links []filter.Link) []string {
	var all []string
	for _, l := range links {
		all = append(all, l.URL)
	}
	return all
}

func (d *driven) Close() { d.scan.Close() }
