package unpack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus returns the archives of a kind that libarchive tests with, decoded.
func corpus(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	dir := os.Getenv("SLUICE_CORPORA")
	if dir == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "libarchive-test", pattern))
	if err != nil || len(files) == 0 {
		t.Skip("corpora: no files " + pattern)
	}
	all := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".uu")] = uudecode(b)
	}
	return all
}

// What libarchive's 7z files give: whether all content came, or why not.
func TestSevenZipCorpus(t *testing.T) {
	for name, data := range corpus(t, "*.7z.uu") {
		s := tellAll(t, func(b *Budget, s Sink) Reader { return Open(TypeSevenZip, name, b, s) }, data, 0)
		var list []string
		for _, m := range s.members {
			list = append(list, m.Names[0])
			if !m.Encrypted && int64(len(m.data)) != m.Size {
				list = append(list, "(cut)")
			}
		}
		t.Logf("%s: %q %v", name, list[:min(6, len(list))], s.rules())
		noPanic(t, s)
	}
}

func TestRARCorpus(t *testing.T) {
	for name, data := range corpus(t, "*rar*.uu") {
		s := tellAll(t, opener(TypeRAR), data, 0)
		var list []string
		for _, m := range s.members {
			list = append(list, m.Names[0])
			if !m.Encrypted && int64(len(m.data)) != m.Size {
				list = append(list, "(cut)")
			}
		}
		t.Logf("%s: %q %v", name, list[:min(6, len(list))], s.rules())
		noPanic(t, s)
	}
}
