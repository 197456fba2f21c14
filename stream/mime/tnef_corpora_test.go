package mime

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The corpus has, beside each stream, the files that another program took out
// of it.
func TestTNEFCorpora(t *testing.T) {
	root := os.Getenv("SLUICE_CORPORA")
	if root == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	streams, err := filepath.Glob(filepath.Join(root, "mimekit", "tnef", "*.tnef"))
	if err != nil || len(streams) == 0 {
		t.Fatalf("no streams: %v", err)
	}
	for _, name := range streams {
		in, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		files, defects := readTNEF(&tnef{}, in)
		t.Logf("%s: %d files, %s", base, len(files), details(defects))
		for _, f := range files {
			t.Logf("  %q %s %s %d", f.names, f.typ, f.charset, len(f.content))
		}
		want, _ := filepath.Glob(filepath.Join(name[:len(name)-len(".tnef")], "*"))
		for _, w := range want {
			content, err := os.ReadFile(w)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range files {
				// That program wrote text with LF alone, and objects with the
				// identifier of their interface.
				lf := bytes.ReplaceAll(f.content, []byte("\r\n"), []byte("\n"))
				found = found || bytes.Equal(f.content, content) || bytes.Equal(lf, content) ||
					len(content) == len(f.content)+16 && bytes.HasSuffix(content, f.content)
			}
			if !found {
				t.Errorf("%s: no file like %s (%d octets)", base, filepath.Base(w), len(content))
			}
		}
	}
}
