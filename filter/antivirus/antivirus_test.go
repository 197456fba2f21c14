package antivirus

import (
	"encoding/base64"
	"strings"
	"testing"

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
