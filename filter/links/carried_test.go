package links

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
)

// aList is octets as numbers.
func aList(b []byte, format, sep string) string {
	var list []string
	for _, c := range b {
		list = append(list, fmt.Sprintf(format, c))
	}
	return strings.Join(list, sep)
}

// What a page that is a file carries anywhere is a leaf, if it is a program or
// an archive; what it shows is none.
func TestCarried(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString(zip)
	wrapped := ""
	for s := b64; s != ""; s = s[min(len(s), 76):] {
		wrapped += s[:min(len(s), 76)] + "\r\n"
	}
	signed := make([]string, len(zip))
	for i, c := range zip {
		signed[i] = fmt.Sprint(int8(c))
	}
	for _, c := range []struct {
		what, page string
		found      bool
	}{
		{"text", "<pre id=x>" + b64 + "</pre>", true},
		{"text, wrapped", "<textarea>\r\n" + wrapped + "</textarea>", true},
		{"comment", "<!--" + b64 + "-->", true},
		{"attribute", `<p data-x="` + b64 + `">`, true},
		{"at the end", b64, true},
		{"hexadecimal", "<p>" + hex.EncodeToString(zip) + "</p>", true},
		{"numbers", "<script>x([" + aList(zip, "%d", ",") + "])</script>", true},
		{"numbers, blanks", "<script>x(" + aList(zip, "%3d", " ,\n\t") + ")</script>", true},
		{"numbers, signed", "<script>x={" + strings.Join(signed, ", ") + "}</script>", true},
		{"numbers, hexadecimal", "<script>x([" + aList(zip, "0x%02x", ", ") + "])</script>", true},
		{"numbers, hexadecimal in capitals", "<script>x([" + aList(zip, "0X%X", ",") + "])</script>", true},
		{"numbers, hexadecimal, too large", "<script>x([" + aList(zip, "0x%02x", ",0x100,") + "])</script>", false},
		{"numbers, half hexadecimal", "<script>x([" + aList(zip, "0x%02x", ",0x,") + "])</script>", false},
		{"numbers too large", "<script>x([" + aList(zip, "%d", ",999,") + "])</script>", false},
		{"short", "<p>" + b64[:1000] + "</p>", false},
		{"of nothing", "<p>" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("text"), 1000)) + "</p>", false},
		{"one word a line", strings.Repeat("words\r\n", 1000), false},
		{"numbers of nothing", "<script>x([" + strings.Repeat("1,2,3,", 2000) + "])</script>", false},
	} {
		for _, file := range []bool{true, false} {
			fields := "Content-Type: text/html"
			if file {
				fields += "; name=a.html"
			}
			found := false
			w := looking{saw: func(b []byte) { found = found || bytes.Contains(b, zip[:1900]) }}
			filtertest.Cuts(t, w, filtertest.Message{Content: message(fields, c.page)})
			if found != (c.found && file) {
				t.Errorf("%s, file %v: found %v", c.what, file, found)
			}
		}
	}
}

// FuzzCarried: what is a list of octets is read as that, and no cutting shows.
func FuzzCarried(f *testing.F) {
	f.Add([]byte("MZ\x00"), []byte("[1, -2,3 ,\n4]"), uint16(3))
	f.Fuzz(func(t *testing.T, octets, text []byte, cut uint16) {
		runs := func(pieces ...[]byte) string {
			p := &page{part: &filter.Part{}}
			out := ""
			for _, b := range pieces {
				for i := range b {
					p.carries(b[i : i+1])
					n := &p.carried
					out += fmt.Sprint(n.code.size, n.code.none, n.numbers.size, string(n.numbers.data))
				}
			}
			return out
		}
		n := min(int(cut), len(text), 500)
		text = text[:min(len(text), 500)]
		if a, b := runs(text), runs(text[:n], text[n:]); a != b {
			t.Errorf("cut at %d: %q, whole %q", n, b, a)
		}
		octets = octets[:min(len(octets), carriedShow-1)]
		p := &page{part: &filter.Part{}}
		p.carries([]byte("[" + aList(octets, "%d", ", ") + ", "))
		if !bytes.Equal(p.carried.numbers.data, octets) {
			t.Errorf("%v, want %v", p.carried.numbers.data, octets)
		}
	})
}
