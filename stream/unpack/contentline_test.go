package unpack

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// fold folds lines as RFC 5545 section 3.1 does, every n octets.
func fold(s string, n int) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		for len(line) > n {
			out, line = append(out, line[:n]), " "+line[n:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\r\n")
}

func TestContentLines(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	p := string(payload)
	file := []string{"|:" + p}
	var qp strings.Builder
	for i := range p {
		qp.WriteString("=" + strings.ToUpper(string("0123456789abcdef"[p[i]>>4])+string("0123456789abcdef"[p[i]&15])))
	}
	bare := "PHOTO;ENCODING=BASE64:\r\n" + strings.ReplaceAll(fold(b64(payload), 60), "\r\n ", "\r\n") + "\r\n\r\nTEL:1\r\n"
	for _, c := range []struct {
		what, in string
		want     []string // names, "|", types, ":", content of members
		links    []string
	}{
		{"nothing of use", "BEGIN:VCALENDAR\r\nSUMMARY:x\r\nDTSTART;TZID=\"a:b\":20260101T000000\r\nEND:VCALENDAR\r\n", nil, nil},
		{"invitation", fold("BEGIN:VCALENDAR\nATTACH;FMTTYPE=application/x-msdownload;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=\"a;b:c.exe\":"+b64(payload)+"\nEND:VCALENDAR", 75),
			[]string{"a;b:c.exe|application/x-msdownload:" + p}, nil},
		{"folded at every octet", fold("ATTACH;ENCODING=BASE64;FILENAME=a.exe:"+b64(payload), 2), []string{"a.exe|:" + p}, nil},
		{"tabs fold", strings.ReplaceAll(fold("ATTACH;ENCODING=BASE64:"+b64(payload), 20), "\r\n ", "\n\t"), file, nil},
		{"lower case", "attach;encoding=base64;value=binary:" + b64(payload), file, nil},
		{"binary without an encoding", "ATTACH;VALUE=BINARY:" + b64(payload), file, nil},
		{"nothing says that it is base64", "PHOTO:" + b64(payload), file, nil},
		{"any property", "X-CANARY;ENCODING=b:" + b64(payload), file, nil},
		{"group", "item1.PHOTO;ENCODING=b;TYPE=JPEG:" + b64(payload), file, nil},
		{"bare parameter", "PHOTO;JPEG;BASE64:" + b64(payload), file, nil},
		{"lines that are not folded", bare, file, nil},
		{"quoted-printable", "SOUND;ENCODING=QUOTED-PRINTABLE:" + qp.String()[:300] + "=\r\n" + qp.String()[300:] + "\r\nTEL:1", file, nil},
		{"quoted-printable, bad escapes", "LOGO;QUOTED-PRINTABLE:=4D=zz=5a\r\n", []string{"|:M=zzZ"}, nil},
		{"data: address", "ATTACH:data:application/octet-stream;base64," + b64(payload), []string{"|application/octet-stream:" + p}, nil},
		{"data: address, folded", fold("PHOTO;VALUE=uri:DATA:;x=y;BASE64\\,"+b64(payload), 9), []string{"|:" + p}, nil},
		{"data: address, percent", "KEY:data:," + url.PathEscape(p), []string{"|:" + p}, nil},
		{"both", "PHOTO;ENCODING=b:data:image/png;base64," + b64(payload), []string{"|image/png:" + p}, nil},
		{"two", "PHOTO;ENCODING=b:" + b64(payload) + "\nLOGO;ENCODING=b:" + b64([]byte("logo")), []string{"|:" + p, "|:logo"}, nil},
		{"quotes without an end", "ATTACH;X=\"y;ENCODING=BASE64:" + b64(payload) + "\r\nEND:VEVENT", file, nil},
		{"junk in base64", "PHOTO;ENCODING=b:" + strings.ReplaceAll(b64(payload), "A", " A!\t"), file, nil},
		{"lines end in CR", strings.ReplaceAll(fold("BEGIN:VCARD\nPHOTO;ENCODING=b:"+b64(payload)+"\nEND:VCARD\n", 20), "\r\n", "\r"), file, nil},
		{"lines end in CR CR LF", strings.ReplaceAll(fold("BEGIN:VCARD\nPHOTO;ENCODING=b:"+b64(payload)+"\nEND:VCARD\n", 20), "\r\n", "\r\r\n"), file, nil},
		{"CR between parameters", "ATTACH;ENCODING=BASE64\r;X=y:" + b64(payload), file, nil},
		{"CR behind what is no property", "x\rATTACH:data:," + url.PathEscape(p), file, nil},
		{"quoted-printable, lines end in CR", "SOUND;ENCODING=QUOTED-PRINTABLE:" + qp.String()[:300] + "=\r" + qp.String()[300:] + "\rTEL:1", file, nil},
		{"UTF-16", "\xFF\xFE" + strings.Join(strings.Split("PHOTO;ENCODING=b:"+b64(payload), ""), "\x00") + "\x00", file, nil},
		{"no file", "PHOTO;ENCODING=b:\r\nKEY:abc\r\nNOTE;ENCODING=QUOTED-PRINTABLE:a=20b\r\n", nil, nil},
		{"address", "ATTACH:https://a.example/x.exe\r\nURL:http://b.\r\n example/\r\nATTACH:\\\\c.example\\share\\x\r\n", nil,
			[]string{"https://a.example/x.exe", "http://b.example/", `\\c.example\share\x`}},
		{"folded text", "DESCRIPTION:see\\nhttps://a.exam\r\n ple/x\\, now\r\n", []string{"|:see\nhttps://a.example/x, now"}, nil},
		{"HTML", "X-ALT-DESC;FMTTYPE=text/html:<html>x\\;</html>\r\n", []string{"|:<html>x;</html>"}, nil},
		{"no lines at all", "\x00\x01", nil, nil},
	} {
		r := readCuts(t, TypeICS, "", []byte(c.in))
		var got []string
		for _, m := range r.members {
			got = append(got, m.names+"|"+strings.Join(m.Types, ",")+":"+string(m.data))
		}
		if !slices.Equal(got, c.want) || !slices.Equal(r.links, c.links) || len(r.notes) > 0 {
			t.Errorf("%s: %q %q, %v", c.what, got, r.links, r.notes)
		}
	}
}

// What is longer than is kept is noted, or passed over; files have no length.
func TestContentLinesLimits(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	r := readCuts(t, TypeVCF, "", []byte("X;"+strings.Repeat("y", lineHead)+":z\r\nPHOTO;ENCODING=b:"+b64(payload)))
	if !r.has(RuleBroken) || len(r.members) != 1 {
		t.Errorf("head: %s", r)
	}
	long := bytes.Repeat(payload, 5000)
	r = readCuts(t, TypeVCF, "", []byte("PHOTO;ENCODING=b:"+b64(long)+"\r\nNOTE:<"+strings.Repeat("x", 2*lineValue)))
	if len(r.members) != 2 || r.members[0].size != int64(len(long)) || r.members[1].size != lineValue {
		t.Errorf("value: %s", r)
	}
}

func FuzzContentLines(f *testing.F) {
	fuzz(f, TypeICS, []byte("PHOTO;QUOTED-PRINTABLE:=4D=\r\n5a\r\nKEY:data:,%4D"), []byte("X;A=\"b\r\nC:d\r\n e\r\nNOTE:<\\n\r\nURL:http://x"))
}

// FuzzLoose64: what is base64 is decoded as the standard library does, and no
// cutting shows.
func FuzzLoose64(f *testing.F) {
	f.Add([]byte("TVo=\r\nTV-_"), uint16(3))
	f.Fuzz(func(t *testing.T, src []byte, cut uint16) {
		var whole, cuts loose64
		got := whole.append(nil, src)
		n := min(int(cut), len(src))
		if again := cuts.append(cuts.append(nil, src[:n]), src[n:]); !bytes.Equal(again, got) {
			t.Errorf("cut at %d: %q, whole %q", n, again, got)
		}
		var d loose64
		if got := d.append(nil, []byte(base64.StdEncoding.EncodeToString(src))); !bytes.Equal(got, src) {
			t.Errorf("%q, want %q", got, src)
		}
	})
}

// What escapes decode to is told in pieces that are worth their calls.
func TestContentLinesPieces(t *testing.T) {
	for what, in := range map[string]string{
		"quoted-printable": "KEY;QUOTED-PRINTABLE:" + strings.Repeat("=41", 10_000),
		"data: address":    "KEY:data:," + strings.Repeat("%41", 10_000),
	} {
		s := &countingSink{told: told{t: t}}
		b := NewBudget(Limits{}, nil, "")
		r := opener(TypeVCF)(b, s)
		r.Write([]byte(in))
		r.Close(true)
		if len(s.members) != 1 || string(s.members[0].data) != strings.Repeat("A", 10_000) || s.calls > 10 {
			t.Errorf("%s: %d calls", what, s.calls)
		}
	}
}

type countingSink struct {
	told
	calls int
}

func (s *countingSink) Data(m *Member, b []byte) {
	s.calls++
	s.told.Data(m, b)
}
