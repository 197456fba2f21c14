package unpack

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpora reads libarchive's archives, many of which are malformed: no
// panic, cut-independent, and nothing that the standard library finds missed.
func TestCorpora(t *testing.T) {
	dir := os.Getenv("SLUICE_CORPORA")
	if dir == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "libarchive-test", "*.uu"))
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		packed := uudecode(b)
		name := strings.TrimSuffix(filepath.Base(file), ".uu")
		t.Run(name, func(t *testing.T) {
			for _, typ := range Detect(packed[:min(len(packed), HeadSize)]) {
				if !typ.Container() {
					continue
				}
				r := read(t, typ, name, packed, 0, Limits{})
				if cut := read(t, typ, name, packed, 100, Limits{}); r.String() != cut.String() {
					t.Errorf("cut:\n%s\nwhole:\n%s", cut, r)
				}
				t.Logf("%s: %d members, %v", typ, len(r.members), r.notes)
				for _, n := range r.notes {
					if n.Detail == "panic" {
						t.Error("a panic was contained")
					}
				}
				if typ.Family() == famArchive && typ == TypeZip {
					againstZip(t, packed, r)
				}
			}
		})
	}
}

func uudecode(b []byte) []byte {
	var out []byte
	lines := bufio.NewScanner(bytes.NewReader(b))
	for begun := false; lines.Scan(); {
		line := lines.Bytes()
		switch {
		case bytes.HasPrefix(line, []byte("begin ")):
			begun = true
		case !begun || len(line) == 0:
		case string(line) == "end":
			return out
		default:
			n := int(line[0]-' ') & 63
			var dec []byte
			for g := line[1:]; len(g) >= 4; g = g[4:] {
				var v uint32
				for _, c := range g[:4] {
					v = v<<6 | uint32(c-' ')&63
				}
				dec = append(dec, byte(v>>16), byte(v>>8), byte(v))
			}
			out = append(out, dec[:min(n, len(dec))]...)
		}
	}
	return out
}
