package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// asProgram in the environment makes the test binary be the program, so that
// a hand-over has an executable to start.
const asProgram = "PROXY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// command runs the program and returns what it did.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	const good = "hostname: mx.test\nlisteners: [{address: \"127.0.0.1:0\"}]\n" +
		"routes: [{domains: [y.test], servers: [{address: \"127.0.0.1:9\"}], tls: none}]\n"
	const warned = good + "soft: true\nshadow: true\n"
	for _, c := range []struct {
		name, stdin string
		args        []string
		want        int
	}{
		{"no command", "", nil, exitUsage},
		{"unknown command", "", []string{"serve"}, exitUsage},
		{"unknown flag", "", []string{"run", "--port", "25"}, exitUsage},
		{"no file", "", []string{"run"}, exitUsage},
		{"help", "", []string{"--help"}, exitDone},
		{"help of a command", "", []string{"check-config", "--help"}, exitDone},
		{"version", "", []string{"version"}, exitDone},
		{"good", good, []string{"check-config", "-"}, exitDone},
		{"bad", good + "x: 1\n", []string{"check-config", "-"}, exitFailed},
		{"warned", warned, []string{"check-config", "-"}, exitDone},
		{"warned, strict", warned, []string{"check-config", "--strict", "-"}, exitWarnings},
		{"bad, strict", warned + "x: 1\n", []string{"check-config", "--strict", "-"}, exitFailed},
		{"run with a bad file", "", []string{"run", "--config", "testdata/config/unknown-keys.yaml"}, exitFailed},
		{"set", good, []string{"check-config", "--set", "limits.sessions=0", "-"}, exitFailed},
		{"nobody there", "", []string{"healthcheck", "--admin", "127.0.0.1:1"}, exitFailed},
	} {
		code, stdout, stderr := command(t, c.stdin, c.args...)
		if code != c.want {
			t.Errorf("%s: exit %d, want %d\n%s%s", c.name, code, c.want, stdout, stderr)
		}
	}
}

// The string must be whole when it is printed and nowhere else.
func TestGtube(t *testing.T) {
	code, out, _ := command(t, "", "gtube")
	if code != 0 || len(strings.TrimSpace(out)) != 68 || !strings.Contains(out, "GTUBE") {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestCheckConfigJSON(t *testing.T) {
	_, out, _ := command(t, "hostnme: x\n", "check-config", "--json", "-")
	want := `{"file":"-","line":1,"column":1,"severity":"error","message":"unknown key \"hostnme\"; nearest \"hostname\""}` + "\n"
	if !strings.HasPrefix(out, want) && !strings.Contains(out, want) {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}
