package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"sluice/internal/smtptest"
)

// writeOpen finds system calls that could put something on a disk: an open
// for writing or creating, and what makes or renames files. Only descriptors
// that were opened before, and sockets, can be written to otherwise.
var writeOpen = regexp.MustCompile(`(?m)^.*\b(?:open(?:at2?)?\(.*O_(?:WRONLY|RDWR|CREAT|TMPFILE)|(?:creat|mkdir(?:at)?|mknod(?:at)?|rename(?:at2?)?|link(?:at)?|symlink(?:at)?|truncate|memfd_create)\().*$`)

// TestI6NothingIsOpenedForWriting runs the demo, which sends messages of every
// outcome and size through the production path, under strace.
func TestI6NothingIsOpenedForWriting(t *testing.T) {
	strace := smtptest.NeedPeer(t, "strace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-qq", "-e", "trace=%file,memfd_create", "-o", trace, self, "demo", "--once", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(calls, []byte("openat(")) {
		t.Fatal("strace saw no file at all")
	}
	for _, line := range writeOpen.FindAll(calls, -1) {
		if !bytes.Contains(line, []byte(`"/dev/null"`)) {
			t.Errorf("%s", line)
		}
	}
}

func TestWriteOpenKnowsWrites(t *testing.T) {
	for line, want := range map[string]bool{
		`7 openat(AT_FDCWD, "/tmp/x", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 3`: true,
		`7 openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE, 0600) = 3`:                     true,
		`7 mkdirat(AT_FDCWD, "/tmp/x", 0777) = 0`:                                    true,
		`7 memfd_create("x", 0) = 3`:                                                 true,
		`7 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3`:                   false,
		`7 newfstatat(AT_FDCWD, "/etc/hosts", 0xc0, 0) = 0`:                          false,
	} {
		if got := writeOpen.MatchString(line); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
}
