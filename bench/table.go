package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A table is printed with aligned columns; the first column is text, the
// others are figures and stand to the right.
type table struct {
	head []string
	rows [][]string // nil is a thin line
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// rule separates groups of rows.
func (t *table) rule() { t.rows = append(t.rows, nil) }

// write prints the table, indented by two spaces.
func (t *table) write(w io.Writer) {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	total := 2 * (len(width) - 1)
	for _, n := range width {
		total += n
	}
	line := "  " + strings.Repeat("─", total)
	t.writeRow(w, width, t.head)
	fmt.Fprintln(w, line)
	for _, row := range t.rows {
		if row == nil {
			fmt.Fprintln(w, line)
			continue
		}
		t.writeRow(w, width, row)
	}
}

func (t *table) writeRow(w io.Writer, width []int, row []string) {
	var b strings.Builder
	for i, cell := range row {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
		b.WriteString("  ")
		if i == 0 {
			b.WriteString(cell + pad)
		} else {
			b.WriteString(pad + cell)
		}
	}
	fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
}

// formatSpread shows a figure's spread: median, then lowest to highest.
func formatSpread(s spread, format string) string {
	if s == (spread{}) {
		return "–"
	}
	return fmt.Sprintf(format+"  ("+format+" to "+format+")", s.Median, s.Min, s.Max)
}

// formatSize names a size in octets as flags take it: 2k, 50k, 1m.
func formatSize(n int) string {
	switch {
	case n >= 1e6 && n%1e6 == 0:
		return fmt.Sprintf("%d MB", n/1e6)
	case n >= 1e3 && n%1e3 == 0:
		return fmt.Sprintf("%d kB", n/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
