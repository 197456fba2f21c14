package links

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestCanon(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"http://example.com", "http://example.com/"},
		{" HTTP://EXAMPLE.Com:80/A/b?C#d ", "http://example.com/A/b?C"},
		{"https://example.com:443/", "https://example.com/"},
		{"https://example.com:0443/", "https://example.com/"},
		{"https://example.com:80443/", "https://example.com/"},
		{"http://example.com:8080/", "http://example.com:8080/"},
		{"http://example.com:/", "http://example.com/"},
		{"ftp://example.com:21/x", "ftp://example.com/x"},
		{"http://example.com./x", "http://example.com/x"},
		{"http://example.com?x", "http://example.com/?x"},
		{"http://example.com#x", "http://example.com/"},
		// Slashes as browsers take them.
		{`http:\\example.com\a\b?c\d`, `http://example.com/a/b?c\d`},
		{"http:/example.com", "http://example.com/"},
		{"http:example.com", "http://example.com/"},
		{`https:///\/example.com/x`, "https://example.com/x"},
		// Userinfo, more than once.
		{"http://paypal.com@example.com/", "http://example.com/"},
		{"http://a:b@c@example.com/", "http://example.com/"},
		{"http://paypal.com%40ex%61mple.com/", "http://example.com/"},
		{`http://example.com\@good.test/`, "http://example.com/@good.test/"},
		// Addresses.
		{"http://127.0.0.1/", "http://127.0.0.1/"},
		{"http://2130706433/", "http://127.0.0.1/"},
		{"http://0x7f.1/", "http://127.0.0.1/"},
		{"http://0177.0.0.01/", "http://127.0.0.1/"},
		{"http://127.1/", "http://127.0.0.1/"},
		{"http://0x7F000001/", "http://127.0.0.1/"},
		{"http://127.0.0.1./", "http://127.0.0.1/"},
		{"http://[::1]/", "http://[::1]/"},
		{"http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]/"},
		{"http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"},
		{"http://[::ffff:7f00:1]/", "http://127.0.0.1/"},
		{"http://256.1.1.1/", ""},
		{"http://1.2.3.4.5/", ""},
		{"http://4294967296/", ""},
		{"http://[1.2.3.4]/", ""},
		// Escapes.
		{"http://%65xample.com/%41%2f%2F%7e", "http://example.com/A%2F%2F~"},
		{"http://%2565xample.com/%2541", "http://example.com/%2541"},
		{"http://ex%%36%31mple.com/%%34%31", "http://example.com/%2541"},
		{"http://example.com/%zz%", "http://example.com/%25zz%25"},
		{"http://example.com/a b\"<>é", "http://example.com/a%20b%22%3C%3E%C3%A9"},
		{"http://exa\tmp\nle.com/a\r\nb", "http://example.com/ab"},
		{"http://exa%00mple.com/", ""},
		{"http://a%2fb/", ""},
		// Names beyond ASCII.
		{"http://bücher.example/", "http://xn--bcher-kva.example/"},
		{"http://BÜCHER.example/", "http://xn--bcher-kva.example/"},
		{"http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"},
		{"http://ｅｘａｍｐｌｅ。com/", "http://example.com/"},
		{"http://exam\u00adple\u200b.com/", "http://example.com/"},
		{"http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"},
		{"http://faß.example/", "http://xn--fa-hia.example/"},
		// Dot segments.
		{"http://example.com/a/./b/../c", "http://example.com/a/c"},
		{"http://example.com/../../a/..", "http://example.com/"},
		{"http://example.com/%2e%2E/a/%2e", "http://example.com/a/"},
		{"http://example.com/a/../?b/../c", "http://example.com/?b/../c"},
		{"http://example.com/.a/..b/...", "http://example.com/.a/..b/..."},
		// Others.
		{"file://server/share/x", "file://server/share/x"},
		{`file:\\server\share\x`, "file://server/share/x"},
		{"file:////server/share", "file://server/share"},
		{"file:///c:/x", ""},
		{"tg://resolve/x?y", "tg://resolve/x?y"},
		{"mailto:a@example.com", ""},
		{"c:/x", ""},
		{"http://", ""},
		{"http:///", ""},
		{"http://.", ""},
		{"http://.example.com/", ""},
		{"http://exa mple.com/", ""},
		{"", ""},
	} {
		var k canon
		got := ""
		if k.parse([]byte(c.in)) {
			got = string(k.out)
			if host := string(k.out[k.host:k.hostEnd]); !strings.Contains(got, "//"+host) && !strings.Contains(got, "//["+host) {
				t.Errorf("%q: host %q is not in %q", c.in, host, got)
			}
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCanonTricks(t *testing.T) {
	for _, c := range []struct {
		in   string
		want tricks
	}{
		{"http://example.com/a%41b", 0},
		{"http://example.com/a\r\n b", 0},
		{"http://a@example.com/", withUser},
		{"http://10.0.0.1/", byAddress},
		{"http://10.0.0.010/", byAddress | byNumber},
		{"http://167772161/", byAddress | byNumber},
		{"http://[::1]/", byAddress},
		{"http://ex%61mple.com/", hostEscapes},
		{"http://ex\tample.com/", hostHidden},
		{"http:\\\\example.com/", oddSlashes},
		{"http:///example.com/", oddSlashes},
		{"http://bücher.example/", inUnicode},
	} {
		var k canon
		if !k.parse([]byte(c.in)) || k.tricks != c.want {
			t.Errorf("%q: %b, want %b", c.in, k.tricks, c.want)
		}
	}
}

func TestRegistered(t *testing.T) {
	for host, want := range map[string]string{
		"example.com": "example.com", "www.example.com": "example.com", "a.b.example.co.uk": "example.co.uk",
		"com": "com", "127.0.0.1": "127.0.0.1", "::1": "::1", "a.b.nosuchtop": "b.nosuchtop",
		"a.xn--bcher-kva.xn--p1ai": "xn--bcher-kva.xn--p1ai",
	} {
		if got := registered(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestConfusing(t *testing.T) {
	for host, want := range map[string]bool{
		"bücher.example": false, "аpple.com": true, "раураӏ.com": true, "paypaӏ.com": true,
		"пример.рф": false, "пример.com": false, "сор.рф": false, "例え.jp": false, "東京tokyoとうきょう.jp": false,
		"αpple.com": true, "ελλάδα.gr": false, "한국korea.kr": false, "ɡoogle.com": true, "ไทยthai.com": false,
	} {
		name, err := loose.ToASCII(host)
		if err != nil {
			t.Fatal(err)
		}
		if got := confusing(name); got != want {
			t.Errorf("%s (%s): %v, want %v", host, name, got, want)
		}
	}
}

// FuzzURL: what is canonical stays so, and plain addresses are read as net/url
// reads them.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"http://example.com/a/../b?c=%41#d", "http://%%36%31/%%34%31", "http://0x7f.1/", "http://[::ffff:1.2.3.4]:80/",
		"http://bücher。example./\\x", "file:////a/b", "http:a@b:c@d:080/", "http://xn--a.com/", "http://a℀b/", "http://％41/",
	} {
		f.Add(s)
	}
	plain := regexp.MustCompile(`^https?://[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_~%:@!$&'()*+,;=-]*)+(\?[A-Za-z0-9_~:@/?!$&'()*+,;=-]*)?$`)
	f.Fuzz(func(t *testing.T, s string) {
		var k, again canon
		ok := k.parse([]byte(s))
		if ok {
			if !again.parse(k.out) {
				t.Fatalf("%q: canonical %q is no address", s, k.out)
			}
			if !bytes.Equal(k.out, again.out) {
				t.Fatalf("%q: %q, then %q", s, k.out, again.out)
			}
			if h, a := k.out[k.host:k.hostEnd], again.out[again.host:again.hostEnd]; !bytes.Equal(h, a) {
				t.Fatalf("%q: host %q, then %q", s, h, a)
			}
		}
		if len(s) > 1000 || !plain.MatchString(s) {
			return
		}
		u, err := url.Parse(s)
		if err != nil || len(u.Hostname()) > 200 || strings.Contains(s, "%") {
			return
		}
		if u.Port() == "80" && u.Scheme == "http" || u.Port() == "443" && u.Scheme == "https" {
			u.Host = u.Hostname()
		}
		if !ok || u.String() != string(k.out) {
			t.Errorf("%q: %q, but %q as net/url reads it", s, k.out, u)
		}
	})
}
