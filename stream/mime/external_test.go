package mime

import (
	"slices"
	"testing"
)

func TestExternalLinks(t *testing.T) {
	for _, c := range []struct {
		params string
		want   []string
	}{
		{`access-type=URL; URL="http://a.example/x"`, []string{"http://a.example/x"}},
		{"access-type=URL;\n URL=\"http://a.example/\n  x\"", []string{"http://a.example/x"}},
		{`access-type=URL; URL*0="http://a."; URL*1="example/x"`, []string{"http://a.example/x"}},
		{`access-type=local-file; URL="http://a.example/x"; url=http://b.example`, []string{"http://a.example/x", "http://b.example"}},
		{`access-type=ANON-FTP; site="a.example"; directory="pub/d"; name="x.exe"; mode=image`, []string{"ftp://a.example/pub/d/x.exe"}},
		{`access-type=tftp; site=a.example; name=x`, []string{"ftp://a.example/x"}},
		{`access-type=mail-server; server="list@a.example"`, []string{"mailto:list@a.example"}},
		{"access-type=URL", nil},
	} {
		s := readCuts(t, []byte(crlf("Content-Type: message/external-body; "+c.params+"\n\nContent-Type: text/plain\n\n")))
		i := slices.IndexFunc(s.parts, func(p *toldPart) bool { return p.Type == externalBody })
		if i < 0 {
			t.Errorf("%s: no part", c.params)
		} else if got := s.parts[i].Links; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.params, got, c.want)
		}
	}
}
