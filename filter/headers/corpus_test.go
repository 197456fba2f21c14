package headers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/filter/filtertest"
)

// TestCorpus measures the rules on the public corpus of SpamAssassin, whose
// folders SLUICE_SPAMASSASSIN holds, and compares the table of README.md. With -v
// it prints that table.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SLUICE_SPAMASSASSIN")
	if root == "" {
		t.Skip("corpora: SLUICE_SPAMASSASSIN is not set")
	}
	ham, spam := &tally{hits: map[string]int{}}, &tally{hits: map[string]int{}}
	for folder, into := range map[string]*tally{"easy-ham-1": ham, "easy-ham-2": ham, "hard-ham-1": ham, "spam-1": spam, "spam-2": spam} {
		into.readAll(t, filepath.Join(root, folder))
	}
	if ham.messages < 3900 || spam.messages < 1500 {
		t.Fatalf("%d ham, %d spam: the corpus is not whole", ham.messages, spam.messages)
	}
	t.Logf("%d ham, %d spam", ham.messages, spam.messages)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		h, s := ham.share(r.Name), spam.share(r.Name)
		row := fmt.Sprintf("| `%s` | %v | %.2f %% | %.2f %% | %s |\n", r.Name, r.Score, h, s, r.Text)
		t.Log(row)
		if !bytes.Contains(readme, []byte(row)) {
			t.Errorf("README.md does not have this row: %s", row)
		}
		if r.Score >= 1 && h >= 1 {
			t.Errorf("%s has score %v and hits %.2f %% of ham", r.Name, r.Score, h)
		}
	}
	for _, limit := range []float64{1, 2, 3, 4, 5} {
		t.Logf("score %v or more: %.2f %% of ham, %.2f %% of spam", limit, ham.above(limit), spam.above(limit))
	}
	if above := ham.above(5); above > 0.1 {
		t.Errorf("%.2f %% of ham have 5 points and more", above)
	}
	if name := os.Getenv("SLUICE_SPAMASSASSIN_RULE"); name != "" {
		t.Logf("%s in ham: %s", name, strings.Join(ham.files[name], " "))
	}
}

// A tally is what was found in some messages.
type tally struct {
	messages int
	hits     map[string]int
	scores   []float64
	files    map[string][]string
}

func (c *tally) share(rule string) float64 { return 100 * float64(c.hits[rule]) / float64(c.messages) }

func (c *tally) above(limit float64) float64 {
	n := 0
	for _, s := range c.scores {
		if s >= limit {
			n++
		}
	}
	return 100 * float64(n) / float64(c.messages)
}

func (c *tally) readAll(t *testing.T, folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if c.files == nil {
		c.files = map[string][]string{}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(content, []byte("From ")) { // the mailbox's own line
			_, content, _ = bytes.Cut(content, []byte("\n"))
		}
		content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
		now, sent := arrival(content)
		if !sent {
			continue
		}
		m := Module{Now: func() time.Time { return now }}
		score := 0.0
		for _, f := range filtertest.Run(t, m, filtertest.Message{Content: content}).Findings {
			if !strings.HasPrefix(f.Rule, "headers.") {
				continue
			}
			score += f.Score
			c.hits[f.Rule]++
			c.files[f.Rule] = append(c.files[f.Rule], filepath.Base(file)[:11])
		}
		c.messages++
		c.scores = append(c.scores, score)
	}
}

// arrival is when a message of the corpus came in: the date of the topmost
// Received field that is not of the collector's own mailbox. Messages without
// any were never sent, but taken from an archive.
func arrival(content []byte) (time.Time, bool) {
	for i, trace := range bytes.Split(content, []byte("\r\nReceived:")) {
		if i == 0 || bytes.Contains(trace, []byte("(jalapeno ")) || bytes.Contains(trace, []byte(" jalapeno ")) {
			continue
		}
		for line := range bytes.SplitSeq(trace, []byte("\r\n")) {
			if i := bytes.LastIndexByte(line, ';'); i >= 0 {
				if m, ok := parseDate(line[i+1:]); ok {
					return m.time, true
				}
			}
		}
	}
	return time.Time{}, false
}
