package links

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/filter/filtertest"
	"sluice/internal/smtptest"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // addresses, blanks between
	}{
		{"nothing at all. Nor here.", ""},
		{"see http://example.com/a.", "http://example.com/a"},
		{"see http://example.com/a_(b), http://example.net (or http://example.org/x).", "http://example.com/a_(b) http://example.net/ http://example.org/x"},
		{"<http://example.com/>", "http://example.com/"},
		{`"http://example.com/a"b`, "http://example.com/a"},
		{"http://a.example/,http://b.example/;https://c.example/", "http://a.example/ http://b.example/ https://c.example/"},
		{"URL:http://example.com/", "http://example.com/"},
		{"xhttp://example.com/", "http://example.com/"},
		{"HTTP://EXAMPLE.COM", "http://example.com/"},
		{`http:\\example.com\x`, "http://example.com/x"},
		{"http://localhost/ http://2130706433/", "http://localhost/ http://127.0.0.1/"},
		{"http:// http: :// a://b", ""},
		{"http://user@example.com/", "http://example.com/"},
		// Without scheme.
		{"www.example.com", "http://www.example.com/"},
		{"go to example.com/x?y, now", "http://example.com/x?y"},
		{"example.com:8080/x", "http://example.com:8080/x"},
		{"(example.com)", "http://example.com/"},
		{"example.com.", "http://example.com/"},
		{"mail to joe@example.com or j.doe@mail.example.com", ""},
		{"/etc/rc.com a/b.com file.txt main.c e.g. i.e. 3.14 1.2.3.4 v1.0 ...", ""},
		{"the end.It was", ""},
		{"EXAMPLE.COM", "http://example.com/"},
		{"163.com", "http://163.com/"},
		{"bücher.com", "http://xn--bcher-kva.com/"},
		{"a..com .com com.", ""},
		// Written for people only.
		{"hxxp://example.com/ hXXps://example.com/x", "http://example.com/ https://example.com/x"},
		{"h**p://example.com/", "http://example.com/"},
		{"http[:]//example[.]com/a", "http://example.com/a"},
		{"example[.]com example(dot)net example{.}org example[DOT]co[.]uk", "http://example.com/ http://example.net/ http://example.org/ http://example.co.uk/"},
		{"example [.] com and example (dot) net", "http://example.com/ http://example.net/"},
		{"sort(dot) [.] (.) a[.] [.]b", ""},
		// Invisible and other characters.
		{"http://exam\u200bple.com/a\u00adb", "http://example.com/ab"},
		{"ht\u200btp://example.com/", "http://example.com/"},
		{"w\u2060ww.example.com", "http://www.example.com/"},
		{"ｈｔｔｐ：／／ｅｘａｍｐｌｅ．ｃｏｍ／ａ", "http://example.com/a"},
		{"example。com", "http://example.com/"},
		{"こちらはhttps://example.comをご覧ください。", "https://example.com/"},
		{"“http://example.com/”", "http://example.com/"},
		{"http://example.com/\u00a0x", "http://example.com/"},
		{"http://пример.рф/путь", "http://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C"},
	} {
		links, _ := drive{}.run(t, c.in)
		if got := strings.Join(urls(links), " "); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

// An address is found wherever the finder's blocks end.
func TestTextBorders(t *testing.T) {
	const url = "http://www.example.com/a/path/of/some/length?and=a&query=too"
	step := 37
	if smtptest.Race {
		step = 370
	}
	for _, filler := range []string{"x ", "x", "x.", "x:", ".", "(", "é", "a@b.c "} {
		for n := blockSize - wordSize - lookBehind - 10; n < blockSize+100; n += step {
			text := strings.Repeat(filler, n/len(filler)) + " " + url + " " + strings.Repeat(filler, blockSize)
			links, _ := drive{}.run(t, text)
			if !slices.Contains(urls(links), url) {
				t.Fatalf("%d octets of %q before: found %v", n, filler, urls(links))
			}
		}
	}
}

func TestTextCuts(t *testing.T) {
	text := "see http://exam\u200bple.com/a, hxxp://example[.]net, www.example.org and ｅｘａｍｐｌｅ。com http://a@10.1/ "
	text += strings.Repeat("lorem ipsum, dolor. ", 1000) + "http://late.example/"
	want, _ := drive{}.run(t, text)
	if len(want) != 6 {
		t.Fatalf("found %v", want)
	}
	findings := ours(filtertest.Cuts(t, drive{}, filtertest.Message{Content: []byte(text)}))
	if got := filtertest.Rules(findings); !slices.Equal(got, []string{RuleUserinfo, RuleAddress, RuleObfuscated, RuleDefanged}) {
		t.Errorf("findings %v", got)
	}
	one, _ := drive{}.run(t, text, slices.Repeat([]int{1}, len(text))...)
	if !slices.Equal(one, want) {
		t.Errorf("octet by octet %v, whole %v", one, want)
	}
}

// FuzzText: the cutting does not show, and an address between blanks is found
// whatever is around.
func FuzzText(f *testing.F) {
	f.Add("see http://example.com/", uint16(7))
	f.Add("hxxp://a[.]b(dot)c.com\u200b。com", uint16(3))
	f.Fuzz(func(t *testing.T, s string, cut uint16) {
		if len(s) > 4*blockSize || !utf8.ValidString(s) {
			return
		}
		const url = "http://fuzz.example/found"
		s += " " + url + " " + s
		whole, _ := drive{}.run(t, s)
		parts, _ := drive{}.run(t, s, slices.Repeat([]int{int(cut)%100 + 1}, 2000)...)
		if !slices.Equal(whole, parts) {
			t.Errorf("whole %v, cut %v", whole, parts)
		}
		if len(whole) < DefaultLimit && !slices.Contains(urls(whole), url) {
			t.Errorf("not found among %v", urls(whole))
		}
	})
}

var letter = strings.Repeat("The quick brown fox jumps over the lazy dog, and back (twice). It was 3.5 m high;\r\nnobody saw it, e.g. in the dark.  The end comes.\r\n", 80)

func TestTextAllocatesNothing(t *testing.T) {
	s := Module{}.Open(nil, nil, nil).(*scanner)
	defer s.Close()
	part := openText(s, false)
	text := []byte(letter)
	if n := testing.AllocsPerRun(100, func() {
		s.OpenPart(part)
		s.Text(part, text)
		s.ClosePart(part)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkText(b *testing.B) {
	benchmark(b, false, letter)
}

func BenchmarkTextLinks(b *testing.B) {
	benchmark(b, false, strings.Repeat("See http://www.example.com/path/to/it?x=1 and also www.example.net, please.\r\n"+letter[:500], 20))
}
