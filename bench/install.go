package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianPackages brings every peer but Haraka.
var debianPackages = []string{"postfix", "haproxy", "nginx", "libnginx-mod-mail", "npm",
	"rspamd", "spampd", "spamassassin", "amavisd-new", "clamav-daemon"}

func peersCommand(ctx context.Context, args []string) error {
	fs := newFlags("peers", "Lists what can run here. With --install, root on Debian gets the packages\n"+
		"that are missing, and Haraka comes from npm into the user's cache folder.")
	install := fs.Bool("install", false, "install what is missing")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *install {
		if err := installDebian(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "LEFT OUT:", err)
		}
		if err := installHaraka(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "LEFT OUT: Haraka:", err)
		}
	}
	t := &table{head: []string{"peer", "name", "version", "state"}}
	for _, p := range peers() {
		version, state := "", p.missing()
		if state == "" {
			version, state = p.version(), "ready"
		}
		t.add(p.label, p.name, version, state)
	}
	t.write(os.Stdout)
	if why := missingProgram("smtp-source")(); why != "" {
		return fmt.Errorf("%s: sidebyside needs it (Debian package postfix)", why)
	}
	return nil
}

// installDebian gets the packages that dpkg does not know as installed.
func installDebian(ctx context.Context) error {
	var missing []string
	for _, name := range debianPackages {
		if name == "npm" && missingProgram("npm")() == "" {
			continue // Node's own packages bring it too
		}
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output()
		if err != nil || string(out) != "installed" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return fmt.Errorf("not root on Debian: install by hand: %s", strings.Join(missing, " "))
	}
	if err := show(ctx, "", "apt-get", "update"); err != nil {
		return err
	}
	args := append([]string{"apt-get", "install", "--yes", "--no-install-recommends"}, missing...)
	return show(ctx, "", args...)
}

// installHaraka puts the pinned version into the cache folder.
func installHaraka(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(harakaCode(), "bin", "haraka")); err == nil {
		return nil
	}
	if why := missingProgram("npm")(); why != "" {
		return fmt.Errorf("%s", why)
	}
	dir := harakaHome()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(harakaPackage), 0o644); err != nil {
		return err
	}
	return show(ctx, dir, "npm", "install", "--omit=dev", "--no-audit", "--no-fund")
}

// show runs a command before the person's eyes.
func show(ctx context.Context, dir string, argv ...string) error {
	fmt.Fprintln(os.Stderr, "+", strings.Join(argv, " "))
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd.Run()
}
