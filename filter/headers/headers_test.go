package headers

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/stream/mime"
)

// clean is a message that no rule says anything about.
const clean = `Received: from mail.x.test (mail.x.test [192.0.2.1]) by relay.x.test (Postfix)
	with ESMTPS id 4ABC; Mon, 2 Dec 2002 15:30:30 +0000
From: Ann Other <ann@x.test>
To: Bob <bob@y.test>
Subject: Minutes of Monday
Date: Mon, 2 Dec 2002 15:30:27 +0000
Message-ID: <1234@x.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
`

var noon = time.Date(2002, 12, 2, 16, 0, 0, 0, time.UTC)

var module = Module{Hostname: "mx.y.test", Now: func() time.Time { return noon }}

// changed returns clean with some fields replaced, by name; others are added.
// "-Name" takes a field out.
func changed(fields ...string) string {
	text := clean
	for _, field := range fields {
		name, _, added := strings.Cut(field, ":")
		if name, out := strings.CutPrefix(field, "-"); out {
			text = without(text, name)
			continue
		}
		if added {
			text = field + "\n" + without(text, name)
		}
	}
	return text
}

func without(text, name string) string {
	var kept []string
	inside := false
	for line := range strings.SplitAfterSeq(text, "\n") {
		if !strings.HasPrefix(line, "\t") {
			inside = strings.HasPrefix(strings.ToLower(line), strings.ToLower(name)+":")
		}
		if !inside {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func judge(t testing.TB, header, body string) string {
	t.Helper()
	content := strings.ReplaceAll(header+"\n"+body, "\n", "\r\n")
	var all []string
	for _, f := range filtertest.Run(t, module, filtertest.Message{Content: []byte(content)}).Findings {
		if rule, ours := strings.CutPrefix(f.Rule, "headers."); ours {
			all = append(all, strings.TrimSpace(rule+" "+f.Detail))
		}
	}
	return strings.Join(all, ", ")
}

func TestRules(t *testing.T) {
	hit := map[string]bool{}
	for _, c := range []struct {
		want   string
		header string
	}{
		{"", clean},
		{"no_from", changed("-From")},
		{"no_date", changed("-Date")},
		{"no_message_id", changed("-Message-ID")},
		{"no_subject", changed("-Subject")},
		{"no_subject", changed("Subject:")},
		{"no_to", changed("-To")},
		{"", changed("-To", "Cc: bob@y.test")},
		{"no_mime_version", changed("-MIME-Version")},
		{"", changed("-MIME-Version", "-Content-Type")},
		{"duplicate Subject", clean + "Subject: Minutes of Monday\n"},
		{"duplicate To", clean + "TO : bob@y.test\n"},
		{"", clean + "Received: x\nReceived: y\n"},

		// Who is not from anybody is found where the message is taken apart.
		{"", changed("From: Ann Other")},
		{"", clean + "From: Ann Other <ann@x.test>\n"},
		{"from_malformed", changed("From: <ann@localhost>")},
		{"from_malformed", changed("From: Ann <@x.test>")},
		{"from_address", changed(`From: "service@bank.test" <ann@x.test>`)},
		{"from_address", changed("From: =?utf-8?Q?service=40bank.test?= <ann@x.test>")},
		{"", changed(`From: "ann@x.test" <ann@x.test>`)},
		{"", changed(`From: "bob@z.test via friends" <friends@x.test>`, "List-Id: <friends.x.test>")},
		{"from_domain", changed("From: Bank.com <ann@x.test>")},
		{"", changed("From: X.com <news@mail.x.com>")},
		{"from_disguise mixed", changed("From: =?utf-8?B?UNCweXBhbA==?= <ann@x.test>")},
		{"from_disguise hidden", changed("From: Pay\u200Bpal <ann@x.test>")},
		{"from_disguise mixed", changed("From: Ann <ann@\u0430pple.test>")},
		{"from_base64", changed("From: =?utf-8?B?QW5u?= <ann@x.test>")},
		{"reply_freemail, reply_other", changed("Reply-To: ann@gmail.com")},
		{"", changed("From: ann@gmx.de", "Reply-To: ann@gmx.de")},
		{"reply_other", changed("Reply-To: ann@z.test")},
		{"", changed("Reply-To: ann@sub.x.test")},
		{"reply_malformed", changed("Reply-To: ann")},

		{"to_undisclosed", changed("To: undisclosed-recipients:;")},
		{"to_is_from", changed("To: <Ann@X.test>")},
		{"to_malformed", changed("To: bob@@y")},

		{"date_malformed", changed("Date: 2002-12-02")},
		{"date_malformed", changed("Date:")},
		{"date_zone", changed("Date: Mon, 2 Dec 2002 15:30:27")},
		{"date_zone", changed("Date: Mon, 2 Dec 2002 15:30:27 -2700")},
		{"date_future", changed("Date: Tue, 3 Dec 2002 16:00:01 +0000")},
		{"", changed("Date: Tue, 3 Dec 2002 16:00:00 +0000")},
		{"date_past", changed("Date: Sun, 24 Nov 2002 15:59:59 +0000")},
		{"", changed("Date: Sun, 24 Nov 2002 16:00:00 +0000")},

		{"subject_capitals", changed("Subject: MINUTES OF MONDAY")},
		{"subject_capitals, subject_base64", changed("Subject: =?utf-8?B?TUlOVVRFUyBPRiBNT05EQVk=?=")},
		{"subject_disguise hidden", changed("Subject: Min\u00ADutes")},
		{"subject_disguise styled", changed("Subject: =?utf-8?B?8J2QgfCdkJo=?=")},
		{"subject_base64", changed("Subject: =?us-ascii?B?TWludXRlcw==?=")},
		{"subject_gap", changed("Subject: Minutes          xq17")},
		{"subject_reply", changed("Subject: Re: Minutes")},
		{"", changed("Subject: Re: Minutes", "In-Reply-To: <1@x.test>")},

		{"message_id_malformed", changed("Message-ID: 1234@x.test")},
		{"message_id_malformed", changed("Message-ID: <1234>")},
		{"message_id_malformed", changed("Message-ID: <12 34@x.test>")},
		{"8bit", changed("Subject: Gr\xFC\xDFe")},
		{"", changed("Subject: Grüße")},
		{"tight", changed("Subject:Minutes")},
		{"mailer_forged", changed("X-Mailer: Microsoft Outlook Express 6.00.2600.0000")},
		{"", changed("X-Mailer: Microsoft Outlook Express 6.00.2600.0000", "X-MimeOLE: Produced By Microsoft MimeOLE V6", "Message-ID: <000001c1$0a2b3c4d$0100a8c0@x.test>")},
		{"", changed("X-Mailer: Microsoft Outlook 16.0")},
		{"php_eval", changed("X-PHP-Originating-Script: 33:x.php(3) : eval()'d code(1) : eval()'d code")},
		{"", changed("X-PHP-Originating-Script: 33:mailer.php")},
		{"received_many", strings.Repeat("Received: by x.test; Mon, 2 Dec 2002 15:30:30 +0000\n", 26) + clean},
		{"received_forged", "Received: from x by MX.y.test; Mon, 2 Dec 2002 15:30:30 +0000\n" + clean},
		// Further down it may be true: the message was here and comes back.
		{"", clean + "Received: from x by mx.y.test; Mon, 2 Dec 2002 15:30:30 +0000\n"},
		{"", "Received: from x by mx.y.test.z.test; Mon, 2 Dec 2002 15:30:30 +0000\n" + clean},
	} {
		got := judge(t, c.header, "Dear Bob,\n")
		if got != c.want {
			t.Errorf("%s, want %s, for\n%s", got, c.want, c.header)
		}
		for rule := range strings.SplitSeq(c.want, ", ") {
			rule, _, _ = strings.Cut(rule, " ")
			hit["headers."+rule] = true
		}
	}
	for i := range headerRules {
		if !hit[headerRules[i].Name] {
			t.Errorf("%s is not tried", headerRules[i].Name)
		}
	}
}

// part is a part of the body with what PartData gives of it.
type part struct {
	filter.Part
	data string
}

func TestBodyRules(t *testing.T) {
	leaf := func(p mime.Part, html, text bool, data string) part {
		return part{filter.Part{MIME: &p, HTML: html, Text: text}, data}
	}
	plain := leaf(mime.Part{Charset: "utf-8"}, false, true, "text")
	for name, c := range map[string]struct {
		parts []part
		want  []string
	}{
		"plain":         {[]part{plain}, nil},
		"nothing":       {nil, []string{"headers.empty"}},
		"blank":         {[]part{leaf(mime.Part{}, false, true, " \r\n\t")}, []string{"headers.empty"}},
		"blank, a file": {[]part{leaf(mime.Part{}, false, true, ""), leaf(mime.Part{Attached: true}, false, false, "")}, nil},
		"page":          {[]part{leaf(mime.Part{}, true, true, "<p>")}, []string{"headers.html_only"}},
		"both":          {[]part{plain, leaf(mime.Part{}, true, true, "<p>")}, nil},
		"page and file": {[]part{leaf(mime.Part{}, true, true, "<p>"), leaf(mime.Part{Attached: true}, false, true, "x")}, nil},
		"base64":        {[]part{leaf(mime.Part{Encoding: "base64"}, false, true, "x")}, []string{"headers.base64_text"}},
		"needed base64": {[]part{leaf(mime.Part{Encoding: "base64", Charset: "utf-8"}, false, true, "x")}, nil},
		"base64 file":   {[]part{leaf(mime.Part{Encoding: "base64", Attached: true}, false, true, "x")}, nil},
	} {
		var m message
		m.blank = true
		for i := range c.parts {
			m.addPart(&c.parts[i].Part)
			if strings.TrimSpace(c.parts[i].data) != "" {
				m.blank = false
			}
		}
		var got []string
		for i := range bodyRules {
			if _, hit := bodyRules[i].find(&m); hit {
				got = append(got, bodyRules[i].Name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A scanner serves one message after the other and remembers nothing.
func TestScannersForget(t *testing.T) {
	for range 3 {
		if got := judge(t, "From:x\nFrom: y\nSubject: A    Bcdefg      z\n", ""); !strings.Contains(got, "no_date") {
			t.Fatal(got)
		}
		if got := judge(t, clean, "text"); got != "" {
			t.Fatalf("the message before has left %s", got)
		}
	}
}

func TestReadmeNamesEveryRule(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		if !strings.Contains(string(text), fmt.Sprintf("| `%s` | %v | ", r.Name, r.Score)) || !strings.Contains(string(text), " | "+r.Text+" |\n") {
			t.Errorf("README.md does not say `%s`, score %v, %q", r.Name, r.Score, r.Text)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	var header []mime.Field
	for line := range strings.SplitSeq(strings.ReplaceAll(clean, "\n\t", " "), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header = append(header, mime.Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	for range 15 {
		header = append(header, mime.Field{Name: []byte("X-Some-Other-Field"), Value: []byte(" some value of usual length")})
	}
	whole := &filter.Part{Kind: mime.Message}
	leaf := &filter.Part{Parent: whole, Text: true, MIME: &mime.Part{}}
	data := []byte("Dear Bob,\r\n")
	m := module
	b.ReportAllocs()
	for b.Loop() {
		s := m.Open(nil, nil, nil).(*scanner)
		s.OpenPart(whole)
		for _, f := range header {
			s.Field(whole, f)
		}
		s.OpenPart(leaf)
		s.PartData(leaf, data)
		if s.FinishNow() != nil {
			b.Fatal("failed")
		}
		s.Close()
	}
}

// However a message is cut, the same is found.
func TestCuts(t *testing.T) {
	for _, header := range []string{
		clean,
		changed("From: =?utf-8?B?UNCweXBhbC5jb20=?=\n\t<ann@x.test>", "Subject: RE: MAKE MONEY FAST      x17", "Date: Mon, 32 Dec", "Message-ID: x", "-To"),
		"Subject:" + strings.Repeat(" folded\n\t", 2000) + "end\n",
		"From: " + strings.Repeat(`"\`, 3000) + "\n",
	} {
		content := strings.ReplaceAll(header+"\n \n", "\n", "\r\n")
		filtertest.Cuts(t, module, filtertest.Message{Content: []byte(content)})
	}
}

// Whatever the fields are, no rule fails, and details are words of ours.
func FuzzFrom(f *testing.F) {
	for _, value := range []string{"Ann <ann@x.test>", `"a@b.com" <c@d.test>`, "=?utf-8?B?UNCweXBhbA==?= <a@b>", "\xFF\u202E <@>", "(((", `"`} {
		f.Add(value, value)
	}
	f.Fuzz(func(t *testing.T, from, other string) {
		s := module.Open(nil, nil, nil).(*scanner)
		whole := &filter.Part{Kind: mime.Message}
		for _, name := range []string{"Reply-To", "To", "Subject", "Date", "Message-ID", "Received", "X-Mailer"} {
			s.Field(whole, mime.Field{Name: []byte(name), Value: []byte(other)})
		}
		s.Field(whole, mime.Field{Name: []byte("From"), Value: []byte(from)})
		if s.FinishNow() != nil {
			t.Error("no vote")
		}
		for i := range headerRules {
			detail, hit := headerRules[i].find(&s.message)
			if detail != "" && (!hit || !slices.Contains(names[:], detail) && !slices.Contains(disguiseWords[:], detail)) {
				t.Errorf("%s has the detail %q", headerRules[i].Name, detail)
			}
		}
		s.Close()
	})
}
