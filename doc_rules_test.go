package sluice_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The rules are tested too: a rule that finds nothing proves nothing.

func TestWritesFindsEveryKind(t *testing.T) {
	const source = `package p
import ("os"; "net/http"; "syscall")
func f(r *http.Request) {
	os.Create("x")
	g := os.WriteFile
	_ = g
	var root *os.Root
	_ = root
	r.FormValue("x")
	syscall.Open("x", 0, 0)
	os.Open("x")
	os.ReadFile("x")
	syscall.RawSyscall(syscall.SYS_READ, 0, 0, 0)
	syscall.RawSyscall(syscall.SYS_OPENAT, 0, 0, 0)
	number := uintptr(syscall.SYS_READ)
	syscall.RawSyscall(number, 0, 0, 0)
}`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.Default()}
	if _, err := config.Check("p", set, []*ast.File{file}, info); err != nil {
		t.Fatal(err)
	}
	var got []string
	harmless := rawOnDescriptors([]*ast.File{file}, info)
	for _, use := range writes(info.Uses) {
		if harmless[use.id] {
			continue
		}
		got = append(got, use.name)
	}
	want := []string{"os.Create", "os.WriteFile", "os.Root", "(*net/http.Request).FormValue", "syscall.Open", "syscall.RawSyscall", "syscall.RawSyscall"}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestReportFailsOnHiddenSkips(t *testing.T) {
	const (
		skip = `{"Action":"output","Package":"p","Test":"TestX","Output":"    x_test.go:1: REASON\n"}
{"Action":"skip","Package":"p","Test":"TestX"}
`
		ok = `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
		bad = `{"Action":"output","Package":"p","Test":"TestY","Output":"    y_test.go:1: boo\n"}
{"Action":"fail","Package":"p","Test":"TestY"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`
	)
	tool := t.TempDir() + "/report"
	if out, err := exec.Command("go", "build", "-o", tool, ".ci/report.go").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		events, want string
		fails        bool
	}{
		"pass":          {ok, "ok  \tp\t0.1s\n", false},
		"allowed skip":  {strings.Replace(skip, "REASON", "race: slow", 1) + ok, "--- LEFT OUT: TestX: race: slow\nok  \tp\t0.1s\n", false},
		"another":       {strings.Replace(skip, "REASON", "corpora: not set", 1) + ok, "--- LEFT OUT: TestX: corpora: not set\nok  \tp\t0.1s\n", false},
		"hidden skip":   {skip + ok, "--- FAIL: TestX skipped itself: REASON\nFAIL\tp\nFAIL\n", true},
		"failure":       {bad, "    y_test.go:1: boo\nFAIL\tp\t0.1s\nFAIL\n", true},
		"build failure": {`{"ImportPath":"p","Action":"build-output","Output":"p.go:1: no\n"}{"ImportPath":"p","Action":"build-fail"}`, "p.go:1: no\nFAIL\n", true},
		"cut off":       {skip, "", true},
		"not events":    {"go: no such thing", "", true},
	} {
		command := exec.Command(tool, "-allow", "corpora:,race:")
		command.Stdin = strings.NewReader(c.events)
		out, err := command.Output()
		if string(out) != c.want || (err != nil) != c.fails {
			t.Errorf("%s: printed %q with %v, want %q, failing %v", name, out, err, c.want, c.fails)
		}
	}
}
