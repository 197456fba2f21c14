package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// newFlags makes a flag set that prints the command's purpose above its flags.
func newFlags(name, purpose string) *flag.FlagSet {
	fs := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: go run ./bench %s [flags]\n\n%s\n\n", name, purpose)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads args and refuses what no flag takes.
func parse(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		return flag.ErrHelp // the flag set has said what was wrong
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", fs.Name(), fs.Arg(0))
	}
	return nil
}

// parseSize reads 2000, 2k, 1m, 1g (powers of ten) and 2ki, 1mi, 1gi (of two).
func parseSize(s string) (int, error) {
	text := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "b")
	factor := 1
	for _, unit := range []struct {
		suffix string
		factor int
	}{{"ki", 1 << 10}, {"mi", 1 << 20}, {"gi", 1 << 30}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}} {
		if rest, ok := strings.CutSuffix(text, unit.suffix); ok {
			text, factor = rest, unit.factor
			break
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n <= 0 || n > 1<<40/factor {
		return 0, fmt.Errorf("size %q: want a number such as 2000, 50k or 1m", s)
	}
	return n * factor, nil
}

// parseSizes reads a list such as 2k,50k,1m.
func parseSizes(s string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := parseSize(part)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// A mix chooses among sizes by weight.
type mix []weighted

type weighted struct {
	size   int
	weight float64
}

// parseMix reads 2k:70,50k:25,1m:5; a size without weight has weight 1.
func parseMix(s string) (mix, error) {
	var m mix
	for part := range strings.SplitSeq(s, ",") {
		text, weight, found := strings.Cut(part, ":")
		w := 1.0
		if found {
			var err error
			if w, err = strconv.ParseFloat(weight, 64); err != nil || !(w > 0) {
				return nil, fmt.Errorf("mix %q: the weight of %q must be above 0", s, text)
			}
		}
		n, err := parseSize(text)
		if err != nil {
			return nil, err
		}
		m = append(m, weighted{n, w})
	}
	return m, nil
}

// pick returns the size that u, in [0, 1), falls on.
func (m mix) pick(u float64) int {
	var total float64
	for _, w := range m {
		total += w.weight
	}
	u *= total
	for _, w := range m {
		if u -= w.weight; u < 0 {
			return w.size
		}
	}
	return m[len(m)-1].size
}

// runFlags adds the flags that every measurement has and returns what makes
// the env from them, once they are parsed.
func runFlags(fs *flag.FlagSet) func() (*env, error) {
	out := fs.String("out", "bench/out", "folder for tables, JSON and charts")
	binary := fs.String("sluice", "", "Sluice's binary; default: built from this checkout")
	keep := fs.Bool("keep", false, "keep the folder with the peers' configurations and logs")
	return func() (*env, error) { return newEnv(*out, *binary, *keep) }
}
