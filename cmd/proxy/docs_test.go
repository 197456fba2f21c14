package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream"
)

func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every field that stream writes stands in the page about them, and no other.
func TestHeadersPage(t *testing.T) {
	const row = "| `%s` |"
	text := page(t, "../../docs/reference/headers.md")
	written := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(Received|X-[A-Za-z-]+):`).FindAllStringSubmatch(page(t, "../../stream/trace.go"), -1) {
		written[m[1]] = true
		if !strings.Contains(text, strings.ReplaceAll(row, "%s", m[1])) {
			t.Errorf("%s is not described", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z-]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !written[m[1]] {
			t.Errorf("%s is described, but not written", m[1])
		}
	}
	if len(written) < 5 {
		t.Errorf("found only %v", written)
	}
}

// Every field of a line that has all of them stands in the page about it, and
// no other.
func TestLogPage(t *testing.T) {
	rec := testRecord(t)
	rec.Tenant, rec.Tagged, rec.Detour, rec.Duplicate, rec.Uncertain = "a", true, stream.DetourTaken, true, true
	rec.Engines = []filter.EngineVote{{Name: "clamav", Result: "clean", Took: time.Second}}
	rec.Findings = append(rec.Findings, policy.Finding{Module: "antivirus", Rule: "antivirus.failed"})
	line := lineOf(t, "json", privacyConfig{Level: "pseudonym", ClientIP: "full"}, rec)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatal(err)
	}
	text := page(t, "../../docs/reference/log.md")
	tables, _, found := strings.Cut(text, "\n| `verdict` | means |")
	if !found {
		t.Fatal("the table of verdicts has moved")
	}
	described := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\|").FindAllStringSubmatch(tables, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			described[strings.Trim(name, "`")] = true
		}
	}
	for name := range fields {
		if !described[name] {
			t.Errorf("%s is not described", name)
		}
	}
	for name := range described {
		if fields[name] == nil {
			t.Errorf("%s is described, but not in %s", name, line)
		}
	}
	for _, inner := range []string{"delays", "rcpts", "engines"} {
		for _, m := range regexp.MustCompile(`"([a-z]+)":`).FindAllStringSubmatch(string(fields[inner]), -1) {
			if !strings.Contains(text, "`"+m[1]+"`") {
				t.Errorf("%s of %s is not described", m[1], inner)
			}
		}
	}
}

// Links between pages lead somewhere.
func TestDocumentationLinks(t *testing.T) {
	for _, path := range []string{
		"../../README.md", "../../docs/README.md", "../../docs/architecture.md",
		"../../docs/explain/delivery-guarantee.md", "../../docs/explain/privacy.md", "../../docs/explain/scoring.md",
		"../../docs/howto/policy.md", "../../docs/howto/write-a-module.md",
		"../../docs/operate/antivirus.md", "../../docs/operate/kubernetes.md", "../../docs/operate/running.md",
		"../../docs/reference/headers.md", "../../docs/reference/log.md", "../../docs/reference/replies.md",
	} {
		folder := path[:strings.LastIndexByte(path, '/')+1]
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(page(t, path), -1) {
			if _, err := os.Stat(folder + m[1]); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
