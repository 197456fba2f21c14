package filter

import (
	"slices"
	"strings"
	"testing"

	"sluice/stream/mime"
)

// Structure that programs commonly write, and such that parsers differ on.
func TestCommon(t *testing.T) {
	for value, want := range map[string]bool{
		" text/plain":                     true,
		" text/plain; name*0=a; name*1=b": true, // a name leads nobody astray
		"\r\n text/plain":                 false,
		"":                                false,
		" multipart/mixed; boundary=b":    true,
		"multipart/mixed;boundary=b":      true,
		" Multipart/Mixed;\r\n\tboundary=\"----=_Part (1)\"":                                        true,
		" multipart/signed; micalg=pgp-sha256;\r\n protocol=\"application/x\";\r\n boundary=\"b\";": true,
		" multipart/mixed":                          true, // its defect is another
		" multipart/mixed; boundary=\"\"":           false,
		" multipart/mixed; boundary=":               false,
		" multipart/mixed; boundary":                false,
		" multipart/mixed; boundary = b":            false,
		" multipart/mixed; boundary= b":             false,
		" multipart/mixed; boundary=\r\n b":         false,
		" multipart/mixed;; boundary=b":             false,
		" multipart/mixed ; boundary=b":             false,
		" multipart/mixed; boundary=b c":            false,
		" multipart/mixed; boundary=\"b\"c":         false,
		" multipart/mixed; boundary=\"b":            false,
		" multipart/mixed; boundary=\"b\\c\"":       false,
		" multipart/mixed; boundary=(x)b":           false,
		" multipart/mixed; boundary*=us-ascii''%62": false,
		" multipart/mixed; boundary*0=b":            false,
	} {
		if got := common(mime.Field{Name: []byte("content-TYPE"), Value: []byte(value)}); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if !common(mime.Field{Name: []byte("Subject"), Value: []byte("\r\n x")}) {
		t.Error("a subject gives no structure")
	}
}

// FuzzCommon: folding where programs fold does not make a field uncommon.
func FuzzCommon(f *testing.F) {
	f.Add("multipart/mixed; boundary=b")
	f.Add("multipart/mixed; boundary=\"b\"; x=y;")
	f.Fuzz(func(t *testing.T, value string) {
		is := func(v string) bool {
			return common(mime.Field{Name: []byte("Content-Type"), Value: []byte(v)})
		}
		if is(value) && !strings.Contains(value, "\"") && !is(strings.ReplaceAll(value, ";", ";\r\n\t")) {
			t.Errorf("%q is common, and not when it is folded", value)
		}
	})
}

// Which parts are odd, and rare, when the message has ended.
func TestOdd(t *testing.T) {
	const head = "From: a@x.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	const text = "--b\r\n\r\nhello\r\n"
	const end = "--b--\r\n"
	archive := zipped("a.txt", "content")
	for _, c := range []struct {
		name, message string
		want          string // paths of those that are odd, "!" before those that are rare
	}{
		{"good", attached("a.zip", archive), ""},
		{"charset", head + "--b\r\nContent-Type: text/plain; charset=x-none\r\n\r\nhello\r\n" + end, ""},
		{"header of the message", "From: a@x.test\r\nno field\r\nContent-Type: text/plain\r\n\r\nhello\r\n", "/ 1"},
		{"blanks behind a boundary", head + text + "--b \r\n\r\nhello\r\n" + end, "mp"},
		{"epilogue", head + text + end + "more\r\n", "mp"},
		{"preamble", strings.Replace(head+text+end, "\r\n\r\n", "\r\n\r\nbefore\r\n", 1), ""},
		{"uncommon boundary", strings.Replace(head+text+end, "boundary=", "boundary =", 1), "/"},
		{"many fields", strings.Repeat("X: y\r\n", manyFields+1) + head + text + end, "/"},
		{"long header", "X: " + strings.Repeat("y", longHeader) + "\r\n" + head + text + end, "/"},
		{"base64", head + text + "--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGV!sbG8=\r\n" + end, "2"},
		{"zip with more behind it", attached("a.zip", archive+"more"), "2"},
		{"zip behind a picture", attached("a.jpg", "\xFF\xD8\xFF\xE0"+strings.Repeat("\x01", 2000)+archive), "2 !2^1"},
	} {
		w := &oddWatcher{}
		chain, err := New(Entry{Module: Content{}}, Entry{Module: w})
		if err != nil {
			t.Fatal(err)
		}
		r := begin(t, chain)
		r.Write([]byte(c.message))
		r.Finish(t.Context())
		r.Close()
		if got := w.odd(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// An oddWatcher notes all parts.
type oddWatcher struct {
	listening
	parts []*Part
}

func (w *oddWatcher) Name() string { return "watcher" }
func (w *oddWatcher) Open(*Session, *Envelope, *Channel) Scanner {
	w.listening = listening{&listener{}}
	return w
}
func (w *oddWatcher) OpenPart(p *Part) { w.parts = append(w.parts, p) }

func (w *oddWatcher) odd() string {
	var all []string
	for _, p := range w.parts {
		path := p.Path
		switch {
		case path == "" && p.Parent == nil:
			path = "/"
		case path == "":
			path = "mp"
		}
		if p.Rare {
			all = append(all, "!"+path)
		}
		if p.Odd && !slices.Contains(all, path) {
			all = append(all, path)
		}
	}
	return strings.Join(all, " ")
}
