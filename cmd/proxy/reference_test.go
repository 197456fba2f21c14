package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

// The pages under docs/reference are what the program prints.
func TestReferencePages(t *testing.T) {
	for _, page := range []struct{ file, want, command string }{
		{"../../docs/reference/config.md", reference(), "proxy config reference"},
		{"../../docs/reference/metrics.md", metricsReference(), "proxy metrics"},
		{"../../docs/reference/rules.md", rulesReference(), "proxy rules"},
	} {
		got, err := os.ReadFile(page.file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != page.want {
			t.Errorf("%s differs from what %q prints: write that into it", page.file, page.command)
		}
	}
}

// Every setting and every metric has a sentence.
func TestSentences(t *testing.T) {
	if strings.Contains(reference()+metricsReference()+rulesReference(), "|  |\n") {
		t.Error("a setting or a metric has no sentence")
	}
}

// Every metric the program registers is described, and nothing else is.
func TestMetricDocs(t *testing.T) {
	p := newTestProgram(t, goodConfig(t, ""))
	var page strings.Builder
	metrics.WritePrometheus(&page, false)
	p.writeGauges(&page)
	found := map[string]bool{}
	for line := range strings.Lines(page.String()) {
		name := line[:strings.IndexAny(line, "{ ")]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if strings.HasPrefix(name, "sluice_") {
			found[name] = true
		}
	}
	described := map[string]bool{}
	for _, m := range metricDocs {
		described[m.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !described[name] {
			t.Errorf("%s has no line in metricDocs", name)
		}
	}
	// These are made when they are first counted.
	later := []string{
		"sluice_messages_total", "sluice_reject_total", "sluice_shadow_would_reject_total",
		"sluice_tls_sessions_total", "sluice_upstream_dial_total", "sluice_tls_cert_expiry_timestamp_seconds",
		"sluice_scan_seconds", "sluice_signature_age_seconds",
		"sluice_tenant_messages_total",
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if !found[name] && !slices.Contains(later, name) {
			t.Errorf("%s is described but not there", name)
		}
	}
}
