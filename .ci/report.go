// Command report reads the events of "go test -json", prints what plain "go
// test" would have printed, and makes a package fail if one of its tests
// skipped itself for a reason that is not allowed: a test that does not run
// proves nothing, and nobody looks for it in a green run.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// An event is one line of "go test -json" (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
}

// A line is one piece of output, and the test that wrote it, if any.
type line struct{ test, text string }

// A result gathers what is known about one package until it ends.
type result struct {
	lines   []line
	outcome map[string]string // test -> pass, fail, skip; absent while it runs
	skipped []string          // tests, in order
}

// A report turns events into text.
type report struct {
	out     io.Writer
	allowed []string // prefixes of acceptable reasons
	open    map[string]*result
	failed  bool
}

func main() {
	allow := flag.String("allow", "", "comma-separated prefixes of reasons a test may skip for")
	flag.Parse()
	r := &report{out: os.Stdout, allowed: strings.Split(*allow, ","), open: map[string]*result{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if r.failed {
		fmt.Fprintln(r.out, "FAIL")
		os.Exit(1)
	}
}

// read consumes all events. Input that is no event is an error: go test
// itself failed.
func (r *report) read(in io.Reader) error {
	events := json.NewDecoder(bufio.NewReader(in))
	for {
		var e event
		if err := events.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		r.add(e)
	}
	for name := range r.open {
		return fmt.Errorf("%s never ended", name)
	}
	return nil
}

func (r *report) add(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
		return
	case "build-fail":
		r.failed = true
		return
	}
	res := r.open[e.Package]
	if res == nil {
		res = &result{outcome: map[string]string{}}
		r.open[e.Package] = res
	}
	switch e.Action {
	case "output":
		res.lines = append(res.lines, line{e.Test, e.Output})
	case "pass", "fail", "skip":
		if e.Test == "" {
			delete(r.open, e.Package)
			r.end(e.Package, res, e.Action)
			return
		}
		res.outcome[e.Test] = e.Action
		if e.Action == "skip" {
			res.skipped = append(res.skipped, e.Test)
		}
	}
}

// end prints a package: the output of tests that failed or never ended, the
// tests that were left out, and go test's own last line.
func (r *report) end(name string, res *result, outcome string) {
	var last string
	for _, l := range res.lines {
		switch {
		case l.test == "" && strings.Contains(l.text, "\t"+name):
			last = l.text
		case l.test == "" && l.text != "PASS\n",
			res.outcome[l.test] == "fail" && !strings.HasPrefix(l.text, "=== "),
			l.test != "" && res.outcome[l.test] == "":
			fmt.Fprint(r.out, l.text)
		}
	}
	for _, test := range res.skipped {
		reason := res.reason(test)
		if r.allows(reason) {
			fmt.Fprintf(r.out, "--- LEFT OUT: %s: %s\n", test, reason)
			continue
		}
		fmt.Fprintf(r.out, "--- FAIL: %s skipped itself: %s\n", test, reason)
		outcome = "fail"
		last = "FAIL\t" + name + "\n"
	}
	fmt.Fprint(r.out, last)
	if outcome == "fail" {
		r.failed = true
	}
}

// place is what testing puts before a log line.
var place = regexp.MustCompile(`^\s*[^\s:]+\.go:[0-9]+: `)

// reason returns what the test said last before it skipped.
func (res *result) reason(test string) string {
	reason := "no reason given"
	for _, l := range res.lines {
		if l.test == test && place.MatchString(l.text) {
			reason = strings.TrimSpace(place.ReplaceAllString(l.text, ""))
		}
	}
	return reason
}

func (r *report) allows(reason string) bool {
	for _, prefix := range r.allowed {
		if prefix != "" && strings.HasPrefix(reason, prefix) {
			return true
		}
	}
	return false
}
