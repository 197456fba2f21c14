package smtptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A script is one parsed dialog.
type script struct {
	path     string
	setup    DialogSetup
	down     []string // hosts nobody listens on
	learn    []learn
	variants []string
	sides    map[string][]step // S, S2, U, U2, V …
	order    []string          // the sides, as they first appear
	records  []step
	labels   map[string]int // how many sides name it
}

// learn is what a route's servers offer when the proxy asks them, before the
// dialog begins.
type learn struct {
	domain   string
	keywords []string
}

// A step is one line of a side.
type step struct {
	line  int
	op    string // ">", "<", "|", "!", "~", "=", "?", "+"
	text  string // as written
	words []string
	pat   pattern
}

var (
	sideLine  = regexp.MustCompile(`^([SUVWX][0-9]*)([><|!~=?+])(?: (.*))?$`)
	variantOf = []string{"plain", "bytewise", "tls", "lookahead0"}
)

// A scriptError says where a script is wrong.
type scriptError struct {
	path string
	line int
	err  error
}

func (e *scriptError) Error() string { return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err) }
func (e *scriptError) Unwrap() error { return e.err }

// readScript parses the dialog in the file at path. {file} names a file in the
// folder above it.
func readScript(path string) (*script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseScript(path, string(b))
}

// parseScript parses a dialog. Everything in it must be known: a line that is
// not understood is an error and never skipped.
func parseScript(path, text string) (*script, error) {
	sc := &script{
		path:     path,
		variants: []string{"plain", "bytewise", "tls"},
		sides:    map[string][]step{},
		labels:   map[string]int{},
		setup: DialogSetup{
			Hostname: "mx.test", Limits: map[string]int64{},
			Timeouts: map[string]time.Duration{}, Shutdown: map[string]time.Duration{},
		},
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if err := sc.take(i+1, line); err != nil {
			return nil, &scriptError{path, i + 1, err}
		}
	}
	if err := sc.finish(); err != nil {
		return nil, &scriptError{path, 0, err}
	}
	return sc, nil
}

// take reads one line that is neither empty nor a comment.
func (sc *script) take(n int, line string) error {
	e := expander{files: filepath.Join(filepath.Dir(sc.path), ".."), wild: true}
	if text, ok := strings.CutPrefix(line, "R: "); ok {
		p, err := e.parse(text)
		sc.records = append(sc.records, step{line: n, op: ":", text: text, pat: p})
		return err
	}
	m := sideLine.FindStringSubmatch(line)
	if m == nil {
		return sc.header(strings.Fields(line))
	}
	side, s := m[1], step{line: n, op: m[2], text: m[3]}
	if side == "S1" || side == "U1" {
		return fmt.Errorf("the first connection of a side has no number")
	}
	s.words = strings.Fields(s.text)
	sender := side[0] == 'S'
	switch s.op {
	case ">":
		e.wild = !sender
	case "<":
		e.wild = sender
	case "~":
		e.wild = true
	}
	var err error
	if s.op == ">" || s.op == "<" || s.op == "~" && sender {
		s.pat, err = e.parse(s.text)
	}
	if err == nil {
		err = checkStep(sender, s)
	}
	if err != nil {
		return err
	}
	if s.op == "=" {
		if slices.ContainsFunc(sc.sides[side], func(o step) bool { return o.op == "=" && o.text == s.text }) {
			return fmt.Errorf("side %s names the label %q twice", side, s.text)
		}
		sc.labels[s.text]++
	}
	if len(sc.sides[side]) == 0 {
		sc.order = append(sc.order, side)
	}
	sc.sides[side] = append(sc.sides[side], s)
	return nil
}

// actions lists what "!" can be followed by, for senders and for servers.
var actions = map[bool][]string{
	true: {"transaction", "envelope", "close", "reset", "half-close", "closed", "tls", "tls, fails", "shutdown"},
	false: {"transaction", "envelope", "close", "reset", "half-close", "closed", "closed, no terminator", "closed between chunks",
		"tls", "tls untrusted", "tls wrongname", "tls, fails", "tls untrusted, fails", "tls wrongname, fails"},
}

// checkStep refuses what no side can do.
func checkStep(sender bool, s step) error {
	bad := fmt.Errorf("unknown directive %q %q", s.op, s.text)
	switch s.op {
	case ">", "<":
		return nil
	case "|":
		if sender && s.text == "" {
			return nil
		}
	case "!":
		if slices.Contains(actions[sender], s.text) {
			return nil
		}
		switch {
		case len(s.words) == 0:
		case s.words[0] == "hello" && (!sender || len(s.words) <= 2):
			return nil
		case sender && (s.words[0] == "envelope" || s.words[0] == "transaction"):
			return nil
		case sender && s.words[0] == "recorded" && len(s.words) == 2:
			_, err := strconv.Atoi(s.words[1])
			return err
		}
	case "~":
		if len(s.words) > 0 {
			return nil
		}
	case "=":
		if len(s.words) == 1 {
			return nil
		}
	case "?":
		if sender && len(s.words) == 2 && (s.words[0] == "offers" || s.words[0] == "lacks") {
			return nil
		}
		if !sender && len(s.words) > 2 && s.words[0] == "trace" && (s.words[1] == "has" || s.words[1] == "lacks") {
			return nil
		}
	case "+":
		if sender && (s.text == "" || len(s.words) == 2 && s.words[0] == "from") {
			return nil
		}
	}
	return bad
}

// header takes a line that prepares the proxy.
func (sc *script) header(words []string) error {
	if len(sc.order) > 0 {
		return fmt.Errorf("%q is no directive", words[0])
	}
	switch {
	case words[0] == "set" && len(words) == 3:
		return sc.setup.set(words[1], words[2])
	case words[0] == "route":
		return sc.setup.route(words[1:])
	case words[0] == "host" && len(words) == 3 && isHost(words[1]) && words[2] == "down":
		sc.down = append(sc.down, words[1])
		return nil
	case words[0] == "learn" && len(words) >= 2:
		sc.learn = append(sc.learn, learn{words[1], words[2:]})
		return nil
	case words[0] == "variants" && len(words) > 1:
		for _, v := range words[1:] {
			if !slices.Contains(variantOf, v) {
				return fmt.Errorf("unknown variant %q", v)
			}
		}
		sc.variants = words[1:]
		return nil
	}
	return fmt.Errorf("%q is no directive, or lacks a word", words[0])
}

// finish checks what only the whole script shows.
func (sc *script) finish() error {
	if len(sc.sides["S"]) == 0 {
		return errors.New("the script has no sender")
	}
	if len(sc.setup.Routes) == 0 {
		if err := sc.setup.route([]string{"y.test", "U"}); err != nil {
			return err
		}
	}
	if sc.setup.Module == "gate" {
		sc.labels["verdict"]++
	}
	for label, n := range sc.labels {
		if n < 2 {
			return fmt.Errorf("only one side comes to the label %q", label)
		}
	}
	for _, side := range sc.order {
		if side[0] != 'S' && !sc.known(side[:1]) {
			return fmt.Errorf("no route leads to host %s", side[:1])
		}
	}
	return nil
}

// known reports whether a route leads to the host.
func (sc *script) known(host string) bool {
	for _, r := range sc.setup.Routes {
		for _, s := range r.Servers {
			if s.Host == host {
				return true
			}
		}
	}
	return false
}

// lmtp reports whether the host is spoken to in LMTP.
func (sc *script) lmtp(host string) bool {
	for _, r := range sc.setup.Routes {
		for _, s := range r.Servers {
			if s.Host == host {
				return r.Protocol == "lmtp"
			}
		}
	}
	return false
}
