package attachment

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// endings are what can stand behind an extension without hiding it.
var endings = []string{"", ".", " ", ". .", "::$DATA", ":x:$data", ".{0-A-f}", "\u200B", "\uFE0F", "\u202E", "\x00", "\x00.txt", "\u3000", ":", "\n", "…"}

// dots are what a program could take for the dot.
var dots = []string{".", "．", "。", "․", "\u200B.", ".\u202E", ".\x00", "\\.", ".\u00AD"}

// Whatever stands before a restricted extension, and whatever hides behind
// it, is refused; and every reading is canonical.
func FuzzName(f *testing.F) {
	for i, stem := range []string{"", "invoice.pdf", "a/b\\c", "x\x00y", "\xFF\xFE", "{", "é\u0301\u0301", strings.Repeat("\u0301", 50), "\u1100", "ﷺ", strings.Repeat("a", 5000), "::$DATA"} {
		f.Add(stem, uint8(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, stem string, dot, ending uint8) {
		if strings.Contains(dots[int(dot)%len(dots)], "\x00") && strings.Contains(endings[int(ending)%len(endings)], "\x00.") {
			return // one program would have to drop a NUL and end at another
		}
		name := stem + dots[int(dot)%len(dots)] + "exe" + endings[int(ending)%len(endings)]
		found := false
		readings(name, func(text string) {
			_, ext := extension(text)
			found = found || ext == "exe"
		})
		if !found {
			t.Errorf("%q is not seen as exe", name)
		}
		readings(stem, func(text string) {
			switch {
			case !utf8.ValidString(text):
				t.Errorf("%q: %q is not UTF-8", stem, text)
			case strings.ContainsAny(text, "/\\\x00\u200B\u202E\uFE0F"), strings.ContainsFunc(text, bidiControl):
				t.Errorf("%q: %q has what is taken off", stem, text)
			case strings.TrimRight(text, ". :") != text:
				t.Errorf("%q: %q ends in what Windows drops", stem, text)
			case len(text) > 20*2*nameSize:
				t.Errorf("%d octets became %d", len(stem), len(text))
			}
		})
		doubled(stem)
		volume(stem)
	})
}

// plain must know all that reading would change.
func FuzzPlain(f *testing.F) {
	for _, name := range []string{"a.txt", "A.TXT", "a.", "a ", "a:b", "a}", "a.{1}", "~", "\x7F"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !plain(name) {
			return
		}
		reading(name, func(text string) {
			if text != strings.ToLower(name) {
				t.Errorf("%q is plain and becomes %q", name, text)
			}
		})
	})
}
