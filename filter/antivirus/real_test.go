package antivirus

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
)

// maxStream is StreamMaxLength of the tests' clamd: 3 MiB.
const maxStream = 3 << 20

const (
	head   = "Subject: x\r\n\r\n"
	badMap = smtptest.VirusMark + "-bad\r\n"
)

var filler = strings.Repeat("0123456789abcdef\r\n", 30000) // more than a window

type realCase struct{ name, content, want string }

func TestRealClamd(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, literal.EICAR(), fmt.Sprintf("AlertExceedsMax yes\nDetectPUA yes\nStreamMaxLength %d", maxStream))
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{clamd.Addr}}}})
	m.Start()
	const found = "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)"
	eicar := "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64Lines(literal.EICAR())
	for _, c := range []realCase{
		{"empty", head, ""},
		{"clean", head + "hello\r\n", ""},
		{"mark", head + badMap, found},
		{"large", head + filler + badMap, found},
		{"guess", head + smtptest.VirusMark + "-pua\r\n", "antivirus.heuristic PUA.Sluice.Test.UNOFFICIAL (clamav)"},
		{"EICAR in base64", eicar, "antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (clamav)"},
		{"too large", head + strings.Repeat("0123456789abcdef\r\n", maxStream/17), "antivirus.unscannable size (clamav)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, flows := range []bool{false, true, false} { // the last on a connection used before
				if got := said(send(t, m, testMail{raw: c.content, flows: flows})); got != c.want {
					t.Errorf("flows %v: %q, want %q", flows, got, c.want)
				}
			}
		})
	}
}

// Through c-icap as through clamd, but that parts are taken apart by us.
func TestRealCICAP(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, literal.EICAR(), "StreamMaxLength 100M")
	addr := smtptest.StartCICAP(t, clamd)
	m := newModule(t, Settings{Engines: []EngineSettings{
		{Name: "icap", Type: TypeICAP, URL: "icap://" + addr, Profile: "c-icap"},
	}})
	m.Start()
	const found = "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (icap) at 1"
	for _, c := range []realCase{
		{"clean", "hello\r\n", ""},
		{"empty", "", ""},
		{"mark", badMap, found},
		{"EICAR", literal.EICAR(), "antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (icap) at 1"},
		{"as long as the preview", strings.Repeat("x", 1024-len(badMap)) + badMap, found},
		{"beyond the preview", filler[:5000] + badMap, found},
		{"large", filler + badMap, found},
		{"large and clean", filler, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, flows := range []bool{false, true, false} {
				// What was seen before is remembered: each is a new part.
				m.engines[0].votes = remembered{}
				mail := testMail{raw: head + c.content, flows: flows, parts: []testPart{{path: "1", content: c.content}}}
				if got := said(send(t, m, mail)); got != c.want {
					t.Errorf("flows %v: %q, want %q", flows, got, c.want)
				}
			}
		})
	}
}

// The clamd.conf that is shipped works, but for where its files are.
func TestShippedClamdConf(t *testing.T) {
	text, err := os.ReadFile("../../deploy/clamd/clamd.conf")
	if err != nil {
		t.Fatal(err)
	}
	ours := []string{"TCPSocket", "TCPAddr", "TemporaryDirectory", "DatabaseDirectory", "User", "Foreground", "LocalSocket", "LocalSocketMode"}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if key, _, _ := strings.Cut(strings.TrimSpace(line), " "); !slices.Contains(ours, key) {
			lines = append(lines, line)
		}
	}
	if want := fmt.Sprintf("StreamMaxLength %dM\n", DefaultMaxSize>>20); !slices.Contains(lines, want) {
		t.Errorf("no line %q, which is max_size", want)
	}
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, literal.EICAR(), strings.Join(lines, ""))
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{clamd.Addr}}}})
	for content, want := range map[string]string{
		head + "hello\r\n": "",
		head + badMap:      "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)",
		head + filler:      "",
	} {
		if got := said(send(t, m, testMail{raw: content, flows: true})); got != want {
			t.Errorf("%d octets: %q, want %q", len(content), got, want)
		}
	}
}

// A message taken apart by filter.Content: what is infected inside an encoded
// part is found by an engine that sees parts, and by clamd, which sees the
// message.
func TestRealMIME(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, literal.EICAR(), "")
	addr := smtptest.StartCICAP(t, clamd)
	m := newModule(t, Settings{Engines: []EngineSettings{
		{Name: "clamav", Addresses: []string{clamd.Addr}},
		{Name: "icap", Type: TypeICAP, URL: "icap://" + addr, Profile: "c-icap"},
	}})
	chain, err := filter.New(filter.Entry{Module: filter.Content{}}, filter.Entry{Module: m, Deadline: m.Deadline()})
	if err != nil {
		t.Fatal(err)
	}
	for _, lines := range []int{0, 30000} { // whole, and flowing
		mail := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
			"--b\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", lines+1) +
			"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64Lines(literal.EICAR()) + "\r\n--b--\r\n"
		run, _ := chain.Visit(&filter.Session{}).Begin(t.Context(), &filter.Envelope{})
		run.Open()
		for i, piece := range slices.Collect(slices.Chunk([]byte(mail), chunkSize)) {
			if i == 4 {
				run.Overflow()
			}
			run.Write(piece)
		}
		got := said(run.Finish(t.Context()))
		run.Close()
		const want = "antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (clamav); antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (icap) at 2"
		if got != want {
			t.Errorf("%d lines: %q, want %q", lines, got, want)
		}
	}
}

// F15: while clamd loads its signatures again, and when it ends, no infected
// message is clean.
func TestF15RealClamdReloadsAndGoes(t *testing.T) {
	smtptest.CheckLeaks(t)
	clamd := smtptest.StartClamd(t, literal.EICAR(), "ConcurrentDatabaseReload yes")
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{clamd.Addr}}}})
	ask := func(command string) {
		t.Helper()
		c, err := net.Dial("tcp", clamd.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "z"+command+"\x00"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c) // the answer, if it has one
	}
	for i := range 60 {
		switch i {
		case 10, 20, 30:
			ask("RELOAD")
		case 40:
			ask("SHUTDOWN")
		}
		got := said(send(t, m, testMail{raw: head + badMap, flows: i%2 == 0}))
		if got == "" || i < 40 && !strings.HasPrefix(got, RuleInfected) {
			t.Errorf("message %d: %q", i, got)
		}
	}
}

// A socket of the file system works like an address.
func TestRealClamdSocket(t *testing.T) {
	smtptest.CheckLeaks(t)
	path := filepath.Join(t.TempDir(), "clamd.ctl")
	smtptest.StartClamd(t, literal.EICAR(), "LocalSocket "+path)
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{"unix:" + path}}}})
	for range 2 {
		if got := said(send(t, m, testMail{raw: head + badMap})); !strings.HasPrefix(got, RuleInfected) {
			t.Errorf("%q", got)
		}
	}
}
