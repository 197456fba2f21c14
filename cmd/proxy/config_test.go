package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var update = flag.Bool("update", false, "write what was found to testdata/config/*.want")

// Each file holds mistakes of one kind; the .want beside it is every message
// that an operator gets in one run.
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		_, found := source{file: file}.load()
		errs, warnings := found.split()
		var got bytes.Buffer
		for _, p := range append(errs, warnings...) {
			got.WriteString(strings.ReplaceAll(p.String(), "testdata/config/", "") + "\n")
		}
		wantFile := strings.TrimSuffix(file, ".yaml") + ".want"
		if *update {
			if err := os.WriteFile(wantFile, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(wantFile)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, &got, want)
		}
	}
}

// goodConfig returns a source whose file is good and has extra at its end.
func goodConfig(t *testing.T, extra string) source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	writeFile(t, file, baseConfig+extra)
	return source{file: file}
}

const baseConfig = `hostname: mx.test
listeners: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
routes:
  - domains: [y.test]
    servers: [{address: "127.0.0.1:9"}]
    auth: {username: u, password: hunter2}
    tls_name: server.test
`

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustLoad(t *testing.T, s source) *loaded {
	t.Helper()
	l, found := s.load()
	if errs, _ := found.split(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return l
}

// Defaults < file < environment < flags.
func TestOrder(t *testing.T) {
	s := goodConfig(t, "limits: {sessions: 1, recipients: 1, errors: 1}\n")
	s.environ = []string{"SLUICE_LIMITS__RECIPIENTS=2", "SLUICE_LIMITS__ERRORS=2"}
	s.flags = []string{"limits.errors=3"}
	got := mustLoad(t, s).Limits
	if got.Sessions != 1 || got.Recipients != 2 || got.Errors != 3 || got.IdleCommands != 100 {
		t.Errorf("got %+v", got)
	}
}

func TestEnvironment(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	writeFile(t, secretFile, "from the file\n\n")
	for _, c := range []struct {
		name    string
		environ []string
		path    func(*loaded) any
		want    any
		problem string // one line, or none
	}{
		{"top level", []string{"SLUICE__HOSTNAME=other.test"}, func(l *loaded) any { return string(l.Hostname) }, "other.test", ""},
		{"nested", []string{"SLUICE_ADMIN__ADDRESS=127.0.0.1:1"}, func(l *loaded) any { return string(l.Admin.Address) }, "127.0.0.1:1", ""},
		{"list", []string{"SLUICE_LIMITS__EXEMPT=10.0.0.0/8, ::1"}, func(l *loaded) any { return len(l.Limits.Exempt) }, 2, ""},
		{"empty list", []string{"SLUICE_LIMITS__EXEMPT="}, func(l *loaded) any { return len(l.Limits.Exempt) }, 0, ""},
		{"item of a list", []string{"SLUICE_ROUTES__0__TLS=pin", "SLUICE_ROUTES__0__PINS=" + strings.Repeat("00", 32)},
			func(l *loaded) any { return l.Routes[0].TLS }, "pin", ""},
		// Kubernetes sets such names for a Service called sluice.
		{"not ours", []string{"SLUICE_PORT=tcp://10.0.0.1:25", "SLUICE_SERVICE_HOST=10.0.0.1"}, func(l *loaded) any { return string(l.Hostname) }, "mx.test", ""},
		// Only the last line end goes: a secret may end in one.
		{"file", []string{"SLUICE_ROUTES__0__AUTH__PASSWORD_FILE=" + secretFile}, func(l *loaded) any { return string(l.Routes[0].Auth.Password) }, "from the file\n", ""},
		{"file wins", []string{"SLUICE_ROUTES__0__AUTH__PASSWORD_FILE=" + secretFile, "SLUICE_ROUTES__0__AUTH__PASSWORD=plain"},
			func(l *loaded) any { return string(l.Routes[0].Auth.Password) }, "from the file\n",
			"environment SLUICE_ROUTES__0__AUTH__PASSWORD: warning: SLUICE_ROUTES__0__AUTH__PASSWORD_FILE is set too and wins"},
		{"no such file", []string{"SLUICE_PRIVACY__KEY_FILE=/nonexistent"}, nil, nil, "environment SLUICE_PRIVACY__KEY_FILE: open /nonexistent: no such file or directory"},
		{"unknown", []string{"SLUICE_ADMIN__ADRESS=x"}, nil, nil, `environment SLUICE_ADMIN__ADRESS: unknown key "adress"; nearest "address"`},
		{"no such item", []string{"SLUICE_ROUTES__1__TLS=none"}, nil, nil, `environment SLUICE_ROUTES__1__TLS: "routes" has no item "1"; it has 1, counted from 0`},
		{"a map", []string{"SLUICE__LIMITS=x"}, nil, nil, `environment SLUICE__LIMITS: "limits" can only be written in the file`},
		{"bad value", []string{"SLUICE__SHADOW=perhaps"}, nil, nil, `environment SLUICE__SHADOW: "shadow": want true or false, got "perhaps"`},
		{"bad together", []string{"SLUICE_ROUTES__0__TLS=none"}, nil, nil, ""},
	} {
		s := goodConfig(t, "")
		s.environ = c.environ
		l, found := s.load()
		if c.path != nil {
			if got := c.path(l); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
		if c.problem != "" && (len(found) == 0 || found[0].String() != c.problem) {
			t.Errorf("%s: problems %v, want %q first", c.name, found, c.problem)
		}
		if c.problem == "" && c.path != nil && len(found) > 0 {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/user", "u\r\n")
	writeFile(t, dir+"/a", "p\n")
	text := strings.NewReplacer("username: u", `username: "${file:`+dir+`/user}"`, "hunter2", `"x${file:`+dir+`/a}y${file:`+dir+`/a}"`).Replace(baseConfig)
	writeFile(t, dir+"/sluice.yaml", text)
	l := mustLoad(t, source{file: dir + "/sluice.yaml"})
	if got := l.Routes[0].Auth; got.Username != "u" || got.Password != "xpyp" {
		t.Errorf("got %q %q", got.Username, string(got.Password))
	}
	if dump := l.dump(true); !strings.Contains(dump, `username: "${file:`) || strings.Contains(dump, "xpyp") {
		t.Errorf("dump shows what came from a file:\n%s", dump)
	}
}

// No secret stands in a dump, a problem, or the hash.
func TestSecretsStaySecret(t *testing.T) {
	l := mustLoad(t, goodConfig(t, "privacy: {key: 0123456789abcdef-canary}\n"))
	if dump := l.dump(true); strings.Contains(dump, "hunter2") || strings.Contains(dump, "canary") {
		t.Errorf("dump:\n%s", dump)
	}
	other := goodConfig(t, "privacy: {key: another-key-of-some-length}\n")
	if got := mustLoad(t, other); got.hash != l.hash {
		t.Error("the hash depends on a secret")
	}
	s := goodConfig(t, "")
	s.flags = []string{"privacy.key=0123456789abcdef-canary"}
	_, found := s.load()
	if len(found) == 0 || strings.Contains(found.Error(), "canary") {
		t.Errorf("a secret as an argument: %v", found)
	}
}

// What a dump says is a configuration of the same meaning.
func TestDumpRoundTrip(t *testing.T) {
	l := mustLoad(t, goodConfig(t, `rules: {"literal.gtube": {action: reject, text: "no: \"thanks\"\ntwice"}}
subject_mark: "\u00e9: \"x\""
timeouts: {connect: 90m, scan: 1500ms, dns: 1h}
limits: {exempt: [], max_message: 1500000B}
contact: "yes"
`))
	dumped := strings.ReplaceAll(l.dump(true), redacted, "hunter2")
	file := filepath.Join(t.TempDir(), "dump.yaml")
	writeFile(t, file, dumped)
	again := mustLoad(t, source{file: file})
	if again.hash != l.hash {
		t.Errorf("%s\nbecame\n%s", l.dump(true), again.dump(true))
	}
}

func TestScalarNotations(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "1B": 1, "256KiB": 256 << 10, "50MB": 50e6, "2GiB": 2 << 30, "7kB": 7000} {
		var got size
		if err := got.set(text); err != nil || got != want {
			t.Errorf("size %s: %d, %v", text, got, err)
		}
		var again size
		if err := again.set(got.String()); err != nil || again != got {
			t.Errorf("size %s prints as %s", text, got)
		}
	}
	for _, text := range []string{"", "1", "KiB", "1.5KiB", "-1B", "1 B", "9000000TiB", "1K", "1kib", "99999999999999999999B"} {
		if err := new(size).set(text); err == nil {
			t.Errorf("size %q was taken", text)
		}
	}
	for text, want := range map[string]time.Duration{"0": 0, "0s": 0, "1h30m": 90 * time.Minute, "585s": 585 * time.Second, "1.5s": 1500 * time.Millisecond} {
		var got duration
		if err := got.set(text); err != nil || time.Duration(got) != want {
			t.Errorf("duration %s: %s, %v", text, got, err)
		}
		var again duration
		if err := again.set(got.String()); err != nil || again != got {
			t.Errorf("duration %s prints as %s", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, c := range [][3]string{
		{"lisen", "listeners", "aliases"},
		{"hostanme", "hostname", "shutdown"},
		{"Limits", "limits", "listeners"},
	} {
		if got := nearestOf(c[0], []string{c[2], c[1]}); got != c[1] {
			t.Errorf("nearest to %s is %s, want %s", c[0], got, c[1])
		}
	}
	for _, word := range []string{"zzz", "foo", "x", "bogus", "perhaps"} {
		if got := nearest(word, []string{"hostname", "log", "mailboxes", "block", "scan"}); got != "" {
			t.Errorf("%s is like nothing, but got %q", word, got)
		}
	}
}

// A file that is too large is refused: its beginning may say something else.
func TestFileTooLarge(t *testing.T) {
	s := goodConfig(t, "#"+strings.Repeat(" ", maxFile)+"\nshadow: true\n")
	want := s.file + ": larger than 16MiB; long lists can be in files of their own (file:PATH)"
	if _, found := s.load(); len(found) != 1 || found[0].String() != want {
		t.Errorf("got %v, want %s", found, want)
	}
}

// Addresses stand in configurations, and so in what is wrong with them. A log
// has none (I6).
func TestProblemsWithoutAddresses(t *testing.T) {
	s := goodConfig(t, `mailboxes: {canary@y.test: {}, canary@y.test: {soft: true}}
"canary@y.test": {shadow: true}
limits: {exempt: [canary@y.test]}
rules: {canary@y.test: {score: 1}}
user_rules: [{name: a, score: 1, when: 'header("to") matches "((canary@y.test"'}]
block: [canary@]
`)
	_, found := s.load()
	errs, warnings := found.split()
	if len(errs) != 5 || len(warnings) != 1 || !strings.Contains(errs.Error(), "canary@y.test") {
		t.Fatalf("errors %v, warnings %v", errs, warnings)
	}
	for _, line := range append(problemLines(errs), problemLines(warnings)...) {
		if strings.Contains(line, "canary") {
			t.Errorf("the log would have: %s", line)
		}
	}
}

// The configuration reader never panics, and says something about what it
// does not take.
func FuzzConfig(f *testing.F) {
	files, _ := fs.Glob(os.DirFS("testdata/config"), "*.yaml")
	for _, name := range files {
		text, err := os.ReadFile("testdata/config/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(baseConfig)
	f.Fuzz(func(t *testing.T, text string) {
		l := &loaded{decoder: newDecoder(), file: "f"}
		l.read = fstest.MapFS{}.ReadFile
		setDefaults(reflect.ValueOf(&l.config).Elem())
		tree := treeOf("f", []byte(text), &l.problems)
		if tree == nil {
			if len(l.problems) == 0 {
				t.Error("no tree and no problem")
			}
			return
		}
		l.structure(tree, reflect.ValueOf(&l.config).Elem(), "")
		l.checkPresence()
		l.checkRoutes()
		l.buildPolicy()
		if errs, _ := l.problems.split(); len(errs) == 0 && (l.Hostname == "" || len(l.Routes) == 0) {
			t.Error("taken without what it needs")
		}
		l.dump(true)
	})
}
