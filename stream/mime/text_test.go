package mime

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// readText decodes pieces of text. Readings are separated by "|".
func readText(t *testing.T, label string, html bool, pieces ...[]byte) (string, []Defect) {
	t.Helper()
	var out []byte
	x := NewText(label, html, func(b []byte) {
		if !utf8.Valid(b) {
			t.Errorf("%q is not whole characters", b)
		}
		out = append(out, b...)
	})
	x.Next = func() { out = append(out, '|') }
	for _, p := range pieces {
		x.Write(p)
	}
	return string(out), x.Close()
}

func utf16Text(s string, big bool) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return string(out)
}

func TestText(t *testing.T) {
	link := "<a href=https://link.example/>"
	long := strings.Repeat("viel Grün und mehr ", 200)
	shiftJIS, _ := japanese.ShiftJIS.NewEncoder().String("日本 and 本日")
	iso2022, _ := japanese.ISO2022JP.NewEncoder().String("日本 and 本日")
	gb18030, _ := simplifiedchinese.GB18030.NewEncoder().String("中文 and ü𝄞")
	for _, c := range []struct {
		label     string
		html      bool
		in, want  string
		defects   string
		worst     Class
		onlyWhole bool
	}{
		{"", false, "", "", "", Low, false},
		{"", false, "plain", "plain", "", Low, false},
		{"utf-8", false, long, long, "", Low, false},
		{"", false, long, long, "", Low, false},
		{"", false, "gr\xfcn und grün \xe2\x82 \xe2", "grün und grün â‚ â", "", Low, false},
		{"utf-8", false, "gr\xfcn \xe2\x82x\xf0\x9f\x98", "gr\uFFFDn \uFFFD\uFFFDx\uFFFD\uFFFD\uFFFD", "bad octets", Low, false},
		{"ISO-8859-1", false, "gr\xfcn " + strings.Repeat("und ", 2000), "grün " + strings.Repeat("und ", 2000), "", Low, false},
		{"nobody", false, "gr\xfcn", "grün", "unknown", Middle, false},
		{"shift_jis", false, strings.Repeat(shiftJIS, 200), strings.Repeat("日本 and 本日", 200), "", Low, false},
		{"cp932", false, shiftJIS + "\x93", "日本 and 本日\uFFFD", "", Low, false},
		{"iso-2022-jp", false, strings.Repeat(iso2022, 50), strings.Repeat("日本 and 本日", 50), "", Low, false},
		{"gb18030", false, gb18030, "中文 and ü𝄞", "", Low, false},
		{"hz-gb-2312", false, "~{VPND~} a", "中文 a", "", Low, false},
		{"iso-2022-kr", false, "\x1b$)C " + link, "\x1b$)C " + link, "", Low, false},
		// UTF-16 by label, mark and NULs.
		{"utf-16le", true, utf16Text(link, false), link, "", Low, false},
		{"utf-16", true, utf16Text(link, true), link, "", Low, false},
		{"utf-16", true, "\xfe\xff" + utf16Text(link+"𝄞", true), link + "𝄞", "", Low, false},
		{"", true, utf16Text(link, false), link, "", Low, false},
		{"utf-8", true, utf16Text("<b>", false), "<b>|<\x00b\x00>\x00", "readings", Middle, false},
		{"utf-16", true, link + " ", "", "", Low, true},
		// Marks.
		{"utf-8", false, "\xef\xbb\xbfgrün", "grün", "", Low, false},
		{"iso-8859-1", false, "\xef\xbb\xbfgrün", "grün|ï»¿grÃ¼n", "readings", Low, false},
		// UTF-7: the text as it is comes after it, for programs that do not know it.
		{"utf-7", true, "+ADw-a href=x+AD4-", "<a href=x>|+ADw-a href=x+AD4-", "", Low, false},
		{"", true, "<meta charset=utf-7>+ADw-a+AD4-", "<meta charset=utf-7><a>", "", Low, false},
		{"utf-8", true, "<meta charset=utf-7>+ADw-a+AD4-", "<meta charset=utf-7>+ADw-a+AD4-|<meta charset=utf-7><a>", "readings", Middle, false},
		// Meta: both readings only where they differ.
		{"utf-8", true, "<META http-equiv=x content=\"text/html; charset = ISO-8859-1\">ü", "<META http-equiv=x content=\"text/html; charset = ISO-8859-1\">ü|<META http-equiv=x content=\"text/html; charset = ISO-8859-1\">Ã¼", "readings", Low, false},
		{"utf-8", true, "<meta charset=\"iso-8859-1\">" + link, "<meta charset=\"iso-8859-1\">" + link, "", Low, false},
		{"utf-8", false, "<meta charset=iso-8859-1>ü", "<meta charset=iso-8859-1>ü", "", Low, false},
		{"", true, "<?xml encoding='iso-8859-1'?>\xfc", "<?xml encoding='iso-8859-1'?>ü", "", Low, false},
	} {
		if c.onlyWhole {
			// A label nobody can believe: the text shows in the second reading.
			if got, _ := readText(t, c.label, c.html, []byte(c.in)); !strings.HasSuffix(got, "|"+c.in) {
				t.Errorf("%s %q: %q", c.label, c.in, got)
			}
			continue
		}
		cuts([]byte(c.in), func(name string, pieces [][]byte) {
			got, defects := readText(t, c.label, c.html, pieces...)
			if got != c.want || details(defects) != c.defects {
				t.Fatalf("%s %q in %s: %q (%s), want %q (%s)", c.label, c.in, name, got, details(defects), c.want, c.defects)
			}
			for _, d := range defects {
				if d.Class > c.worst {
					t.Errorf("%s %q: %v", c.label, c.in, d)
				}
			}
		})
	}
}

// Text that is UTF-8 already is not copied.
func TestTextPasses(t *testing.T) {
	for _, label := range []string{"", "utf-8", "us-ascii", "iso-8859-1"} {
		in := bytes.Repeat([]byte("plain text "), 1000)
		x := NewText(label, true, func(b []byte) {
			if len(b) != len(in) || &b[0] != &in[0] {
				t.Errorf("%s: a copy", label)
			}
		})
		x.Write(in)
		x.Write(in)
		x.Close()
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"gr\xfcn", "\xff\xfea\x00", "+AGU-", "<meta charset=gbk>\x81", "\x1b$B!", "~{VP~}", "\xe2\x82x"} {
		f.Add("utf-8", []byte(s), uint16(2))
		f.Add("shift_jis", []byte(s), uint16(2))
		f.Add("iso-2022-jp", []byte(s), uint16(2))
		f.Add("utf-16", []byte(s), uint16(1))
		f.Add("gb18030", []byte(s), uint16(1))
		f.Add("big5", []byte(s), uint16(1))
	}
	f.Fuzz(func(t *testing.T, label string, in []byte, cut uint16) {
		n := min(int(cut), len(in))
		want, defects := readText(t, label, true, in)
		got, again := readText(t, label, true, in[:n], in[n:])
		if got != want || details(again) != details(defects) {
			t.Fatalf("%s %q cut at %d: %q (%s), whole %q (%s)", label, in, n, got, details(again), want, details(defects))
		}
		octets := make([][]byte, 0, len(in))
		for i := range in {
			octets = append(octets, in[i:i+1])
		}
		if got, _ := readText(t, label, true, octets...); got != want {
			t.Fatalf("%s %q in octets: %q, whole %q", label, in, got, want)
		}
	})
}

// slowUTF7 is the reference for what is UTF-7: it splits at the shifts.
func slowUTF7(in string) (string, bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var out strings.Builder
	for in != "" {
		plain, rest, found := strings.Cut(in, "+")
		out.WriteString(plain)
		if !found {
			break
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
		if end < 0 {
			end = len(rest)
		}
		run := rest[:end]
		minus := strings.HasPrefix(rest[end:], "-")
		if in = rest[end:]; minus {
			in = in[1:]
		}
		switch {
		case run == "" && minus:
			out.WriteByte('+')
		case run == "":
			return "", false
		}
		var bits, n uint64
		var units []uint16
		for _, c := range run {
			if bits, n = bits<<6|uint64(strings.IndexRune(alphabet, c)), n+6; n >= 16 {
				n -= 16
				units = append(units, uint16(bits>>n))
			}
		}
		out.WriteString(string(utf16.Decode(units)))
	}
	return out.String(), true
}

func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"Hi Mom +Jjo--!", "A+ImIDkQ.", "+ZeVnLIqe-", "+-", "+", "+2D3cHg-", "+2D0-x", "+\xff", "a+AGU"} {
		f.Add(s, uint16(2))
	}
	f.Fuzz(func(t *testing.T, in string, cut uint16) {
		whole := decodeUTF7(nil, []byte(in))
		if !utf8.Valid(whole) {
			t.Fatalf("%q: %q is no UTF-8", in, whole)
		}
		n := min(int(cut), len(in))
		var u utf7
		if got := u.end(u.append(u.append(nil, []byte(in[:n])), []byte(in[n:]))); !bytes.Equal(got, whole) {
			t.Fatalf("%q cut at %d: %q, whole %q", in, n, got, whole)
		}
		if !isASCII([]byte(in)) {
			return
		}
		if want, ok := slowUTF7(in); ok && string(whole) != want {
			t.Fatalf("%q: %q, reference %q", in, whole, want)
		}
	})
}

func BenchmarkText(b *testing.B) {
	for _, label := range []string{"utf-8", "iso-8859-1"} {
		b.Run(label, func(b *testing.B) {
			text := bytes.Repeat([]byte("A usual line of text.\r\n"), 3000)
			x := NewText(label, false, func([]byte) {})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				x.Write(text)
			}
		})
	}
}

// Every charset that was declared is read, whichever stands first.
func TestTextOthers(t *testing.T) {
	const shifted = "+ADw-b+AD4-" // "<b>" in UTF-7
	many := []string{"iso-8859-2", "iso-8859-5", "iso-8859-7", "koi8-r", "cp1251", "cp1253", "cp1254", "gb18030", "shift_jis", "utf-7"}
	for _, c := range []struct {
		label  string
		others []string
		in     string
		want   string
		rule   string
	}{
		{"x-unknown", []string{"x-unknown", "utf-7"}, shifted, shifted + "|<b>", RuleCharset},
		{"utf-8", []string{"utf-8", "utf-7"}, shifted, shifted + "|<b>", RuleCharset},
		{"utf-7", []string{"utf-7", "utf-8"}, shifted, "<b>|" + shifted + "|" + shifted, RuleCharset},
		{"utf-8", []string{"utf-8", "iso-8859-1"}, "gr\xc3\xbcn", "grün|grÃ¼n", RuleCharset},
		{"utf-8", []string{"utf-8", "iso-8859-1"}, "plain", "plain", ""},
		{"utf-8", many, "plain", "", RuleViews},
	} {
		var out []byte
		x := NewText(c.label, false, func(b []byte) { out = append(out, b...) })
		x.Others = c.others
		x.Next = func() { out = append(out, '|') }
		x.Write([]byte(c.in))
		list := x.Close()
		if got := string(out); c.want != "" && got != c.want {
			t.Errorf("%s %v: %q, want %q", c.label, c.others, got, c.want)
		}
		if c.rule == "" && len(list) > 0 || c.rule != "" && !slices.ContainsFunc(list, func(d Defect) bool { return d.Rule == c.rule }) {
			t.Errorf("%s %v: defects %v", c.label, c.others, list)
		}
	}
}
