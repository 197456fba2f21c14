package antivirus

import (
	"strings"
	"testing"

	"sluice/filter/filtertest"
	"sluice/filter/literal"
	"sluice/internal/smtptest"
)

// maxStream is StreamMaxLength of the tests' clamd: 3 MiB.
const maxStream = 3 << 20

func TestRealClamd(t *testing.T) {
	smtptest.CheckLeaks(t)
	real := smtptest.StartClamd(t, literal.EICAR(), maxStream, "DetectPUA yes")
	m := newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{real.Addr}}}})
	for _, c := range []struct{ name, content, want string }{
		{"clean", "Subject: x\r\n\r\nhello\r\n", ""},
		{"mark", "Subject: x\r\n\r\n" + smtptest.VirusMark + "-bad\r\n", "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)"},
		{"large", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30000) + smtptest.VirusMark + "-bad\r\n", "antivirus.infected Sluice.Test.Mark.UNOFFICIAL (clamav)"},
		{"guess", "Subject: x\r\n\r\n" + smtptest.VirusMark + "-pua\r\n", "antivirus.heuristic PUA.Sluice.Test.UNOFFICIAL (clamav)"},
		{"eicar", "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64Lines(literal.EICAR()), "antivirus.infected Sluice.Test.EICAR.UNOFFICIAL (clamav)"},
		{"too large", "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", maxStream/17), "antivirus.unscannable size (clamav)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second on a connection used before
				got := said(filtertest.Run(t, m, filtertest.Message{Content: []byte(c.content)}).Findings)
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}
