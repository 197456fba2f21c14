package antivirus

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

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
