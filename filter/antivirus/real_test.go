package antivirus

import (
	"strings"
	"testing"

	"sluice/filter/literal"
	"sluice/internal/smtptest"
)

// maxStream is StreamMaxLength of the tests' clamd: 3 MiB.
const maxStream = 3 << 20

func TestRealClamd(t *testing.T) {
	smtptest.CheckLeaks(t)
	real := smtptest.StartClamd(t, literal.EICAR(), maxStream, "DetectPUA yes")
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{real.Addr}}}})
	tryAll(t, m, []realCase{
		{"clean", "Subject: x\r\n\r\nhello\r\n", ""},
		{"mark", "Subject: x\r\n\r\n" + smtptest.VirusMark + "-bad\r\n", "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)"},
		{"large", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30000) + smtptest.VirusMark + "-bad\r\n", "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)"},
		{"guess", "Subject: x\r\n\r\n" + smtptest.VirusMark + "-pua\r\n", "antivirus.heuristic PUA.Sluice.Test.UNOFFICIAL (clamav)"},
		{"eicar", "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64Lines(literal.EICAR()), "antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (clamav)"},
		{"too large", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", maxStream/17), "antivirus.unscannable size (clamav)"},
	})
}

// Through c-icap as through clamd, but that parts are taken apart by us.
func TestRealCICAP(t *testing.T) {
	smtptest.CheckLeaks(t)
	real := smtptest.StartClamd(t, literal.EICAR(), maxStream, "")
	addr := smtptest.StartCICAP(t, real)
	m := newModule(t, Settings{Engines: []EngineSettings{
		{Name: "icap", Type: TypeICAP, URL: "icap://" + addr, Profile: "c-icap"},
	}})
	const found = "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (icap)"
	tryAll(t, m, []realCase{
		{"clean", "Subject: x\r\n\r\nhello\r\n", ""},
		{"no body", "Subject: x\r\n\r\n", ""},
		{"mark", "Subject: x\r\n\r\n" + smtptest.VirusMark + "-bad\r\n", found},
		{"beyond the preview", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 300) + smtptest.VirusMark + "-bad\r\n", found},
		{"large", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30000) + smtptest.VirusMark + "-bad\r\n", found},
		{"large and clean", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30000), ""},
	})
}

type realCase struct{ name, content, want string }

func tryAll(t *testing.T, m *Module, cases []realCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second on a connection used before
				got := said(findings(t, m, c.content))
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}
