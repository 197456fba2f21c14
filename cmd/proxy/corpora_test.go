package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/internal/smtptest"
	"sluice/policy"
)

// A corpusMessage is one message of the public corpora, with CRLF line ends as
// far as a file has line ends.
type corpusMessage struct {
	name    string
	content []byte
}

// needCorpora returns the folders of the public corpora, either of which may be
// empty, or skips the test.
func needCorpora(t *testing.T) (root, spam string) {
	t.Helper()
	root, spam = os.Getenv("SLUICE_CORPORA"), os.Getenv("SLUICE_SPAMASSASSIN")
	if root == "" && spam == "" {
		t.Skip("corpora: neither SLUICE_CORPORA nor SLUICE_SPAMASSASSIN is set")
	}
	return root, spam
}

// corpora calls f with every message of the public corpora: SLUICE_CORPORA's,
// libarchive's archives as attachments among them, and SLUICE_SPAMASSASSIN's.
// Content is valid during the call.
func corpora(t *testing.T, f func(m corpusMessage)) {
	t.Helper()
	root, spam := needCorpora(t)
	n, archives := 0, 0
	give := func(m corpusMessage) {
		if smtptest.Race && ((n+archives)%10 != 0 || len(m.content) > raceMessage) {
			return // a tenth of them shows any race
		}
		f(m)
	}
	each := func(folder string, f func(string)) {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				f(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := mailReader{limit: 100 << 20}
	messages := func(path string) {
		name := strings.TrimPrefix(strings.TrimPrefix(path, root), spam)
		if err := r.read([]string{path}, func(_ string, content []byte) {
			n++
			give(corpusMessage{fmt.Sprintf("%s#%d", name, n), content})
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if root != "" {
		for _, folder := range []string{"mime4j", "mail-parser", "mimekit", "rspamd-messages"} {
			each(filepath.Join(root, folder), messages)
		}
		each(filepath.Join(root, "libarchive-test"), func(path string) {
			archives++
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(path)
			give(corpusMessage{name, filtertest.Attached(strings.TrimSuffix(name, ".uu"), filtertest.UUDecode(text))})
		})
		if n < 1000 || archives < 400 {
			t.Errorf("%d messages and %d archives: the corpora are not whole", n, archives)
		}
	}
	if spam != "" {
		before := n
		each(spam, messages)
		if n-before < 6000 {
			t.Errorf("%d messages: SpamAssassin's corpus is not whole", n-before)
		}
	}
	t.Logf("%d messages, %d archives", n, archives)
}

// heapGrowth is how much more memory may be in use behind any message of the
// corpora than before the first, in octets, garbage included: what decoders and
// held containers of one message may take (unpack.Limits). It was seen to be 13
// MiB.
const heapGrowth = 128 << 20

// cutsOfEach is in how many random ways each message is cut besides.
const cutsOfEach = 2

// TestCorporaScan takes every message of the corpora through the path of proxy
// scan: no module fails, memory is bounded, and no cutting of the content shows
// in what is found.
func TestCorporaScan(t *testing.T) {
	needCorpora(t)
	s := corporaScanner(t)
	random := rand.New(rand.NewPCG(3, 1))            // the same each time
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // else most of what is in use is garbage
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, largest := uint64(0), ""
	corpora(t, func(m corpusMessage) {
		whole := s.scan(m.name, m.content)
		for _, f := range whole.findings {
			if strings.HasSuffix(f.Rule, ".failed") {
				t.Errorf("%s: %v", m.name, f)
			}
		}
		parts := partLines(whole.parts)
		findings := s.cut(m.content, nil)
		for range cutsOfEach {
			sizes := filtertest.RandomSizes(random, len(m.content))
			if got := s.cut(m.content, sizes); !slices.Equal(got, findings) {
				t.Errorf("%s: cuts show:\n%v\nwhole:\n%v", m.name, got, findings)
			}
			if got := partLines(s.parts.take()); !slices.Equal(got, parts) {
				t.Errorf("%s: cuts show in the parts:\n%s\nwhole:\n%s", m.name, strings.Join(got, "\n"), strings.Join(parts, "\n"))
			}
		}
		runtime.ReadMemStats(&now)
		if now.HeapAlloc > most {
			most, largest = now.HeapAlloc, m.name
		}
	})
	if most > before.HeapAlloc+heapGrowth {
		t.Errorf("%d MiB in use behind %s, %d MiB before", most>>20, largest, before.HeapAlloc>>20)
	}
	t.Logf("at most %d MiB in use, behind %s", most>>20, largest)
}

// corporaScanner is what proxy scan works with.
func corporaScanner(t *testing.T) *mailScanner {
	t.Helper()
	conf := mustLoad(t, source{file: "-", stdin: strings.NewReader(scanConfig)})
	s := &mailScanner{ctx: context.Background(), policy: conf.policy}
	if err := s.build(conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// cut runs the chain over content in pieces, the last as long as need be.
func (s *mailScanner) cut(content []byte, sizes []int) []policy.Finding {
	visit := s.chain.Visit(&s.session)
	visit.CheckSession(s.ctx)
	envelope := filter.Envelope{ID: "scan", From: s.from, Size: -1}
	run, _ := visit.Begin(s.ctx, &envelope)
	defer run.Close()
	run.Open()
	for len(content) > 0 {
		n := len(content)
		if len(sizes) > 0 {
			n, sizes = min(sizes[0], n), sizes[1:]
		}
		run.Write(content[:n])
		content = content[n:]
	}
	return run.Finish(s.ctx)
}

// partLines is all that is known of parts, a line each.
func partLines(parts []*filter.Part) (lines []string) {
	for _, p := range parts {
		lines = append(lines, fmt.Sprintf("%s %v %q %q %q %v %v %d %x", p.Path, p.Kind, p.Names, p.Declared, p.Types, p.Encrypted, p.Doubtful, p.Size, p.SHA256[:8]))
	}
	return lines
}
