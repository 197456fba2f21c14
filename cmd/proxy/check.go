package main

import (
	"encoding/json"
	"fmt"
)

// A configFlags is what every command takes that reads a configuration.
type configFlags struct {
	Set []string `help:"Override a setting: key=value." placeholder:"KEY=VALUE" sep:"none"`
}

func (f configFlags) source(a *app, file string) source {
	return source{file: file, stdin: a.stdin, environ: a.environ, flags: f.Set}
}

type checkConfigCommand struct {
	File   string `arg:"" help:"Configuration file; - is standard input."`
	Strict bool   `help:"Exit with 2 if there are warnings."`
	JSON   bool   `help:"Print a JSON object a problem."`
	configFlags
}

func (c *checkConfigCommand) Run(a *app) error {
	l, found := c.source(a, c.File).load()
	errs, warnings := found.split()
	all := append(errs, warnings...)
	if c.JSON {
		encoder := json.NewEncoder(a.stdout)
		for _, p := range all {
			if err := encoder.Encode(p.forJSON()); err != nil {
				return err
			}
		}
	} else {
		for _, p := range all {
			fmt.Fprintln(a.stdout, p)
		}
	}
	switch {
	case len(errs) > 0:
		return exitCode(exitFailed)
	case c.Strict && len(warnings) > 0:
		return exitCode(exitWarnings)
	case !c.JSON:
		fmt.Fprintf(a.stdout, "%s: good (%s)\n", c.File, l.hash)
	}
	return nil
}

// forJSON is a problem as check-config --json prints it.
func (p problem) forJSON() any {
	severity := "error"
	if p.warning {
		severity = "warning"
	}
	return struct {
		File     string `json:"file"`
		Line     int    `json:"line,omitempty"`
		Column   int    `json:"column,omitempty"`
		Severity string `json:"severity"`
		Message  string `json:"message"`
	}{p.at.file, p.at.line, p.at.col, severity, p.text}
}

type dumpCommand struct {
	Config    string `required:"" help:"Configuration file." placeholder:"FILE"`
	Effective bool   `help:"Print the defaults as well."`
	configFlags
}

func (c *dumpCommand) Run(a *app) error {
	l, found := c.source(a, c.Config).load()
	if errs, _ := found.split(); len(errs) > 0 {
		return errs
	}
	_, err := fmt.Fprint(a.stdout, l.dump(c.Effective))
	return err
}

type referenceCommand struct{}

func (referenceCommand) Run(a *app) error {
	_, err := fmt.Fprint(a.stdout, reference())
	return err
}

type metricsCommand struct{}

func (metricsCommand) Run(a *app) error {
	_, err := fmt.Fprint(a.stdout, metricsReference())
	return err
}
