package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A result is what one command found, with all that is needed to judge and
// repeat it.
type result struct {
	Title    string            `json:"title"`
	Command  string            `json:"command"`
	Time     time.Time         `json:"time"`
	Machine  machine           `json:"machine"`
	Versions map[string]string `json:"versions,omitempty"`
	Notes    []string          `json:"notes,omitempty"`
	Figures  any               `json:"figures"`
	Targets  []target          `json:"targets,omitempty"`

	tables []captioned
}

type captioned struct {
	caption string
	table   *table
}

// A machine is where a result was made.
type machine struct {
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// A target is one promise and what was measured for it.
type target struct {
	What   string  `json:"what"`
	Limit  string  `json:"limit"` // as text: ">= 1.0"
	Got    float64 `json:"got"`
	Format string  `json:"-"`
	Met    bool    `json:"met"`
}

// atLeast and atMost judge one figure.
func atLeast(what, format string, limit, got float64) target {
	return target{what, ">= " + fmt.Sprintf(format, limit), got, format, got >= limit}
}

func atMost(what, format string, limit, got float64) target {
	return target{what, "<= " + fmt.Sprintf(format, limit), got, format, got <= limit}
}

// newResult notes the command line and the machine.
func newResult(title, name string, args []string) *result {
	return &result{
		Title:    title,
		Command:  strings.Join(append([]string{"go run ./bench", name}, args...), " "),
		Time:     time.Now().UTC().Truncate(time.Second),
		Machine:  thisMachine(),
		Versions: map[string]string{},
	}
}

func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), CPU: "unknown", Kernel: "unknown", Go: runtime.Version()}
	var u syscall.Utsname
	if syscall.Uname(&u) == nil {
		m.Kernel = utsname(u.Release[:])
	}
	b, _ := os.ReadFile("/proc/cpuinfo") // without it the model stays unknown
	for line := range strings.SplitSeq(string(b), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// utsname turns a field of uname(2) into text; its element type differs
// between architectures.
func utsname[T int8 | uint8](field []T) string {
	var b []byte
	for _, c := range field {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

func (r *result) table(caption string, t *table) { r.tables = append(r.tables, captioned{caption, t}) }

func (r *result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// claimRounds is from how many rounds on figures may be told to others.
const claimRounds = 5

// noteRounds says so where there were fewer.
func (r *result) noteRounds(rounds int) {
	if rounds < claimRounds {
		r.note("fewer than %d rounds: good for a look, not for a claim", claimRounds)
	}
}

// footer says how the figures came to be, one line each.
func (r *result) footer() []string {
	var versions []string
	for _, name := range sortedKeys(r.Versions) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	lines := []string{
		r.Command,
		fmt.Sprintf("%s, %d cores (%s), Linux %s, %s", r.Time.Format(time.DateTime+" MST"), r.Machine.Cores, r.Machine.CPU,
			r.Machine.Kernel, r.Machine.Go),
	}
	if len(versions) > 0 {
		lines = append(lines, strings.Join(versions, ", "))
	}
	return lines
}

// print writes everything a person wants to read.
func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", r.Title)
	for _, t := range r.tables {
		fmt.Fprintf(w, "\n%s\n\n", t.caption)
		t.table.write(w)
	}
	if len(r.Targets) > 0 {
		t := &table{head: []string{"target", "wanted", "measured", ""}}
		for _, g := range r.Targets {
			mark := "met"
			if !g.Met {
				mark = "MISSED"
			}
			t.add(g.What, g.Limit, fmt.Sprintf(g.Format, g.Got), mark)
		}
		fmt.Fprintln(w)
		t.write(w)
	}
	fmt.Fprintln(w)
	for _, n := range r.Notes {
		fmt.Fprintln(w, "  note:", n)
	}
	for _, line := range r.footer() {
		fmt.Fprintln(w, " ", line)
	}
}

// save writes NAME.json and NAME.txt into dir, and NAME.svg if there is a chart.
func (r *result) save(dir, name string, svg []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var text strings.Builder
	r.print(&text)
	files := map[string][]byte{name + ".json": append(data, '\n'), name + ".txt": []byte(text.String())}
	if svg != nil {
		files[name+".svg"] = svg
	}
	for _, file := range sortedKeys(files) {
		if err := os.WriteFile(filepath.Join(dir, file), files[file], 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "\n  written: %s\n", filepath.Join(dir, strings.Join(sortedKeys(files), ", ")))
	return nil
}

// firstLine runs a command and returns the first line it prints, for versions.
func firstLine(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
