package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/filter/literal"
)

const exampleConfig = "../../deploy/sluice.yaml"

func TestExampleConfigurationIsGood(t *testing.T) {
	if code, out, errs := command(t, "", "check-config", "--strict", exampleConfig); code != exitDone {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// What stands there as a comment can be put to use as it is.
func TestExampleCommentsAreGood(t *testing.T) {
	text, err := os.ReadFile(exampleConfig)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := makeCertificate(t, dir, "mx", "mx.example.test", time.Now().Add(time.Hour))
	writeFile(t, filepath.Join(dir, "block.txt"), "foe.test\n")
	used, setting := 0, regexp.MustCompile(`^ +# ([a-z_]+: \{|- ")`)
	for line := range strings.Lines(string(text)) {
		if !setting.MatchString(line) {
			continue
		}
		used++
		plain := strings.Replace(line, "# ", "", 1)
		conf := strings.NewReplacer("/etc/sluice/mx.pem", certFile, "/etc/sluice/mx.key", keyFile, "/etc/sluice/", dir+"/").
			Replace(strings.Replace(string(text), line, plain, 1))
		file := filepath.Join(dir, "sluice.yaml")
		writeFile(t, file, conf)
		if code, out, errs := command(t, "", "check-config", "--strict", file); code != exitDone {
			t.Errorf("%s exit %d\n%s%s", line, code, out, errs)
		}
	}
	if used < 3 {
		t.Errorf("%d comments found", used)
	}
}

// What the example says of itself is so. Shadow mode and the engines, which
// are not there, are left out.
func TestExampleConfigurationDoesWhatItSays(t *testing.T) {
	text, err := os.ReadFile(exampleConfig)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "\nantivirus:\n")
	_, after, found := strings.Cut(rest, "\ntenants:\n")
	if !found {
		t.Fatal("the example's sections have moved")
	}
	conf := strings.Replace(before+"\ntenants:\n"+after, "\nshadow: true\n", "\n", 1)
	dir := files(t, map[string]string{
		"c": conf, "plain": scanned(plain), "gtube": scanned("\r\n" + literal.GTUBE() + "\r\n"),
		"exe":  attached("run.exe", "application/octet-stream", aPE),
		"xlsm": attached("a.xlsm", "application/octet-stream", []byte("nothing but a name")),
		"jar":  attached("a.jar", "application/octet-stream", []byte("nothing but a name")),
	})
	for _, c := range []struct{ file, args, want string }{
		{"plain", "--rcpt u@school.test", "deliver"},
		{"gtube", "--rcpt u@school.test", "reject literal.gtube"},
		{"gtube", "--rcpt abuse@school.test", "deliver literal.gtube"},
		{"exe", "--rcpt u@firm.test", "reject attachment.banned"},
		{"xlsm", "--rcpt u@school.test", "reject attachment.banned"},
		{"xlsm", "--rcpt u@firm.test", "deliver"},
		{"jar", "--rcpt u@school.test", "reject attachment.banned"},
		{"jar", "--rcpt u@firm.test", "deliver"},
		{"plain", "--rcpt u@school.test --from a@spam.test", "reject list.block"},
		{"plain", "--rcpt u@school.test --from news@spam.test", "reject list.block"},
		{"plain", "--rcpt u@firm.test --from news@spam.test", "deliver"},
		{"plain", "--rcpt u@firm.test --ip 198.51.100.7", "reject list.block"},
		{"plain", "--rcpt head@school.test --from a@ads.test", "reject list.block"},
		{"plain", "--rcpt office@school.test --from a@ads.test", "deliver"},
		{"plain", "--rcpt u@sub.school.test --from a@portal.school.test --ip 203.0.113.9", "deliver"},
		{"plain", "--rcpt u@sub.school.test --from a@portal.school.test --ip 203.0.112.9", "reject user.parents-portal"},
	} {
		args := append([]string{"--config", filepath.Join(dir, "c"), filepath.Join(dir, c.file)}, strings.Fields(c.args)...)
		if _, got, errs := results(t, "", args...); !slices.Equal(brief(got), []string{c.file + " " + c.want}) {
			t.Errorf("%s %s: %q, want %q\n%s", c.file, c.args, brief(got), c.want, errs)
		}
	}
}
