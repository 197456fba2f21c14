package sluice_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// The rules in this file hold for the whole program. Each failure says why
// the rule exists.

// load reads every package of the module, without its tests.
func load(t *testing.T, mode packages.LoadMode) []*packages.Package {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{Mode: mode | packages.NeedName}, "./...")
	if err != nil {
		t.Fatalf("load packages: %v", err)
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Fatalf("load %s: %v", p.PkgPath, e)
		}
	}
	return pkgs
}

// folder is a package's path below the module; "." is the module itself.
func folder(p *packages.Package) string {
	return strings.TrimPrefix(cmp.Or(strings.TrimPrefix(p.PkgPath, "sluice"), "/."), "/")
}

// A row is one package of the table in docs/architecture.md.
type row struct{ ours, outside []string }

var (
	tableRow = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|$")
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// table reads the rows that begin with a package in backquotes.
func table(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	list := func(cell string) []string {
		var names []string
		for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	rows := map[string]row{}
	for line := range strings.Lines(string(text)) {
		if m := tableRow.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			rows[m[1]] = row{list(m[2]), list(m[3])}
		}
	}
	if len(rows) == 0 {
		t.Fatal("docs/architecture.md has no table of packages")
	}
	return rows
}

func TestImportsEqualTheTable(t *testing.T) {
	const reason = "what must not know each other stays so: docs/architecture.md decides who imports whom, change it first"
	want := table(t)
	for _, p := range load(t, packages.NeedImports|packages.NeedModule|packages.NeedDeps) {
		name := folder(p)
		if name == "." {
			continue // holds no code
		}
		w, ok := want[name]
		if !ok {
			t.Errorf("%s has no row in the table; %s", name, reason)
		}
		got := imports(p)
		if !slices.Equal(got.ours, w.ours) {
			t.Errorf("%s imports %v of ours, the table says %v; %s", name, got.ours, w.ours, reason)
		}
		if !slices.Equal(got.outside, w.outside) {
			t.Errorf("%s imports %v from outside, the table says %v; %s", name, got.outside, w.outside, reason)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("the table has %s, the program does not; %s", name, reason)
	}
}

// imports are what p imports: folders of ours, and modules from outside.
func imports(p *packages.Package) row {
	var r row
	for path, imported := range p.Imports {
		switch {
		case imported.Module == nil: // standard library
		case imported.Module.Main:
			r.ours = append(r.ours, strings.TrimPrefix(path, "sluice/"))
		default:
			r.outside = append(r.outside, imported.Module.Path)
		}
	}
	slices.Sort(r.ours)
	slices.Sort(r.outside)
	return row{slices.Compact(r.ours), slices.Compact(r.outside)}
}

func TestOnePackageCommentAFolder(t *testing.T) {
	const reason = "the package comment is the map, and a map has one author and one place"
	for _, p := range load(t, packages.NeedFiles) {
		var files []string
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				files = append(files, filepath.Base(name))
			}
		}
		if len(files) != 1 {
			t.Errorf("%s has %d package comments %v, want 1; %s", folder(p), len(files), files, reason)
		}
	}
}

// writers are functions and types that can make, change or open for writing
// a file, as go/types prints them. Foreign engines that only get a descriptor
// (os.NewFile) are not among them: a descriptor must have been opened first.
var writers = func() map[string]bool {
	names := map[string]bool{}
	for pkg, list := range map[string]string{
		"os": "Create CreateTemp OpenFile WriteFile Mkdir MkdirAll MkdirTemp Rename Link Symlink " +
			"Truncate CopyFS Root OpenRoot OpenInRoot",
		"io/ioutil": "WriteFile TempFile TempDir",
		"syscall": "Open Openat Creat Mkdir Mkdirat Mknod Mknodat Rename Renameat Link Symlink Truncate " +
			"Syscall Syscall6 RawSyscall RawSyscall6",
		"golang.org/x/sys/unix": "Open Openat Openat2 OpenByHandleAt Creat Mkdir Mkdirat Mknod Mknodat " +
			"Rename Renameat Renameat2 Link Linkat Symlink Symlinkat Truncate " +
			"Syscall Syscall6 RawSyscall RawSyscall6",
	} {
		for name := range strings.FieldsSeq(list) {
			names[pkg+"."+name] = true
		}
	}
	for _, method := range []string{
		// They spill what is large to temporary files.
		"(*net/http.Request).ParseMultipartForm",
		"(*net/http.Request).FormFile",
		"(*net/http.Request).FormValue",
		"(*net/http.Request).PostFormValue",
		"(*mime/multipart.Reader).ReadForm",
		"(*os.File).Truncate",
	} {
		names[method] = true
	}
	return names
}()

// mayWrite are the folders that are no part of the running program.
var mayWrite = []string{"bench", "internal/smtptest"}

func TestNoCallCanWriteAFile(t *testing.T) {
	const reason = "no message byte and no address may reach a disk (I6), so nothing in the program opens a file for writing"
	for _, p := range load(t, packages.LoadSyntax) {
		if slices.Contains(mayWrite, folder(p)) {
			continue
		}
		harmless := rawOnDescriptors(p.Syntax, p.TypesInfo)
		for _, use := range writes(p.TypesInfo.Uses) {
			if harmless[use.id] {
				continue
			}
			t.Errorf("%s: %s; %s", p.Fset.Position(use.id.Pos()), use.name, reason)
		}
	}
}

// rawOnDescriptors finds the raw system calls whose number is a constant and
// one of those that act on a descriptor: it must have been opened first.
func rawOnDescriptors(files []*ast.File, info *types.Info) map[*ast.Ident]bool {
	found := map[*ast.Ident]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(fun.Sel.Name, "RawSyscall") {
				return true
			}
			if number, ok := call.Args[0].(*ast.SelectorExpr); ok {
				_, constant := info.Uses[number.Sel].(*types.Const)
				found[fun.Sel] = constant && slices.Contains([]string{"SYS_READ", "SYS_WRITEV", "SYS_RECVFROM"}, number.Sel.Name)
			}
			return true
		})
	}
	return found
}

// A use is one mention of something that can write a file.
type use struct {
	id   *ast.Ident
	name string
}

// writes finds the writers among uses: calls, and mentions that could become
// calls elsewhere.
func writes(uses map[*ast.Ident]types.Object) []use {
	var found []use
	for id, object := range uses {
		name := ""
		switch o := object.(type) {
		case *types.Func:
			name = o.FullName()
		case *types.TypeName:
			if o.Pkg() != nil {
				name = o.Pkg().Path() + "." + o.Name()
			}
		}
		if writers[name] {
			found = append(found, use{id, name})
		}
	}
	slices.SortFunc(found, func(a, b use) int { return cmp.Compare(a.id.Pos(), b.id.Pos()) })
	return found
}
