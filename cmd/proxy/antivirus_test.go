package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/filter/literal"
	"sluice/internal/smtptest"
)

// An engine that is configured as before stays at work over a reload, and one
// that is not gives way.
func TestEnginesOverReload(t *testing.T) {
	smtptest.CheckLeaks(t)
	addr := smtptest.FreeAddr(t)
	engines := func(name string) string {
		return fmt.Sprintf("antivirus: {engines: [{name: %s, address: %q}]}\n", name, addr)
	}
	src := goodConfig(t, engines("one"))
	p := newTestProgram(t, src)
	first := p.state.Load().engines
	change := func(extra string) {
		t.Helper()
		writeFile(t, src.file, baseConfig+extra)
		if _, err := p.reload(); err != nil {
			t.Fatal(err)
		}
	}
	change(engines("one") + "contact: postmaster@mx.test\n")
	if p.state.Load().engines != first {
		t.Error("the engines were replaced though nothing about them changed")
	}
	change(engines("two"))
	if second := p.state.Load().engines; second == first || second == nil {
		t.Error("the engines were not replaced")
	}
	change("")
	if p.state.Load().engines != nil {
		t.Error("there are engines though none is configured")
	}
}

// scan asks the engines that are configured.
func TestScanWithEngine(t *testing.T) {
	clamd := smtptest.StartClamd(t, literal.EICAR(), "")
	src := goodConfig(t, fmt.Sprintf("antivirus: {engines: [{name: clamav, address: %q}]}\n", clamd.Addr))
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		code int
	}{
		"good": {"hello", exitDone},
		"bad":  {smtptest.VirusMark + "-bad", exitRefused},
	} {
		file := filepath.Join(dir, name+".eml")
		writeFile(t, file, "Subject: x\r\n\r\n"+c.text+"\r\n")
		var out strings.Builder
		a := &app{ctx: t.Context(), stdin: os.Stdin, stdout: &out, stderr: &out}
		err := (&scanCommand{Files: []string{file}, Config: src.file}).Run(a)
		code := exitDone
		if e, ok := err.(exitCode); ok {
			code = int(e)
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || strings.Contains(out.String(), "Sluice.Test.Mark") != (c.code == exitRefused) {
			t.Errorf("%s: code %d\n%s", name, code, &out)
		}
	}
}
