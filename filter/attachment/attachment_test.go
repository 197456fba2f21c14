package attachment

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/policy"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// driven gives hand-made parts to the module, as the chain would.
type driven struct {
	Module
	parts []*filter.Part
}

func (d driven) Open(s *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	return &drive{d.Module.Open(s, e, ch).(*scanner), d.parts}
}

type drive struct {
	*scanner
	parts []*filter.Part
}

func (d *drive) FinishNow() error {
	for _, p := range d.parts {
		d.OpenPart(p)
		d.PartData(p, []byte("content"))
		d.ClosePart(p)
	}
	return d.scanner.FinishNow()
}

// judge returns what the module says of parts.
func judge(t testing.TB, m Module, parts ...*filter.Part) []policy.Finding {
	t.Helper()
	return ours(filtertest.Run(t, driven{m, parts}, filtertest.Message{Content: []byte("x")}).Findings)
}

// ours leaves out what others found.
func ours(findings []policy.Finding) []policy.Finding {
	return slices.DeleteFunc(findings, func(f policy.Finding) bool { return f.Module != Module{}.Name() })
}

// rules returns the rules of findings with their details, in order of names.
func rules(findings []policy.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, strings.TrimSpace(f.Rule+" "+f.Detail))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestNames(t *testing.T) {
	const exe = "attachment.banned extension exe"
	for _, c := range []struct{ name, want string }{
		{"report.pdf", ""},
		{"exe", ""},
		{"", ""},
		{"...", ""},
		{"my.exe.notes.txt", ""},
		{"holiday in Rome 2024-05-03 (2).jpeg", ""},
		{"naïve résumé – Grüße 報告書.docx", ""},
		{"setup.exe", exe},
		{"SETUP.ExE", exe},
		{".exe", exe},
		{"photos.library-ms", "attachment.banned extension library-ms"},
		// Folders are none of the name.
		{"photos.exe/cat.jpg", ""},
		{"photos.exe/", ""},
		{`C:\temp\setup.exe`, exe},
		{"../../setup.exe", exe},
		{"a／setup．exe", exe},
		// NUL: either half, or both joined.
		{"setup.exe\x00.txt", exe + ", name.trick NUL"},
		{"readme.txt\x00.exe", exe + ", name.double extension exe, name.trick NUL"},
		{"setup.e\x00xe", exe + ", name.trick NUL"},
		{"readme.txt\x00", "name.trick NUL"},
		// What Windows drops.
		{"setup.exe.", exe},
		{"setup.exe. . .", exe},
		{"setup.exe \t\u3000", exe},
		{"setup.exe::$DATA", exe + ", name.trick stream"},
		{"setup.exe:s:$Data. ", exe + ", name.trick stream"},
		{"setup.exe:", exe},
		{"setup.exe.{00021401-0000-0000-C000-000000000046}", exe + ", name.trick class"},
		{"readme.txt.{3050f4d8-98B5-11CF-BB82-00AA00BDCE0B}", "name.trick class"},
		{"notes {1}.txt", ""},
		{"notes.{draft}", ""},
		// Letters and dots in disguise.
		{"setup．exe", exe},
		{"setup。exe", exe},
		{"setup․exe", exe},
		{"setup.ｅｘｅ", exe},
		{"setup.𝐞𝐱𝐞", exe},
		{"setup.e\u200Bxe", exe},
		{"setup.ex\u00ADe", exe},
		{"setup.ex\uFE0Fe", exe},
		{"setup.ex\U000E0100e", exe},
		{"setup\uFE52exe", exe},
		{"setup.exe\u2026", exe},
		{"setup.\r\n exe", exe},
		{"setup.exe\x7F", exe},
		// A wrong octet at the end is not dropped by anybody, before it may be.
		{"setup.\xFFexe", ""},
		// Directions.
		{"invoice\u202Efdp.exe", exe + ", name.rtl"},
		{"invoice\u2067.pdf", "name.rtl"},
		{"דוח\u200F.pdf", ""},
		// Two extensions.
		{"invoice.pdf.exe", exe + ", name.double extension exe"},
		{"invoice.pdf .exe", exe + ", name.double extension exe"},
		{"invoice            .exe", exe + ", name.double extension exe"},
		{"invoice⠀⠀⠀⠀⠀.exe", exe + ", name.double extension exe"},
		{"invoice    .exe", exe},
		{"setup-1.2.exe", exe},
		{"invoice.pdf            .txt", ""},
		// Volumes.
		{"backup.7z.001", "archive.volume"},
		{"backup.001", "archive.volume"},
		{"backup.7z.014", "archive.volume"},
		{"backup.part1.rar", "archive.volume"},
		{"backup.part02.rar", "archive.volume"},
		{"backup.PART10.RAR", "archive.volume"},
		{"backup.zip.002", "archive.volume"},
		{"backup.r00", "archive.volume"},
		{"backup.z01", "archive.volume"},
		{"invoice.123", ""},
		{"part.rar", ""},
		{"backup.part.rar", ""},
		{"backup.7z", ""},
		{"song.mp3", ""},
		{"report.2024", ""},
		{"a.partner.rar", ""},
	} {
		got := rules(judge(t, Module{}, &filter.Part{Path: "1", Names: []string{c.name}}))
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.name, got, c.want)
		}
	}
}

// The end and the start of a name without end are both read.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("a", 100<<10)
	for _, name := range []string{long + ".exe", "x.exe\x00" + long, "x.exe" + strings.Repeat(".", 100<<10)[:nameSize] + strings.Repeat(" ", 100<<10)} {
		if got := rules(judge(t, Module{}, &filter.Part{Names: []string{name}})); !strings.Contains(got, RuleBanned) {
			t.Errorf("a name of %d octets: %q", len(name), got)
		}
	}
}

func TestTypes(t *testing.T) {
	body, attached := &mime.Part{}, &mime.Part{Attached: true}
	for name, c := range map[string]struct {
		part filter.Part
		want string
	}{
		"program as text":    {filter.Part{Names: []string{"a.txt"}, Types: []unpack.Type{unpack.TypePE}}, "attachment.banned type pe, type.mismatch pe named text"},
		"program as PDF":     {filter.Part{Names: []string{"a.pdf"}, Types: []unpack.Type{unpack.TypeELF}}, "attachment.banned type elf, type.mismatch elf named pdf"},
		"program as picture": {filter.Part{Declared: []string{"image/png"}, Types: []unpack.Type{unpack.TypePE}}, "attachment.banned type pe"},
		"second type":        {filter.Part{Types: []unpack.Type{unpack.TypePNG, unpack.TypePE}}, "attachment.banned type pe"},
		"declared":           {filter.Part{Declared: []string{"text/plain", "application/x-msdownload"}}, "attachment.banned declared application/x-msdownload"},
		"each name":          {filter.Part{Names: []string{"a.txt", "a.exe", "a.js"}}, "attachment.banned extension exe, attachment.banned extension js"},
		"twice the same":     {filter.Part{Names: []string{"a.exe", "b.exe"}}, "attachment.banned extension exe"},
		"cab":                {filter.Part{Types: []unpack.Type{unpack.TypeCAB}}, "attachment.banned type cab"},
		"iso":                {filter.Part{Types: []unpack.Type{unpack.TypeISO}}, "attachment.banned type iso"},
		"shortcut":           {filter.Part{Types: []unpack.Type{unpack.TypeLNK}}, "attachment.banned type lnk"},
		"onenote":            {filter.Part{Types: []unpack.Type{unpack.TypeOneNote}}, "attachment.banned type onenote"},
		"document":           {filter.Part{Names: []string{"a.docx"}, Types: []unpack.Type{unpack.TypeDocx}}, ""},
		"unknown vendor":     {filter.Part{Names: []string{"a.docx"}, Types: []unpack.Type{unpack.TypeZip}}, ""},
		"table of a site":    {filter.Part{Names: []string{"a.xls"}, Types: []unpack.Type{unpack.TypeHTML}}, ""},
		"picture as PDF":     {filter.Part{Names: []string{"a.pdf"}, Types: []unpack.Type{unpack.TypePNG}}, "type.mismatch png named pdf"},
		"JPEG as PNG":        {filter.Part{Names: []string{"a.png"}, Types: []unpack.Type{unpack.TypeJPEG}}, ""},
		"made by us":         {filter.Part{Names: []string{"a.vbs"}, Types: []unpack.Type{unpack.TypeScript}, Made: true}, ""},
		"patch in the text":  {filter.Part{MIME: body, Text: true, Types: []unpack.Type{unpack.TypeScript}}, ""},
		"script attached":    {filter.Part{MIME: attached, Text: true, Types: []unpack.Type{unpack.TypeScript}}, "attachment.banned type script"},
		"script named":       {filter.Part{MIME: body, Names: []string{"a"}, Text: true, Types: []unpack.Type{unpack.TypeScript}}, "attachment.banned type script"},
		"script in archive":  {filter.Part{Text: true, Types: []unpack.Type{unpack.TypeScript}}, "attachment.banned type script"},
		"locked":             {filter.Part{Names: []string{"a.exe"}, Encrypted: true}, "attachment.banned extension exe"},
		"page as text":       {filter.Part{MIME: body, HTML: true}, ""},
		"page as file":       {filter.Part{MIME: attached, HTML: true}, "attachment.html"},
	} {
		findings := judge(t, Module{}, &c.part)
		if got := rules(findings); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		for _, f := range findings {
			if (f.Rule == RuleBanned) != (f.Force == policy.Reject) {
				t.Errorf("%s: %s forces %v", name, f.Rule, f.Force)
			}
		}
	}
}

// Some types show at the end of the octets alone.
func TestTypesThatShowLate(t *testing.T) {
	s := Module{}.Open(nil, &filter.Envelope{}, nil).(*scanner)
	defer s.Close()
	p := &filter.Part{Types: []unpack.Type{unpack.TypePNG}}
	s.OpenPart(p)
	p.Types = append(p.Types, unpack.TypeCAB)
	s.ClosePart(p)
	if got := rules(s.said); got != "attachment.banned type cab" {
		t.Errorf("said %q", got)
	}
}

// An image of a disc shows what it is at 32 KiB, however it is cut.
func TestDiscs(t *testing.T) {
	image := make([]byte, 40<<10)
	for mark, want := range map[string]string{"CD001": "attachment.banned type iso", "BEA01": "attachment.banned type udf", "CD002": ""} {
		copy(image[discMarkAt:], mark)
		for _, size := range []int{1, 3, 2048, discMarkAt, discMarkAt + 2, len(image)} {
			s := Module{}.Open(nil, &filter.Envelope{}, nil).(*scanner)
			p, other := &filter.Part{}, &filter.Part{}
			s.OpenPart(other)
			s.OpenPart(p)
			for piece := range slices.Chunk(image, size) {
				s.PartData(p, piece)
				s.PartData(other, []byte("CD001"))
			}
			s.ClosePart(p)
			s.ClosePart(other)
			if got := rules(s.said); got != want {
				t.Errorf("%s in pieces of %d: %q, want %q", mark, size, got, want)
			}
			s.Close()
		}
	}
}

// Each recipient's policy can have its own list.
func TestRecipientsHaveTheirOwnLists(t *testing.T) {
	own, err := ParseList(Settings{Bare: true, Ban: Choice{Extensions: []string{"txt"}}})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := policy.New(policy.Settings{Level: policy.Level{Attachments: &policy.Opaque{Name: "own", Value: own}}})
	if err != nil {
		t.Fatal(err)
	}
	parts := []*filter.Part{{Path: "1.2", Names: []string{"a.exe", "a.txt"}}}
	for _, c := range []struct {
		scope *policy.Scope
		want  string
	}{{snapshot.Scope(policy.Mailbox{}), "extension txt"}, {nil, "extension exe"}} {
		got := ours(filtertest.Run(t, driven{Module{}, parts}, filtertest.Message{Envelope: filter.Envelope{Scope: c.scope}, Content: []byte("x")}).Findings)
		if len(got) != 1 || got[0].Detail != c.want || got[0].Place != "1.2" {
			t.Errorf("%v, want %s", got, c.want)
		}
	}
}

// The chain fails a module that floods it, and what failed is deferred: an
// archive full of programs is refused.
func TestManyFilesDoNotFlood(t *testing.T) {
	var parts []*filter.Part
	for i := range 10000 {
		parts = append(parts, &filter.Part{Path: fmt.Sprintf("1/%d", i), Names: []string{"a.txt.exe\x00"}, Types: []unpack.Type{unpack.TypePE}})
	}
	findings := judge(t, Module{}, parts...)
	if len(findings) != mostFindings {
		t.Errorf("%d findings", len(findings))
	}
	score := 0.0
	for _, f := range findings {
		score += f.Score
	}
	if score != doubleScore+trickScore {
		t.Errorf("score %v: a rule counts once a message", score)
	}
}

func TestReadmeNamesEveryRule(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		if !strings.Contains(string(text), fmt.Sprintf("| `%s` | %v |", r.Name, r.Score)) {
			t.Errorf("README.md does not say `%s` with score %v", r.Name, r.Score)
		}
		if r.Text == "" {
			t.Errorf("%s has no text", r.Name)
		}
	}
	for _, word := range append(defaultExtensions(), defaultTypes()...) {
		if !strings.Contains(string(text), word) {
			t.Errorf("README.md does not list %s", word)
		}
	}
}

func BenchmarkNames(b *testing.B) {
	for _, c := range []struct{ kind, name string }{
		{"plain", "holiday-2024-05-03.jpeg"},
		{"unicode", "Prüfbericht – März.pdf"},
	} {
		b.Run(c.kind, func(b *testing.B) {
			s := Module{}.Open(nil, &filter.Envelope{}, nil).(*scanner)
			defer s.Close()
			p := &filter.Part{Names: []string{c.name}, Types: []unpack.Type{unpack.TypePDF, unpack.TypeJPEG}}
			b.ReportAllocs()
			for b.Loop() {
				s.OpenPart(p)
				s.ClosePart(p)
			}
		})
	}
}
