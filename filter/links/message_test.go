package links

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
)

// message puts content into a message of one part.
func message(fields, content string) []byte {
	return []byte("From: a@example.com\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\n" + fields + "\r\n\r\n" + content)
}

// see runs a message through content and links and returns the
// addresses and our rules.
func see(t testing.TB, m []byte, sizes ...int) (all, rules []string) {
	t.Helper()
	var links []filter.Link
	result := filtertest.Run(t, Module{}, filtertest.Message{
		Content:   m,
		Subscribe: func(ch *filter.Channel) { filter.Links.Subscribe(ch, func(l filter.Link) { links = append(links, l) }) },
	}, sizes...)
	return urls(links), filtertest.Rules(ours(result.Findings))
}

func TestFields(t *testing.T) {
	for _, c := range []struct{ fields, want string }{
		{"Subject: see http://example.com/a", "http://example.com/a"},
		{"Subject: see example.com", "http://example.com/"},
		{"Subject: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte("see http://example.com/")) + "?=", "http://example.com/"},
		{"List-Unsubscribe: <mailto:x@example.com>,\r\n <https://example.com/u?x=1>", "https://example.com/u?x=1"},
		{"List-Id: A list <list.example.com>", ""},
		{"X-Scanned-By: http://example.com/", ""},
	} {
		got, _ := see(t, message(c.fields, "x"))
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.fields, s, c.want)
		}
	}
}

// Hostile case 15: HTML whose charset hides a link.
func TestCharsets(t *testing.T) {
	const page = `<html><body><a href="http://hidden.example/">x</a></body></html>`
	var wide bytes.Buffer
	for _, u := range utf16.Encode([]rune(page)) {
		wide.Write([]byte{byte(u), byte(u >> 8)})
	}
	seven := strings.NewReplacer("<", "+ADw-", ">", "+AD4-", `"`, "+ACI-").Replace(page)
	for name, m := range map[string][]byte{
		"plain":           message("Content-Type: text/html", page),
		"UTF-7":           message("Content-Type: text/html; charset=utf-7", seven),
		"UTF-16":          message("Content-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString(wide.Bytes())),
		"UTF-16 unmarked": message("Content-Type: text/html\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString(wide.Bytes())),
		"mislabelled":     message("Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString(append([]byte("\xff\xfe"), wide.Bytes()...))),
	} {
		if got, _ := see(t, m); !slices.Contains(got, "http://hidden.example/") {
			t.Errorf("%s: not among %v", name, got)
		}
	}
}

// zip is the start of an archive, and enough after it.
var zip = append([]byte("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x01\x00\x00\x00a"), bytes.Repeat([]byte{7}, 2000)...)

// Hostile case 28: what a page carries in itself is a leaf of its own.
func TestSmuggling(t *testing.T) {
	virus := literal.EICAR()
	long := virus + strings.Repeat("x", 1500) // not a word of a test file: as the octets of any program
	b64 := base64.StdEncoding.EncodeToString
	quoted := func(s string, n int) string {
		var parts []string
		for len(s) > n {
			parts, s = append(parts, s[:n]), s[n:]
		}
		return `"` + strings.Join(append(parts, s), `" +`+"\n"+` "`) + `"`
	}
	for name, page := range map[string]string{
		"data in href":        `<a href="data:application/octet-stream;base64,` + b64([]byte(virus)) + `">x</a>`,
		"data, escaped":       `<a href="data:application/octet-stream,` + url.PathEscape(virus) + `">x</a>`,
		"data, entities":      `<a href="da&#116;a:;base64,` + b64([]byte(virus)) + `">x</a>`,
		"data in img":         `<img src='data:image/png;base64,` + b64([]byte(virus)) + `'>`,
		"data in style":       `<style>p{background:url(data:image/png;base64,` + b64([]byte(virus)) + `)}</style>`,
		"literal":             `<script>var a = "` + b64([]byte(long)) + `";</script>`,
		"literal, URL letter": `<script>var a = '` + base64.URLEncoding.EncodeToString([]byte(long)) + `';</script>`,
		"literal, joined":     `<script>var a = ` + quoted(b64([]byte(long)), 76) + `;</script>`,
		"literal, in pieces":  `<script>var a = [` + strings.ReplaceAll(quoted(b64([]byte(long)), 3), "+", ",") + `].join("")</script>`,
		"literal, hex":        `<script>var a = "` + hex.EncodeToString([]byte(long)) + `";</script>`,
		"unclosed script":     `<script>var a = "` + b64([]byte(long)) + `"`,
		"event":               `<body onload="go('` + b64([]byte(long)) + `')">`,
		"svg":                 `<svg xmlns="http://www.w3.org/2000/svg"><script><![CDATA[ var a = "` + b64([]byte(long)) + `" ]]></script></svg>`,
		"page in a page":      `<iframe src="data:text/html;base64,` + b64([]byte(`<script>"`+b64([]byte(long))+`"</script>`)) + `">`,
	} {
		var leaves []filter.Leaf
		found := false
		m := filtertest.Message{
			Content: message("Content-Type: text/html", page),
			Subscribe: func(ch *filter.Channel) {
				filter.Leaves.Subscribe(ch, func(l filter.Leaf) { leaves = append(leaves, l) })
			},
		}
		w := looking{saw: func(b []byte) { found = found || bytes.Contains(b, []byte(virus)) }}
		filtertest.Cuts(t, w, m)
		if !found {
			t.Errorf("%s: not found in %d leaves", name, len(leaves))
		}
	}
	for name, c := range map[string]struct{ page, want string }{
		"archive in script": {`<script>var a = "` + b64(zip) + `"</script>`, RuleSmuggling},
		"archive in href":   {`<a href="data:application/zip;base64,` + b64(zip) + `">`, RuleData + " " + RuleSmuggling},
		"image in script":   {`<script>var a = "` + b64(append([]byte("GIF89a\x01\x00\x01\x00"), bytes.Repeat([]byte{7}, 2000)...)) + `"</script>`, ""},
	} {
		if _, rules := see(t, message("Content-Type: text/html", c.page)); strings.Join(rules, " ") != c.want {
			t.Errorf("%s: rules %v, want %s", name, rules, c.want)
		}
	}
}

// looking is the module with another ear: what it is told as data is seen.
type looking struct{ saw func([]byte) }

func (looking) Name() string { return "links" }

func (l looking) Open(s *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	return &listening{Module{}.Open(s, e, ch).(*scanner), l.saw}
}

type listening struct {
	*scanner
	saw func([]byte)
}

func (l *listening) PartData(_ *filter.Part, b []byte) { l.saw(b) }

// Hostile case 30: 50 redirectors around a link.
func TestLayers(t *testing.T) {
	inner := "http://evil.test/login"
	for i := range 50 {
		inner = fmt.Sprintf("http://r%d.example/?u=%s", i, url.QueryEscape(inner))
	}
	if len(inner) > urlSize {
		t.Fatalf("50 layers take %d octets", len(inner))
	}
	got, rules := see(t, message("Content-Type: text/html", `<a href="`+inner+`">x</a>`))
	if len(got) != 51 || !slices.Contains(got, "http://evil.test/login") {
		t.Errorf("%d links: %v", len(got), got[max(0, len(got)-3):])
	}
	if want := []string{RuleRedirector, RuleLayers}; !slices.Equal(rules, want) {
		t.Errorf("rules %v, want %v", rules, want)
	}
	for _, c := range []struct{ in, want string }{
		{"http://web.example/save/http://evil.test/a?b&c", "http://evil.test/a?b&c"},
		{"http://r.example/?u=http://evil.test/a?b%26c&d=e", "http://evil.test/a?b%26c"},
		{"http://r.example/?u=http%253A%252F%252Fevil.test%252Fa", "http://evil.test/a"},
		{"http://r.example/#https://evil.test/", "https://evil.test/"},
		{"http://r.example/?u=" + base64.RawURLEncoding.EncodeToString([]byte("https://evil.test/a")), "https://evil.test/a"},
		{"https://urldefense.proofpoint.com/v2/url?u=http-3A__evil.test_a-3Fb&d=x", "http://evil.test/a?b"},
		{"https://www.google.com/url?q=evil.com/a&sa=x", "http://evil.com/a"},
		{"https://www.google.com/amp/s/evil.test/a", "https://evil.test/a"},
		{"https://my--site-example-com.translate.goog/a?_x_tr_sl=de", "https://my-site.example.com/a?_x_tr_sl=de"},
		{"http://a.example/?x=http://b.example/&y=http://evil.test/", "http://evil.test/"},
	} {
		if got, _ := see(t, message("Content-Type: text/html", `<a href="`+c.in+`">x</a>`)); !slices.Contains(got, c.want) {
			t.Errorf("%s: %v", c.in, got)
		}
	}
}

func TestLimit(t *testing.T) {
	var b strings.Builder
	for i := range 600 {
		fmt.Fprintf(&b, "http://h%d.example/ http://h%d.example/\r\n", i, i)
	}
	got, rules := see(t, message("", b.String()))
	if len(got) != DefaultLimit || !slices.Equal(rules, []string{RuleLimit}) {
		t.Errorf("%d links, rules %v", len(got), rules)
	}
	got, _ = see(t, message("", strings.Repeat("http://a.example/ http://b.example/\r\n", 600)))
	if len(got) != 2 {
		t.Errorf("%d links, want each once", len(got))
	}
}

func TestLink(t *testing.T) {
	links, findings := drive{links: []string{"http://10.0.0.1/x", "mailto:a@example.com", `\\server\share`}}.run(t, "")
	if got := urls(links); !slices.Equal(got, []string{"http://10.0.0.1/x", "file://server/share"}) {
		t.Errorf("links %v", got)
	}
	if got := filtertest.Rules(findings); !slices.Equal(got, []string{RuleAddress, RuleFile}) {
		t.Errorf("rules %v", got)
	}
}

// Input made to be slow costs no more than a small multiple of plain text. What
// would be quadratic takes minutes here, and the test's own time runs out.
func TestHostile(t *testing.T) {
	size := smtptest.Rounds(1 << 17)
	for _, unit := range []string{
		".", ":", "a.", "a:", "://", "http:", "http://", "http://a", "http://a.b:", "(dot)", "[.]", "a(dot)", " [.] a", "a.b@", "h**p:",
		"<", "<a ", "<a href=", "<a href='", "<!--", "-->", "<!-->", "<script>", "</script", "<style>url(", "<title><a href='", "&", "&#", "&amp", "&a;",
		"<a href=http://a.test>", "<a href=\"<a href='", "%3c", "\\x3c", "<a/href=//a.b ", "<svg><p on=", "www.", "\u200b", "。", "ａ．",
		"aHR0c", "<a href=http://a.test/?u=http://b.test/http%3A%2F%2F", "<a href=http://a%25%32%35", "<a href=//%%36%31", "<img srcset=', ", "@import '", "<p style='@import ",
		"<a href=data:,a ", "<a href=javascript:http://a.b ", "<base href=http://a.b><a href=", "<a href=http://x.test>http://y.test",
	} {
		for _, kind := range []bool{false, true} {
			text := strings.Repeat(unit, size/len(unit))
			drive{html: kind}.run(t, text)
			drive{html: kind}.run(t, "<script>"+text, 100, 1000, 10000)
			drive{html: kind}.run(t, `<a href="http://a.test/`+text)
		}
	}
}

// TestCorpora: the messages that others collected, in two cuttings.
func TestCorpora(t *testing.T) {
	root := os.Getenv("SLUICE_CORPORA")
	if root == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	n := 0
	for _, folder := range []string{"mime4j", "mail-parser", "rspamd-messages", "mimekit"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			m, err := os.ReadFile(path)
			if err != nil || len(m) > 4<<20 {
				return err
			}
			whole, rules := see(t, m)
			cut, cutRules := see(t, m, slices.Repeat([]int{997}, len(m)/997+1)...)
			if !slices.Equal(whole, cut) || !slices.Equal(rules, cutRules) {
				t.Errorf("%s: whole %v %v, cut %v %v", filepath.Base(path), whole, rules, cut, cutRules)
			}
			n += len(whole)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d links", n)
}
