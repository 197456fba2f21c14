package antivirus

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/filter"
	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// A noter is an engine that notes what it is given.
type noter struct {
	mu   sync.Mutex
	seen []string
}

func (n *noter) Scan(ctx context.Context, content *Content) Vote {
	all, err := read(ctx, content)
	if err != nil {
		return Vote{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = append(n.seen, string(all))
	return clean()
}

// given sends a message through Content and a module that feeds n, and returns
// the parts, by what they begin with, that it was given besides the message.
func given(t testing.TB, feed Feed, message string, overflow bool) (parts []string, findings []policy.Finding) {
	t.Helper()
	n := &noter{}
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "a", Engine: n, Feed: feed}}})
	chain, err := filter.New(filter.Entry{Module: filter.Content{}}, filter.Entry{Module: m, Deadline: m.Deadline()})
	if err != nil {
		t.Fatal(err)
	}
	run, _ := chain.Visit(&filter.Session{}).Begin(t.Context(), &filter.Envelope{})
	defer run.Close()
	run.Open()
	for i, piece := range slices.Collect(slices.Chunk([]byte(message), chunkSize)) {
		if i > 0 && overflow {
			run.Overflow()
		}
		run.Write(piece)
	}
	findings = run.Finish(t.Context())
	raw := 0
	for _, s := range n.seen {
		if s == message {
			raw++
		} else {
			parts = append(parts, strings.TrimSpace(s[:min(len(s), 12)]))
		}
	}
	if raw != 1 {
		t.Errorf("the message was given %d times", raw)
	}
	slices.Sort(parts)
	return parts, findings
}

// mixed is a message of parts, each with its header.
func mixed(parts ...string) string {
	var b strings.Builder
	b.WriteString("From: a@x.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary=\"=_b\"\n\n")
	for _, p := range parts {
		b.WriteString("--=_b\n" + p + "\n")
	}
	b.WriteString("--=_b--\n")
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}

const plainText = "Content-Type: text/plain\n\nDear Bob,\nhere is what you asked for.\n"

// attachment is a part with a file in base64.
func attachment(name, content string) string {
	return fmt.Sprintf("Content-Type: application/octet-stream; name=%q\nContent-Transfer-Encoding: base64\n\n", name) +
		strings.ReplaceAll(base64Lines(content), "\r\n", "\n")
}

func zipped(files ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, _ := w.Create(files[i])
		_, _ = io.WriteString(f, files[i+1])
	}
	_ = w.Close()
	return b.String()
}

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, content)
	_ = w.Close()
	return b.String()
}

// jpeg begins as a picture does.
var jpeg = "\xFF\xD8\xFF\xE0\x00\x10JFIF\x00" + strings.Repeat("\x01\xFEpixels", 300)

// document is a Word document as small as they can be.
func document() string {
	return zipped("[Content_Types].xml", "<Types/>", "word/document.xml", "<w:document>text</w:document>")
}

// tampered changes the first s in a zip's directory.
func tampered(archive, from, to string) string {
	i := strings.LastIndex(archive, from)
	return archive[:i] + to + archive[i+len(from):]
}

// What an engine is given of good mail is the mail, once; of what is odd, each
// part that it may not come to.
func TestNeeded(t *testing.T) {
	archive := zipped("a.txt", "first member", "b.txt", "second one")
	deep := "bottom of it"
	for range reachDepth {
		deep = gzipped(deep)
	}
	for _, c := range []struct {
		name string
		mail string
		want []string // what the parts that are given begin with, sorted
	}{
		{"text", "From: a@x.test\r\nContent-Type: text/plain\r\n\r\nDear Bob,\r\n", nil},
		{"text without a type", "From: a@x.test\r\n\r\nDear Bob,\r\n", nil},
		{"ordinary", mixed(plainText, attachment("a.jpg", jpeg), attachment("a.docx", document()), attachment("a.zip", archive)), nil},
		{"gzip in zip", mixed(plainText, attachment("a.zip", zipped("a.gz", gzipped("the content")))), nil},
		{"alternative", mixed("Content-Type: multipart/alternative; boundary=c\n\n--c\n" + plainText + "\n--c\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<html>x</html>\n--c--\n"), nil},
		{"message", mixed(plainText, "Content-Type: message/rfc822\n\nFrom: b@x.test\nContent-Type: text/plain\n\nDear Alice,\n"), nil},

		// Parts.
		{"text as a file", mixed(plainText, "Content-Type: text/plain; name=a.txt\n\nlike a file\n"), []string{"like a file"}},
		{"text as an attachment", mixed(plainText, "Content-Type: text/plain\nContent-Disposition: attachment\n\nlike a file\n"), []string{"like a file"}},
		{"file without base64", mixed(plainText, "Content-Type: application/x\nContent-Transfer-Encoding: binary\n\nsome octets\n"), []string{"some octets"}},
		{"file in quoted-printable", mixed(plainText, "Content-Type: application/x\nContent-Transfer-Encoding: quoted-printable\n\nsome=20octets\n"), []string{"some octets"}},
		{"report", mixed(plainText, "Content-Type: message/delivery-status\n\nReporting-MTA: x\n"), []string{"Reporting-MT"}},
		{"script as text", mixed("Content-Type: text/plain\n\n#!/bin/sh\nrm x\n"), []string{"#!/bin/sh\r\nr"}},
		{"field as text", mixed("Content-Type: text/plain\n\nSubject: this\nis text\n"), []string{"Subject: thi"}},
		{"no words", mixed("Content-Type: text/plain\n\n" + strings.Repeat("x", longWord+1) + "\n"), []string{"xxxxxxxxxxxx"}},
		{"many tags", mixed("Content-Type: text/html\n\n<html>" + strings.Repeat("<b></b>", 10) + "text</html>\n"), nil},
		{"long line", mixed("Content-Type: text/plain\n\nDear Bob" + strings.Repeat(" x", reachLine/2) + "\n"), []string{"Dear Bob x x"}},
		{"long line of few", mixed("Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("few words=\n", 200) + "\n"), nil},
		{"two types", mixed(plainText, "Content-Type: text/plain\nContent-Type: application/x\n\ntwo types\n"), []string{"two types"}},
		{"junk in base64", mixed(plainText, "Content-Type: application/x\nContent-Transfer-Encoding: base64\n\nc29t!ZSBvY3RldHM=\n"), []string{"some octets"}},
		{"base64 without padding", mixed(plainText, "Content-Type: application/x\nContent-Transfer-Encoding: base64\n\nc29tZSBvY3RldHM\n"), []string{"some octets"}},
		{"several encodings", mixed(plainText, "Content-Type: application/x\nContent-Transfer-Encoding: x-base64\n\nc29tZSBvY3RldHM=\n"), []string{"Dear Bob,\r\nh", "c29tZSBvY3Rl", "some octets"}},
		{"uuencode", mixed("Content-Type: text/plain\n\nDear Bob,\nbegin 644 x\n#86)C\n`\nend\n"), []string{"abc"}},

		// What is around them.
		{"preamble", strings.Replace(mixed(plainText), "\r\n\r\n", "\r\n\r\nFor old mail programs.\r\n", 1), []string{"For old mail"}},
		{"epilogue", mixed(plainText, attachment("a.jpg", jpeg)) + "behind\r\n", []string{"Dear Bob,\r\nh", "behind", jpeg[:12]}},
		{"not closed", strings.TrimSuffix(mixed(plainText, attachment("a.jpg", jpeg)), "--=_b--\r\n"), nil},
		{"blanks behind a boundary", strings.Replace(mixed(plainText, attachment("a.jpg", jpeg)), "\r\n--=_b\r\n", "\r\n--=_b  \r\n", 1), []string{"Dear Bob,\r\nh", jpeg[:12]}},
		{"blank before =", strings.Replace(mixed(plainText), "boundary=", "boundary =", 1), []string{"Dear Bob,\r\nh"}},
		{"boundary folded", strings.Replace(mixed(plainText), "boundary=", "boundary=\r\n ", 1), []string{"Dear Bob,\r\nh"}},
		{"too many fields", strings.Repeat("X-A: b\r\n", 600) + mixed(plainText), []string{"Dear Bob,\r\nh"}},

		// Containers.
		{"names differ", mixed(plainText, attachment("a.zip", tampered(archive, "b.txt", "c.txt"))), []string{"PK\x03\x04\x14\x00\x08\x00\x08\x00\x00\x00", "first member", "second one"}},
		{"behind the end", mixed(plainText, attachment("a.zip", archive+"behind")), []string{"PK\x03\x04\x14\x00\x08\x00\x08\x00\x00\x00", "first member", "second one"}},
		{"below depth", mixed(plainText, attachment("a.gz", deep)), nil},
	} {
		for _, overflow := range []bool{false, true} {
			got, _ := given(t, FeedNeeded, c.mail, overflow)
			if c.name == "below depth" {
				if !slices.Contains(got, "bottom of it") {
					t.Errorf("%s: %q", c.name, got)
				}
			} else if !slices.Equal(got, c.want) {
				t.Errorf("%s, overflow %v: %q, want %q", c.name, overflow, got, c.want)
			}
		}
	}
}

// What lies behind so many parts, or octets, that the engine may have stopped
// before it is given.
func TestNeededBeyond(t *testing.T) {
	var parts, files []string
	for range reachParts {
		parts = append(parts, plainText)
	}
	for i := range reachFiles {
		files = append(files, fmt.Sprintf("%d.txt", i), "x")
	}
	parts = append(parts, attachment("a.jpg", jpeg))
	got, _ := given(t, FeedNeeded, mixed(parts...), false)
	if want := []string{jpeg[:12]}; !slices.Equal(got, want) {
		t.Errorf("parts: %q, want %q", got, want)
	}
	files = append(files, "last.txt", "the last one")
	got, _ = given(t, FeedNeeded, mixed(attachment("a.zip", zipped(files...))), false)
	// The zip itself is the first, so the last "x" is one too many.
	if want := []string{"the last one", "x"}; !slices.Equal(got, want) {
		t.Errorf("members: %q, want %q", got, want)
	}
}

// Each sort of part by itself.
func TestNeededParts(t *testing.T) {
	message := &filter.Part{Kind: mime.Message}
	entity := func(typ, encoding string) *filter.Part {
		return &filter.Part{Parent: message, Depth: 1, MIME: &mime.Part{Type: typ, Encoding: encoding}, Declared: []string{typ}}
	}
	in := func(types ...unpack.Type) *filter.Part {
		return &filter.Part{Parent: &filter.Part{Parent: message, Depth: 1, Types: types}, Depth: 2}
	}
	change := func(p *filter.Part, f func(*filter.Part)) *filter.Part { f(p); return p }
	file := func() *filter.Part { return entity("application/x", "base64") }
	for _, c := range []struct {
		name string
		part *filter.Part
		want bool
	}{
		{"base64", file(), false},
		{"text in base64", entity("text/x", "base64"), false},
		{"shown text", entity("text/plain", ""), false},
		{"shown page", entity("text/html", "quoted-printable"), false},
		{"other text", entity("text/calendar", ""), true},
		{"file as it is", entity("application/x", ""), true},
		{"uuencode", entity("text/plain", "uuencode"), true},
		{"report in base64", entity("message/x", "base64"), true},
		{"doubtful", change(file(), func(p *filter.Part) { p.Doubtful = true }), true},
		{"odd", change(file(), func(p *filter.Part) { p.Odd = true }), true},
		{"made", change(file(), func(p *filter.Part) { p.Made = true }), true},
		{"deep", change(file(), func(p *filter.Part) { p.Depth = reachDepth + 1 }), true},
		{"not so deep", change(file(), func(p *filter.Part) { p.Depth = reachDepth }), false},
		{"of odd mail", change(file(), func(p *filter.Part) { p.Parent = &filter.Part{Kind: mime.Message, Odd: true} }), true},
		{"of doubtful mail", change(file(), func(p *filter.Part) { p.Parent = &filter.Part{Kind: mime.Message, Doubtful: true} }), true},
		{"in a leaf", change(file(), func(p *filter.Part) { p.Parent = &filter.Part{Parent: message} }), true},
		{"message not entered", change(file(), func(p *filter.Part) { p.Kind = mime.Message }), true},
		{"of nothing", &filter.Part{}, true},

		{"in zip", in(unpack.TypeZip), false},
		{"in docx", in(unpack.TypeDocx), false},
		{"in gzip", in(unpack.TypeGzip), false},
		{"in tar", in(unpack.TypeTar), true},
		{"in 7z", in(unpack.TypeSevenZip), true},
		{"in rar", in(unpack.TypeRAR), true},
		{"in bzip2", in(unpack.TypeBzip2), true},
		{"in ole2", in(unpack.TypeOLE2), true},
		{"in pdf", in(unpack.TypePDF), true},
		{"in nothing known", in(), true},
		{"in a polyglot", in(unpack.TypeZip, unpack.TypePDF), true},
		{"in an odd zip", change(in(unpack.TypeZip), func(p *filter.Part) { p.Parent.Odd = true }), true},
		{"rare in zip", change(in(unpack.TypeZip), func(p *filter.Part) { p.Rare = true }), true},
		// The zip itself is given: from there it is one step.
		{"in a doubtful zip", change(in(unpack.TypeZip), func(p *filter.Part) { p.Parent.Doubtful = true }), false},
	} {
		if got := needed(c.part); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What turns out odd at its very end is given all the same, however large it
// is, and while there is no room to wait everything is given.
func TestNeededLate(t *testing.T) {
	smtptest.CheckLeaks(t)
	var b strings.Builder
	for random := range slices.Chunk(pattern(maxHeld/20), 10) { // no bomb, but quick to pack
		b.WriteString(strings.Repeat(fmt.Sprintf("%x", random), 10))
	}
	large := b.String()
	archive := zipped("a.txt", "A"+large, "b.txt", "B"+large)
	huge := zipped("a.txt", "A"+large, "b.txt", "B"+large, "c.txt", "C"+large, "d.txt", "D"+large, "e.txt", "E"+large)
	for _, c := range []struct {
		name, archive string
		want          []string
	}{
		{"good", archive, nil},
		{"names differ", tampered(archive, "b.txt", "x.txt"), []string{"A", "B"}},
		{"behind the end", archive + "behind", []string{"A", "B"}},
		{"no room", tampered(huge, "a.txt", "x.txt"), []string{"A", "B", "C", "D", "E"}},
	} {
		for _, overflow := range []bool{false, true} {
			got, findings := given(t, FeedNeeded, mixed(plainText, attachment("a.zip", c.archive)), overflow)
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "PK") || strings.HasPrefix(s, "Dear") })
			for i := range got {
				got[i] = got[i][:1]
			}
			if got = slices.Compact(got); !slices.Equal(got, c.want) { // a member comes again under its other name
				t.Errorf("%s, overflow %v: %q, want %q", c.name, overflow, got, c.want)
			}
			if f := said(findings); strings.Contains(f, "antivirus.") {
				t.Errorf("%s, overflow %v: %s", c.name, overflow, f)
			}
		}
	}
}

// Engines with different feeds do not take each other's parts away.
func TestFeedsBeside(t *testing.T) {
	big := strings.Repeat("x", 4*wholeSize) + "virus:P;"
	for _, turns := range []bool{false, true} {
		for _, flows := range []bool{false, true} {
			s := engines(Settings{}, &fake{}, &fake{}, &fake{})
			s.Engines[0].Feed, s.Engines[1].Feed, s.Engines[2].Feed = FeedLeaves, FeedRaw, FeedBoth
			mail := testMail{raw: small, flows: flows, parts: []testPart{{path: "1", content: big, turns: turns}}}
			want := "antivirus.infected P (a) at 1; antivirus.infected P (c) at 1"
			if turns {
				want = "antivirus.infected P (a) at 1; antivirus.infected P (b) at 1; antivirus.infected P (c) at 1"
			}
			if got := said(send(t, newModule(t, s), mail)); got != want {
				t.Errorf("turns %v, flows %v: %q, want %q", turns, flows, got, want)
			}
		}
	}
}

// FuzzTextLook: what is said of text does not depend on how it is cut, and is
// what the lines say.
func FuzzTextLook(f *testing.F) {
	line := strings.Repeat("x", reachLine)
	f.Add([]byte(line+"\r\n"+line), uint16(7))
	f.Add([]byte("a\n"+line+"x\n"), uint16(500))
	f.Add([]byte(line+"\n"+line+"\nx"), uint16(2000))
	f.Fuzz(func(t *testing.T, p []byte, n uint16) {
		want := false
		for _, l := range bytes.Split(p, []byte("\n")) {
			want = want || len(l) > reachLine
		}
		look := textLook{lines: true}
		for piece := range slices.Chunk(p, int(n)+1) {
			look.write(piece)
		}
		if look.odd != want {
			t.Errorf("%v, want %v", look.odd, want)
		}
	})
}

// What is cut for want of memory is not taken for something shorter that was
// given before.
func TestCutIsNotKnown(t *testing.T) {
	smtptest.CheckLeaks(t)
	m := newModule(t, Settings{Memory: 1 << 20, Engines: []EngineSettings{{Name: "a", Engine: &fake{}, Feed: FeedNeeded}}})
	s := newScanner(m, nil)
	defer m.Wait()
	defer s.Close()
	beginning := bytes.Repeat([]byte("x"), firstChunk)
	for i, rest := range []string{"", "virus:P;"} {
		p := &filter.Part{Path: fmt.Sprint(i), Kind: mime.Leaf, Doubtful: true}
		s.OpenPart(p)
		s.PartData(p, beginning)
		if left := int(m.memory.limit - m.memory.used.Load()); rest != "" && m.memory.take(left) {
			defer m.memory.give(left)
		}
		s.PartData(p, []byte(rest))
		s.ClosePart(p)
	}
	s.start()
	s.endAll()
	s.ballots[0].scans.Wait()
	if v := s.ballots[0].worst; v.Result != Failed || v.Reason != NoMemory {
		t.Errorf("%+v", v)
	}
}

// A part that nobody closed, as whoever took the message apart has failed, is
// looked at as far as it is there.
func TestPartLeftOpen(t *testing.T) {
	smtptest.CheckLeaks(t)
	for _, feed := range []Feed{FeedNeeded, FeedLeaves, FeedBoth} {
		m := newModule(t, Settings{Engines: []EngineSettings{{Name: "a", Engine: &fake{}, Feed: feed}}})
		s := newScanner(m, nil)
		mail := &filter.Part{Path: "1", Kind: mime.Leaf, MIME: &mime.Part{Encoding: "base64"}}
		member := &filter.Part{Path: "1/1", Kind: mime.Leaf, Parent: mail, Types: []unpack.Type{unpack.TypeZip}}
		s.OpenPart(mail)
		s.PartData(mail, []byte("x"))
		s.OpenPart(member)
		s.PartData(member, []byte("virus:P;"))
		s.start()
		s.endAll()
		s.ballots[0].scans.Wait()
		if v := s.ballots[0].worst; v.Result != Infected {
			t.Errorf("feed %v: %+v", feed, v)
		}
		s.Close()
		m.Wait()
		if used := m.memory.used.Load(); used != 0 {
			t.Errorf("feed %v: %d octets are held", feed, used)
		}
	}
}
