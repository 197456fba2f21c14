package filter

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sluice/policy"
	"sluice/stream/unpack"
)

// aMail is a message with a file.
func aMail(file string) string {
	return "From: a@x.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ntext\r\n" +
		"--c\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(file)) + "\r\n--c--\r\n"
}

const fromLine = "From a@x.test Thu Jan  1 12:00:00 2026\r\n"

// Files that are mail are entered whatever they are called, and nothing else is.
func TestMailFiles(t *testing.T) {
	uu := "begin 644 f\n$8V%N80``\n`\nend\n" // cana
	tnef := "\x78\x9f\x3e\x22\x01\x00" + "\x02\x02\x90\x06\x00\x0e\x00\x00\x00" + strings.Repeat("\x00", 14) + "\x00\x00" +
		"\x02\x0f\x80\x06\x00\x04\x00\x00\x00cana\x81\x01"
	for _, c := range []struct {
		what    string
		files   []string
		found   bool
		context string // of the path
	}{
		{"page as a document", []string{"a.doc", aMail("cana")}, true, "2/0.2"},
		{"page behind blank lines", []string{"a.doc", "\r\n\r\n \r\n" + aMail("cana")}, true, ""},
		{"page behind a mark", []string{"a.doc", "\uFEFF" + aMail("cana")}, true, "2/0.2"},
		{"page behind a PDF's beginning", []string{"a.doc", "%PDF-1.7\n" + strings.Repeat("1 0 obj\n", 3000) + aMail("cana")}, true, ""},
		{"page behind RTF", []string{"a.rtf", `{\rtf1 x}` + "\r\n" + aMail("cana")}, true, ""},
		{"page in the middle of a picture", []string{"a.png", "\x89PNG\r\n\x1a\n" + aMail("cana")}, false, ""},
		{"any name", []string{"a.dat", aMail("cana")}, true, "2/0.2"},
		{"no MIME in the first 4 KiB", []string{"a.dat", "X-A: b\r\n" + strings.Repeat("X-B: "+strings.Repeat("c", 70)+"\r\n d\r\n", 70) + aMail("cana")}, true, "2/0.2"},
		{"text with colons", []string{"a.txt", "dear you: hello\r\n" + aMail("cana")}, false, ""},
		{"a settings file", []string{"a.ini", "key: value\r\n\r\nMIME-Version: 1.0\r\nContent-Type: x/y\r\n"}, false, ""},
		{"TNEF's name", []string{"winmail.dat", aMail("cana")}, true, "2/0.2"},
		{"mbox", []string{"a.mbox", fromLine + aMail("x") + "\r\n" + fromLine + aMail("cana")}, true, "2/1.2"},
		{"mbox by content", []string{"a.dat", fromLine + aMail("x") + "\r\n" + fromLine + aMail("cana")}, true, "2/1.2"},
		{"mbox, junk first", []string{"a.mbx", "\r\n\r\n" + fromLine + aMail("cana")}, true, "2/1.2"},
		{"mbox that is one message", []string{"a.mbox", aMail("cana")}, true, "2/0.2"},
		{"mbox, From in the text", []string{"a.mbox", fromLine + strings.Replace(aMail("cana"), "text", "\r\nFrom here\r\nFrom there\r\nFrom now\r\non", 1)}, true, "2/0.2"},
		{"mbox in zip", []string{"a.zip", zipped("a.mbox", fromLine+aMail("x")+fromLine+aMail("cana"))}, true, "2/1/1.2"},
		{"TNEF in zip", []string{"a.zip", zipped("x.bin", tnef)}, true, "2/1/0.1.1"},
		{"uuencode in zip", []string{"a.zip", zipped("x.uue", uu)}, true, "2/1/0.1.1"},
		{"uuencode in a message's zip", []string{"a.eml", attached("a.zip", zipped("x.uu", uu))}, true, ""},
		{"uuencode under no name of it", []string{"a.zip", zipped("x.txt", uu)}, false, ""},
	} {
		var whole string
		for _, size := range []int{1 << 20, 1, 4096, 33} {
			l := &listener{name: "l"}
			findings := taken(t, Content{}, attached(c.files...), size, l)
			at := "nowhere"
			for path, content := range l.files {
				if content == "cana" {
					at = path
				}
			}
			if c.found != (at != "nowhere") || c.found && c.context != "" && at != c.context {
				t.Errorf("%s, pieces of %d: found %s of %q, %+v", c.what, size, at, slices.Collect(keys(l.files)), findings)
			}
			heard := fmt.Sprint(slices.DeleteFunc(l.heard, func(s string) bool { return s == "" }), findings)
			if whole == "" {
				whole = heard
			} else if heard != whole {
				t.Errorf("%s, pieces of %d:\n%s\nwhole:\n%s", c.what, size, heard, whole)
			}
		}
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// What is only guessed to be mail gives no findings of its own.
func TestGuessedMailIsQuiet(t *testing.T) {
	for name, content := range map[string]string{
		"headers.txt": "Received: x\r\nFrom: nobody\r\nFrom: nobody\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b; boundary=c\r\nno field\r\n",
		"a.doc":       "%PDF-1.4\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related\r\nContent-Transfer-Encoding: x\r\n\r\n--b\r\n",
		"page.mht":    "From: <Saved by a browser>\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>x\r\n",
		"a.mbox":      fromLine + "From: nobody\r\nSubject: x\r\n\r\nx\r\n",
	} {
		for _, f := range taken(t, Content{}, attached(name, content), 1<<20, &listener{name: "l"}) {
			if f.Score > 0 && f.Rule != unpack.RulePolyglot && f.Rule != unpack.RuleBroken {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// More messages, and more parts of them, than are read are over the limit.
func TestMailLimits(t *testing.T) {
	one := fromLine + "X: y\r\n\r\nx\r\n"
	l := &listener{name: "l"}
	findings := taken(t, Content{}, attached("a.mbox", strings.Repeat(one, maxMails+5)), 1<<20, l)
	if !slices.ContainsFunc(findings, isRule(unpack.RuleEntries)) {
		t.Errorf("%+v", findings)
	}
	if l.files[fmt.Sprintf("2/%d.1", maxMails-1)] == "" || l.files[fmt.Sprintf("2/%d.1", maxMails)] != "" {
		t.Error("not all up to the limit, or more")
	}
	// Documents that may have a message in them, and have none, are not counted.
	var docs bytes.Buffer
	z := zip.NewWriter(&docs)
	for i := range maxMails + 5 {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d.rtf", i)})
		io.WriteString(w, `{\rtf1 text}`)
	}
	z.Close()
	findings = taken(t, Content{}, attached("a.zip", docs.String()), 1<<20, &listener{name: "l"})
	if slices.ContainsFunc(findings, isRule(unpack.RuleEntries)) {
		t.Errorf("documents: %+v", findings)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 900)
	l = &listener{name: "l"}
	findings = taken(t, Content{}, attached("a.mbox", strings.Repeat(fromLine+many, 20)), 1<<20, l)
	if !slices.ContainsFunc(findings, isRule("limit.parts")) || !slices.ContainsFunc(findings, isRule(unpack.RuleEntries)) || len(l.files) > maxMailParts+100 {
		t.Errorf("%d files, %+v", len(l.files), findings)
	}
}

// slowMbox is the reference: it has the whole file.
func slowMbox(b []byte) (mails []string) {
	lines := slices.Collect(bytes.Lines(b))
	for i, line := range lines {
		ended := bytes.HasSuffix(line, []byte("\n"))
		if ended && bytes.HasPrefix(line, mboxFrom) && len(line) <= mboxLine+1 && i+1 < len(lines) && len(fieldName(lines[i+1])) > 0 || i == 0 {
			mails = append(mails, "")
		}
		mails[len(mails)-1] += string(line)
	}
	return mails
}

// An oneMail keeps what it is written.
type oneMail struct{ strings.Builder }

func (m *oneMail) Write(b []byte) { m.Builder.Write(b) }
func (m *oneMail) Close(bool)     { m.WriteByte(0) }

func FuzzMbox(f *testing.F) {
	f.Add([]byte(fromLine+aMail("x")+fromLine+aMail("y")), uint64(1))
	f.Add([]byte("x\nFrom \nFrom a\nFrom: b\n\nFrom c\nX:\nFrom "), uint64(2))
	f.Add([]byte("From "+strings.Repeat("x", mboxLine-5)+"\nX: y\nFrom "+strings.Repeat("x", mboxLine-4)+"\nX: y\n"), uint64(3))
	f.Fuzz(func(t *testing.T, file []byte, seed uint64) {
		var mails []*oneMail
		m := &mbox{open: func(int) unpack.Reader {
			mails = append(mails, &oneMail{})
			return mails[len(mails)-1]
		}}
		random := rand.New(rand.NewPCG(seed, 0))
		for rest := file; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			m.Write(rest[:n])
			rest = rest[n:]
		}
		m.Close(true)
		var got []string
		for _, m := range mails {
			got = append(got, strings.TrimSuffix(m.String(), "\x00"))
		}
		if want := slowMbox(file); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func isRule(rule string) func(policy.Finding) bool {
	return func(f policy.Finding) bool { return f.Rule == rule }
}
