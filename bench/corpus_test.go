package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestReadCorpus(t *testing.T) {
	dir := t.TempDir()
	if _, err := readCorpus(dir); err == nil {
		t.Error("an empty folder was taken")
	}
	for name, size := range map[string]int{"a": 10, "b.eml": 20, "sub/c": 30, ".hidden": 1000, ".git/d": 1000} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := readCorpus(dir)
	if err != nil || c.Count != 3 || c.Octets != 60 || c.Median != 20 || c.P99 != 30 {
		t.Errorf("%+v, %v; want 3 messages of 10, 20 and 30: hidden files are not read", c, err)
	}
	want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b.eml"), filepath.Join(dir, "sub", "c")}
	if !slices.Equal(c.Files, want) {
		t.Errorf("files %q, want %q", c.Files, want)
	}
	if _, err := readCorpus(filepath.Join(dir, "absent")); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

// The ratio is of the same round: a round that was slow for both must not show.
func TestSummariseCorpus(t *testing.T) {
	samples := []corpusSample{
		{Round: 1, Scanner: peerSluice, Rate: 1000, CPU: 0.2}, {Round: 1, Scanner: peerRspamd, Rate: 100, CPU: 2},
		{Round: 2, Scanner: peerRspamd, Rate: 50, CPU: 6}, {Round: 2, Scanner: peerSluice, Rate: 500, CPU: 0.6},
	}
	c := corpus{Count: 10, Octets: 50_000}
	m := summariseCorpus(samples, peerRspamd, c)
	if m.ToSluice != (spread{10, 10, 10}) || m.CPU != (spread{2, 4, 6}) || m.MB != 75*5000/1e6 {
		t.Errorf("%+v", m)
	}
	if absent := summariseCorpus(samples, peerAmavis, c); absent.Rate != (spread{}) {
		t.Errorf("a scanner that did not run: %+v", absent)
	}
}
