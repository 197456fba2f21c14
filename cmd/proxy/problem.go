package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A position is where a setting was written: a place in the file, or the name
// of an environment variable or flag.
type position struct {
	file      string
	line, col int // from 1; 0 if file stands for something without lines
}

func (p position) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col)
}

// A problem is something an operator has to put right. It never quotes a secret.
type problem struct {
	at      position
	text    string
	warning bool // the configuration can be used all the same
}

func (p problem) String() string {
	if p.warning {
		return p.at.String() + ": warning: " + p.text
	}
	return p.at.String() + ": " + p.text
}

// problems collects all that is wrong in one run.
type problems []problem

func (ps *problems) errorf(at position, format string, args ...any) {
	*ps = append(*ps, problem{at: at, text: fmt.Sprintf(format, args...)})
}

func (ps *problems) warnf(at position, format string, args ...any) {
	*ps = append(*ps, problem{at: at, text: fmt.Sprintf(format, args...), warning: true})
}

// split sorts by place and parts errors from warnings.
func (ps problems) split() (errs, warnings problems) {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b problem) int {
		return cmp.Or(
			cmp.Compare(min(b.at.line, 1), min(a.at.line, 1)), // the file first
			cmp.Compare(a.at.file, b.at.file),
			cmp.Compare(a.at.line, b.at.line),
			cmp.Compare(a.at.col, b.at.col))
	})
	for _, p := range sorted {
		if p.warning {
			warnings = append(warnings, p)
		} else {
			errs = append(errs, p)
		}
	}
	return errs, warnings
}

// Error makes problems an error of one line each.
func (ps problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// anonymous returns ps as a log may have them (I6): what an operator wrote in
// the wrong place can be somebody's address, as a mailbox named twice is.
func (ps problems) anonymous() problems {
	out := slices.Clone(ps)
	for i := range out {
		out[i].text = withoutAddresses(out[i].text, nil)
	}
	return out
}

// nearest returns the part of a message that names the candidate most like
// word, or nothing if none is like it.
func nearest(word string, candidates []string) string {
	if best := nearestOf(word, candidates); best != "" {
		return fmt.Sprintf("; nearest %q", best)
	}
	return ""
}

// nearestOf prefers what begins alike: people err later in a word, and leave
// its end out. What differs in more than half of the word is another word: a
// guess would only mislead.
func nearestOf(word string, candidates []string) string {
	best, least := "", 0
	word = strings.ToLower(word)
	for _, c := range candidates {
		d := editDistance(word, c)
		if n := d - sharedPrefix(word, c); n <= len(word)/2 && (best == "" || n < least) {
			best, least = c, n
		}
	}
	return best
}

func sharedPrefix(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// editDistance counts the insertions, deletions, changes and swaps of
// neighbours that lead from a to b (optimal string alignment).
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
