package links

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every rule stands in the README with its score, and is published by its
// place in Rules.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(Rules) != ruleCount {
		t.Fatalf("%d rules, want %d", len(Rules), ruleCount)
	}
	for _, r := range Rules {
		row := ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| `"+r.Name+"` |") {
				row = line
			}
		}
		if !strings.HasSuffix(strings.TrimSpace(row), fmt.Sprintf("| %v |", r.Score)) || r.Text == "" {
			t.Errorf("%s with score %v: row %q", r.Name, r.Score, row)
		}
	}
}
