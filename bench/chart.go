package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// A barChart is drawn as SVG by hand: horizontal bars, a whisker from the
// lowest to the highest round, readable on light and dark pages.
type barChart struct {
	title  string
	panels []panel
	footer []string
}

// A panel has a scale of its own.
type panel struct {
	title, unit string
	bars        []bar
}

type bar struct {
	label  string
	value  spread
	remark string // behind the figure
	strong bool   // the subject of the chart
}

// The chart's measures, in SVG user units.
const (
	chartWidth  = 860
	chartLabels = 210 // where bars begin
	chartBars   = 420 // the longest bar, whisker included
	barHeight   = 18
	barStep     = 28
	panelHead   = 34
	panelGap    = 18
	chartHead   = 54
	footerLine  = 16
)

// chartStyle: colours of text, bars and whiskers for both kinds of page.
const chartStyle = `
  svg { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; background: #ffffff; }
  text { fill: #24292f; font-size: 13px; }
  .title { font-size: 15px; font-weight: 600; }
  .panel { font-size: 13px; font-weight: 600; }
  .soft { fill: #57606a; font-size: 11px; }
  .bar { fill: #a8b3bf; } .strong { fill: #1f7a8c; }
  .whisker { stroke: #24292f; stroke-width: 1.2; } .axis { stroke: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    text { fill: #e6edf3; } .soft { fill: #9198a1; }
    .bar { fill: #57606a; } .strong { fill: #39a9bf; }
    .whisker { stroke: #e6edf3; } .axis { stroke: #30363d; }
  }
`

func (c barChart) height() int {
	h := chartHead
	for _, p := range c.panels {
		h += panelHead + len(p.bars)*barStep + panelGap
	}
	return h + len(c.wrapped())*footerLine + 12
}

// footerWidth is how many characters of the footer fit into a line.
const footerWidth = 140

// wrapped returns the footer in lines that fit, broken at spaces.
func (c barChart) wrapped() []string {
	var lines []string
	for _, line := range c.footer {
		for len(line) > footerWidth {
			at := strings.LastIndexByte(line[:footerWidth], ' ')
			if at <= 0 {
				break
			}
			lines = append(lines, line[:at])
			line = "    " + line[at+1:]
		}
		lines = append(lines, line)
	}
	return lines
}

// svg returns the whole document.
func (c barChart) svg() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		chartWidth, c.height(), chartWidth, c.height())
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(c.title), chartStyle)
	drawText(&b, 20, 30, "title", c.title)
	y := chartHead
	for _, p := range c.panels {
		y = p.draw(&b, y)
	}
	for _, line := range c.wrapped() {
		drawText(&b, 20, y+8, "soft", line)
		y += footerLine
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// draw puts the panel at y and returns where the next one begins.
func (p panel) draw(b *bytes.Buffer, y int) int {
	drawText(b, 20, y+16, "panel", p.title+", "+p.unit)
	y += panelHead
	var top float64
	for _, one := range p.bars {
		top = max(top, one.value.Max)
	}
	if top == 0 {
		top = 1
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", chartLabels, y-4, chartLabels, y+len(p.bars)*barStep-4)
	for _, one := range p.bars {
		one.draw(b, y, chartBars/top)
		y += barStep
	}
	return y + panelGap
}

func (one bar) draw(b *bytes.Buffer, y int, scale float64) {
	at := func(v float64) float64 { return chartLabels + v*scale }
	class, middle := "bar", y+barHeight/2
	if one.strong {
		class = "bar strong"
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", chartLabels-10, middle+5, escape(one.label))
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, chartLabels, y, one.value.Median*scale, barHeight)
	fmt.Fprintf(b, `<line class="whisker" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at(one.value.Min), middle, at(one.value.Max), middle)
	for _, v := range []float64{one.value.Min, one.value.Max} {
		fmt.Fprintf(b, `<line class="whisker" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at(v), middle-4, at(v), middle+4)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d">%.0f <tspan class="soft">%s</tspan></text>`+"\n", at(one.value.Max)+10, middle+5, one.value.Median, escape(one.remark))
}

func drawText(b *bytes.Buffer, x, y int, class, text string) {
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, escape(text))
}

// escape makes text safe inside an element.
func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) //nolint:errcheck // a Builder does not fail
	return b.String()
}
