package mime

import (
	"bytes"
	stdmime "mime"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/internal/smtptest"
)

func TestDecodeWords(t *testing.T) {
	for _, c := range []struct{ in, want, defects string }{
		{"", "", ""},
		{"plain text", "plain text", ""},
		{"folded\r\n\ttext\n here", "folded\ttext here", ""},
		{"gr\xc3\xbcn", "grün", ""},
		{"gr\xfcn", "grün", ""},
		{"=?utf-8?q?gr=C3=BCn?=", "grün", ""},
		{"=?UTF-8*de?Q?gr=c3=bcn_hier?= =?utf-8?q?_da?=", "grün hier da", ""},
		{"=?iso-8859-1?B?Z3L8bg==?= x =?us-ascii?q?a?=", "grün x a", ""},
		{"=?utf-8?q?a?=\r\n =?iso-8859-1?q?b?=", "ab", ""},
		// In quotes and inside of text.
		{`"=?utf-8?q?a?="=?utf-8?q?b?=c`, `"a"bc`, ""},
		{"a.=?utf-8?q?ex?=e", "a.exe", ""},
		// Blanks inside.
		{"=?utf-8?q?a b?= c", "a b c", "blanks inside"},
		{"=? utf-8 ? Q ?a?=", "a", ""},
		{"=?utf-8?b?Z3LD vG4=?=", "grün", "blanks inside"},
		{"=?utf-8?q?a\r\n b?=", "a b", "blanks inside"},
		// Characters and groups split between words.
		{"=?utf-8?q?gr=C3?= =?utf-8?q?=BCn?=", "grün", ""},
		{"=?utf-8?b?Z3LD?= =?utf-8?b?vG4=?=", "grün", ""},
		{"=?utf-8?b?Z3LDv?= =?utf-8?b?G4=?=", "grün", ""},
		{"=?utf-8?b?QQ==?= =?utf-8?b?QQ?=", "AA", ""},
		{"=?utf-8?b?QQ?= =?utf-8?b?QUI?=", "AAB", ""},
		// What is wrong.
		{"=?utf-8?q?open", "open", "no end"},
		{"=?utf-8?q?open? then", "open then", "no end"},
		{"=?nobody?q?gr=FCn?=", "grün", "unknown charset"},
		{"=?utf-8?q?=FC=4?=", "\uFFFD=4", "bad escape"},
		{"=?utf-8?b?Q*UJD?=", "ABC", "bad base64"},
		{"=?utf-8?x?a?=", "=?utf-8?x?a?=", ""},
		{"=??q?a?= =?=", "=??q?a?= =?=", ""},
		{"=?utf-7?q?+AGU-xe?=", "exe", ""},
		{"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本", ""},
		{"=?utf-16?b?/v8AZQB4?=", "ex", ""},
	} {
		got, defects := decodeWords([]byte("> "), []byte(c.in))
		if string(got) != "> "+c.want || details(defects) != c.defects {
			t.Errorf("%q: %q (%s), want %q (%s)", c.in, got[2:], details(defects), c.want, c.defects)
		}
	}
}

// Hostile values are linear: each of these would take minutes otherwise.
func TestWordsHostile(t *testing.T) {
	n := smtptest.Rounds(1_000_000)
	for _, unit := range []string{"=?a?q?x ", "=?a?q?x", "=?", "=?a?", "=?a?q?=", "=?utf-8?b?QQ?= ", "=?utf-16?q?a?=x", "=?a?q?x\""} {
		in := []byte(strings.Repeat(unit, n/len(unit)))
		if got, _ := decodeWords(nil, in); len(got) > 3*len(in) {
			t.Errorf("%s: %d octets from %d", unit, len(got), len(in))
		}
	}
}

func FuzzField2047(f *testing.F) {
	for _, s := range []string{
		"=?utf-8?q?a=C3?= =?utf-8?q?=BC_?=", "=?us-ascii?b?QQ==?= b =?x", "a =?utf-8?b?Q?= =?utf-8?b?UJD?=",
		"=?utf-7?q?+AGU-?=", "=?utf-16?q?=FE=FF=00?=", "=?iso-2022-jp?b?GyRC?=", "=?utf-8?q?a=C3?=\x94",
	} {
		f.Add(s)
	}
	std := stdmime.WordDecoder{}
	f.Fuzz(func(t *testing.T, in string) {
		got, _ := decodeWords(nil, []byte(in))
		if !utf8.Valid(got) {
			t.Fatalf("%q: %q is no UTF-8", in, got)
		}
		// The standard library knows only some charsets, takes Latin 1 for what
		// it was before windows-1252, and does not unfold.
		want, err := std.DecodeHeader(in)
		if err != nil || !utf8.ValidString(want) || strings.ContainsAny(in, "\r\n") || containsControl(want) {
			return
		}
		if !utf8.ValidString(in) {
			return // it joins an octet of a word with one that stands behind it
		}
		// What it leaves is what we are tolerant about.
		if strings.Contains(want, "=?") || strings.Contains(strings.ToLower(in), "=?us-ascii?") {
			return
		}
		if !bytes.Equal(got, []byte(want)) {
			t.Fatalf("%q: %q, standard library %q", in, got, want)
		}
	})
}

// containsControl tells that s has characters of 0x80 to 0x9F.
func containsControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 && r < 0xA0 })
}

func BenchmarkWords(b *testing.B) {
	for _, s := range []string{"plain subject of a usual mail", "=?utf-8?q?gr=C3=BCn?= is =?utf-8?q?green?=", "=?utf-8?b?Z3LDvG4=?="} {
		b.Run(s[:8], func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst, _ = decodeWords(dst[:0], []byte(s))
			}
		})
	}
}
