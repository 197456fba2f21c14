package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/filter/literal"
)

// scanned is a message without a fault, and what is put below its header.
func scanned(body string) string {
	return "From: Ann <ann@sender.test>\r\nTo: bob@y.test\r\nSubject: Docs\r\n" +
		"Date: " + time.Now().Format(time.RFC1123Z) + "\r\nMessage-ID: <1@sender.test>\r\nMIME-Version: 1.0\r\n" + body
}

const plain = "\r\nHello.\r\n"

// attached is a message with one attachment.
func attached(name, mediaType string, content []byte) string {
	return scanned("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n" +
		"Content-Type: " + mediaType + "\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n" + base64Lines(content) + "--b--\r\n")
}

func base64Lines(content []byte) string {
	var b strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(content)), 76) {
		b.Write(append(line, "\r\n"...))
	}
	return b.String()
}

// zipped is an archive of one file.
func zipped(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	if err := cmp.Or(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// aPE is the beginning of a Windows program.
var aPE = append(append([]byte("MZ"), make([]byte, 58)...), "\x40\x00\x00\x00PE\x00\x00\x4c\x01"...)

// aPDF is the smallest of documents.
const aPDF = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

// files writes a folder of files and returns its path.
func files(t testing.TB, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// results runs scan --json and returns what it printed.
func results(t *testing.T, stdin string, args ...string) (code int, out []scanJSON, stderr string) {
	t.Helper()
	code, stdout, stderr := command(t, stdin, append([]string{"scan", "--json"}, args...)...)
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	for decoder.More() {
		var one scanJSON
		if err := decoder.Decode(&one); err != nil {
			t.Fatalf("%v\n%s", err, stdout)
		}
		out = append(out, one)
	}
	return code, out, stderr
}

// brief is what became of each message: file, disposition, rule.
func brief(all []scanJSON) (lines []string) {
	for _, r := range all {
		lines = append(lines, strings.TrimSpace(filepath.Base(r.File)+" "+r.Disposition+" "+r.Rule))
	}
	return lines
}

func lf(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func TestScanInputs(t *testing.T) {
	gtube := scanned("\r\n" + literal.GTUBE() + "\r\n")
	const from = "From ann@sender.test Mon Jun  1 10:00:00 2026\n"
	mbox := from + lf(scanned("\r\nOne.\r\n\r\nFrom here on it is text.\r\n>From what was text as well.\r\n")) + "\n" +
		from + lf(gtube) + "\n" + from + lf(scanned(plain))
	large := from + lf(scanned("\r\n"+strings.Repeat("0123456789\r\n", 7000))) + "\n" + from + lf(gtube)
	dir := files(t, map[string]string{
		"a.eml": scanned(plain), "b.eml": lf(gtube), "box": mbox, "large": large,
		"tree/new/1": scanned(plain), "tree/cur/2": gtube, "tree/.hidden": "x", "tree/.git/x": "x", "empty/.keep": "",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	small := at("small.yaml")
	if err := os.WriteFile(small, []byte(scanConfig+"limits: {max_message: 64KiB}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		code  int
		want  []string
		errs  string
	}{
		{"CRLF", "", []string{at("a.eml")}, exitDone, []string{"a.eml deliver"}, ""},
		{"LF", "", []string{at("b.eml")}, exitRefused, []string{"b.eml reject literal.gtube"}, ""},
		{"stdin", gtube, []string{"-"}, exitRefused, []string{"- reject literal.gtube"}, ""},
		{"mbox", "", []string{at("box")}, exitRefused, []string{"box#1 deliver", "box#2 reject literal.gtube", "box#3 deliver"}, ""},
		{"mbox on stdin", mbox, []string{"-"}, exitRefused, []string{"-#1 deliver", "-#2 reject literal.gtube", "-#3 deliver"}, ""},
		{"folder", "", []string{at("tree")}, exitRefused, []string{"2 reject literal.gtube", "1 deliver"}, ""},
		{"two", "", []string{at("b.eml"), at("a.eml")}, exitRefused, []string{"b.eml reject literal.gtube", "a.eml deliver"}, ""},
		{"no message", "", []string{at("empty")}, exitFailed, nil, "no message there"},
		{"no such file", "", []string{at("none"), at("a.eml")}, exitFailed, []string{"a.eml deliver"}, "none: no such file"},
		// The others are read all the same.
		{"too large", "", []string{"--config", small, at("large")}, exitFailed, []string{"large#2 reject literal.gtube"}, "large#1: larger than"},
		{"nothing given", "", nil, exitUsage, nil, "file"},
		{"bad address", "", []string{"--ip", "1.2.3", at("a.eml")}, exitUsage, nil, "--ip"},
		{"bad sender", "", []string{"--from", "a b", at("a.eml")}, exitUsage, nil, "--from"},
		{"bad recipient", "", []string{"--rcpt", "<>", at("a.eml")}, exitUsage, nil, "--rcpt"},
		{"bad configuration", "", []string{"--config", "testdata/config/unknown-keys.yaml", at("a.eml")}, exitFailed, nil, "unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, got, errs := results(t, c.stdin, c.args...)
			if code != c.code || !slices.Equal(brief(got), c.want) || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
				t.Errorf("exit %d, %q, %q\nwant %d, %q, %q", code, brief(got), errs, c.code, c.want, c.errs)
			}
		})
	}
}

// A message gets its own octets whatever holds it: the hash of its text tells.
func TestScanReadsOctets(t *testing.T) {
	const body = "\r\n>From one\r\n>>From two\r\n>other\r\n\r\nFrom three\r\n"
	// As mboxrd quotes it.
	quoted := strings.NewReplacer("\n>>From", "\n>>>From", "\n>From", "\n>>From").Replace(lf(body))
	mbox := "From x Mon Jun  1 10:00:00 2026\n" + lf(scanned("")) + quoted + "\n"
	dir := files(t, map[string]string{
		"1 crlf": scanned(body), "2 lf": lf(scanned(body)), "3 mbox": mbox,
		"4 mbox crlf": strings.ReplaceAll(mbox, "\n", "\r\n"),
		"5 two":       mbox + mbox,
	})
	_, got, errs := results(t, "", dir)
	if len(got) != 6 {
		t.Fatalf("%d messages: %s", len(got), errs)
	}
	for _, r := range got {
		if one, want := r.Parts[len(r.Parts)-1], got[0].Parts[len(r.Parts)-1]; one != want {
			t.Errorf("%s: %+v, want %+v", r.File, one, want)
		}
	}
}

// What comes as it went over the wire is judged for what no filter is asked
// about, too.
func TestScanForm(t *testing.T) {
	loop := strings.Repeat("Received: from a by b; Mon, 1 Jun 2026 10:00:00 +0000\r\n", 101)
	authres := "Authentication-Results: mx.test; spf=pass\r\n"
	const conf = "hostname: mx.test\nlisteners: [{address: \"127.0.0.1:2525\"}]\n" +
		"routes: [{domains: [\"*\"], servers: [{address: \"127.0.0.1:25\"}], tls: none}]\n"
	for _, c := range []struct{ name, conf, message, want string }{
		{"good", "", scanned(plain), "deliver"},
		{"bare LF", "", scanned("\r\nHello.\nThere.\r\n"), "reject smtp.bare_newline"},
		{"bare CR", "", scanned("\r\nHello.\rThere.\r\n"), "reject smtp.bare_newline"},
		{"normalised", "bare_newline: normalise\n", scanned("\r\nHello.\nThere.\r\n"), "deliver"},
		{"loop", "", loop + scanned(plain), "reject smtp.loop"},
		{"loop in shadow", "shadow: true\n", loop + scanned(plain), "reject smtp.loop"},
		{"in the body", "", scanned("\r\n" + loop), "deliver"},
		{"forged, kept", "", authres + scanned(plain), "deliver"},
		{"forged", "authres_forged: reject\n", authres + scanned(plain), "reject smtp.authres_forged"},
		{"forged in shadow", "shadow: true\nauthres_forged: reject\n", authres + scanned(plain), "deliver"},
		{"shadow", "shadow: true\n", scanned("\r\n" + literal.GTUBE() + "\r\n"), "deliver literal.gtube"},
		{"soft", "soft: true\n", scanned("\r\n" + literal.GTUBE() + "\r\n"), "defer literal.gtube"},
	} {
		dir := files(t, map[string]string{"m": c.message, "c": conf + c.conf})
		_, got, errs := results(t, "", "--config", filepath.Join(dir, "c"), filepath.Join(dir, "m"))
		if len(got) != 1 || brief(got)[0] != "m "+c.want {
			t.Errorf("%s: %q, want %q\n%s", c.name, brief(got), c.want, errs)
		}
	}
}

// tenantsConfig has two tenants that agree on nothing.
const tenantsConfig = `
hostname: mx.test
listeners: [{address: "127.0.0.1:2525"}]
routes:
  - domains: [strict.test, lax.test]
    servers: [{address: "127.0.0.1:25"}]
    tls: none
  - name: aside
    servers: [{address: "127.0.0.1:26"}]
    tls: none
quarantine: aside
aliases: {alias@lax.test: hard@strict.test}
tenants:
  - name: strict
    domains: [strict.test]
    thresholds: {tag: 1, reject: 3}
    subject_mark: "[spam]"
    block: [bad.test, 192.0.2.0/24]
    mailboxes:
      aside@strict.test: {thresholds: {reject: 0, quarantine: 1}}
  - name: lax
    domains: [lax.test]
    attachments: {allow: {extensions: [exe], types: [pe]}}
    allow: ["friend.test 198.51.100.0/24"]
    rules: {headers.no_date: {score: 7}, headers.no_message_id: {off: true}}
    thresholds: {reject: 7}
`

func TestScanEnvelope(t *testing.T) {
	bare := "From: a@b.test\r\nTo: bob@y.test\r\nSubject: x\r\nMessage-ID: <1@b.test>\r\n" + plain // no Date: 1.5 points
	dir := files(t, map[string]string{
		"c": tenantsConfig, "plain": scanned(plain), "bare": bare,
		"exe": attached("run.exe", "application/octet-stream", aPE),
	})
	for _, c := range []struct {
		file string
		args string
		code int
		want string
	}{
		{"plain", "--rcpt u@strict.test", exitDone, "deliver"},
		{"plain", "--rcpt u@strict.test --from x@bad.test", exitRefused, "reject list.block"},
		{"plain", "--rcpt u@strict.test --ip 192.0.2.7", exitRefused, "reject list.block"},
		{"plain", "--rcpt u@lax.test --from x@bad.test --ip 192.0.2.7", exitDone, "deliver"},
		{"plain", "--rcpt u@strict.test --from <> --ip ::ffff:192.0.2.7", exitRefused, "reject list.block"},
		{"bare", "--rcpt u@strict.test", exitDone, "tag headers.no_date"},
		{"bare", "--rcpt aside@strict.test", exitAside, "quarantine headers.no_date"},
		{"bare", "--rcpt u@lax.test", exitRefused, "reject headers.no_date"},
		{"bare", "--rcpt u@lax.test --from x@friend.test --ip 198.51.100.9", exitDone, "deliver"},
		{"bare", "--rcpt u@lax.test --from x@friend.test --ip 203.0.113.9", exitRefused, "reject headers.no_date"},
		// The severest of several, in any order; each by its own lists and attachments.
		{"bare", "--rcpt u@strict.test --rcpt u@lax.test", exitRefused, "reject headers.no_date"},
		{"bare", "--rcpt u@lax.test --rcpt u@strict.test", exitRefused, "reject headers.no_date"},
		{"bare", "--rcpt u@strict.test --rcpt aside@strict.test --rcpt v@strict.test", exitAside, "quarantine headers.no_date"},
		{"exe", "--rcpt u@lax.test", exitDone, "deliver"},
		{"exe", "--rcpt u@strict.test", exitRefused, "reject attachment.banned"},
		{"exe", "--rcpt u@lax.test --rcpt u@strict.test", exitRefused, "reject attachment.banned"},
		{"exe", "--rcpt alias@lax.test", exitRefused, "reject attachment.banned"},
		{"plain", "--rcpt u@elsewhere.test", exitFailed, ""},
	} {
		args := append([]string{"--config", filepath.Join(dir, "c"), filepath.Join(dir, c.file)}, strings.Fields(c.args)...)
		code, got, errs := results(t, "", args...)
		line := strings.TrimPrefix(strings.Join(brief(got), "; "), c.file+" ")
		if code != c.code || line != c.want || c.want == "" && !strings.Contains(errs, "Relay denied") {
			t.Errorf("%s %s: exit %d, %q, want %d, %q\n%s", c.file, c.args, code, line, c.code, c.want, errs)
		}
	}
}

// What cannot be asked defers.
func TestScanWithoutItsEngine(t *testing.T) {
	dir := files(t, map[string]string{"m": scanned(plain), "c": scanConfig +
		"antivirus: {engines: [{name: clamav, address: \"127.0.0.1:1\", in_memory: true}]}\n"})
	code, got, _ := results(t, "", "--config", filepath.Join(dir, "c"), filepath.Join(dir, "m"))
	if code != exitDeferred || len(got) != 1 || got[0].Disposition != "defer" {
		t.Errorf("exit %d, %+v", code, got)
	}
}

// The names are fixed, every one is there, and scores add up.
func TestScanJSON(t *testing.T) {
	dir := files(t, map[string]string{"m.eml": strings.Replace(
		attached("docs.zip", "application/zip", zipped(t, "run.exe", aPE)), "Date:", "X-Date:", 1)})
	file := filepath.Join(dir, "m.eml")
	code, out, errs := command(t, "", "scan", "--json", file)
	if code != exitRefused || errs != "" || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	var got struct {
		File, Disposition, Rule string
		Score                   float64
		Findings, Parts         []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &top); err != nil {
		t.Fatal(err)
	}
	if want := []string{"disposition", "file", "findings", "parts", "rule", "score"}; !slices.Equal(keys(top), want) {
		t.Errorf("keys %q, want %q", keys(top), want)
	}
	if got.File != file || got.Disposition != "reject" || got.Rule != "attachment.banned" {
		t.Errorf("got %s", out)
	}
	sum := 0.0
	for _, f := range got.Findings {
		if want := []string{"detail", "module", "place", "rule", "score"}; !slices.Equal(keys(f), want) {
			t.Errorf("a finding has %q, want %q", keys(f), want)
		}
		sum += f["score"].(float64)
	}
	if sum != got.Score || sum == 0 {
		t.Errorf("findings score %v, message %v", sum, got.Score)
	}
	paths := []any{}
	for _, p := range got.Parts {
		if want := []string{"name", "path", "sha256", "size", "type"}; !slices.Equal(keys(p), want) {
			t.Errorf("a part has %q, want %q", keys(p), want)
		}
		paths = append(paths, p["path"], p["type"], p["name"])
	}
	want := []any{"", "message/rfc822", "", "", "multipart/mixed", "", "1", "text/plain", "",
		"2", "application/zip", "docs.zip", "2/1", "pe", "run.exe"}
	if !slices.Equal(paths, want) {
		t.Errorf("parts %v, want %v", paths, want)
	}
}

func keys[V any](m map[string]V) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The tree is what an operator reads.
func TestScanTree(t *testing.T) {
	inner := attached("docs.zip", "application/zip", zipped(t, "invoice.pdf", []byte(aPDF)))
	nested := scanned("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nForwarded.\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" +
		inner + "\r\n--o--\r\n")
	exe := attached("photo.jpg\xe2\x80\xae.exe", "image/jpeg", aPE)
	dir := files(t, map[string]string{"nested": nested, "exe": exe, "c": tenantsConfig,
		"news": strings.Replace(scanned(plain), "Date:", "X-Date:", 1)})
	for _, c := range []struct {
		args string
		want string
	}{
		{"nested", `
nested: deliver, score 0.0

  message      multipart/mixed                  NNN
    1          text/plain                       10 B
    2          message/rfc822, multipart/mixed
      2.1      text/plain                       13 B
      2.2      application/zip                  NNN      "docs.zip"
        2.2/1  pdf                              125 B   "invoice.pdf"

`},
		{"exe", `
exe: reject by attachment.banned, score 4.0

  message  multipart/mixed  NNN
    1      text/plain       13 B
    2      image/jpeg, pe   70 B    "photo.jpg\u202e.exe"

`},
		{"--quiet news exe", "\nnews: deliver, score 1.5\nexe: reject by attachment.banned, score 4.0\n"},
		{"--explain --config c --rcpt a@strict.test --rcpt b@lax.test news", `
news: reject by headers.no_date, score 7.0
  but tag with "[spam]" in the subject by headers.no_date, score 1.5 for <a@strict.test>

  message  message/rfc822  NNN
    1      text/plain      8 B

  +7.0  headers.no_date
    There is no Date field.
  thresholds for <b@lax.test> (tenant lax): tag from 6.0, reject from 7.0

`},
		// Behind an alias: who is meant, and what list it was.
		{"--explain --config c --rcpt alias@lax.test --from x@bad.test news", `
news: reject by list.block, score 1.5

  message  message/rfc822  NNN
    1      text/plain      8 B

  +1.5    headers.no_date
    There is no Date field.
  reject  list.block       tenant
    The sender is on a block list. The detail says whose: mailbox, domain, tenant or top level. Refuses.
  thresholds for <hard@strict.test> (tenant strict): tag from 1.0, reject from 3.0

`},
	} {
		t.Chdir(dir)
		_, out, _ := command(t, "", append([]string{"scan"}, strings.Fields(c.args)...)...)
		if c.args == "exe" {
			out = out[:strings.Index(out, "\n  reject")+1]
		}
		if got := settle(out); got != settle(c.want[1:]) {
			t.Errorf("%s\n%s\nwant\n%s", c.args, got, settle(c.want[1:]))
		}
	}
}

// settle takes out of an output what depends on the date and the packer: sizes, and so columns.
func settle(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		for i := range words {
			if i > 0 && (words[i] == "kB" || words[i] == "B") && (words[0] == "message" || slices.Contains(words, "application/zip")) {
				words = slices.Replace(words, i-1, i+1, "NNN")
				break
			}
		}
		lines = append(lines, strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, " ")))+strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}
