package filter_test

import (
	"os"
	"strings"
	"testing"
)

// What the guide shows is what is compiled here.
func TestTheGuideShowsTheExample(t *testing.T) {
	const guide = "../docs/howto/write-a-module.md"
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example_test.go", "example_kit_test.go"} {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "```go\n"+string(code)+"```\n") {
			t.Errorf("%s does not have filter/%s in it, word for word", guide, name)
		}
	}
}
