package links

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/internal/smtptest"
)

// openText returns a part with text for s.
func openText(_ *scanner, html bool) *filter.Part {
	return &filter.Part{Path: "1", Text: true, HTML: html}
}

func TestHTML(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`<a href="http://example.com/">x</a>`, "http://example.com/"},
		{`<A HREF='http://example.com/'>x`, "http://example.com/"},
		{`<a href=http://example.com/a/b>x`, "http://example.com/a/b"},
		{"<a\nhref\n=\n\"\nhttp://example.com/\n\"\n>", "http://example.com/"},
		{`<a/href="http://example.com/"/>`, "http://example.com/"},
		{`<a title="x"href="http://example.com/">`, "http://example.com/"},
		{`<a href="http://example.com/?a=1&amp;b=2&copy=3&lt">`, "http://example.com/?a=1&b=2&copy=3%3C"},
		{`<a href="&#104;ttp&#58;//exam&#x70;le.com&sol;x">`, "http://example.com/x"},
		{`<a href="http://exam&#8203;ple.com/&Tab;x">`, "http://example.com/x"},
		{"<a hr\x00ef=\"http://exa\x00mple.com/\">", "http://example.com/"},
		{`<img src="http://example.com/a.png" srcset="http://b.example/1x 1x, http://c.example/2x 2x">`, "http://example.com/a.png http://b.example/1x http://c.example/2x"},
		{`<form action="http://example.com/"><input formaction=http://b.example/>`, "http://example.com/ http://b.example/"},
		{`<body background="http://example.com/x">`, "http://example.com/x"},
		{`<meta http-equiv="refresh" content="0; URL='http://example.com/'">`, "http://example.com/"},
		{`<meta http-equiv="refresh" content="0;http://example.com/">`, "http://example.com/"},
		{`<meta content="text/html; charset=utf-8"><meta name="viewport" content="width=device-width">`, ""},
		{`<base href="http://example.com/a/b"><a href="c/d"><a href="/e"><a href="?f"><img src="//b.example/x">`,
			"http://example.com/a/b http://example.com/a/c/d http://example.com/e http://b.example/x http://example.com/a/b?f"},
		{`<base href="http://example.com/"><a href="x"><a href="?">`, "http://example.com/ http://example.com/x http://example.com/?"},
		{`<a href="x"><a href="/"><a href="\">`, ""},
		{`<a href="c/d"><a href="#x"><a href="index.html">`, ""},
		{`<a href="www.example.com/x">`, "http://www.example.com/x"},
		{`<a href="www.example.com:8080/x">`, "http://www.example.com:8080/x"},
		{`<a href="mailto:a@example.com"><img src="cid:x@example.com"><html xmlns="http://www.w3.org/1999/xhtml">`, ""},
		{`<a href="\\server\share">`, "file://server/share"},
		{`<svg><image xlink:href="http://example.com/"/></svg>`, "http://example.com/"},
		{`<iframe srcdoc="&lt;a href=&quot;http://example.com/&quot;&gt;">`, "http://example.com/"},
		{`<button onclick="location='http://example.com/'">`, "http://example.com/"},
		{`<a href="ms-word:ofe|u|https://example.com/x.doc">`, "https://example.com/x.doc"},
		// CSS.
		{`<p style="background:url(http://example.com/x)">`, "http://example.com/x"},
		{`<style>p.link { background: url( '//example.com/x' ) } @import "http://b.example/y";</style>`, "http://b.example/y http://example.com/x"},
		{`<style>a{background:u\72l(\2f/example.com/x)}</style>`, "http://example.com/x"},
		// Text.
		{`<p>http://example.com/a&amp;b</p>`, "http://example.com/a&b"},
		{`<p>http://exam<b></b>ple.com/<span>x</span></p>`, "http://example.com/x"},
		{`<p>http://exam&shy;ple&#46;com</p><p>x</p>`, "http://example.com/"},
		{`<td>http://a.example</td><td>http://b.example</td>`, "http://a.example/ http://b.example/"},
		{`1 < 2 http://example.com/ a<1`, "http://example.com/"},
		// Comments and raw content: in both readings.
		{`<!-- <a href="http://a.example/"> --><a href="http://b.example/">`, "http://a.example/ http://b.example/"},
		{`<!-- <a href=" --><a href="http://b.example/">`, "http://b.example/"},
		{`<!--><a href="http://b.example/">-->`, "http://b.example/"},
		{`<!--[if mso]><v:rect href="http://a.example/"><![endif]-->`, "http://a.example/"},
		{`<!-- <a href="http://a.example/">`, "http://a.example/"},
		{`<title><a href="</title><a href="http://b.example/">`, "http://b.example/"},
		{`<script>"<a href='</script><a href="http://b.example/">`, "http://b.example/"},
		{`<script>location = "http://example.com/x"; a.link = 1</script>`, "http://example.com/x"},
		{`<script>document.write("\x3ca href=\x22//example.com/x\x22\u003e")</script>`, "http://example.com/x"},
		{`<script>document.write(unescape('%3Ca href=%22http://example.com/%22%3E'))</script>`, "http://example.com/%22%3E http://example.com/"},
		{`<script><!--<script></script><a title="--></script><a href="http://b.example/">`, "http://b.example/"},
		{`<script><!--<script></script><a title="--></script><a href="//b.example/">`, "http://b.example/"},
		{`<script><!--<script></script><a title='--></script><a href="//b.example/" id='x'>`, "http://b.example/"},
		{`</scrip><script></scriptx></script ><a href=http://b.example/>`, "http://b.example/"},
		// Unclosed and broken.
		{`<a href="http://example.com/>click</a> <b class="x">`, "http://example.com/ http://example.com/%3Eclick%3C/a%3E%20%3Cb%20class="},
		{`<a href="http://example.com/`, "http://example.com/"},
		{`<a href=http://example.com/`, "http://example.com/"},
		{`<a http://example.com">`, "http://example.com/"},
		{`<a title="<a href='http://example.com/'>">`, "http://example.com/"},
		{`<!doctype html><?xml ?></ x><a href="http://example.com/">`, "http://example.com/"},
		{`<a href="http://a.example/" href="http://b.example/">`, "http://b.example/ http://a.example/"},
		{`<<a href="http://example.com/">`, "http://example.com/"},
	} {
		links, _ := drive{html: true}.run(t, c.in)
		if got := strings.Join(urls(links), " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
		filtertest.Cuts(t, drive{html: true}, filtertest.Message{Content: []byte(c.in)})
		one, _ := drive{html: true}.run(t, c.in, slices.Repeat([]int{1}, len(c.in))...)
		if !slices.Equal(one, links) {
			t.Errorf("%s:\noctet by octet %v\nwhole %v", c.in, one, links)
		}
	}
}

func TestFindings(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`<a href="http://example.com/">http://www.example.com/</a>`, ""},
		{`<a href="http://evil.test/">http://www.example.com/</a>`, RuleMismatch},
		{`<a href="http://evil.test/">www.example.com</a>`, RuleMismatch},
		{`<a href="http://evil.test/"><b>www</b>.example.com</a>`, RuleMismatch},
		{`<a href="http://evil.test/">Click here</a>`, ""},
		{`<a href="http://evil.test/">ask example.com about it</a>`, ""},
		{`<a href="http://evil.test/">joe@example.com</a>`, ""},
		{`<a href="mailto:joe@example.com">www.example.com</a>`, ""},
		{`<a href="http://track.test/?to=http%3A%2F%2Fwww.example.com%2F">www.example.com</a>`, RuleRedirector},
		{`<a href="http://track.test/http://evil.test/">www.example.com</a>`, RuleMismatch + " " + RuleRedirector},
		{`<a href="http://example.com/?back=http://www.example.com/">x</a>`, ""},
		{`<a href="http://paypal.com@evil.test/">x</a>`, RuleUserinfo},
		{`<a href="http://10.0.0.1/">x</a>`, RuleAddress},
		{`<a href="http://0xa000001/">x</a>`, RuleAddress + " " + RuleObfuscated},
		{`<a href="http:\\evil.test\">x</a>`, RuleObfuscated},
		{`<a href="http://e%76il.test/">x</a>`, RuleObfuscated},
		{`<a href="http://аpple.com/">x</a>`, RuleMixed},
		{`<a href="https://bit.ly/x">x</a>`, RuleRedirector},
		{`<a href="https://www.google.com/amp/s/evil.test/x">x</a>`, RuleRedirector},
		{`<a href="javascript:void(0)">x</a>`, RuleScript},
		{`<a href="file://evil.test/x">x</a>`, RuleFile},
		{`<a href="data:text/html,x">x</a>`, RuleData},
		{`<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">`, ""},
		{`hxxp://evil.test/`, RuleDefanged},
	} {
		_, findings := drive{html: true}.run(t, c.in)
		if got := strings.Join(filtertest.Rules(findings), " "); got != c.want {
			t.Errorf("%s: findings %q, want %q", c.in, got, c.want)
		}
	}
}

// oracle returns what the tokenizer of x/net/html finds in href attributes.
func oracle(page string) (hrefs []string) {
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return hrefs
		case html.StartTagToken, html.SelfClosingTagToken:
			for {
				key, value, more := z.TagAttr()
				if string(key) == "href" {
					hrefs = append(hrefs, string(value))
				}
				if !more {
					break
				}
			}
		}
	}
}

// FuzzHTML: the cutting does not show, and every href that x/net/html finds is
// found.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		`<a href="http://example.com/">x</a>`, `<!-- <a href=" --><a href='http://b.example/'>`, `<title><a href="</title><a href="http://b.example/">`,
		`<script>"<a href='</script><a href="http://b.example/">`, `<script><!--<script></script><a title="--></script><a href="http://b.example/">`,
		`<a href=&#104ttp&colon;//x.example/&amp>`, `<svg><script/><a href="//b.example">`, "<a \x00href=http://a.example/\x00b>", `<!--!><a href=http://a.test/>`,
		`<style>@import 'http://a.test/'</style><plaintext><a href=http://b.test/>`, `<a/href==http://a.test>`, `<iframe><!--</iframe><a href=http://b.test/>--></iframe>`,
	} {
		f.Add(s, uint16(5))
	}
	f.Add(`<script><!--<script></script><a title="--></script><a href="http:ample/">`, uint16(77))
	f.Fuzz(func(t *testing.T, s string, cut uint16) {
		if len(s) > 2*blockSize || !utf8.ValidString(s) {
			return
		}
		whole, found := drive{html: true}.run(t, s)
		parts, cutFound := drive{html: true}.run(t, s, slices.Repeat([]int{int(cut)%100 + 1}, 1000)...)
		if !slices.Equal(whole, parts) || !slices.Equal(found, cutFound) {
			t.Errorf("whole %v %v, cut %v %v", whole, found, parts, cutFound)
		}
		missing(t, s, whole)
	})
}

// missing reports what the oracle finds in page and links have not.
func missing(t *testing.T, page string, links []filter.Link) {
	t.Helper()
	if len(links) >= DefaultLimit {
		return
	}
	got := urls(links)
	for _, href := range oracle(page) {
		var k canon
		if strings.HasPrefix(href, "//") {
			href = "http:" + href
		}
		if strings.ContainsAny(href, "\x00\ufffd") || !hasPrefixFold([]byte(href), "http") || !k.parse([]byte(href)) {
			continue
		}
		if !slices.Contains(got, string(k.out)) {
			t.Errorf("%s: %q is not among %q", page, k.out, got)
		}
	}
}

// Pages put together at random from what trips tokenizers. Their addresses have
// no scheme, so that nothing but an attribute shows them.
func TestHTMLOracle(t *testing.T) {
	pieces := []string{
		"<a href=", "<A HREF='", `<a title="x" href = "`, "//u%d.test/", "//u%d.test/?x&amp;y", "//u%d.test", "'", `"`, ">", "/>", " ", "</a>", "text", "<",
		"<!--", "-->", "--!>", "<!-->", "--", "-", "!", "<script>", "</script>", "<script", "</script", "<style>", "</style>", "<title>", "</title >", "<textarea>", "</textarea/x>",
		"<![CDATA[", "]]>", "<?", "</ ", "</", "<p x=y", " href", "=", "&#x", "&lt;", "&lt", "\n", "<iframe>", "</iframe>", "<svg>", "<b", "<noscript>", "<xmp>", "</xmp>",
		"<a href='//u%d.test/'>", `<a href="//u%d.test/">`, "<a href=//u%d.test/>", `<a id=1 href="//u%d.test/"><b>`, "<plaintext>", "<noembed>", "<noframes>",
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range smtptest.Rounds(3000) {
		var page strings.Builder
		for i := range random.IntN(20) + 2 {
			page.WriteString(strings.ReplaceAll(pieces[random.IntN(len(pieces))], "%d", strconv.Itoa(i)))
		}
		whole, _ := drive{html: true}.run(t, page.String())
		cut, _ := drive{html: true}.run(t, page.String(), filtertest.RandomSizes(random, page.Len())...)
		if !slices.Equal(whole, cut) {
			t.Errorf("%s: whole %v, cut %v", page.String(), whole, cut)
		}
		missing(t, page.String(), whole)
		if t.Failed() {
			return
		}
	}
}

// newsletter is HTML as mail has it: tables, styles, counters in every link.
func newsletter(rows int) string {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html><html xmlns=\"http://www.w3.org/1999/xhtml\"><head><meta charset=\"utf-8\"><style>p.link { color: #333; margin: 0 } td { font: 12px Arial }</style></head><body>\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "<tr><td align=\"left\" valign=\"top\" style=\"padding:0 18px 9px;font-family:Helvetica,Arial,sans-serif;font-size:14px\" class=\"mcnTextContent\">"+
			"<a href=\"https://news.example.com/track/click?u=12ab%d&amp;id=77&amp;e=9\" target=\"_blank\" style=\"color:#2baadf;text-decoration:none\"><img alt=\"\" src=\"https://images.example.net/gallery/%d.png\" width=\"564\"></a>"+
			"<p>It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want&nbsp;of a wife. However little known the feelings are.</p></td></tr>\r\n", i, i)
	}
	return b.String()
}

func benchmark(b *testing.B, html bool, text string) {
	s := Module{}.Open(nil, nil, nil).(*scanner)
	defer s.Close()
	part, piece := openText(s, html), []byte(text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		clear(s.seen)
		s.full = false
		s.OpenPart(part)
		s.Text(part, piece)
		s.ClosePart(part)
	}
}

func BenchmarkHTML(b *testing.B) { benchmark(b, true, newsletter(15)) }

func BenchmarkTokenizerOfNet(b *testing.B) {
	page := newsletter(15)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		oracle(page)
	}
}
