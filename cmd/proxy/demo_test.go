package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"sluice/filter/literal"

	"sluice/internal/smtptest"
)

// The demo is the first that anybody sees: every outcome is as its table says,
// and the table fits a screen.
func TestDemo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "demo", "--once", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if lines := strings.Count(string(out), "\n"); lines > 24 {
		t.Errorf("%d lines", lines)
	}
	for line := range strings.Lines(string(out)) {
		if len(strings.TrimSpace(line)) > 120 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// What the demo sends is judged alike when it is scanned: each file says by
// itself why it is refused.
func TestDemoFiles(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"eicar":  {attaching("a.txt", []byte(literal.EICAR())), "literal.eicar in 2"},
		"zipped": {attaching("a.zip", zipWithEICAR()), "literal.eicar in 2/1"},
		"bomb":   {attaching("a.zip", zipBomb()), "archive.bomb in 2"},
		"macro":  {attaching("a.xlsx", macroWorkbook()), "office.autorun in 2"},
		"hidden": {hiddenProgram(), "attachment.banned in 1"},
		"clean":  {attaching("a.zip", demoZip(textFile("a.txt", "Good news."))), ""},
	} {
		if smtptest.Race && name == "bomb" {
			continue // instrumented decoders may need more than the time they have
		}
		m := demoMail{name: name, to: "demo@example.test", body: c.body}
		code, out, _ := command(t, m.message(), "scan", "-")
		refused := strings.Contains(strings.Join(strings.Fields(out), " "), "reject "+c.want)
		if want := map[bool]int{true: exitRefused, false: exitDone}[c.want != ""]; code != want || refused != (c.want != "") {
			t.Errorf("%s: exit %d, want %q\n%s", name, code, c.want, out)
		}
	}
}
