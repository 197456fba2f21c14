package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/internal/smtptest"
)

// The shapes are what they claim to be, or Sluice would stop at their
// beginning and the figures mean nothing.
func TestShapesAreWhole(t *testing.T) {
	const n = 300_000
	r, err := zip.NewReader(bytes.NewReader(storedZip(n)), int64(len(storedZip(n))))
	if err != nil || len(r.File) != 1 {
		t.Fatalf("zip: %v", err)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, noise(n)) {
		t.Errorf("zip: %d octets, %v", len(got), err)
	}
	for _, c := range []struct {
		file    string
		content []byte
		argv    []string
		want    int
	}{
		{"a.xz", wideXZ(n), []string{"xz", "-dc"}, n},
		{"a.zst", wideZstd(), []string{"zstd", "-dcq"}, 31 << 20},
		{"a.7z", sevenZip(n), []string{"bsdtar", "-xOf"}, n},
	} {
		t.Run(c.file, func(t *testing.T) {
			program := smtptest.NeedPeer(t, c.argv[0])
			file := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(file, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(program, append(c.argv[1:], file)...).Output()
			if err != nil || len(out) != c.want {
				t.Errorf("%d octets, want %d; %v", len(out), c.want, err)
			}
		})
	}
}

func TestShapeMessagesFit(t *testing.T) {
	for _, s := range shapes() {
		m := s.message(100_000)
		if !bytes.HasSuffix(m, []byte("\r\n.\r\n")) || len(m) > 150_000 {
			t.Errorf("%s: %d octets", s.name, len(m))
		}
	}
}

// One message is judged by what it adds, many by what the process may have in
// all: the limit, the fixed part, and a little for each session.
func TestShapeTargets(t *testing.T) {
	s := &shapesRun{limit: 512 << 20}
	one := shapeSample{Parallel: 1, Before: 20 << 20, Peak: 148 << 20}
	if g := s.target(one); !g.Met || g.Got != 128 {
		t.Errorf("one: %+v", g)
	}
	one.Peak++
	if s.target(one).Met {
		t.Error("one octet over its budget was let pass")
	}
	many := shapeSample{Parallel: 12, Before: 20 << 20, Peak: (512 + 192 + 2) << 20}
	if g := s.target(many); !g.Met || g.Limit != "<= 706" {
		t.Errorf("many: %+v", g)
	}
	many.Peak++
	if s.target(many).Met {
		t.Error("one octet over the limit was let pass")
	}
	if share(nil, 250) != 0 || share(map[int]int{250: 3, 451: 1}, 250) != 0.75 {
		t.Error("share of replies")
	}
	if got := codesCell(map[int]int{451: 2, 250: 10, 0: 1}); got != "1 × 000, 10 × 250, 2 × 451" {
		t.Errorf("replies: %q", got)
	}
}
