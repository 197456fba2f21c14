package antivirus

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/policy"
)

// newModule makes a module that is closed when the test ends.
func newModule(t testing.TB, s Settings) *Module {
	t.Helper()
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		m.Wait()
		if n := m.memory.used.Load(); n != 0 {
			t.Errorf("%d octets are still held", n)
		}
	})
	return m
}

// findings sends a message through the module, taken apart by filter.Content, and
// returns what the module found.
func findings(t testing.TB, m *Module, content string) []policy.Finding {
	t.Helper()
	var found []policy.Finding
	for _, f := range runMessage(t, m, content, false) {
		if f.Module == m.Name() {
			found = append(found, f)
		}
	}
	return found
}

// runMessage sends a message through a chain. With flowing it outgrows its
// window after its first octet.
func runMessage(t testing.TB, m *Module, content string, flowing bool) []policy.Finding {
	t.Helper()
	chain, err := filter.New(
		filter.Entry{Module: filter.Content{}},
		filter.Entry{Module: m, Deadline: m.Deadline(), OnFailure: m.OnFailure()},
	)
	if err != nil {
		t.Fatal(err)
	}
	visit := chain.Visit(&filter.Session{})
	run, _ := visit.Begin(t.Context(), &filter.Envelope{})
	defer run.Close()
	run.Open()
	if flowing {
		run.Write([]byte(content[:1]))
		run.Overflow()
		content = content[1:]
	}
	for piece := range slices.Chunk([]byte(content), chunkSize) {
		run.Write(piece)
	}
	return run.Finish(t.Context())
}

// said puts findings on one line: rule and detail of each.
func said(findings []policy.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Rule+" "+f.Detail)
	}
	return strings.Join(all, "; ")
}

// base64Lines encodes as a mail program does.
func base64Lines(text string) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	return b.String() + encoded + "\r\n"
}
