package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChartIsWellFormed(t *testing.T) {
	c := barChart{
		title:  `a < b & "c"`,
		footer: []string{"go run ./bench x --y '<z>'"},
		panels: []panel{
			{title: "2 kB", unit: "messages/s", bars: []bar{
				{label: "<proxy>", value: spread{90, 100, 120}, remark: "1.0 × & more", strong: true},
				{label: "none", value: spread{}},
			}},
			{title: "empty"},
		},
	}
	svg := string(c.svg())
	d := xml.NewDecoder(strings.NewReader(svg))
	texts, rects := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			switch e.Name.Local {
			case "text":
				texts++
			case "rect":
				rects++
			}
		}
	}
	if texts != 8 || rects != 2 {
		t.Errorf("%d texts and %d bars, want 8 and 2", texts, rects)
	}
	if !strings.Contains(svg, "prefers-color-scheme: dark") {
		t.Error("no colours for dark pages")
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error("a measure is not a number")
	}
}

func TestTableAligns(t *testing.T) {
	tab := &table{head: []string{"", "n"}}
	tab.add("Größe", "1")
	tab.rule()
	tab.add("x", "1000")
	var b strings.Builder
	tab.write(&b)
	want := "            n\n  ───────────\n  Größe     1\n  ───────────\n  x      1000\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestSluiceConfig(t *testing.T) {
	c := sluiceConfig{Listen: "127.0.0.1:1", Admin: "127.0.0.1:2", Server: "127.0.0.1:3", MaxConnections: 50, RouteTLS: "none"}
	want := `hostname: mx.test
listeners:
  - address: 127.0.0.1:1
admin: {address: 127.0.0.1:2}
routes:
  - domains: ["y.test"]
    servers: [{address: "127.0.0.1:3", max_connections: 50}]
    tls: none
`
	if got := c.yaml(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c.Cert, c.Key, c.Implicit, c.CA, c.TLSName, c.Sessions, c.Delay = "c", "k", true, "a", "n", 9, "1s"
	for _, part := range []string{"tls: {cert: c, key: k, implicit: true}", "tls_name: n\n    ca: a", "limits:\n  sessions: 9", "shutdown: {delay: 1s}"} {
		if !strings.Contains(c.yaml(), part) {
			t.Errorf("%q is not in\n%s", part, c.yaml())
		}
	}
}
